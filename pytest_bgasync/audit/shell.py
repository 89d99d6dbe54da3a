"""What a shell would make of a command: which parts of it go to the background."""

from __future__ import annotations

from dataclasses import dataclass, field

from jinja2 import TemplateError

from pytest_bgasync.audit.templates import tokens

#: What begins a part that may not run, or more than once.
_COMPOUND = frozenset({"if", "for", "while", "until", "case", "select", "function", "exit", "return", "!"})
#: Commands after which ``&&`` goes on.
_SURE = frozenset({"sleep", "echo", "printf", "true", ":"})
#: Words in front of a command.
_PREFIXES = frozenset({"sudo", "nohup", "setsid", "exec", "time", "command"})
_SHELLS = frozenset({"sh", "bash", "dash", "ksh", "zsh"})
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: Stands for the first template of a text, the next letter for the second: one that no shell knows, and no text has.
_FILLER = 0xF0000


@dataclass
class Script:
    """A text as a shell reads it: the words of each part that is followed by ``&``, and all words."""

    background: list[list[str]] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    """Each command, in turn, up to the first that only runs under a condition, without those in the background."""
    words: list[str] = field(default_factory=list)
    slip: bool = False
    """Whether ``2&>1`` stands where ``2>&1`` must have been meant."""
    templates: dict[int, str] = field(default_factory=dict)
    """The templates of the text, by the letters that stand for them in words."""

    def shown(self, words: list[str]) -> str:
        """Return words as they are written, with their templates."""
        return " ".join(words).translate(self.templates)


def read(text: str) -> Script | None:
    """Return what is in a text, None where it cannot be read."""
    try:
        plain, templates = _plain(text)
    except TemplateError:
        return None
    reader = _Reader(plain)
    try:
        script = reader.read()
    except IndexError:  # a quote or bracket that is never closed
        return None
    script.templates = templates
    return script


def names(words: list[str]) -> set[str]:
    """Return what words may name as commands, also inside of quotes, without folders."""
    return {part.strip("();{}'\"").rpartition("/")[2] for word in words for part in word.split()}


def sleeps(script: Script, *, operators: bool = True) -> float:
    """Return the seconds for which a script certainly sleeps; without operators only its first command counts."""
    return sum(map(slept, script.commands if operators else script.commands[:1]))


def slept(words: list[str]) -> float:
    """Return the seconds for which a command sleeps, 0 where it does not or that is not known."""
    while words and words[0].rpartition("/")[2] in _PREFIXES:
        words = words[1:]
    name, arguments = words[0].rpartition("/")[2] if words else "", words[1:]
    if name in _SHELLS and "-c" in arguments[:-1]:
        script = read(arguments[arguments.index("-c") + 1])
        return sleeps(script) if script is not None else 0
    return sum(map(_seconds, arguments)) if name == "sleep" else 0


def _seconds(duration: str) -> float:
    number, unit = (duration[:-1], duration[-1]) if duration[-1:] in _UNITS else (duration, "s")
    try:
        return max(float(number), 0) * _UNITS[unit]
    except ValueError:
        return 0


def _plain(text: str) -> tuple[str, dict[int, str]]:
    """Return a text with a letter in the place of each template, and what each of these letters stands for."""
    parts: list[str] = []
    inside: list[str] | None = None
    templates: dict[int, str] = {}
    for kind, value in tokens(text):
        if kind in ("variable_begin", "block_begin", "comment_begin"):
            inside = []
        if inside is None:
            parts.append(value)
            continue
        inside.append(value)
        if kind == "variable_end":
            letter = _FILLER + len(templates)
            templates[letter] = " ".join("".join(inside).split())
            parts.append(chr(letter))
        elif kind in ("block_end", "comment_end"):
            parts.append(" ")
        if kind.endswith("_end"):
            inside = None
    return "".join(parts), templates


