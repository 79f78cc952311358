"""What changes, as it changes: server-sent events (HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

from callrouter.access.model import Principal, Right
from callrouter.api import problems
from callrouter.api.event_models import EventQuery, EventText
from callrouter.api.event_rows import View, seen_by, view_of, written
from callrouter.api.models import NoParameters
from callrouter.api.operation import EVENTS, Answered, Asked, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.written import Written
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.stream.feed import Batch, Closed, Feed, Full, Listener

HEARTBEAT_S: Final = 15.0
"""A listener hears something at least this often: proxies close what is silent (HTML, 9.2.7, says 15 s)."""
LIFE_S: Final = 600.0
"""After this a stream ends, and its client comes again from where it was: with a token that is still good."""
RETRY_MS: Final = 1_000
"""When a client that was cut off comes again."""

surface = Surface()


@functools.cache
def _example() -> EventText:
    return EventText(
        "retry: 1000\n\n"
        'id: 5d0c8f5e30c8-1023\nevent: reset\ndata: {"reason":"new"}\n\n'
        'id: 5d0c8f5e30c8-1024\nevent: operator\ndata: {"kind":"operator","key":"op1","value":null}\n\n'
        "id: 5d0c8f5e30c8-1024\n\n"
    )


@surface.get(
    "/api/v1/events",
    tag="events",
    summary=Bilingual("Perubahan, begitu terjadi", "What changes, as it changes"),
    path_model=NoParameters,
    right=Right.LISTEN,
    query=EventQuery,
    response=EventText,
    example=_example,
    problems=(problems.STREAMS_FULL,),
    media_type=EVENTS,
    streams=True,
    shows=Seen.STREAM,
)
async def stream_events(asked: Asked[NoParameters, EventQuery]) -> Answered[EventText]:
    """Streams server-sent events. Each is named by its kind and holds the whole state of one thing: the row that the
    list of such things has, or null where it is gone. Of several changes of one thing within 50 ms, or while the
    client was slow or away, only the newest is sent.

    At `reset` fetch the whole state (`GET /api/v1/calls/live`, `/api/v1/duty`, `/api/v1/trunks/state`, and the
    incidents that matter), then go on with the events. It comes at the begin; and again where what was missed is not
    kept any more, or the service was started anew. A client that was cut off sends the last id that it received as
    `Last-Event-ID`, and gets what it missed. An id without an event, every 15 s, is a sign of life and counts, too.
    The stream ends every ten minutes, so that a token that was revoked is noticed: come again. Only what the role may
    see is sent.
    """
    feed, by = asked.services.feed, asked.by
    try:
        listener = feed.listen(_token_of(by), asked.query.chosen & seen_by(by), asked.resume)
    except Full as full:
        raise _full(feed, full) from None
    return Answered(stream=_pieces(listener, asked.services.written, view_of(by), asked.query.seconds))


async def _pieces(listener: Listener, kept: Written, view: View, seconds: int | None) -> AsyncGenerator[bytes, None]:
    now = asyncio.get_running_loop().time
    ends = now() + (LIFE_S if seconds is None else seconds)
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        while True:
            left = max(0.0, ends - now())
            batch = await listener.next(min(HEARTBEAT_S, left))
            if batch is not None:
                yield _said(batch, kept, view)
            elif left > 0:
                yield f"id: {listener.place}\n\n".encode()
            if left == 0 and (batch is None or not batch.more):
                return
    except Closed:
        return
    finally:
        listener.close()


def _said(batch: Batch, kept: Written, view: View) -> bytes:
    if batch.reset is not None:
        return f'id: {batch.place}\nevent: reset\ndata: {{"reason":"{batch.reset}"}}\n\n'.encode()
    epoch = batch.place.partition("-")[0].encode()
    pieces = [
        b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (epoch, event.seq, event.kind.encode(), data)
        for event in batch.events
        if (data := kept.of((event.seq, view), partial(written, event, view))) is not None
    ]
    # What was kept from him is behind him all the same.
    return (
        b"".join(pieces)
        if len(pieces) == len(batch.events)
        else b"%bid: %b\n\n"
        % (
            b"".join(pieces),
            batch.place.encode(),
        )
    )


def _token_of(by: Principal) -> str:
    return by.token or by.name


def _full(feed: Feed, full: Full) -> ApiProblem:
    whose = Bilingual("dengan token ini", "with this token") if full.of_one else Bilingual("dari semua", "of all")
    count = feed.most_of_one if full.of_one else feed.most
    return ApiProblem(Fault(problems.STREAMS_FULL, "", {"count": str(count), "whose": whose}))
