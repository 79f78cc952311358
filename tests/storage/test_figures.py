"""The scoreboard and the monthly report: on both databases what one would count by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert

from callrouter.access.ports import AuditFilter
from callrouter.agencies.scoreboard import (
    By,
    Disposed,
    Line,
    Period,
    Refusals,
    RemarkMoved,
)
from callrouter.agencies.scoreboard_periods import shift_spans
from callrouter.incidents.clocks import Clock, ClockStep, zones
from callrouter.incidents.model import Disposition, incident_id
from callrouter.storage import tables as t
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.tables_figures import call_ring
from tests.storage import figures_oracle as oracle
from tests.storage import given
from tests.storage.desks import table
from tests.storage.figures_chance import DAY, KEY, MONTH, NOW, Chance, call_row, figures, incident_row, without_shifts
from tests.storage.given import SECOND, execute


async def steps(database: Database) -> Sequence[ClockStep]:
    return await figures(database).steps(Period(MONTH.before.begin, MONTH.end))


@pytest.mark.parametrize("seed", range(3))
async def test_lines_are_those_that_one_counts_by_hand(database: Database, seed: int) -> None:
    chance = Chance(seed)
    chance.month(150)
    await chance.store(database)
    found = await oracle.read(database)
    for whole in (table(), without_shifts()):
        for by in (By.CATEGORY, By.AREA, By.SHIFT):
            board = await figures(database, whole).scoreboard(MONTH, by)
            for period, lines in ((MONTH, board.lines), (MONTH.before, board.before)):
                set_in = zones(await figures(database).steps(period))
                spans = shift_spans(whole, period)
                assert lines == oracle.scoreboard(found, period, by, set_in, NOW, spans)
    assert any(figure.unusable for line in board.lines for figure in line.clocks.values())
    assert all(any(getattr(line, name) for line in board.lines) for name in ("trunk", "nobody", "gone", "late"))


async def test_agencies_clocks_are_those_that_one_counts_by_hand(database: Database) -> None:
    chance = Chance(7)
    chance.month(150)
    await chance.store(database)
    found = await oracle.read(database)
    board = await figures(database).scoreboard(MONTH, By.AGENCY)
    wanted = oracle.agencies(found, MONTH, zones(await figures(database).steps(MONTH)), NOW)
    names = ("incidents", "due", "late", "clocks")
    assert {line.key for line in board.lines} == set(wanted)
    for line in board.lines:
        assert [getattr(line, name) for name in names] == [getattr(wanted[line.key], name) for name in names]
        assert line.calls == line.answered + line.trunk + line.nobody + line.gone


async def test_dispositions_of_a_month_add_up_to_every_invite(database: Database) -> None:
    chance = Chance(11)
    chance.month(200)
    await chance.store(database)
    found = await oracle.read(database)
    invites = [c for c in found.calls if c["direction"] == "in" and MONTH.begin <= c["opened_at"] < MONTH.end]
    report = await figures(database).month("2026-11")
    assert report.invites == len(invites) == sum(one.calls for one in report.disposed)
    assert [one.disposition for one in report.disposed] == list(Disposition)
    assert {str(one.disposition): (one.calls, one.undisposed) for one in report.disposed} == oracle.month(
        found, MONTH
    )


async def _month_of(database: Database, **call: Any) -> list[Disposed]:
    id_ = uuid4()
    await execute(
        database,
        insert(t.incident).values(incident_row(id_, MONTH.begin)),
        insert(t.call).values(call_row(id_, MONTH.begin, **call)),
    )
    return [one for one in (await figures(database).month("2026-11")).disposed if one.calls]


@pytest.mark.parametrize(
    ("call", "disposition"),
    [
        ({"human_at": MONTH.begin + SECOND, "ended_at": MONTH.begin + 9 * SECOND, "outcome": "talked"}, "emergency"),
        ({"ended_at": MONTH.begin + SECOND, "outcome": "recorded"}, "emergency"),
        ({"ended_at": MONTH.begin + SECOND, "outcome": "no_message"}, "abandoned"),
        ({"joined_at": MONTH.begin + SECOND}, "emergency"),
        ({}, "abandoned"),
        ({"origin": "operator", "joined_at": MONTH.begin}, "test"),
    ],
)
async def test_call_that_nobody_judged_is_shown_by_the_rule_and_counted_as_undisposed(
    database: Database, call: dict[str, Any], disposition: str
) -> None:
    assert await _month_of(database, **call) == [Disposed(Disposition(disposition), 1, 1)]


async def test_refused_invites_stand_beside_by_reason(database: Database) -> None:
    row = {"node": "pbx1", "trunk": "", "source": "192.0.2.1", "number": ""}
    for n, (status, reason) in enumerate([(503, "busy"), (401, "who"), (503, "busy")]):
        at = MONTH.begin + n
        await execute(
            database, insert(t.refused_invite).values(id=uuid4(), at=at, status=status, reason=reason, **row)
        )
    await execute(
        database, insert(t.refused_invite).values(id=uuid4(), at=MONTH.end, status=503, reason="busy", **row)
    )
    report = await figures(database).month("2026-11")
    assert (report.invites, report.refused) == (0, (Refusals(401, "who", 1), Refusals(503, "busy", 2)))


async def test_agencies_that_were_rung_together_are_not_blamed_for_the_others_answer(database: Database) -> None:
    chance = Chance(0)
    call = uuid4()
    await execute(
        database,
        insert(t.incident).values(incident_row(call, MONTH.begin)),
        insert(t.call).values(call_row(call, MONTH.begin, ended_at=MONTH.begin + DAY)),
    )
    attempt = {"call": call, "kind": "dial", "ended_at": MONTH.begin, "cause": ""}
    both = "damkar/posko+pmi/markas"
    for n, (label, result, by) in enumerate(
        [(both, "talked", "trunk-damkar"), (both, "noanswer", ""), ("pmi/markas", "congestion", "")], 1
    ):
        chance.rows[t.attempt].append(
            attempt | {"n": n, "label": label, "result": result, "by": by, "begun_at": MONTH.begin + n}
        )
    await chance.store(database)
    lines = (await figures(database).scoreboard(MONTH, By.AGENCY)).lines
    assert lines == (
        Line("damkar", calls=2, answered=1, nobody=1),
        Line("pmi", calls=2, nobody=1, trunk=1),
    )


async def test_remark_is_kept_with_its_version_and_stands_beside_the_months_it_is_of(database: Database) -> None:
    store = figures(database)
    assert (await store.remark("damkar", "2026-11")).version == 0
    first = await store.say("damkar", "2026-11", "Dua mobil rusak.", "damkar-1 (agency)", frozenset({0}))
    assert (first.text, first.version, first.at) == ("Dua mobil rusak.", 1, NOW)
    with pytest.raises(RemarkMoved) as refused:
        await store.say("damkar", "2026-11", "Lain.", "damkar-1 (agency)", frozenset({0}))
    assert refused.value.version == 1
    second = await store.say("damkar", "2026-11", "Satu mobil rusak.", "damkar-1 (agency)", None)
    assert second.version == 2
    await store.say("damkar", "2026-09", "Dahulu.", "damkar-1 (agency)", None)
    assert (await store.scoreboard(MONTH, By.AGENCY)).remarks == (second,)
    assert (await store.scoreboard(MONTH, By.AREA)).remarks == ()


async def test_what_an_agency_says_of_its_figures_is_audited_with_what_it_said_before(database: Database) -> None:
    store, trail = figures(database), AuditTrail(database, KEY)
    await store.say("damkar", "2026-11", "Dua mobil rusak.", "damkar-1 (agency)", frozenset({0}))
    await store.say("damkar", "2026-11", "Satu mobil rusak.", "damkar-2 (agency)", frozenset({1}))
    with pytest.raises(RemarkMoved):
        await store.say("damkar", "2026-11", "Lain.", "damkar-1 (agency)", frozenset({0}))
    second, first = await trail.page(AuditFilter())
    assert (first.actor, first.action, first.subject) == ("damkar-1 (agency)", "create", "remarks/damkar/2026-11")
    assert (second.actor, second.action, second.subject) == ("damkar-2 (agency)", "replace", first.subject)
    assert json.loads(second.payload or "") == {"before": "Dua mobil rusak.", "after": "Satu mobil rusak."}


async def test_percentiles_are_the_nearest_rank(database: Database) -> None:
    for n in range(1, 11):
        call = uuid4()
        at = MONTH.begin + n
        ended = {"human_at": at + n * SECOND, "ended_at": at + DAY, "outcome": "talked"}
        await execute(
            database,
            insert(t.incident).values(incident_row(call, at)),
            insert(t.call).values(call_row(call, at, **ended)),
        )
    (line,) = (await figures(database).scoreboard(MONTH, By.CATEGORY)).lines
    answer = line.clocks[Clock.ANSWER]
    assert (answer.measured, answer.median, answer.p90) == (10, 5 * SECOND, 9 * SECOND)


async def test_first_ring_is_kept_and_a_repeated_one_changes_nothing(database: Database) -> None:
    store, call = figures(database), uuid4()
    await store.rang([(call, 5)])
    await store.rang([(call, 6), (uuid4(), 7)])
    kept = {row["call"]: row["at"] for row in await given.rows(database, call_ring)}
    assert (len(kept), kept[call]) == (2, 5)


async def test_clocks_of_an_incident_are_shown_raw_with_their_intervals(database: Database) -> None:
    call, at = uuid4(), MONTH.begin
    part = {"id": uuid4(), "incident": incident_id(call), "agency": "damkar", "state": "on_scene", "how": "notice"}
    part |= {"passed_at": at + 60 * SECOND, "acknowledged_at": at + 90 * SECOND, "on_scene_at": at + 600 * SECOND}
    part |= {"passed_by": "", "acknowledged_by": "", "remark": "", "updated_at": at, "version": 1}
    steps_at = {"acknowledged_at": at + 90 * SECOND, "on_scene_at": at + 600 * SECOND}
    ended = {
        "answered_at": at,
        "chosen_at": at + 5 * SECOND,
        "human_at": at + 9 * SECOND,
        "ended_at": at + 99 * SECOND,
    }
    await execute(
        database,
        insert(t.incident).values(incident_row(call, at, **steps_at)),
        insert(t.call).values(call_row(call, at, **ended)),
        insert(t.incident_agency).values(part),
    )
    store = figures(database)
    await store.rang([(call, at + 6 * SECOND)])
    await store.stepped(ClockStep("pbx1", at + 300 * SECOND, at + 400 * SECOND, 100 * SECOND))
    found = await store.clocks(incident_id(call))
    assert found is not None
    seconds = {str(c): one.us and one.us // SECOND for c, one in found.whole.intervals.items()}
    assert seconds == {
        "answer": 9,
        "menu": 5,
        "choice_to_ring": 1,
        "ring": 3,
        "hand_over": 51,
        "acknowledgement": 30,
        "on_scene": None,
    }
    ((agency, own),) = found.agencies
    assert agency == "damkar"
    assert own.intervals[Clock.ACKNOWLEDGEMENT].us == 30 * SECOND
    assert own.intervals[Clock.ON_SCENE].unusable
    assert found.steps == 1
    assert found.calls[0][0] == call
    assert found.calls[0][1].moments.rang == at + 6 * SECOND


async def test_incident_that_is_not_there_has_no_clocks(database: Database) -> None:
    assert await figures(database).clocks(uuid4()) is None
