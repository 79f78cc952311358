"""How Asterisk 22 reads: a model of `parse_args` (res_agi.c) and of the manager's input, written from its source."""

from __future__ import annotations

from functools import lru_cache

ARGV = 128
AGI_BUFFER = 8192
AMI_LINE = 1024


class Overflow(Exception):
    """Here Asterisk would write behind its array, or cut the line in two."""


def agi_commands(stream: bytes) -> list[list[bytes]]:
    """Return the words of each command Asterisk would run for these bytes."""
    *lines, rest = stream.split(b"\n")
    if rest or any(len(line) + 1 >= AGI_BUFFER for line in lines):
        raise Overflow
    return [list(agi_words(line)) for line in lines]


@lru_cache(maxsize=64)
def agi_words(line: bytes) -> tuple[bytes, ...]:
    """Return the words of one line: quotes toggle, a backslash takes the next character literally."""
    words: list[bytearray] = []
    quoted = escaped = False
    between = True
    for code in line.split(b"\0")[0]:  # C's strings end there
        char = bytes([code])
        if char == b'"' and not escaped:
            quoted = not quoted
            if quoted and between:
                words.append(bytearray())  # without a look at the array's size
                between = False
        elif char in b" \t" and not quoted and not escaped:
            between = True
        elif char == b"\\" and not escaped:
            escaped = True
        else:
            if between:
                words.append(bytearray())
                between = False
            words[-1] += char
            escaped = False
    if len(words) >= ARGV:
        raise Overflow
    return tuple(bytes(word) for word in words)


def ami_actions(stream: bytes) -> list[list[str]]:
    """Return the header lines of each action Asterisk would take; LF alone ends a line, too."""
    actions: list[list[str]] = []
    lines: list[str] = []
    for raw in stream.replace(b"\r\n", b"\n").split(b"\n")[:-1]:
        if len(raw) + 2 > AMI_LINE:
            raise Overflow
        if raw:
            lines.append(raw.decode())
        else:
            actions.append(lines)
            lines = []
    return actions
