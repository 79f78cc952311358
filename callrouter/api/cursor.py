"""The cursor of a list: opaque to clients, so that what it holds may change.

It holds the number of the last incident that was seen. A checksum finds cursors that were cut or mistyped; it is
no protection against a made-up one, and none is needed: every number is a place that the caller may ask for.
"""

from __future__ import annotations

import base64
import binascii
import zlib

MAX_NUMBER = 2**63 - 1
"""Numbers are 64-bit integers in both databases."""

_VERSION = b"\x01"
_LENGTH = 12  # version 1, number 8, checksum 3: a multiple of 3, so base64 has no padding and no spare bits
_TEXT_LENGTH = 16


class BadCursor(ValueError):
    """The text is no cursor that `encode` gave."""


def encode(number: int) -> str:
    """Return the cursor that goes on below `number` (1 to `MAX_NUMBER`)."""
    if not 1 <= number <= MAX_NUMBER:
        raise ValueError("an incident's number is between 1 and 2^63-1")
    body = _VERSION + number.to_bytes(8, "big")
    return base64.urlsafe_b64encode(body + _checksum(body)).decode("ascii")


def decode(cursor: str) -> int:
    """Return the number in `cursor`. Raises BadCursor for anything that `encode` did not give."""
    if len(cursor) != _TEXT_LENGTH or not cursor.isascii():
        raise BadCursor
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except binascii.Error:
        raise BadCursor from None
    body, number = raw[:9], int.from_bytes(raw[1:9], "big")
    if len(raw) != _LENGTH or body[:1] != _VERSION or raw[9:] != _checksum(body) or not 1 <= number <= MAX_NUMBER:
        raise BadCursor
    return number


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big")[1:]