class _Reader:
    """Reads a text letter by letter, as POSIX describes tokens of a shell."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._word: str | None = None
        self._frames: list[tuple[list[str], list[str]]] = [([], [])]
        self._endings: list[str] = []
        self._script = Script()
        self._command: list[str] = []
        self._commands: list[tuple[list[list[str]], list[list[str]]]] = [([], [])]
        self._certain = True

    def read(self) -> Script:
        while self._at < len(self._text):
            self._step(self._text[self._at])
        self._end_command()
        for current, done in reversed(self._commands):
            self._script.commands += [*done, *current]
        return self._script

    def _end_command(self) -> None:
        """Note a command that certainly runs."""
        self._end_word()
        words, self._command = self._command, []
        current, _ = self._commands[-1]
        self._certain = self._certain and not (words and words[0] in _COMPOUND)
        if words and self._certain and all(one[0].rpartition("/")[2] in _SURE for one in current):
            current.append(words)

    def _step(self, letter: str) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if letter == "\\":
            self._add(following if following != "\n" else "")
            self._at += 2
        elif letter in "'\"`":
            self._quoted(letter)
        elif letter == "$" and following in ("(", "{"):
            self._nested(following, {"(": ")", "{": "}"}[following])
        elif letter == "#" and self._word is None:
            self._at = (self._text + "\n").index("\n", self._at)
        elif letter == "<" and following == "<":
            self._heredoc()
        elif letter in "<>":
            self._end_word()
            self._at += 2 if following in ("&", ">", "|") else 1
        elif letter == "&":
            self._ampersand(following)
        elif letter in "|;\n":
            self._separator(letter, following)
        elif letter == "(" and following == "(" and self._word is None:
            self._nested("(", ")", skip=0)
        elif letter in "()":
            self._end_word()
            self._bracket(opens=letter == "(")
            self._at += 1
        elif letter.isspace():
            self._end_word()
            self._at += 1
        else:
            self._add(letter)
            self._at += 1

    def _add(self, letters: str) -> None:
        self._word = (self._word or "") + letters

    def _end_word(self) -> None:
        if self._word in ("{", "}"):
            self._bracket(opens=self._word == "{")
        elif self._word is not None:
            self._frames[-1][0].append(self._word)
            self._command.append(self._word)
            self._script.words.append(self._word)
        self._word = None

    def _bracket(self, *, opens: bool) -> None:
        if opens:
            self._certain = self._certain and not self._command  # behind a word it begins a function
            self._frames.append(([], []))
            self._commands.append(([], []))
        elif len(self._frames) > 1:
            self._word = None
            self._end_command()
            current, group = self._frames.pop()
            self._frames[-1][0].extend([*group, *current])
            commands, done = self._commands.pop()
            self._commands[-1][0].extend([*done, *commands])

    def _end_list(self, *, background: bool) -> None:
        self._end_command()
        commands, done = self._commands[-1]
        done += [] if background else commands
        commands.clear()
        current, group = self._frames[-1]
        if background and current:
            self._script.background.append([*current])
        group += current
        current.clear()

    def _ampersand(self, following: str) -> None:
        if following == ">":
            # Where the number is no word of its own it was to be redirected.
            behind = self._text[self._at + 2 : self._at + 3]
            self._script.slip = self._script.slip or (self._word in ("1", "2") and behind in ("1", "2"))
            self._end_word()
            self._at += 2
        elif following == "&":
            self._end_command()
            self._at += 2
        else:
            self._end_list(background=True)
            self._at += 1

    def _separator(self, letter: str, following: str) -> None:
        if letter == "|":
            self._end_command()
            self._certain = self._certain and following != "|"  # what is behind || may not run
            self._at += 2 if following in ("|", "&") else 1
            return
        self._end_list(background=False)
        self._at += 1
        if letter == "\n":
            for ending in self._endings:
                self._skip_to(ending)
            self._endings.clear()

    def _skip_to(self, ending: str) -> None:
        while self._at < len(self._text):
            line, _, _ = self._text[self._at :].partition("\n")
            self._at += len(line) + 1
            if line.strip() == ending:
                return

    def _heredoc(self) -> None:
        self._end_word()
        if self._text[self._at : self._at + 3] == "<<<":
            self._at += 3
            return
        self._at += 2
        while self._text[self._at] in "- \t":
            self._at += 1
        begin = self._at
        while self._at < len(self._text) and self._text[self._at] not in " \t\n;&|<>)":
            self._at += 1
        self._endings.append(self._text[begin : self._at].strip("'\"").lstrip("\\"))

    def _quoted(self, quote: str) -> None:
        self._add("")
        self._at += 1
        while self._text[self._at] != quote:
            if self._text[self._at] == "\\" and quote != "'":
                self._at += 1
            self._add(self._text[self._at])
            self._at += 1
        self._at += 1

    def _nested(self, opening: str, closing: str, skip: int = 1) -> None:
        """Take what is in brackets as a part of the word."""
        self._add("")
        self._at += skip
        depth = 0
        while True:
            letter = self._text[self._at]
            if letter in "'\"":
                self._quoted(letter)
                continue
            depth += {opening: 1, closing: -1}.get(letter, 0)
            self._add(letter)
            self._at += 1
            if depth == 0:
                return
