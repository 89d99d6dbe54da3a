# Reads JSON of any size, as a bounded text of JSON: long values are cut to their ends. Standard
# library only; any Python from 3.6 on. It is put in front of census.py.
import json
import os
import re

CHUNK = 1 << 18
#: How many bytes of each end of a long value are kept, and of a file that is no result.
END = 1 << 16
#: Bytes of a text up to which nothing of it is cut.
WHOLE = 16 << 20
#: Bytes of an excerpt from which on only what tells the outcome of a job is added.
FULL = 4 << 20
#: How many ends make it where an excerpt is to be smaller than usual.
FULL_ENDS = 8
OUTCOME = ("rc", "failed", "msg", "changed", "child_pid", "started", "finished", "ansible_job_id", "skipped")
#: Bytes that are read at most: no wrapper can write as much in the memory of a host.
MOST = 4 << 30
#: How deep values may be nested that are passed over.
DEEPEST = 1000
SPACE = b" \t\r\n"
CONTROL, CONTINUATION = bytes(range(0x20)), bytes(range(0x80, 0xC0))
NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def note(count, what):
    return "[... %s %s cut by pytest-bgasync ...]" % (format(count, ","), what)


def unbroken(data, at):
    """Return the last place up to ``at`` that is in the middle of neither an escape sequence nor a character."""
    while 0 < at < len(data) and 0x80 <= data[at] < 0xC0:
        at -= 1
    start = data.rfind(b"\\", max(0, at - 5), at)
    if start < 0:
        return at
    before = data[: start + 1]
    if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
        return at  # the second of two backslashes
    length = 6 if data[start + 1 : start + 2] == b"u" else 2
    return start if at - start < length else at


def without_escapes(data):
    """Return ``data``, which begins in no escape sequence, with other bytes in the place of escaped quotes."""
    return data.replace(b"\\\\", b"..").replace(b'\\"', b"..")


def characters(data):
    """Return how many characters the inside of a string stands for."""
    pairs = data.count(b"\\\\")
    rest = data.replace(b"\\\\", b"")
    continued = len(rest) - len(rest.translate(None, CONTINUATION))
    return len(data) - continued - pairs - rest.count(b"\\") - 4 * rest.count(b"\\u")


class Ends:
    """Takes the pieces of a value, and keeps its ends of ``end`` bytes, or all of it if it is not longer than both."""

    def __init__(self, end, measure):
        self.end, self.measure = end, measure
        self.first, self.last, self.begun, self.size, self.dropped = [], [], 0, 0, 0

    def add(self, piece):
        if self.begun < self.end:
            self.first.append(piece)
            self.begun += len(piece)
            return
        self.last.append(piece)
        self.size += len(piece)
        while self.size - len(self.last[0]) > self.end:
            gone = self.last.pop(0)
            self.size -= len(gone)
            self.dropped += self.measure(gone)

    def both(self):
        """Return the beginning and the end, and how much has been cut between them."""
        first, last = b"".join(self.first), b"".join(self.last)
        if not self.dropped:
            data = first + last
            if len(data) <= 2 * self.end:
                return data, b"", 0
            head, tail = unbroken(data, self.end), unbroken(data, len(data) - self.end)
            return data[:head], data[tail:], self.measure(data[head:tail])
        head, tail = unbroken(first, self.end), unbroken(last, len(last) - self.end)
        cut = self.dropped + self.measure(first[head:]) + self.measure(last[:tail])
        return first[:head], last[tail:], cut


