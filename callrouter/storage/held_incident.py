"""An incident in the hands of a transaction: its row, its agencies' parts and what its call says; and writing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.incidents.desk import Actor, Done, Illegal, Moved, Seen
from callrouter.incidents.lifecycle import MOVES, UNDER_WAY, Act, Assignment, legal_acts
from callrouter.incidents.model import EventKind, IncidentState
from callrouter.storage import tables as t
from callrouter.storage.incident_rows import grown, lock_incidents
from callrouter.storage.known import KnownCall, Standing, standing
from callrouter.storage.parts import Parts, parts_of, write_parts
from callrouter.storage.settled import settled
from callrouter.storage.words import WORDED, WRITTEN, keep_words


@dataclass(slots=True)
class Held:
    """An incident whose row is locked. What is set here stands in the database once it is written.

    row:    as it is being changed; before: as it was
    stands: what its opening call says; None: it has none
    goes_on_in: number of the incident that it is merged into
    """

    row: dict[str, Any]
    parts: Parts
    stands: Standing | None
    goes_on_in: int | None
    before: dict[str, Any] = field(init=False)
    _named: list[tuple[EventKind, dict[str, Any], tuple[str, ...]]] = field(default_factory=list)
    _changed_parts: dict[str, Assignment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = dict(self.row)

    @property
    def id(self) -> UUID:
        """Of the incident."""
        id_: UUID = self.row["id"]
        return id_

    @property
    def state(self) -> IncidentState:
        """The state that it was found in."""
        return IncidentState(self.before["state"])

    def must_be_seen(self, seen: Seen) -> None:
        """Raise Moved where who acts has not seen it as it is."""
        if seen is not None and self.before["version"] not in seen:
            raise Moved(self.before["version"], self.before["updated_at"])

    def must_allow(self, act: Act, by: Actor) -> None:
        """Raise Illegal where the transition table does not have this act."""
        allowed = act in MOVES[self.state]
        if act is Act.CLOSE and self.state in UNDER_WAY:
            allowed = by.supervises
        if not allowed:
            legal = legal_acts(self.state, supervises=by.supervises)
            raise Illegal(act, self.state, legal, self.goes_on_in)

    def set(self, **values: Any) -> None:
        """Set columns."""
        self.row |= values

    def put(self, part: Assignment) -> None:
        """Set an agency's part."""
        self.parts[part.agency] = self._changed_parts[part.agency] = part

    def tell(self, kind: EventKind, data: Mapping[str, Any], fields: Sequence[str] = ()) -> None:
        """Add an entry to the timeline: `data`, and for each of `fields` what it was and what it is."""
        self._named.append((kind, dict(data), tuple(fields)))

    def settle(self) -> None:
        """Bring the row to what follows from what was set."""
        self.row |= settled(self.row, self.stands, list(self.parts.values()))

    async def write(self, connection: AsyncConnection, now: int, by: str, *, counts: bool = True) -> Done:
        """Write everything; `counts`: it is something that another edit could contradict (`version`)."""
        self.settle()
        changed = {name: value for name, value in self.row.items() if value != self.before[name]}
        if counts:
            changed["version"] = self.before["version"] + 1
        statement = update(t.incident).where(t.incident.c.id == self.id).values(**changed, updated_at=grown(now))
        row = (
            await connection.execute(
                statement.returning(t.incident.c.number, t.incident.c.version, t.incident.c.updated_at)
            )
        ).one()
        await write_parts(connection, self._changed_parts.values())
        entries = [self._entry(n, now, by) for n in range(len(self._named))]
        if entries:
            await connection.execute(insert(t.incident_event), entries)
        if WRITTEN & changed.keys() or any(kind in WORDED for kind, _, _ in self._named):
            await keep_words(connection, [self.id])
        return Done(self.id, row.number, row.version, row.updated_at)

    def _entry(self, n: int, now: int, by: str) -> dict[str, Any]:
        kind, data, fields = self._named[n]
        data |= {name: [self.before[name], self.row[name]] for name in fields}
        if n == 0 and self.row["state"] != self.before["state"]:
            data["state"] = [self.before["state"], self.row["state"]]
        return {
            "incident": self.id,
            "call": None,
            "kind": str(kind),
            "occurrence": "",
            "at": now,
            "actor": by,
            "data": data,
        }


async def hold(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Held]:
    """Lock these incidents, of which there may be AT_ONCE; one that is not there is not in the answer."""
    rows = await lock_incidents(connection, sorted(ids))
    parts = await parts_of(connection, [row["id"] for row in rows])
    opening = [row["opening_call"] for row in rows if row["opening_call"] is not None]
    calls = {
        row.id: standing(KnownCall(**row._mapping))
        for row in (await connection.execute(select(t.call).where(t.call.c.id.in_(opening))) if opening else ())
    }
    targets = [row["merged_into"] for row in rows if row["merged_into"] is not None]
    columns = t.incident.c.id, t.incident.c.number
    numbers = {
        row.id: row.number
        for row in (await connection.execute(select(*columns).where(t.incident.c.id.in_(targets))) if targets else ())
    }
    return {
        row["id"]: Held(
            row=row,
            parts=parts[row["id"]],
            stands=calls.get(row["opening_call"]),
            goes_on_in=numbers.get(row["merged_into"]),
        )
        for row in rows
    }
