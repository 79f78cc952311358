"""Answers as JSON text: a great one piece by piece, in a thread beside the loop that serves the calls.

One call that writes a table of 2,000 routes would hold the interpreter, and with it the calls, for milliseconds.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, RootModel
from pydantic_core import to_json

_LEVELS: Final = 4
"""Of nesting that is written piece by piece: the answer, its table, a half, a collection. An entry is one piece."""


def text(answer: BaseModel) -> bytes:
    """Return `answer` as JSON."""
    return answer.model_dump_json().encode()


def great_text(answer: BaseModel) -> bytes:
    """Return the same as `text`, in pieces; for a thread."""
    return b"".join(_pieces(answer, _LEVELS))


def _pieces(value: Any, levels: int) -> list[bytes]:
    if levels and isinstance(value, list | tuple):
        return _joined(b"[", [_pieces(one, levels - 1) for one in value], b"]")
    if levels and isinstance(value, BaseModel) and not isinstance(value, RootModel) and _plain(value):
        members = [
            [to_json(name), b":", *_pieces(getattr(value, name), levels - 1)] for name in type(value).model_fields
        ]
        return _joined(b"{", members, b"}")
    return [value.model_dump_json().encode() if isinstance(value, BaseModel) else to_json(value)]


def _plain(value: BaseModel) -> bool:
    """Return whether each member is written as it is, under its own name."""
    return not any(f.alias or f.exclude or f.exclude_if for f in type(value).model_fields.values())


def _joined(begin: bytes, parts: list[list[bytes]], end: bytes) -> list[bytes]:
    found = [begin]
    for n, part in enumerate(parts):
        if n:
            found.append(b",")
        found += part
    found.append(end)
    return found
