"""A module of an author that calls one of its own results ``started``, or another name."""

from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec={"key": {"type": "str", "required": True}})
module.exit_json(changed=False, **{module.params["key"]: "yesterday"})
