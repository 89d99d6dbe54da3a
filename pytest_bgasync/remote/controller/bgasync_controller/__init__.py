"""The part of the harness that lives inside ansible-playbook. Standard library and Ansible only."""
