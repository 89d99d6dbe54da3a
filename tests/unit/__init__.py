"""Tests of the harness's own logic: no container, no playbook, no network."""
