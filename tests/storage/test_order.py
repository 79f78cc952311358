"""Notes and records may come in any order and any number of times: the rows are the same."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.calls.ports import CallOpened, Note
from callrouter.calls.records import Attempt, Ended, Record
from callrouter.incidents.model import Outcome
from callrouter.storage.database import Database
from callrouter.storage.known import KnownCall, KnownEvent, add, first_sight
from tests.storage.given import (
    AT,
    SECOND,
    given_ended,
    given_failed,
    given_joined,
    given_opened,
    given_routed,
    picture,
    store_together,
)

CALL = UUID("6f4f1bb2-58d1-4a5c-9b3f-1a2b3c4d5e6f")


def said_of(call: UUID) -> st.SearchStrategy[list[Note | Record]]:
    """Some of all that can be said of a call: notes may differ from the journal, and an end may be told twice."""
    note = given_opened(call, name="Siti", at=AT + 3)
    ends: list[Ended] = [given_ended(call), given_failed(call, Outcome.CUT, at=AT + 90 * SECOND)]
    ends += [given_failed(call, o) for o in (Outcome.ABANDONED, Outcome.RECORDED, Outcome.NO_MESSAGE)]
    everything: list[Note | Record] = [
        CallOpened(note),
        given_opened(call),
        given_routed(call),
        given_routed(call, at=AT + 20 * SECOND, plan_text="ringgroup,centre,90"),
        given_joined(call),
        given_joined(call, at=AT + 30 * SECOND, by="PJSIP/op-1", with_agency=False),
    ]
    two_ends = st.lists(st.sampled_from(ends), max_size=2, unique_by=lambda e: (e.outcome == Outcome.CUT, e.at))
    return st.tuples(st.sets(st.sampled_from(range(len(everything)))), two_ends).map(
        lambda chosen: [everything[i] for i in sorted(chosen[0])] + list(chosen[1])
    )


@st.composite
def two_tellings(draw: st.DrawFn, call: UUID = CALL) -> tuple[list[Note | Record], list[Note | Record]]:
    items = draw(said_of(call).filter(bool))
    again = draw(st.lists(st.sampled_from(items), max_size=4))
    return items, draw(st.permutations(items + again))


def fold(
    items: list[Note | Record],
) -> tuple[KnownCall, dict[tuple[str, str], KnownEvent], dict[int, Attempt]]:
    known, events, attempts = first_sight(items[0]), {}, {}
    for item in items:
        added = add(known, item)
        known = added.call
        if added.event is not None:
            events[str(added.event.kind), added.event.occurrence] = added.event
        if added.attempts is not None:
            attempts = {a.n: a for a in added.attempts}
    return known, events, attempts


@given(two_tellings())
@settings(max_examples=500, deadline=None)
def test_what_is_known_does_not_depend_on_order_or_repetition(
    tellings: tuple[list[Note | Record], list[Note | Record]],
) -> None:
    straight, shuffled = tellings
    assert fold(straight) == fold(shuffled)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rows_do_not_depend_on_order_repetition_or_batches(database: Database, data: st.DataObject) -> None:
    straight, shuffled = data.draw(two_tellings())
    one, other = uuid4(), uuid4()
    await store_together(database, [_of(item, one) for item in straight])
    rest = [_of(item, other) for item in shuffled]
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        await store_together(database, rest[:size])
        rest = rest[size:]
    assert await picture(database, one) == await picture(database, other)


def _of(item: Note | Record, call: UUID) -> Note | Record:
    if isinstance(item, CallOpened):
        return CallOpened(replace(item.opened, call=call))
    return replace(item, call=call)
