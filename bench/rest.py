"""Requests to a centre's REST surface, which must succeed."""

from __future__ import annotations

from typing import Any

from demo.centre import Centre


async def ask(
    centre: Centre, method: str, path: str, body: Any = None, *, etag: str | None = None
) -> tuple[str, Any]:
    """Return ETag and answer. RuntimeError where it is refused, or not answered in time."""
    try:
        status, tag, answer = await centre.ask(method, path, body, etag=etag)
    except TimeoutError:
        raise RuntimeError(f"{method} {path}: no answer in time") from None
    if status >= 400:
        raise RuntimeError(f"{method} {path}: {answer['detail']}")
    return tag, answer
