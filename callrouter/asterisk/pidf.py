"""The civic address in the body of an INVITE: PIDF-LO (RFC 4119, RFC 5139), conveyed as RFC 6442 says.

The network sent it: anything may be in it. Nothing here raises, the work for one body is bounded, and what is not a
whole and plain document tells nothing. No document type is read, so there are no entities to expand or to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from callrouter.asterisk.sip import headers
from callrouter.calls.location import MAX_NAME, CivicAddress

MAX_DOCUMENT: Final = 16_384
"""Bytes; a civic address takes about 1,000."""
MAX_PARTS: Final = 16
MAX_LOCATIONS: Final = 8
"""Values of one Geolocation header that are looked at."""

_PIDF: Final = b"application/pidf+xml"
_CID: Final = re.compile(rb"<[ \t]*cid:([^<>]{1,255})>", re.IGNORECASE)
_BOUNDARY: Final = re.compile(rb';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]{1,70})"|([^;" \t]{1,70}))', re.IGNORECASE)
_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")
_OF_PART: Final = {name: name for name in (b"content-type", b"content-id")}
_INFO: Final = "urn:ietf:params:xml:ns:pidf:geopriv10 location-info"
_SPACE: Final = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr "
_LEVELS: Final = ("A1", "A2", "A3", "A4")


def civic_address(geolocation: bytes, content_type: bytes, body: bytes) -> CivicAddress | None:
    """Return the address that a Geolocation header points at within the body; None where there is none to be had.

    Only what stands in the message itself is looked at (``cid:``, RFC 6442 section 4.1); nothing is fetched.
    """
    ids = {unquote_to_bytes(found) for found in _CID.findall(geolocation)[:MAX_LOCATIONS]}
    if not ids:
        return None
    document = body if _media(content_type) == _PIDF else _part(content_type, body, ids)
    return None if document is None or len(document) > MAX_DOCUMENT else _read(document)


def _media(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _part(content_type: bytes, body: bytes, ids: Container[bytes]) -> bytes | None:
    """Return the document of one of these identities (RFC 2046, section 5.1; RFC 2392)."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or not _media(content_type).startswith(b"multipart/"):
        return None
    delimiter = rb"\r?\n--" + re.escape(boundary[1] or boundary[2]) + rb"(?=--|[ \t]*\r?\n)"
    # What stands before the first and after the last delimiter is no part.
    for piece in re.split(delimiter, b"\r\n" + body, maxsplit=MAX_PARTS)[1:-1]:
        head, *document = _EMPTY_LINE.split(piece, 1)
        told = headers(_LINE_END.split(head)[1:], _OF_PART)  # the first line ends the delimiter
        if document and _media(told.get(b"content-type", b"")) == _PIDF and _identity(told) in ids:
            return document[0]
    return None


def _identity(told: dict[bytes, bytes]) -> bytes:
    return told.get(b"content-id", b"").strip().removeprefix(b"<").removesuffix(b">")


class _NotPlain(Exception):
    """The document has a document type."""


def _read(document: bytes) -> CivicAddress | None:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document.lstrip(), True)
    except (expat.ExpatError, _NotPlain, ValueError, LookupError):  # the last two: an encoding nobody knows
        return None
    return reader.address


class _Reader:
    """Collects the elements of the first civic address."""

    def __init__(self) -> None:
        self.address: CivicAddress | None = None
        self._path: list[str] = []
        self._in: int | None = None
        self._found: dict[str, str] = {}

    def refuse(self, *_told: object) -> None:
        raise _NotPlain

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if (
            self._in is None
            and self.address is None
            and name == f"{_SPACE}civicAddress"
            and self._path[-1:] == [_INFO]
        ):
            self._in = len(self._path)
        elif self._in is not None and self._in + 1 == len(self._path):
            # Of an element that is given twice, nobody can tell which is meant.
            local = name.removeprefix(_SPACE)
            self._found[local] = " " * (MAX_NAME + 1) if local in self._found else ""
        self._path.append(name)

    def end(self, _name: str) -> None:
        self._path.pop()
        if self._in == len(self._path):
            self._in = None
            a1, a2, a3, a4 = (self._value(level) for level in _LEVELS)
            self.address = CivicAddress((a1, a2, a3, a4), self._value("country"))

    def text(self, text: str) -> None:
        if self._in is None or self._in + 2 != len(self._path):
            return
        local = self._path[-1].removeprefix(_SPACE)
        if len(self._found[local]) <= MAX_NAME:
            self._found[local] += text

    def _value(self, local: str) -> str:
        value = self._found.get(local, "")
        return "" if len(value) > MAX_NAME else value.strip()
