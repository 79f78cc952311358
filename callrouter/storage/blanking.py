"""How the rows of a person are blanked, table by table.

Who blanks several takes them in the order in which everybody does: calls, incidents, what belongs to them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.storage import tables as t
from callrouter.storage.fill import AT_ONCE
from callrouter.storage.mentions import Mentions
from callrouter.storage.personal import PERSONAL, blanked_data, blanked_facts, district_of
from callrouter.storage.settled import CLOSED_ITSELF
from callrouter.storage.tables_judgement import judgement
from callrouter.storage.tables_parties import eido_received
from callrouter.storage.tables_sop import sop_answer
from callrouter.storage.tables_supervision import callback_claim, callback_try
from callrouter.storage.words import keep_words

_OF_DIRECTORY: Final = ("agencies/", "trunks/", "operators/")
"""Subjects of the audit that are about the centre's own contacts: their numbers are no caller's."""

Row = dict[str, Any]


def pieces(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield `values` in pieces of one statement each."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


async def blank_calls(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Blank calls and what identifies their callers; return how many."""
    for some in pieces(sorted(ids)):
        locked = select(t.call.c.id, t.call.c.facts).where(t.call.c.id.in_(some)).order_by(t.call.c.id)
        for row in (await connection.execute(locked.with_for_update())).all():
            values: Row = dict(PERSONAL["call"]) | {"facts": blanked_facts(row.facts)}
            await connection.execute(update(t.call).where(t.call.c.id == row.id).values(values))
        await connection.execute(delete(judgement).where(judgement.c.call.in_(some)))
    return len(ids)


async def lock_incidents(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Take incidents that more than one step of a transaction changes, in the order in which everybody does."""
    of = t.incident.c
    for some in pieces(sorted(ids)):
        locked = select(of.id).where(of.id.in_(some)).order_by(of.id).with_for_update(key_share=True)
        await connection.execute(locked)


async def blank_incidents(connection: AsyncConnection, ids: Sequence[UUID], now: int) -> int:
    """Blank incidents with their parts and timelines; return how many entries of timelines were changed."""
    changed = 0
    for some in pieces(sorted(ids)):
        incident = t.incident.c
        locked = select(incident.id, incident.area, incident.closed_reason, incident.updated_at).where(
            incident.id.in_(some)
        )
        for row in (await connection.execute(locked.order_by(incident.id).with_for_update(key_share=True))).all():
            values: Row = dict(PERSONAL["incident"])
            values |= {"area": district_of(row.area), "updated_at": max(now, row.updated_at + 1)}
            if not row.closed_reason.startswith(CLOSED_ITSELF):  # which people did not write
                values["closed_reason"] = ""
            await connection.execute(update(t.incident).where(incident.id == row.id).values(values))
        parts = update(t.incident_agency).where(t.incident_agency.c.incident.in_(some))
        await connection.execute(parts.values(PERSONAL["incident_agency"]))
        answers = update(sop_answer).where(sop_answer.c.incident.in_(some), sop_answer.c.words != "")
        await connection.execute(answers.values(PERSONAL["sop_answer"]))
        changed += await _blank_timelines(connection, some)
        await keep_words(connection, some)
    return changed


async def blank_tries(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Blank tries to call back, and free their callers."""
    of = callback_try.c
    for some in pieces(sorted(ids)):
        # In one order, and before the claims: whoever stores what a PBX says takes them so.
        await connection.execute(select(of.id).where(of.id.in_(some)).order_by(of.id).with_for_update())
        await connection.execute(delete(callback_claim).where(callback_claim.c.try_of.in_(some)))
        await connection.execute(update(callback_try).where(of.id.in_(some)).values(PERSONAL["callback_try"]))


async def blank_documents(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """Empty documents; after calls and incidents, as everybody takes them."""
    of = eido_received.c
    for some in pieces(sorted(ids)):
        await connection.execute(select(of.id).where(of.id.in_(some)).order_by(of.id).with_for_update())
        await connection.execute(update(eido_received).where(of.id.in_(some)).values(document=None))


async def _blank_timelines(connection: AsyncConnection, incidents: Sequence[UUID]) -> int:
    event, changed = t.incident_event.c, 0
    entries = select(event.id, event.data).where(event.incident.in_(incidents)).order_by(event.id)
    for row in (await connection.execute(entries)).all():
        blank = blanked_data(row.data)
        if blank != row.data:
            await connection.execute(update(t.incident_event).where(event.id == row.id).values(data=blank))
            changed += 1
    return changed


async def blank_refused(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Blank refused calls; return how many."""
    for some in pieces(sorted(ids)):
        statement = update(t.refused_invite).where(t.refused_invite.c.id.in_(some))
        await connection.execute(statement.values(PERSONAL["refused_invite"]))
    return len(ids)


async def blank_set_aside(connection: AsyncConnection, found: Sequence[Row]) -> int:
    """Empty lines of the journal that were set aside; return how many."""
    reject = t.journal_reject.c
    for row in found:
        same = and_(reject.node == row["node"], reject.file == row["file"], reject.digest == row["digest"])
        await connection.execute(update(t.journal_reject).where(same).values(line=b""))
    return len(found)


async def blank_audit(connection: AsyncConnection, mentions: Mentions) -> int:
    """Blank payloads of the audit that have the number; the chain signs their hashes, and holds."""
    audit = t.audit.c
    own = [~audit.subject.startswith(prefix, autoescape=True) for prefix in _OF_DIRECTORY]
    may = mentions.may(audit.payload)
    asked = select(audit.seq, audit.payload).where(audit.payload.is_not(None), may, *own)
    found = [row.seq for row in await connection.execute(asked) if mentions.has(_read(row.payload))]
    for some in pieces(found):
        await connection.execute(update(t.audit).where(audit.seq.in_(some)).values(payload=None))
    return len(found)


def _read(payload: str) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload
