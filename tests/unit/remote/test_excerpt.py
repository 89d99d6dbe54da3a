"""Job files of any size are read as a bounded text that tells the same outcome."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.remote import HOST

Read = Callable[..., str]


@pytest.fixture
def names() -> dict[str, Any]:
    """What excerpt.py defines; it is a part of a program."""
    found: dict[str, Any] = {}
    exec((HOST / "excerpt.py").read_text(), found)
    return found


@pytest.fixture
def read(names: dict[str, Any], tmp_path: Path) -> Read:
    def _read(content: bytes, *, whole: bool = False, end: int = 1 << 16, chunk: int = 1 << 18) -> str:
        names["END"], names["CHUNK"] = end, chunk
        (tmp_path / "job").write_bytes(content)
        number = os.open(tmp_path / "job", os.O_RDONLY)
        try:
            return str(names["excerpt"](number, len(content), whole))
        finally:
            os.close(number)

    return _read


def test_a_long_text_is_cut_to_its_ends(read: Read) -> None:
    text = "a\u00e9" + "x" * 10_000_000 + '\n\\"z'
    for ascii_only in (True, False):
        found = json.loads(read(json.dumps({"stdout": text, "rc": 3}, ensure_ascii=ascii_only).encode()))
        head, _, rest = found["stdout"].partition("[... ")
        count, _, tail = rest.partition(" characters cut by pytest-bgasync ...]")
        assert found["rc"] == 3
        assert text.startswith(head)
        assert text.endswith(tail)
        assert 60_000 < len(head) <= 65_536
        assert 60_000 < len(tail) <= 65_536
        assert len(head) + int(count.replace(",", "")) + len(tail) == len(text)


def test_small_values_stand_whatever_is_around_them(read: Read) -> None:
    lines = [f"line {number}" for number in range(100_000)]
    nested = {"a": {"b": ["}]{[" * 50_000, {"c": '"' * 90_000}]}}
    data = {"list": lines, "changed": True, "nested": nested, "failed": False, "rc": 7, "msg": "", "pid": None}
    found = json.loads(read(json.dumps(data).encode()))
    assert {key: found[key] for key in found if key not in ("list", "nested")} == {
        key: data[key] for key in data if key not in ("list", "nested")
    }
    for key in ("list", "nested"):
        whole = json.dumps(data[key])
        head, _, rest = found[key].partition("[... ")
        count, _, tail = rest.partition(" bytes of JSON cut by pytest-bgasync ...]")
        assert whole.startswith(head)
        assert whole.endswith(tail)
        assert len(head) + int(count.replace(",", "")) + len(tail) == len(whole)


def test_many_long_values_leave_room_for_the_outcome(read: Read) -> None:
    data = {**{f"text{number}": "x" * 200_000 for number in range(300)}, "rc": 9, "failed": True}
    text = read(json.dumps(data).encode())
    assert len(text) < 5_000_000
    assert (json.loads(text)["rc"], json.loads(text)["failed"]) == (9, True)


def test_nothing_of_a_small_file_is_cut(read: Read) -> None:
    data = {"stdout": "x" * 9_000_000, "lines": ["y" * 10] * 100_000}
    assert json.loads(read(json.dumps(data).encode(), whole=True)) == data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"a"}',
        b'{"a": }',
        b'{"a": 1,}',
        b'{"a": 1 "b": 2}',
        b'{"a": 1} x',
        b'{"a": 1}{',
        b'{"a": "open',
        b'{"a": "\n"}',
        b'{"a": [1, 2}',
        b'{"a": nul}',
        b'{"a": 1}\0',
        b'{"a": "x\\"}',
        b"\0\0\0",
        b"not json",
    ],
)
def test_what_is_no_result_is_shown_as_it_is(read: Read, content: bytes) -> None:
    text = read(content)
    assert text.encode() == content
    with pytest.raises(ValueError):  # noqa: PT011  # whatever the parser has to say
        raise ValueError if not isinstance(json.loads(text), dict) else AssertionError


def test_a_large_file_of_nothing_is_not_read_through(names: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    for beginning in (b"", b'{"stdout": "', b'{"rc": 0}'):
        path.write_bytes(beginning)
        os.truncate(path, 1 << 40)
        number = os.open(path, os.O_RDONLY)
        text = names["excerpt"](number, 1 << 40, False)
        assert os.lseek(number, 0, os.SEEK_CUR) < 1 << 20
        os.close(number)
        assert text.startswith(beginning.decode() + "\0")
        assert " bytes cut by pytest-bgasync ...]" in text
        assert len(text) < 150_000


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_any_json_reads_the_same_in_any_pieces(read: Read, chunk: int) -> None:
    chance = random.Random(chunk)

    def text() -> str:
        return "".join(chance.choices('ab"\\{}[],: \n\t\u00e9\u20ac\U0001f600\ud800/u0', k=chance.randrange(30)))

    def value(depth: int) -> Any:
        kind = chance.randrange(8 if depth else 5)
        if kind < 5:
            return [None, True, -17, 2.5e-3, text()][kind]
        if kind < 7:
            return {text(): value(depth - 1) for _ in range(chance.randrange(5))}
        return [value(depth - 1) for _ in range(chance.randrange(5))]

    for _ in range(150):
        data = {text(): value(3) for _ in range(chance.randrange(6))}
        written = json.dumps(data, indent=chance.choice([None, 1]))
        assert json.loads(read(written.encode(), end=1 << 20, chunk=chunk)) == data
        cut = json.loads(read(written.encode(), end=10, chunk=chunk))
        assert len(cut) <= len(data)
        for key, found in cut.items():
            if key in data and isinstance(data[key], str) and isinstance(found, str) and "[... " in found:
                head, _, rest = found.partition("[... ")
                count, _, tail = rest.partition(" characters cut by pytest-bgasync ...]")
                raw = data[key].encode("utf-16-le", "surrogatepass")
                assert raw.startswith(head.encode("utf-16-le", "surrogatepass"))
                assert raw.endswith(tail.encode("utf-16-le", "surrogatepass"))
                sizes = [len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in (head, tail)]
                assert sum(sizes) + int(count) == len(raw) // 2
