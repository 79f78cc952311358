"""Incidents are merged and taken apart again, and those that nobody needs close themselves."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from callrouter.incidents.desk import (
    CannotMerge,
    Illegal,
    NoSuchIncident,
    Refused,
    Verdict,
)
from callrouter.incidents.model import Disposition, Outcome, incident_id
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from tests.storage.given import (
    AT,
    SECOND,
    execute,
    given_failed,
    picture,
    rows,
    store,
    whole_call,
)
from tests.storage.incident_desks import (
    OPERATOR,
    SUPERVISOR,
    Clock,
    by_hand,
    desk_of,
    given_incident,
    row_of,
)


@pytest.fixture
def desk(database: Database) -> IncidentTables:
    return desk_of(database)


# ------------------------------------------------------------------------------------------------ merging
async def test_merging_points_there_and_taking_it_back_is_as_if_nothing_had_been(
    database: Database, desk: IncidentTables
) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    incident = incident_id(call)
    await desk.pass_to(incident, None, ["pmi"], "", OPERATOR)
    other = await by_hand(desk)
    before = await picture(database, call)
    await desk.merge(incident, None, other, SUPERVISOR)
    detail = await Incidents(database).detail(incident)
    assert detail is not None
    assert detail.case.merged_into is not None
    assert (detail.summary.state, detail.case.merged_into.number) == ("merged", 2)
    assert len(detail.calls) == 1
    target = await Incidents(database).detail(other)
    assert target is not None
    assert [name.number for name in target.case.merged] == [1]
    assert [e.kind for e in target.timeline] == ["handed_in", "joined_by"]
    await desk.unmerge(incident, None, SUPERVISOR)
    after = await picture(database, call)
    assert [e["kind"] for e in after["events"][-2:]] == ["merged", "unmerged"]
    assert after | {"events": after["events"][:-2]} == before


async def test_what_was_merged_refuses_and_says_where_its_life_goes_on(desk: IncidentTables) -> None:
    merged, into = await by_hand(desk), await by_hand(desk)
    await desk.merge(merged, None, into, SUPERVISOR)
    with pytest.raises(Illegal) as refused:
        await desk.change(merged, None, {"place": "x"}, OPERATOR)
    assert (refused.value.merged_into, refused.value.legal) == (2, ("agency", "unmerge"))


async def test_nothing_is_merged_into_itself_or_what_is_merged_or_closed(desk: IncidentTables) -> None:
    one, two, three = [await by_hand(desk) for _ in range(3)]
    with pytest.raises(CannotMerge):
        await desk.merge(one, None, one, SUPERVISOR)
    await desk.merge(one, None, two, SUPERVISOR)
    with pytest.raises(CannotMerge) as refused:
        await desk.merge(three, None, one, SUPERVISOR)
    assert refused.value.goes_on_in == 2
    with pytest.raises(CannotMerge):  # a circle
        await desk.merge(two, None, one, SUPERVISOR)
    await desk.close(two, None, Verdict(Disposition.TEST), "", OPERATOR)
    with pytest.raises(CannotMerge):
        await desk.merge(three, None, two, SUPERVISOR)
    with pytest.raises(NoSuchIncident):
        await desk.merge(three, None, uuid4(), SUPERVISOR)


async def test_two_merges_into_each_other_at_once_make_no_circle(database: Database, desk: IncidentTables) -> None:
    one, two = await by_hand(desk), await by_hand(desk)

    async def merge(a: UUID, b: UUID) -> bool:
        try:
            await desk.merge(a, None, b, SUPERVISOR)
        except Refused:
            return False
        return True

    assert sorted(await asyncio.gather(merge(one, two), merge(two, one))) == [False, True]
    pointers = {(await row_of(database, id_))["merged_into"] for id_ in (one, two)}
    assert None in pointers


# ------------------------------------------------------------------------------------------------ closing themselves
async def test_abandoned_and_silent_ones_close_themselves_with_the_reason(database: Database) -> None:
    clock = Clock()
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    left, reached, silent, real = [await given_incident(database) for _ in range(4)]
    for incident in (left, reached):
        call = (await row_of(database, incident))["opening_call"]
        await store(database, given_failed(call, Outcome.ABANDONED))
    await desk.take(reached, None, OPERATOR)
    await desk.dispose(silent, None, Verdict(Disposition.GHOST), OPERATOR)
    await desk.dispose(real, None, Verdict(Disposition.EMERGENCY), OPERATOR)
    # The rows of calls were written by the real clock, those of persons by ours: bring all to one time.
    await execute(database, update(t.incident).values(updated_at=AT))
    assert await desk.close_quiet(AT, 25) == 0
    assert await desk.close_quiet(AT + 1, 25) == 2
    assert await desk.close_quiet(AT + 1, 25) == 0
    states = [(await row_of(database, i))["closed_reason"] for i in (left, reached, silent, real)]
    assert states == ["quiet: abandoned", "", "quiet: ghost", ""]
    (entry,) = await rows(database, t.incident_event, incident=left, kind="closed")
    assert (entry["actor"], entry["data"]["closed_reason"]) == ("callrouter", ["", "quiet: abandoned"])
    assert (await row_of(database, left))["callback"] is False


async def test_a_backlog_is_closed_in_pieces(database: Database, desk: IncidentTables) -> None:
    for _ in range(7):
        incident = await by_hand(desk)
        await desk.dispose(incident, None, Verdict(Disposition.GHOST), OPERATOR)
    far = AT + 10_000 * SECOND
    assert [await desk.close_quiet(far, 3) for _ in range(4)] == [3, 3, 1, 0]
