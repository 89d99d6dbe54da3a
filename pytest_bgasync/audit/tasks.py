"""What a task says: which of its keys is the module, and with which arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode

from pytest_bgasync.util.yaml_nodes import keys, pairs, text

_KEYWORDS = frozenset({
    "action", "any_errors_fatal", "args", "async", "become", "become_exe", "become_flags", "become_method",
    "become_user", "changed_when", "check_mode", "collections", "connection", "debugger", "delay", "delegate_facts",
    "delegate_to", "diff", "environment", "failed_when", "ignore_errors", "ignore_unreachable", "listen",
    "local_action", "loop", "loop_control", "module_defaults", "name", "no_log", "notify", "poll", "port",
    "register", "remote_user", "retries", "run_once", "tags", "throttle", "timeout", "until", "vars", "vars_files",
    "when", "block", "rescue", "always",
})  # fmt: skip
_BUILTIN = ("ansible.builtin.", "ansible.legacy.")
#: Modules whose text is their argument as it stands.
RAW = frozenset({"shell", "command", "raw", "script", "win_shell", "win_command", "meta"})
_INCLUDES = frozenset({"include_tasks", "import_tasks", "import_playbook", "include_vars"})


@dataclass(frozen=True)
class Action:
    """A module, where it is named, and its arguments; ``local`` when it is a ``local_action``."""

    name: str
    key: Node
    value: Node
    args: Mapping[str, Node]
    local: bool = False


def short(name: str) -> str:
    """Return the name of a module without Ansible's own collection."""
    for prefix in _BUILTIN:
        name = name.removeprefix(prefix)
    return name


def action_of(node: Node) -> Action | None:
    """Return what a task does, None for what is no task."""
    parts = pairs(node)
    more = keys(parts["args"][1]) if "args" in parts else {}
    for word in ("action", "local_action"):
        if word in parts:
            key, value = parts[word]
            said = keys(value)
            name, args = text(said.get("module")), {name: one for name, one in said.items() if name != "module"}
            if isinstance(value, ScalarNode):
                name, _, rest = value.value.strip().partition(" ")
                args = dict(_freeform(short(name), _like(value, rest)))
            return Action(short(name), key, value, {**more, **args}, word == "local_action") if name else None
    for name, (key, value) in parts.items():
        if name not in _KEYWORDS and not name.startswith("with_"):
            given = keys(value) if isinstance(value, MappingNode) else _freeform(short(name), value)
            return Action(short(name), key, value, {**more, **given})
    return None


def _like(node: ScalarNode, value: str) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:str", value, node.start_mark, node.end_mark)


def _freeform(module: str, node: Node) -> Mapping[str, Node]:
    """Return the arguments in a text such as ``jid=1 mode=cleanup``."""
    if not isinstance(node, ScalarNode) or not text(node).strip():
        return {}
    if module in RAW:
        return {"_raw_params": node}
    found: dict[str, Node] = {}
    for word in _words(text(node)):
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            found[name] = _like(node, _bare(value))
        else:
            found.setdefault("_raw_params", _like(node, _bare(word)))
    return found


def _bare(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _words(line: str) -> Iterator[str]:
    """Yield words, kept together inside of quotes and of ``{{ }}``."""
    word, quote, depth = "", "", 0
    for number, letter in enumerate(line):
        pair = line[number : number + 2]
        if depth == 0 and quote == "" and letter.isspace():
            if word:
                yield word
            word = ""
            continue
        if pair in ("{{", "{%") and not quote:
            depth += 1
        elif line[max(number - 1, 0) : number + 1] in ("}}", "%}") and depth:
            depth -= 1
        elif depth == 0 and letter in "'\"":
            quote = "" if quote == letter else quote or letter
        word += letter
    if word:
        yield word