class Reader:
    """Reads a file as one JSON object; what is no such object raises ValueError."""

    def __init__(self, number, end, full):
        self.number, self.end, self.full = number, end, full
        self.data, self.at, self.size = b"", 0, 0

    def more(self):
        """Read on, behind what has not been taken; return whether there was more."""
        chunk = os.read(self.number, CHUNK)
        self.size += len(chunk)
        if self.size > MOST:
            raise ValueError("too large")
        self.data, self.at = self.data[self.at :] + chunk, 0
        return bool(chunk)

    def byte(self):
        """Return the next byte that is no space, without taking it; nothing at the end."""
        while True:
            rest = self.data[self.at :].lstrip(SPACE)
            self.at = len(self.data) - len(rest)
            if rest or not self.more():
                return rest[:1]

    def take(self, wanted):
        if self.byte() != wanted:
            raise ValueError("expected %r" % wanted)
        self.at += 1

    def piece(self):
        """Return what there is up to the last whole escape sequence; it is not taken yet."""
        end = unbroken(self.data, len(self.data))
        while end <= self.at:
            if not self.more():
                raise ValueError("broken off")
            end = unbroken(self.data, len(self.data))
        return self.data[self.at : end]

    def string(self):
        self.take(b'"')
        ends = Ends(self.end, characters)
        closing = -1
        while closing < 0:
            data = self.piece()
            closing = without_escapes(data).find(b'"') if b'"' in data else -1
            text = data if closing < 0 else data[:closing]
            if len(text.translate(None, CONTROL)) < len(text):
                raise ValueError("a control character")
            ends.add(text)
            self.at += len(text)
        self.at += 1
        head, tail, cut = ends.both()
        return b'"%s%s%s"' % (head, note(cut, "characters").encode() if cut else b"", tail)

    def container(self):
        """Return a list or an object; one that is cut becomes a string with the ends of its text."""
        ends = Ends(self.end, len)
        depth, inside, length = 0, False, -1
        while length < 0:
            data = self.piece()
            depth, inside, length = skim(data, depth, inside)
            text = data if length < 0 else data[:length]
            ends.add(text)
            self.at += len(text)
        head, tail, cut = ends.both()
        if not cut:
            return head + tail
        text = head.decode("utf-8", "replace") + note(cut, "bytes of JSON") + tail.decode("utf-8", "replace")
        return json.dumps(text).encode()

    def number_or_name(self):
        found = re.compile(b"[-+.0-9A-Za-z]*")
        while True:
            word = found.match(self.data, self.at).group()
            if self.at + len(word) < len(self.data) or len(word) > END or not self.more():
                break
        self.at += len(word)
        json.loads(word.decode())
        return word

    def value(self):
        first = self.byte()
        if first == b'"':
            return self.string()
        return self.container() if first and first in b"[{" else self.number_or_name()

    def object(self):
        parts, size = [], 0
        self.take(b"{")
        while self.byte() != b"}":
            if parts:
                self.take(b",")
                self.byte()
            name = self.string()
            self.take(b":")
            value = self.value()
            if size < self.full or json.loads(name.decode("utf-8", "replace")) in OUTCOME:
                size += len(name) + len(value)
                parts.append(name + b": " + value)
        self.take(b"}")
        if self.byte():
            raise ValueError("there is more")
        return b"{%s}" % b", ".join(parts)


def skim(data, depth, inside):
    """Go over a piece of a list or object; return how deep that leads, whether into a string, and where it ends.

    The last is -1 where it goes on.
    """
    plain = without_escapes(data)
    if depth:
        parts = plain.split(b'"')
        brackets = b"".join(parts[1 if inside else 0 :: 2]).translate(None, NOT_BRACKETS)
        closed, opened = unpaired(brackets.replace(b"{", b"[").replace(b"}", b"]"))
        if closed < depth:
            return depth - closed + opened, inside != (len(parts) % 2 == 0), -1
    for found in re.finditer(b'["\\[\\]{}]', plain):
        if found.group() == b'"':
            inside = not inside
        elif not inside:
            depth += 1 if found.group() in b"[{" else -1
            if depth == 0:
                return 0, False, found.end()
    return depth, inside, -1


def unpaired(brackets):
    """Return how many brackets are closed that were not opened here, and how many stay open."""
    for _ in range(DEEPEST):
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            return brackets.count(b"]"), brackets.count(b"[")
        brackets = shorter
    raise ValueError("nested too deeply")


def ends_of(number, size, end):
    """Return the ends of a file that is no JSON object, or all of it if it is short."""
    if size <= 2 * end:
        return os.pread(number, 2 * end, 0)
    text = note(size - 2 * end, "bytes").encode()
    return os.pread(number, end, 0) + text + os.pread(number, end, size - end)


def excerpt(number, size, whole, end=None):
    """Return what is in a file as text: of a JSON object one that holds its outcome, else the ends of the file.

    With ``whole`` nothing of an object is cut. ``end`` takes the place of END, and makes the whole smaller alike.
    """
    full = FULL if end is None else FULL_ENDS * end
    end = END if end is None else end
    try:
        found = (Reader(number, WHOLE, MOST) if whole else Reader(number, end, full)).object()
    except ValueError:
        found = ends_of(number, size, end)
    return found.decode("utf-8", "surrogateescape")
