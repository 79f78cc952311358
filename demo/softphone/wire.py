"""The words that parent and child exchange, and the texts that go into SIP unread by baresip's own checks."""

import re
from typing import Any, Final

Message = dict[str, Any]

_SIP_URI: Final = re.compile(
    r"sip:(?:(?P<user>[^@\s<>\"]*)@)?(?P<host>[\w.-]+)(?::(?P<port>\d+))?(?P<rest>;[^\s<>]*)?"
)
_FROM: Final = re.compile(r"^\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^<\"]*?))\s*<(?P<uri>[^>]*)>")
_MAX_NAME: Final = 1000
FOLDER_VARIABLE: Final = "SOFTPHONE_FOLDER"
"""Names the child's folder for temporary files: it removes it itself, for its parent may be gone."""
WITHHELD_AOR: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""How RFC 3323 wants a caller without a number to look."""


def split_uri(uri: str) -> tuple[str, str, int, str]:
    """("112", "127.0.0.1", 5060, ";x=y") of "sip:112@127.0.0.1;x=y"; ValueError if it is not a plain sip: URI."""
    match = _SIP_URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not a sip: URI")
    return match["user"] or "", match["host"], int(match["port"] or 5060), match["rest"] or ""


def quoted_name(display_name: str) -> str:
    """The display name as a quoted string (RFC 3261 25.1). ValueError for what baresip's parser would misread."""
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in display_name) or len(display_name) > _MAX_NAME:
        raise ValueError("control characters and very long names are sent by the SIPp scenario uac_hostile_name.xml")
    escaped = display_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" '


def checked(what: str, text: str, forbidden: str = '@:;<>"? \t\r\n\\') -> str:
    """The text itself; ValueError if a character in it would end the place it is written to."""
    bad = sorted({char for char in text if char in forbidden or ord(char) < 0x20})
    if bad:
        raise ValueError(f"{what} {text!r} holds {', '.join(map(repr, bad))}")
    return text


def read_from(header: str) -> tuple[str, str]:
    """(display name, URI) of a From header."""
    match = _FROM.match(header)
    if match is None:
        return "", header.partition(";")[0].strip()
    name = match["plain"] or "" if match["quoted"] is None else re.sub(r"\\(.)", r"\1", match["quoted"])
    return name, match["uri"]
