"""Reads playbooks without running them, and tells what goes wrong with their background jobs.

Nothing here needs pytest or an engine: ansible-lint uses it, too.
"""
