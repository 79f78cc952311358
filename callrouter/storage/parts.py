"""The parts that agencies have in incidents, as rows; and those that follow from the calls alone.

Read and written under the lock of their incident's row, within the transaction that is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.lifecycle import Assignment, by_call, with_answer
from callrouter.incidents.model import AgencyState, EventKind, Outcome, PassedHow
from callrouter.storage import tables as t
from callrouter.storage.known import AGENCY
from callrouter.storage.rows import among, chunks, upsert

Parts = dict[str, Assignment]
"""By agency."""

_HEARD: Final = frozenset({None, Outcome.TALKED, Outcome.CUT})
"""Outcomes of calls in which whoever was on the line kept the caller; None: it lasts."""


def part_of(row: Any) -> Assignment:
    """Return a row, which may have more columns, as a value."""
    values = {name: row._mapping[name] for name in Assignment.__slots__}
    return Assignment(**values | {"state": AgencyState(values["state"]), "how": PassedHow(values["how"])})


@lru_cache
def _parts(dialect: str) -> Any:
    part = t.incident_agency.c
    return select(t.incident_agency).where(among(dialect, part.incident)).order_by(part.passed_at, part.agency)


async def parts_of(connection: AsyncConnection, incidents: Sequence[UUID]) -> dict[UUID, Parts]:
    """Return the parts of these incidents (not more than fit into one statement), each incident with what it has."""
    found: dict[UUID, Parts] = {incident: {} for incident in incidents}
    if incidents:
        for row in await connection.execute(_parts(connection.dialect.name), {"some": list(incidents)}):
            part = part_of(row)
            found[part.incident][part.agency] = part
    return found


async def write_parts(connection: AsyncConnection, parts: Iterable[Assignment]) -> None:
    """Make these parts, or set them as they are now."""
    rows = [asdict(part) | {"state": str(part.state), "how": str(part.how)} for part in parts]
    await upsert(connection, t.incident_agency, ("incident", "agency"), rows)
    await keep_opened(connection, [row["incident"] for row in rows])


async def keep_opened(connection: AsyncConnection, incidents: Collection[UUID]) -> None:
    """Let the parts of these incidents know when they were opened."""
    part, incident = t.incident_agency.c, t.incident.c
    opened = select(incident.opened_at).where(incident.id == part.incident).scalar_subquery()
    for some in chunks(sorted(set(incidents))):
        await connection.execute(update(t.incident_agency).where(part.incident.in_(some)).values(opened_at=opened))


async def settle_parts(connection: AsyncConnection, parts: Mapping[UUID, Parts], now: int) -> set[UUID]:
    """Bring the parts to what the calls of their incidents say; return the incidents in which one changed.

    An agency that talked to a caller has a part. One that has it for that alone loses it where a better record says
    that its human did not keep the caller.
    """
    if not parts:
        return set()
    told = await _answers(connection, list(parts))
    put: list[Assignment] = []
    gone: list[UUID] = []
    changed: set[UUID] = set()
    for incident, by_agency in parts.items():
        answers = told[incident]
        for agency in answers.keys() - by_agency.keys():
            by_agency[agency] = replace(by_call(incident, agency, answers[agency]), updated_at=now)
            put.append(by_agency[agency])
        for part in list(by_agency.values()):
            answered_at = answers.get(part.agency)
            if answered_at is None and part.by_call_alone:
                gone.append(by_agency.pop(part.agency).id)
                changed.add(incident)
            elif answered_at != part.answered_at:
                by_agency[part.agency] = replace(with_answer(part, answered_at), updated_at=now)
                put.append(by_agency[part.agency])
    changed |= {part.incident for part in put}
    if gone:
        await connection.execute(delete(t.incident_agency).where(t.incident_agency.c.id.in_(gone)))
    await write_parts(connection, put)
    return changed


# ------------------------------------------------------------------------------------------------ what calls say
@dataclass(frozen=True, slots=True)
class Heard:
    """A human of an agency on the line: `label` names what was dialled (empty: not known), `by` the endpoint."""

    at: int
    label: str
    by: str


def agencies_heard(heard: Iterable[Heard], plans: Sequence[str]) -> dict[str, int]:
    """Return the agencies whose humans these were, and when the first of each took the caller."""
    found: dict[str, int] = {}
    for one in heard:
        agency = _agency(one, plans)
        if agency:
            found[agency] = min(one.at, found.get(agency, one.at))
    return found


def _agency(heard: Heard, plans: Sequence[str]) -> str | None:
    """Return whose human it was; None where several agencies were dialled and nothing tells them apart."""
    dialled = [pair for plan in plans for pair in _dialled(plan)]
    possible = set(_names(heard.label)) or {agency for agency, _ in dialled}
    if len(possible) > 1:
        possible &= {agency for agency, trunk in dialled if trunk == heard.by}
    return possible.pop() if len(possible) == 1 else None


def _names(label: str) -> list[str]:
    # agency/contact, joined by +
    return [agency for agency, slash, _ in (name.partition("/") for name in label.split("+")) if slash and agency]


def _dialled(plan: str) -> Iterable[tuple[str, str]]:
    """Yield agency and endpoint of each target of a plan, as the PBX has it (callrouter.asterisk.plan_codec)."""
    for step in plan.split("!"):
        parts = step.split(",")
        if parts[0] == "dial" and len(parts) > 4:
            yield from zip(_names(parts[4]), map(_endpoint, parts[1].split("&")), strict=False)


def _endpoint(target: str) -> str:
    number, _, rest = target.partition("@")
    if number.startswith("Local/"):
        return f"trunk-{number.partition('_')[2]}"
    return rest


@lru_cache
def _calls_of(dialect: str) -> Any:
    call = t.call.c
    columns = (call.id, call.incident, call.outcome, call.plan, call.decided_plan)
    return select(*columns).where(among(dialect, call.incident))


@lru_cache
def _talks_of(dialect: str) -> Any:
    attempt = t.attempt.c
    columns = (attempt.call, attempt.label, attempt.by, attempt.human_at, attempt.begun_at, attempt.kind)
    # "began" with a proven human: the caller hung up first, and the step had no time to note its result.
    talked = (attempt.result == "talked") | ((attempt.result == "began") & attempt.human_at.is_not(None))
    return select(*columns).where(among(dialect, attempt.call), talked)


@lru_cache
def _joins_of(dialect: str) -> Any:
    event = t.incident_event.c
    columns = (event.call, event.at, event.actor, event.data)
    return select(*columns).where(among(dialect, event.call), event.kind == str(EventKind.JOINED))


async def _answers(connection: AsyncConnection, incidents: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    dialect = connection.dialect.name
    rows = await connection.execute(_calls_of(dialect), {"some": list(incidents)})
    calls = {row.id: row for row in rows if row.outcome in _HEARD}
    heard: dict[UUID, list[Heard]] = {id_: [] for id_ in calls}
    with_record: set[UUID] = set()
    for one in await connection.execute(_talks_of(dialect), {"some": list(calls)}) if calls else ():
        with_record.add(one.call)
        if one.kind == "dial":
            at = one.begun_at if one.human_at is None else one.human_at
            heard[one.call].append(Heard(at, one.label, one.by))
    await _add_joins(connection, heard, [id_ for id_ in calls if id_ not in with_record])
    found: dict[UUID, dict[str, int]] = {incident: {} for incident in incidents}
    for id_, row in calls.items():
        for agency, at in agencies_heard(heard[id_], (row.decided_plan, row.plan)).items():
            of_incident = found[row.incident]
            of_incident[agency] = min(at, of_incident.get(agency, at))
    return found


async def _add_joins(connection: AsyncConnection, heard: dict[UUID, list[Heard]], calls: Sequence[UUID]) -> None:
    """Add whom the service saw on the line, for calls of which the PBX has not (or never) told who talked."""
    if not calls:
        return
    for row in await connection.execute(_joins_of(connection.dialect.name), {"some": list(calls)}):
        if row.data.get("with") == AGENCY:
            heard[row.call].append(Heard(row.at, "", row.actor))
