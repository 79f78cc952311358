"""A realistic year of a centre, in a PostgreSQL: incidents, calls, attempts, agencies' parts, timelines and words.

`python -m bench.year URL 1000000` fills a database; the same seed and number give the same year. The proportions are
those that centres publish (Jakarta 2024: 58 % dropped, 23 % prank, 1 % emergencies; Kota Batu: two calls in a hundred
answered at all), a day has its night, and pranks come from few numbers that call often.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import Boolean, Table, Text, Uuid
from sqlalchemy.engine import make_url

from callrouter.incidents.model import incident_id
from callrouter.storage import tables as t
from callrouter.storage.database import migrate
from callrouter.storage.tables_search import incident_text
from callrouter.storage.words import words
from chaos.postgres import Postgres

SEED: Final = 112
S: Final = 1_000_000
DAY_US: Final = 86_400 * S
BEGIN_US: Final = 1_735_664_400 * S
"""2025-01-01 00:00 in Jakarta (UTC+7)."""
DAYS: Final = 365
PIECE: Final = 20_000
"""Incidents that are written at once."""

CATEGORIES: Final = {
    "medis": (30, ("psc119", "pmi", "rsud")),
    "kecelakaan": (24, ("polres", "psc119", "pmi")),
    "kebakaran": (16, ("damkar", "pln", "polres")),
    "keamanan": (12, ("polres", "satpol-pp")),
    "pohon-tumbang": (8, ("bpbd", "pu")),
    "banjir": (5, ("bpbd", "pmi")),
    "listrik": (4, ("pln",)),
    "hutan": (1, ("bpbd", "damkar")),
}
"""Share of the emergencies, and who helps: the first of them always, the others sometimes."""
AGENCIES: Final = tuple(dict.fromkeys(a for _, agencies in CATEGORIES.values() for a in agencies))
OPERATORS: Final = tuple(f"op{n}" for n in range(1, 13))
AREAS: Final = tuple(f"35.07.{n:02}" for n in range(1, 34))
HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 9, 9, 9, 9, 10, 11, 12, 12, 11, 8, 5, 3)
"""Calls by hour of the day, local time."""
KINDS: Final = {
    "dropped": 58.0,
    "prank": 23.0,
    "ghost": 7.0,
    "information": 6.0,
    "misdirected": 3.0,
    "test": 0.5,
    "emergency": 2.5,
}
"""What calls are, in hundred."""
SLOW: Final = {"pu": 3.0, "pln": 2.0, "satpol-pp": 1.6}
"""How much slower than others an agency is: the figure that a mayor asks for."""
_STREETS: Final = ("Merdeka", "Sudirman", "Panglima", "Diponegoro", "Kawi", "Semeru", "Bromo", "Melati", "Anggrek")
_PLACES: Final = ("Pasar Besar", "Alun-alun", "SDN 2", "Balai Desa", "Masjid Agung", "Terminal", "RSUD", "Jembatan")
_SEEN: Final = ("api besar", "korban sadar", "korban pingsan", "motor dan truk", "asap tebal", "jalan tertutup",
                "air naik", "warga panik", "butuh ambulans", "kabel putus", "pelaku lari", "atap roboh")  # fmt: skip
_NAMES: Final = ("Siti", "Budi", "Agus", "Dewi", "Sri", "Joko", "Rina", "Slamet", "Wati", "Andi", "Nur", "Eko")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Year:
    """A year that was made. begin, end: µs UTC; counts: rows by table."""

    begin: int
    end: int
    counts: dict[str, int]


class _Lines:
    """Rows of one table as COPY takes them. What is not named is as empty as the column can be."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.columns = [
            column.name for column in table.columns if not (column.autoincrement is True and column.name != "number")
        ]
        self._at = {name: n for n, name in enumerate(self.columns)}
        self._empty = [_empty(table.c[name]) for name in self.columns]
        self._lines: list[str] = []
        self.count = 0

    def add(self, **values: Any) -> None:
        row = self._empty.copy()
        for name, value in values.items():
            row[self._at[name]] = _said(value)
        self._lines.append("\t".join(row))
        self.count += 1

    def write(self, cursor: psycopg.Cursor[Any]) -> None:
        text = "\n".join(self._lines)
        self._lines.clear()
        if text:
            names = ", ".join(f'"{name}"' for name in self.columns)
            with cursor.copy(f'COPY "{self.name}" ({names}) FROM STDIN') as copy:
                copy.write(text + "\n")


