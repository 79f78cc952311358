"""The cursor of a list: opaque to clients, so that what it holds may change.

It holds the number of the last thing that was seen, or, of a list that can be sorted, the place of the last entry
(how it was sorted, by what, and its key). A checksum finds cursors that were cut or mistyped; it is no protection
against a made-up one, and none is needed: every place is one that the caller may ask for.
"""

from __future__ import annotations

import base64
import binascii
import json
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


MAX_PLACE = 400
"""Characters of a place's cursor."""
_PLACE = b"\x02"


def encode_place(sort: str, rank: int | str, key: str) -> str:
    """Return the cursor that goes on after the entry `key`, which has `rank` in the order `sort`."""
    body = _PLACE + json.dumps([sort, rank, key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(body + _checksum(body)).decode("ascii").rstrip("=")


def decode_place(cursor: str) -> tuple[str, int | str, str]:
    """Return the sort, rank and key in `cursor`. Raises BadCursor for anything that `encode_place` did not give."""
    if len(cursor) > MAX_PLACE or not cursor.isascii():
        raise BadCursor
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        body, checksum = raw[:-3], raw[-3:]
        if body[:1] != _PLACE or checksum != _checksum(body):
            raise BadCursor
        sort, rank, key = json.loads(body[1:])
        if not isinstance(sort, str) or not isinstance(key, str) or type(rank) not in {int, str}:
            raise BadCursor
    except (binascii.Error, ValueError, TypeError):
        raise BadCursor from None
    if encode_place(sort, rank, key) != cursor:
        raise BadCursor
    return sort, rank, key


def encode_numbers(sort: str, first: int, *others: int) -> str:
    """Return the cursor that goes on after the entry that these numbers tell from all others in the order `sort`."""
    return encode_place(sort, first, " ".join(map(str, others)))


def decode_numbers(sort: str, cursor: str) -> tuple[int, ...]:
    """Return the numbers in `cursor`. Raises BadCursor for anything that `encode_numbers` did not give for `sort`."""
    found, first, key = decode_place(cursor)
    try:
        others = [int(part) for part in key.split(" ")]
    except ValueError:
        raise BadCursor from None
    if found != sort or not isinstance(first, int) or max(map(abs, (first, *others))) > MAX_NUMBER:
        raise BadCursor
    if encode_numbers(sort, first, *others) != cursor:
        raise BadCursor
    return first, *others


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big")[1:]
