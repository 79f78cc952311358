"""Notes and records of one call, and what a test wants to see of the rows they make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.calls.ports import CallJoined, CallOpened, CallRouted, Note
from callrouter.calls.records import Attempt, Ended, JournalBatch, Opened, Record
from callrouter.incidents.model import Outcome, incident_id
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.values import Language
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.fill import fill

AT = 1_790_000_000_000_000
SECOND = 1_000_000

FACTS = Facts(
    origin=Origin.CITIZEN,
    choice=Choice.NONE,
    category="fire",
    trunk="carrier",
    trunk_kind=TrunkKind.CARRIER,
    language=Language.ID,
)
PLAN_TEXT = "dial,damkar/pos-1,20;ringgroup,centre,90;record,60"

TALKED_WITH_AGENCY = (
    Attempt(1, "dial", "damkar/pos-1", AT + 5 * SECOND, None, None, AT + 6 * SECOND, "", "busy", "SIP 486 Busy Here"),
    Attempt(
        2,
        "dial",
        "damkar/pos-2",
        AT + 6 * SECOND,
        AT + 9 * SECOND,
        AT + 10 * SECOND,
        AT + 60 * SECOND,
        "PJSIP/damkar-0001",
        "talked",
        "",
    ),
)


def given_opened(call: UUID | None = None, **changes: Any) -> Opened:
    opened = Opened(
        call=call or uuid4(),
        at=AT,
        node="pbx1",
        origin="citizen",
        trunk="carrier",
        number="+628123456789",
        name="Siti Rahmawati",
        channel="PJSIP/carrier-00000001",
        uniqueid="1790000000.1",
    )
    return replace(opened, **changes)


def given_routed(call: UUID, **changes: Any) -> CallRouted:
    return replace(CallRouted(call, AT + 4 * SECOND, FACTS, "fire-day", 1, PLAN_TEXT), **changes)


def given_joined(call: UUID, **changes: Any) -> CallJoined:
    return replace(CallJoined(call, AT + 10 * SECOND, "PJSIP/damkar-0001", with_agency=True), **changes)


def given_ended(call: UUID, **changes: Any) -> Ended:
    ended = Ended(
        call=call,
        at=AT + 61 * SECOND,
        node="pbx1",
        answered=AT + SECOND,
        chosen=AT + 4 * SECOND,
        human=AT + 10 * SECOND,
        choice="1",
        category="fire",
        language="id",
        stage="talking",
        path="service",
        version=1,
        route="fire-day",
        plan=PLAN_TEXT,
        outcome=Outcome.TALKED,
        recording="",
        cause="",
        attempts=TALKED_WITH_AGENCY,
    )
    return replace(ended, **changes)


def given_failed(call: UUID, outcome: Outcome, **changes: Any) -> Ended:
    """An end without a human."""
    return given_ended(call, outcome=outcome, human=None, attempts=TALKED_WITH_AGENCY[:1], stage="plan", **changes)


def whole_call(call: UUID) -> list[Note | Record]:
    """Everything that is ever said of one call, in its natural order."""
    opened = given_opened(call)
    return [CallOpened(opened), opened, given_routed(call), given_joined(call), given_ended(call)]


def batch(*records: Record, offset: int = 100, node: str = "pbx1", file: str = "journal-1") -> JournalBatch:
    return JournalBatch(node=node, file=file, offset=offset, records=records, rejected=())


async def store(database: Database, *items: Note | Record) -> None:
    """Store the items, each in a transaction of its own."""
    for item in items:
        await store_together(database, [item])


async def store_together(database: Database, items: Sequence[Note | Record]) -> None:
    async def work(connection: AsyncConnection) -> None:
        await fill(connection, items)

    await database.write(work)


async def execute(database: Database, *statements: Any) -> None:
    async def work(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.execute(statement)

    await database.write(work)


async def rows(database: Database, table: Table, **where: Any) -> list[dict[str, Any]]:
    """Return a table's rows, or those whose columns are as said, in the order of its key."""

    async def ask(connection: AsyncConnection) -> list[dict[str, Any]]:
        statement = select(table).order_by(*table.primary_key.columns).filter_by(**where)
        return [dict(row) for row in (await connection.execute(statement)).mappings()]

    return await database.read(ask)


async def one(database: Database, table: Table, **where: Any) -> dict[str, Any]:
    (row,) = await rows(database, table, **where)
    return row


async def incident_of(database: Database, call: UUID) -> dict[str, Any]:
    return await one(database, t.incident, id=incident_id(call))


async def picture(database: Database, call: UUID) -> dict[str, Any]:
    """Return all that is stored of one call, without what must differ: ids, the number, when it last
    changed and how often.
    """
    incident = incident_id(call)
    shown = {
        "incident": await rows(database, t.incident, id=incident),
        "call": await rows(database, t.call, id=call),
        "attempts": await rows(database, t.attempt, call=call),
        "events": sorted(
            await rows(database, t.incident_event, incident=incident), key=lambda e: (e["at"], e["kind"], e["actor"])
        ),
        "agencies": sorted(
            await rows(database, t.incident_agency, incident=incident), key=lambda part: str(part["agency"])
        ),
    }
    ids = {"id", "number", "version", "updated_at", "incident", "call", "opening_call"}
    kept = {"call": {"number", "version"}}
    return {
        name: [{k: v for k, v in row.items() if k not in ids - kept.get(name, set())} for row in found]
        for name, found in shown.items()
    }


async def until(condition: Callable[[], bool], within_s: float = 30) -> None:
    """Wait until `condition` holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