def _empty(column: Any) -> str:
    if column.nullable or isinstance(column.type, Uuid):
        return "\\N"
    if isinstance(column.type, Boolean):
        return "f"
    return "" if isinstance(getattr(column.type, "impl_instance", column.type), Text) else "0"


def _said(value: Any) -> str:
    if value is None:
        return "\\N"
    if value is True or value is False:
        return "t" if value else "f"
    return str(value)


@dataclass(slots=True)
class _Course:
    """How one call goes. Times in µs UTC; None: it never came so far."""

    call: UUID
    incident: UUID
    kind: str
    at: int
    number: str
    category: str
    area: str
    operator: str
    chosen: int | None
    human: int | None
    ended: int
    outcome: str

    @property
    def emergency(self) -> bool:
        return self.kind == "emergency"


class _Writer:
    """Makes the rows of one incident after the other."""

    def __init__(self, seed: int) -> None:
        dice = self.dice = random.Random(seed)  # noqa: S311 (a benchmark)
        self._citizens = [f"0812{dice.randrange(10**8):08}" for _ in range(50_000)]
        self._jokers = [f"0857{dice.randrange(10**8):08}" for _ in range(1_500)]
        tables = (t.incident, t.call, t.attempt, t.incident_agency, t.incident_event, incident_text)
        self.lines = {table.name: _Lines(table) for table in tables}

    def times(self, count: int) -> list[int]:
        """Return when the calls come, in order."""
        hours = self.dice.choices(range(24), HOURS, k=count)
        day, second = self.dice.randrange, 3_600 * S
        return sorted(BEGIN_US + day(DAYS) * DAY_US + hour * second + day(second) for hour in hours)

    def add(self, number: int, at: int) -> None:
        """Add an incident with all that belongs to it."""
        course = self._course(at)
        parts = self._parts(course) if course.emergency else []
        self._incident(number, course, parts)
        self._call(course)
        self._attempts(course)
        self._timeline(course)
        for part in parts:
            self.lines["incident_agency"].add(**part)

    def _course(self, at: int) -> _Course:
        dice = self.dice
        kind = dice.choices(_KINDS, _SHARES)[0]
        call = UUID(int=dice.getrandbits(128), version=4)
        heard = kind not in {"dropped", "ghost"} and dice.random() < 0.93
        chosen = at + round(dice.uniform(3, 14) * S) if kind != "dropped" or dice.random() < 0.3 else None
        human = (chosen or at) + round(dice.lognormvariate(1.9, 0.6) * S) if heard else None
        talk_s = dice.lognormvariate(2.5 if kind == "prank" else 4.2, 0.7) if heard else dice.uniform(1, 20)
        knows = kind == "emergency" or (chosen is not None and dice.random() < 0.25)
        return _Course(
            call=call,
            incident=incident_id(call),
            kind=kind,
            at=at,
            number=self._number(kind),
            category=dice.choices(_CATEGORIES, _CATEGORY_SHARES)[0] if knows else "",
            area=dice.choice(AREAS) if kind in {"emergency", "information"} else "",
            operator=dice.choice(OPERATORS),
            chosen=chosen,
            human=human,
            ended=(human or chosen or at) + round(talk_s * S),
            outcome="talked" if heard else dice.choices(_UNHEARD, (97.0, 2.0, 0.9, 0.1))[0],
        )

    def _number(self, kind: str) -> str:
        dice = self.dice
        if dice.random() < 0.04:
            return ""  # no SIM, or hidden
        if kind == "prank":
            return self._jokers[int(len(self._jokers) * dice.random() ** 3)]  # a few of them call all the time
        return dice.choice(self._citizens)

    def _parts(self, course: _Course) -> list[dict[str, Any]]:
        dice = self.dice
        first, *others = CATEGORIES[course.category][1]
        passed = (course.human or course.at) + round(dice.uniform(20, 90) * S)
        return [self._part(course, one, passed) for one in (first, *(o for o in others if dice.random() < 0.35))]

    def _part(self, course: _Course, agency: str, passed: int) -> dict[str, Any]:
        dice, slow = self.dice, SLOW.get(agency, 1.0)
        came = dice.random()
        acknowledged = passed + round(slow * dice.lognormvariate(3.4, 0.8) * S) if came < 0.96 else None
        en_route = acknowledged + round(slow * dice.uniform(30, 200) * S) if acknowledged and came < 0.9 else None
        on_scene = en_route + round(slow * dice.lognormvariate(6.2, 0.5) * S) if en_route else None
        resolved = on_scene + round(dice.lognormvariate(7.5, 0.6) * S) if on_scene else None
        steps = {"acknowledged": acknowledged, "en_route": en_route, "on_scene": on_scene, "resolved": resolved}
        state = next((name for name, at in reversed(steps.items()) if at), "passed" if came < 0.99 else "declined")
        by_call = dice.random() < 0.5 and course.human is not None
        return {
            "id": UUID(int=dice.getrandbits(128), version=4),
            "incident": course.incident,
            "agency": agency,
            "state": state,
            "how": "call" if by_call else "notice",
            "opened_at": course.at,
            "passed_at": passed,
            "passed_by": "" if by_call else f"{course.operator} (operator)",
            "answered_at": course.human if by_call else None,
            "acknowledged_by": f"{agency} (agency)" if acknowledged else "",
            "due_at": passed + 120 * S,
            "updated_at": max([passed, *(at for at in steps.values() if at)]),
            "version": 1 + sum(at is not None for at in steps.values()),
            **{f"{name}_at": at for name, at in steps.items()},
        }

    def _incident(self, number: int, course: _Course, parts: Sequence[dict[str, Any]]) -> None:
        dice = self.dice
        end = max([course.ended, *(part["updated_at"] for part in parts)])
        closed = end + round(dice.uniform(60, 7_200) * S) if dice.random() < 0.995 else None
        first = {name: min((p[name] for p in parts if p[name]), default=None) for name in _STEPS}
        described = course.emergency or (course.kind == "information" and dice.random() < 0.5)
        place = f"{dice.choice(_PLACES)}, Jl. {dice.choice(_STREETS)} {dice.randrange(1, 200)}" if described else ""
        told = ", ".join(dice.sample(_SEEN, 2)) + f" dekat {dice.choice(_PLACES)}" if described else ""
        name = f"{dice.choice(_NAMES)} {dice.choice(_NAMES)}" if described else ""
        disposition = {"dropped": "abandoned"}.get(course.kind, course.kind)
        self.lines["incident"].add(
            number=number,
            id=course.incident,
            opening_call=course.call,
            origin="call",
            state="closed" if closed else ("abandoned" if course.human is None else "with_operator"),
            category=course.category,
            opened_at=course.at,
            callback=course.human is None and dice.random() < 0.02,
            callback_reason="" if course.human else course.outcome,
            state_by_person=course.human is not None,
            reporter_number=course.number if described else "",
            reporter_name=name,
            area=course.area,
            area_source="operator" if course.area else "",
            place=place,
            description=told,
            people_hurt=dice.randrange(4) if course.emergency else None,
            disposition=disposition,
            disposition_by_person=course.human is not None,
            taken_at=course.human,
            taken_by=f"{course.operator} (operator)" if course.human else "",
            resolved_at=max((p["resolved_at"] for p in parts if p["resolved_at"]), default=None),
            closed_at=closed,
            closed_reason="" if closed is None else ("person" if course.human else "quiet"),
            updated_at=closed or end,
            version=3,
            **first,
        )
        if described:
            self.lines["incident_text"].add(
                incident=course.incident, opened_at=course.at, words=words(told, place, name)
            )

    def _call(self, course: _Course) -> None:
        human, talked = course.human, course.human is not None
        facts = {"origin": "citizen", "choice": "none", "trunk": "telco", "language": "id"}
        chosen = course.chosen is not None
        self.lines["call"].add(
            id=course.call,
            incident=course.incident,
            direction="in",
            node="pbx1",
            opened_source=3,
            opened_at=course.at,
            origin="citizen",
            trunk="telco" if course.at % 3 else "telkomsel",
            number=course.number,
            channel=f"PJSIP/trunk-telco-{course.at % 2**32:08x}",
            uniqueid=f"{course.at // S}.{course.at % 1000}",
            routed_at=course.chosen,
            facts=json.dumps(facts | ({"category": course.category} if course.category else {})) if chosen else None,
            decided_route=course.category or "rest" if chosen else "",
            decided_version=1 if chosen else None,
            decided_plan="ringgroup:operators:60" if chosen else "",
            joined_at=human,
            joined_by=course.operator if talked else "",
            joined_with="operator" if talked else "",
            ended_at=course.ended,
            answered_at=course.at + 40_000,
            chosen_at=course.chosen,
            human_at=human,
            choice="1" if course.category else "operator",
            category=course.category,
            language="id",
            stage="talking" if talked else ("operator" if chosen else "menu"),
            path="service",
            version=1 if chosen else None,
            route=course.category or "rest" if chosen else "",
            plan="ringgroup:operators:60" if chosen else "",
            outcome=course.outcome,
            cause="16",
            talked_with="operator" if talked else "",
        )

    def _attempts(self, course: _Course) -> None:
        if course.chosen is None:
            return
        begun = course.chosen + 100_000
        result = self.dice.choices(("noanswer", "congestion"), (9, 1))[0] if course.human is None else "talked"
        self.lines["attempt"].add(
            call=course.call,
            n=1,
            kind="ringgroup",
            label="operators",
            begun_at=begun,
            pickup_at=course.human,
            human_at=course.human,
            ended_at=course.ended,
            by=course.operator if course.human else "",
            result=result,
            cause="" if course.human else "SIP 480 Temporarily Unavailable",
        )

    def _timeline(self, course: _Course) -> None:
        data = {"opened": (course.at, {"node": "pbx1"}), "ended": (course.ended, {"outcome": course.outcome})}
        if course.chosen is not None:
            data["routed"] = course.chosen, {"route": course.category or "rest"}
        if course.human is not None:
            data["joined"] = course.human, {"by": course.operator}
        for kind, (at, said) in data.items():
            self.lines["incident_event"].add(
                incident=course.incident, call=course.call, kind=kind, at=at, actor="pbx1", data=json.dumps(said)
            )


