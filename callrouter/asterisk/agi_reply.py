"""What Asterisk says on an AGI session: the environment at its start, then replies and the hang-up line.

Pure: bytes in, values out. Written after res_agi.c of Asterisk 22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_HANDSHAKE_BYTES = 64 * 1024
MAX_HANDSHAKE_LINES = 128
MAX_REPLY_BYTES = 64 * 1024

_REPLY = re.compile(r"(?P<code>\d{3})(?:[ -](?P<text>.*))?", re.ASCII | re.DOTALL)
_RESULT = re.compile(r"result=(?P<result>\S*)(?P<rest>.*)", re.ASCII | re.DOTALL)
_ARG = re.compile(r"agi_arg_([1-9][0-9]{0,2})", re.ASCII)
# Asterisk writes these before anything of the caller's; the rest comes after. See `parse_environment`.
_BEFORE_THE_CALLER = frozenset(
    f"agi_{key}"
    for key in ("network", "network_script", "request", "channel", "language", "type", "uniqueid", "version")
)


class BadHandshake(Exception):
    """What came is not the start of an AGI session."""


class BadReply(Exception):
    """What came is not a reply of Asterisk: the session can no longer tell which reply is whose."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The start of a session: variables by name (``agi_channel``) and the arguments of ``AGI()`` in order."""

    env: dict[str, str]
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgiReply:
    """One reply.

    code:   200, 510 (unknown command), 511 (not on a dead channel), 520 (usage)
    result: what follows ``result=``, often empty or a number; empty where there is none
    data:   the text in the parentheses after it (a variable's value, ``timeout``), None without parentheses
    text:   all lines, as received
    """

    code: int
    result: str
    data: str | None
    text: str

    @property
    def timed_out(self) -> bool:
        """True if Asterisk waited for a digit in vain (``result= (timeout)``)."""
        return self.data == "timeout"


@dataclass(frozen=True, slots=True)
class Hangup:
    """The caller hung up: a line of its own between replies, never a reply."""


def check_handshake(start: bytes) -> int:
    """Return where the session's bytes begin after its environment, or -1 if more is to come.

    Raises BadHandshake as soon as `start` cannot be an environment of sane size.
    """
    if not start.startswith(b"agi_"[: len(start)]):
        raise BadHandshake("not AGI")
    end = start.find(b"\n\n")
    block = start if end < 0 else start[: end + 1]
    if len(block) > MAX_HANDSHAKE_BYTES or block.count(b"\n") > MAX_HANDSHAKE_LINES:
        raise BadHandshake("environment too large")
    return -1 if end < 0 else end + 2


def parse_environment(block: bytes) -> Environment:
    """Read the environment's lines. Any bytes are taken: what is not UTF-8 becomes U+FFFD.

    Asterisk prints the caller's number and name as they are, so a line feed in them looks like further variables.
    Hence of the variables that come before the caller's the first counts, of the others the last, and arguments are
    only the unbroken run at the very end.
    """
    env: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    for line in block.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.partition(":")
        if colon and key.startswith("agi_"):
            pairs.append((key, value.removeprefix(" ")))
            if not (key in _BEFORE_THE_CALLER and key in env):
                env[key] = pairs[-1][1]
        elif line:
            pairs.append(("", line))
    args = _trailing_arguments(pairs)
    return Environment({key: value for key, value in env.items() if not _ARG.fullmatch(key)}, args)


def _trailing_arguments(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    args: list[str] = []
    expected: int | None = None
    for key, value in reversed(pairs):
        match = _ARG.fullmatch(key)
        if match is None or (expected is not None and int(match[1]) != expected):
            return ()
        args.append(value)
        expected = int(match[1]) - 1
        if expected == 0:
            break
    return tuple(reversed(args)) if expected == 0 else ()


class ReplyReader:
    """Cuts a stream of bytes into replies and hang-up lines. `value_next` must be told before a variable is asked."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[str] = []
        self._size = 0
        self._value_next = False

    def value_next(self, value: bool) -> None:
        """Say whether the next reply carries a variable's value, which may itself contain line feeds."""
        self._value_next = value

    def feed(self, data: bytes) -> list[AgiReply | Hangup]:
        """Take bytes, give what became complete. Raises BadReply; the stream is then beyond repair."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        found: list[AgiReply | Hangup] = []
        for line in lines:
            item = self._line(line.decode("utf-8", "replace"), len(line))
            if item is not None:
                found.append(item)
        if self._size + len(self._buffer) > MAX_REPLY_BYTES:
            raise BadReply("a reply without end")
        return found

    def _line(self, line: str, size: int) -> AgiReply | Hangup | None:
        if not self._lines and line.rstrip("\r") == "HANGUP":
            return Hangup()
        self._lines.append(line)
        self._size += size + 1
        if self._size > MAX_REPLY_BYTES:
            raise BadReply("a reply without end")
        if not self._complete():
            return None
        text, self._lines, self._size = "\n".join(self._lines), [], 0
        return parse_reply(text)

    def _complete(self) -> bool:
        first, last = self._lines[0], self._lines[-1]
        if first.startswith("520-"):
            return last.startswith("520 ") and len(self._lines) > 1
        if self._value_next and first.startswith("200 result=1 ("):
            return last.endswith(")")
        return True


def parse_reply(text: str) -> AgiReply:
    """Return the reply that `text` (one line, or all lines of a 520) is. Raises BadReply."""
    match = _REPLY.fullmatch(text.rstrip("\r"))
    if match is None:
        raise BadReply("not a reply")
    code, rest = int(match["code"]), match["text"] or ""
    result = _RESULT.match(rest) if code in {100, 200} else None
    if result is None:
        return AgiReply(code, "", None, text)
    tail = result["rest"]
    data = None
    if tail.startswith(" (") and ")" in tail:
        data = tail[2 : tail.rindex(")")]
    return AgiReply(code, result["result"], data, text)
