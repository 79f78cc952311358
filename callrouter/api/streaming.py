"""Answers without an end: how they begin, how each piece is bounded, and how they end.

The deadline of a request holds until its answer begins. From then on each piece has to be taken within
Limits.unread_s (callrouter.api.connection), and the streams of all clients have a bound of their own, so that they
never take the room of requests. The event stream format is a few lines of text (HTML, section 9.2).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from aiohttp import web

from callrouter.api import problems
from callrouter.api.connection import Connection
from callrouter.api.middleware import DEADLINE
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual

MAX_ID: Final = 100
"""Characters of a Last-Event-ID that are looked at; one that is longer is none of ours."""
_OF_ALL: Final = Bilingual("dari semua pemakai", "of all clients")


def last_event_id(request: web.Request) -> str | None:
    """Return what the client received last, as it says; None: it says nothing."""
    said = request.headers.get("Last-Event-ID")
    return None if said is None else said[:MAX_ID]


async def send(
    request: web.Request, pieces: AsyncGenerator[bytes, None], media_type: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send the pieces as they come, until there are no more or the client has gone. Raises ApiProblem: no room.

    The pieces are closed, whatever happens; the first of them must not be waited for.
    """
    async with contextlib.aclosing(pieces):
        # Begun before anything else can go wrong: what never began would not be told that it is over.
        first = await anext(pieces)
        if request.method == "HEAD":
            return web.Response(headers=headers, content_type=media_type, charset="utf-8")
        _enter(request)
        response = web.StreamResponse(headers={**headers, "X-Accel-Buffering": "no"})
        response.content_type, response.charset = media_type, "utf-8"
        response.force_close()
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            request[DEADLINE].reschedule(None)
            await response.write(first)
            async for piece in pieces:
                await response.write(piece)
        return response


def _enter(request: web.Request) -> None:
    task = asyncio.current_task()
    connection = request.protocol
    assert isinstance(connection, Connection)  # noqa: S101 (BoundedSite makes no other)
    assert task is not None  # noqa: S101 (a handler runs in one)
    if not connection.stream(task):
        values: dict[str, str | Bilingual] = {"count": str(connection.limits.streams), "whose": _OF_ALL}
        raise ApiProblem(Fault(problems.STREAMS_FULL, "", values))
