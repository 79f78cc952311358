"""Text on its way to the PBX: the only place that makes AGI lines, and the check for every AMI value."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_TOKENS = 96
"""Words on one AGI line. Asterisk 22 keeps them in an array of 128 without a check for quoted ones (res_agi.c,
parse_args): a line with more overwrites its stack and kills the PBX, every call with it."""

MAX_LINE_BYTES = 8000
"""Bytes of one AGI line; Asterisk's buffer is 8192 and cuts a longer line in two commands (AGI_BUF_LEN)."""

MAX_AMI_LINE_BYTES = 1000
"""Bytes of one AMI header line; Asterisk refuses a message with a line of 1024 (manager.c, inbuf)."""

_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9]*(?: [A-Za-z][A-Za-z0-9]*)*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}", re.ASCII)
_VARIABLE = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]*(?:\([A-Za-z0-9_,.-]*\))?", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters of the Unicode categories Cc, Zl and Zp."""
_KEPT = 64
"""Lines that are kept for the next call: a hand-over is the same for all calls of a trunk until something changes."""


class UnsafeArgument(ValueError):
    """A text that must not be sent to the PBX. The message says why and never repeats the text."""


@lru_cache(_KEPT)
def agi_line(command: str, *args: str) -> bytes:
    r"""Return one AGI command line, newline included, that Asterisk reads back as `command` and exactly `args`.

    command: plain words, as ``SET VARIABLE``
    args:    any text without control characters; each is quoted, with ``\`` and ``"`` escaped
    Raises UnsafeArgument for a control character (CR and LF would start a second command), text that is not UTF-8,
    more than MAX_TOKENS words or more than MAX_LINE_BYTES bytes.
    Inside quotes Asterisk takes blanks literally and a backslash before any character as that character.
    """
    if not _COMMAND.fullmatch(command) or command.lower().startswith("failure"):
        raise UnsafeArgument("an AGI command is plain words")
    if command.count(" ") + 1 + len(args) > MAX_TOKENS:
        raise UnsafeArgument(f"more than {MAX_TOKENS} words on one AGI line")
    words = [command.encode("ascii"), *(_quoted(arg) for arg in args)]
    line = b" ".join(words) + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise UnsafeArgument(f"an AGI line of more than {MAX_LINE_BYTES} bytes")
    return line


def agi_variable(name: str) -> str:
    """Return `name` if it names a channel variable or a function with plain arguments.

    Asterisk runs whatever function a name ending in ``)`` calls, so a name is never taken from outside.
    Raises UnsafeArgument.
    """
    if not _VARIABLE.fullmatch(name):
        raise UnsafeArgument("not the name of a channel variable")
    return name


def ami_field(value: object) -> str:
    """Return the text of one AMI header value; booleans become ``true`` and ``false``.

    Raises UnsafeArgument for control characters (CR LF would start a second action), text that is not UTF-8, and
    values that alone would fill the line (see `ami_header`).
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(_clean(text)) > MAX_AMI_LINE_BYTES:
        raise UnsafeArgument(f"an AMI value of more than {MAX_AMI_LINE_BYTES} bytes")
    return text


def ami_header(name: str, value: object) -> str:
    """Return `value` as `ami_field` does, when ``name: value`` is a header that Asterisk takes whole.

    Raises UnsafeArgument also for a bad header name and for a line of more than MAX_AMI_LINE_BYTES bytes.
    """
    if not _HEADER.fullmatch(name):
        raise UnsafeArgument("not the name of an AMI header")
    text = ami_field(value)
    if len(name) + len(text.encode()) + len(": \r\n") > MAX_AMI_LINE_BYTES:
        raise UnsafeArgument(f"the AMI line {name} is longer than {MAX_AMI_LINE_BYTES} bytes")
    return text


def _quoted(text: str) -> bytes:
    return b'"' + _clean(text).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _clean(text: str) -> bytes:
    if _CONTROL.search(text):
        raise UnsafeArgument("a control character in text for the PBX")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UnsafeArgument("text for the PBX that is not UTF-8") from None