_KINDS: Final = tuple(KINDS)
_SHARES: Final = tuple(KINDS.values())
_CATEGORIES: Final = tuple(CATEGORIES)
_CATEGORY_SHARES: Final = tuple(share for share, _ in CATEGORIES.values())
_UNHEARD: Final = ("abandoned", "recorded", "no_message", "cut")
_STEPS: Final = ("acknowledged_at", "en_route_at", "on_scene_at")


def fill(url: str, incidents: int, say: Say = print, *, seed: int = SEED) -> Year:
    """Migrate the PostgreSQL at `url`, which is empty, and fill it with a year of so many incidents.

    About 60 s for a million on two cores. Without foreign keys' checks (it takes a superuser); the secondary indexes
    are made anew at the end, as the migrations made them.
    """
    migrate(url)
    parsed = make_url(url)
    writer = _Writer(seed)
    where = {"host": parsed.query.get("host") or parsed.host, "dbname": parsed.database, "user": parsed.username}
    with psycopg.connect(**where, password=parsed.password, port=parsed.port, autocommit=True) as connection:  # type: ignore[arg-type]
        cursor = connection.cursor()
        cursor.execute("SET session_replication_role = replica")
        again = _without_indexes(cursor, list(writer.lines))
        times = writer.times(incidents)
        for piece in _batched(times):
            for number, at in piece:
                writer.add(number, at)
            for lines in writer.lines.values():
                lines.write(cursor)
        say(f"{incidents:,} incidents are in; making {len(again)} indexes")
        for statement in again:
            cursor.execute(statement)
        cursor.execute("SELECT setval(pg_get_serial_sequence('incident', 'number'), %s)", (incidents,))
        cursor.execute("VACUUM ANALYZE")
    return Year(BEGIN_US, BEGIN_US + DAYS * DAY_US, {name: lines.count for name, lines in writer.lines.items()})


@asynccontextmanager
async def on_postgresql(incidents: int, say: Say) -> AsyncIterator[tuple[str, Year]]:
    """Make a year in a PostgreSQL of its own, which lasts as long as the block; yield its URL, and what was made."""
    postgres = Postgres()
    try:
        url = await asyncio.to_thread(postgres.start)
        say(f"a year of {incidents:,} incidents")
        yield url, await asyncio.to_thread(fill, url, incidents, say)
    finally:
        await asyncio.to_thread(postgres.close)


def _batched(times: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    rows = enumerate(times, 1)
    while piece := list(itertools.islice(rows, PIECE)):
        yield piece


def _without_indexes(cursor: psycopg.Cursor[Any], tables: Sequence[str]) -> list[str]:
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        (list(tables),),
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


if __name__ == "__main__":
    made = fill(sys.argv[1], int(sys.argv[2]))
    print(made.counts)
