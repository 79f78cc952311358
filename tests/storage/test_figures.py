"""The scoreboard and the monthly report: on both databases what one would count by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table, insert

from callrouter.agencies.scoreboard import (
    By,
    Disposed,
    Line,
    Period,
    Refusals,
    RemarkMoved,
    month_period,
    shift_spans,
)
from callrouter.incidents.clocks import Clock, ClockStep, zones
from callrouter.incidents.model import Disposition, incident_id
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.figures import Figures
from callrouter.storage.incident_rows import NEW_INCIDENT
from callrouter.storage.known import KnownCall
from callrouter.storage.tables_figures import call_ring, clock_step
from tests.storage import figures_oracle as oracle
from tests.storage import given
from tests.storage.desks import table
from tests.storage.given import SECOND, execute

MONTH = month_period("2026-11", "Asia/Jakarta")
DAY = 86_400 * SECOND
NOW = MONTH.end + DAY
CATEGORIES, AREAS, AGENCIES = ("", "fire", "medis"), ("", "35.07", "35.07.01"), ("damkar", "pmi", "polres")
RESULTS = ("talked", "noanswer", "busy", "congestion", "unavailable", "left", "full")


def without_shifts() -> RoutingTable:
    whole = table()
    groups = tuple(group.model_copy(update={"shifts": ()}) for group in whole.routing.ring_groups)
    half = whole.routing.model_copy(update={"shifts": (), "ring_groups": groups})
    return whole.model_copy(update={"routing": half})


def figures(database: Database, whole: RoutingTable | None = None) -> Figures:
    given = whole or table()
    return Figures(database, lambda: given, now_us=lambda: NOW)


def call_row(call: UUID, at: int, **changes: Any) -> dict[str, Any]:
    known = KnownCall(id=call, incident=incident_id(call), opened_at=at, opened_source=2, origin="citizen")
    return {name: getattr(replace(known, **changes), name) for name in KnownCall.__slots__}


def incident_row(call: UUID | None, at: int, **changes: Any) -> dict[str, Any]:
    id_ = uuid4() if call is None else incident_id(call)
    return {"id": id_, "opening_call": call, "opened_at": at, **NEW_INCIDENT} | changes


class Chance:
    """A month and the one before it, with everything that may be, by chance."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.rows: dict[Table, list[dict[str, Any]]] = {
            one: []
            for one in (t.incident, t.call, t.attempt, t.incident_agency, t.refused_invite, call_ring, clock_step)
        }

    def some(self, at: int, most_s: float, share: float = 0.8) -> int | None:
        """A moment after `at`, or none; seldom one before it, as a clock that is set makes it."""
        if self.dice.random() > share:
            return None
        return at + round(self.dice.uniform(-0.02 * most_s, most_s) * SECOND)

    def month(self, count: int) -> None:
        for _ in range(count):
            at = self.dice.randrange(MONTH.before.begin - DAY, MONTH.end + DAY)
            self.incident(at, None if self.dice.random() < 0.1 else uuid4())
        for _ in range(12):
            before = self.dice.randrange(MONTH.before.begin, MONTH.end)
            by = self.dice.choice((-1, 1)) * self.dice.randrange(SECOND, DAY // 4)
            step = {"node": "pbx1", "before_at": before, "after_at": before + by, "by_us": by}
            self.rows[clock_step].append(step)

    def incident(self, at: int, call: UUID | None) -> None:
        dice = self.dice
        disposition = dice.choice(("", "", *Disposition))
        row = incident_row(
            call,
            at,
            category=dice.choice(CATEGORIES),
            area=dice.choice(AREAS),
            disposition=str(disposition),
            disposition_by_person=bool(disposition) and dice.random() < 0.7,
            acknowledged_at=self.some(at, 300),
            on_scene_at=self.some(at, 3_000, 0.5),
            resolved_at=self.some(at, 9_000, 0.4),
        )
        self.rows[t.incident].append(row)
        for agency in dice.sample(AGENCIES, dice.choice((0, 0, 1, 1, 2))):
            self.part(row["id"], agency, at)
        if call is not None:
            self.call(call, at, in_its_place=dice.random() < 0.95)

    def part(self, incident: UUID, agency: str, at: int) -> None:
        dice = self.dice
        passed = at + round(dice.uniform(0, 120) * SECOND)
        self.rows[t.incident_agency].append(
            {
                "id": uuid4(),
                "incident": incident,
                "agency": agency,
                "state": dice.choice(("passed", "acknowledged", "resolved", "declined", "withdrawn")),
                "how": "notice",
                "passed_at": passed,
                "passed_by": "",
                "answered_at": None,
                "acknowledged_at": self.some(passed, 200),
                "acknowledged_by": "",
                "on_scene_at": self.some(passed, 2_000, 0.5),
                "resolved_at": self.some(passed, 9_000, 0.4),
                "due_at": passed + 100 * SECOND if dice.random() < 0.8 else None,
                "remark": "",
                "updated_at": passed + dice.randrange(200) * SECOND,
                "version": 1,
            }
        )

    def call(self, call: UUID, at: int, *, in_its_place: bool) -> None:
        dice = self.dice
        chosen, human = self.some(at, 15, 0.7), self.some(at, 70, 0.5)
        lasts = dice.random() < 0.1
        opened = at if in_its_place else at + dice.randrange(-40, 40) * DAY
        self.rows[t.call].append(
            call_row(
                call,
                opened,
                direction="out" if dice.random() < 0.05 else "in",
                opened_source=dice.choice((0, 1, 2, 2)),
                origin=dice.choice(("citizen", "citizen", "neighbour", "operator", "")),
                answered_at=at + 40_000,
                chosen_at=chosen,
                joined_at=human if dice.random() < 0.5 else None,
                human_at=human,
                ended_at=None if lasts else at + dice.randrange(80) * SECOND,
                outcome=None if lasts else dice.choice(("talked", "abandoned", "recorded", "no_message", "cut")),
                stage=dice.choice(("", "opened", "menu", "plan", "agency", "operator", "talking", "after")),
                category=dice.choice(CATEGORIES),
            )
        )
        if dice.random() < 0.7:
            self.rows[call_ring].append({"call": call, "at": opened + dice.randrange(30) * SECOND})
        for n in range(1, dice.choice((1, 1, 2, 3))):
            kind = dice.choice(("dial", "dial", "static", "ringgroup", "announce"))
            begun = opened + n * SECOND
            result = dice.choice(RESULTS)
            label = dice.choice(("damkar/posko", "pmi/markas", "damkar/posko+pmi/markas"))
            self.rows[t.attempt].append(
                {
                    "call": call,
                    "n": n,
                    "kind": kind,
                    "label": label,
                    "begun_at": begun,
                    "ended_at": begun + SECOND,
                    "by": "trunk-damkar" if result == "talked" else "",
                    "result": result,
                    "cause": "",
                }
            )

    async def store(self, database: Database) -> None:
        for one, rows in self.rows.items():
            if rows:
                await execute(database, insert(one).values([_whole(one, row) for row in rows]))


def _whole(one: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: row.get(column.name) for column in one.columns if column.name in row or column.nullable}


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
    assert all(0 <= one.undisposed <= one.calls for one in report.disposed)


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
