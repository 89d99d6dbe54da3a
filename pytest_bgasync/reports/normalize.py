"""Texts without what is another one in each run: job ids, times, temporary paths, addresses, ids."""

from __future__ import annotations

import re

from pytest_bgasync.util.text import printable

_DATE, _CLOCK = r"\d{4}-\d\d-\d\d", r"\d{1,2}:\d\d:\d\d(?:[.,]\d+)?"
#: What is replaced, in this order, by what: what a part of another would be comes after that.
_NOISE = [
    (re.compile(pattern, re.ASCII), word)
    for pattern, word in (
        (r"\bansible-tmp-[\d.]+-\d+-\d+\b", "<temp>"),
        (r"\bj\d{1,12}\.\d+\b", "<jid>"),
        (r"\bpytest-of-[^/\s]+/pytest-\d+\b", "<temp>"),
        (r"\b(?:bga-|tmp|ansible\.)[a-z0-9_]{8}(?:tmp)?\b(?=[/\s'\"]|$)", "<temp>"),
        (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<uuid>"),
        (rf"\b{_DATE}[T ]{_CLOCK}(?:Z|\s?[+-]\d\d:?\d\d\b)?", "<time>"),
        (r"\b\d{8}T\d{6}(?:\d+)?Z?\b", "<time>"),
        (rf"\b{_DATE}\b", "<date>"),
        (rf"\b{_CLOCK}\b", "<time>"),
        (r"\b0x[0-9a-fA-F]+\b", "<address>"),
        (r"\b1[5-9]\d{8}(?:\.\d+)?\b", "<time>"),
        (r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12,}\b", "<id>"),
        (r"\b(?:10(?:\.\d{1,3}){3}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2}|192\.168(?:\.\d{1,3}){2})\b", "<ip>"),
        (r"(?<=[\w>]:)(?:3[2-9]\d{3}|[45]\d{4}|6[0-5]\d{3})\b", "<port>"),
        (r"(?<=\bpid)([ =:]*)\d+\b", r"\1<pid>"),
    )
]


def normal(text: object) -> str:
    """Return a text as it is in each run that does the same, on one line that a file of text can hold."""
    told = " ".join(printable(str(text)).split())
    for pattern, word in _NOISE:
        told = pattern.sub(word, told)
    return told
