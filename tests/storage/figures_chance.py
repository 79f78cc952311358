"""Months of a centre by chance, for tests of figures."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Table, insert

from callrouter.agencies.scoreboard_periods import month_period
from callrouter.incidents.model import Disposition, incident_id
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.figures import Figures
from callrouter.storage.incident_rows import NEW_INCIDENT
from callrouter.storage.known import KnownCall
from callrouter.storage.tables_figures import call_ring, clock_step
from tests.storage.desks import table
from tests.storage.given import SECOND, execute

MONTH = month_period("2026-11", "Asia/Jakarta")
DAY = 86_400 * SECOND
NOW = MONTH.end + DAY
KEY = bytes(32)
CATEGORIES, AREAS, AGENCIES = ("", "fire", "medis"), ("", "35.07", "35.07.01"), ("damkar", "pmi", "polres")
RESULTS = ("talked", "noanswer", "busy", "congestion", "unavailable", "left", "full")


def without_shifts() -> RoutingTable:
    whole = table()
    groups = tuple(group.model_copy(update={"shifts": ()}) for group in whole.routing.ring_groups)
    half = whole.routing.model_copy(update={"shifts": (), "ring_groups": groups})
    return whole.model_copy(update={"routing": half})


def figures(database: Database, whole: RoutingTable | None = None) -> Figures:
    given = whole or table()
    return Figures(database, lambda: given, KEY, now_us=lambda: NOW)


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
