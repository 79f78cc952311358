"""The rows of directory and draft: read and changed within the transaction that is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.publishing.canonical import DoesNotFit, entry_text, json_text, read_entry
from callrouter.publishing.errors import GenerationMoved
from callrouter.publishing.model import Approve, Change, DraftSettings, Entry, Put, PutSettings, Remove, SetBase
from callrouter.routing.entries import Kind, key_of
from callrouter.storage import tables as t
from callrouter.storage.fill import execute_many, insert_into, upsert

_ROWS: Final = 200
"""Entries read at once."""
_OF_WHOM: Final = {
    Kind.OPERATORS: (t.operator_secret.c.operator, t.duty.c.operator),
    Kind.TRUNKS: (t.trunk_secret.c.trunk,),
}
"""What is kept of an entry elsewhere, and goes with it: whoever gets its key later is somebody else."""

EntryRow = tuple[str, str, int, str]
"""kind, key, revision, body"""
Name = tuple[str, str]
"""kind, key"""


@dataclass(frozen=True, slots=True)
class DeskRow:
    """The one row of `desk`."""

    generation: int = 0
    settings: str | None = None
    settings_revision: int = 0
    based_on: int | None = None
    approved_sha256: str | None = None
    approved_by: str | None = None


@dataclass(slots=True)
class Writing:
    """Changes as they will stand in the rows: of several changes of one entry, the last."""

    entries: dict[Name, tuple[int, str] | None] = field(default_factory=dict)
    """Revision and body; None for an entry that goes."""
    desk: dict[str, Any] = field(default_factory=dict)

    def take(self, change: Change) -> None:
        """Add a change."""
        match change:
            case Put(entry):
                self.entries[entry.kind.value, key_of(entry.value)] = entry.revision, entry_text(entry.value)
            case Remove(kind, key):
                self.entries[kind.value, key] = None
            case PutSettings(settings, revision):
                text = json_text(settings.model_dump(mode="json"))
                self.desk |= {"settings": text, "settings_revision": revision}
            case Approve(sha256, actor):
                self.desk |= {"approved_sha256": sha256 or None, "approved_by": actor if sha256 else None}
            case SetBase(number):
                self.desk["based_on"] = number


def writing(changes: Iterable[Change]) -> Writing:
    """Return what `changes` come to. For many of them: in a thread."""
    result = Writing()
    for change in changes:
        result.take(change)
    return result


async def read_desk(connection: AsyncConnection) -> DeskRow:
    """Return the desk's row; generation 0 and nothing where there is none yet."""
    row = (await connection.execute(select(*(t.desk.c[name] for name in DeskRow.__slots__)))).one_or_none()
    return DeskRow() if row is None else DeskRow(**row._mapping)


async def read_entries(connection: AsyncConnection, kinds: Sequence[Kind] = tuple(Kind)) -> list[EntryRow]:
    """Return the rows of all entries of these kinds, read in pieces: calls are served on the same loop."""
    columns = t.entry.c
    place = tuple_(columns.kind, columns.key)
    statement = select(columns.kind, columns.key, columns.revision, columns.body).order_by(columns.kind, columns.key)
    statement = statement.where(columns.kind.in_([kind.value for kind in kinds])).limit(_ROWS)
    found: list[EntryRow] = []
    while True:
        last = found[-1][:2] if found else None
        rows = await connection.execute(statement if last is None else statement.where(place > last))
        more = [(row.kind, row.key, row.revision, row.body) for row in rows]
        found += more
        if len(more) < _ROWS:
            return found


def entries_of(rows: Iterable[EntryRow]) -> Iterator[Entry]:
    """Yield the entries of these rows. Raises OperatorError for one that this callrouter cannot read."""
    for kind, key, revision, body in rows:
        try:
            value = read_entry(Kind(kind), body)
            if key_of(value) != key:
                raise DoesNotFit(f"key: not {key_of(value)!r}")
        except ValueError as error:
            raise _unreadable(f"{kind}/{key}", error) from None
        yield Entry(Kind(kind), value, revision)


def settings_of(row: DeskRow) -> DraftSettings | None:
    """Return the draft's settings, or None before the first. Raises OperatorError for what cannot be read."""
    try:
        return None if row.settings is None else DraftSettings.model_validate_json(row.settings)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        told = DoesNotFit(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        raise _unreadable("settings", told) from None


async def carry_out(connection: AsyncConnection, generation: int, changes: Writing) -> int:
    """Make the changes, and return the new generation; nobody else changes the desk until the transaction ends.

    Raises GenerationMoved where `generation` is not the newest; the transaction must then be given up.
    """
    await _make_row(connection)
    turn = update(t.desk).where(t.desk.c.id == 1, t.desk.c.generation == generation)
    done = await connection.execute(turn.values(generation=generation + 1, **changes.desk))
    if done.rowcount != 1:
        raise GenerationMoved(generation)
    await _remove(connection, [name for name, row in changes.entries.items() if row is None])
    puts = [
        {"kind": kind, "key": key, "revision": row[0], "body": row[1]}
        for (kind, key), row in sorted(changes.entries.items())
        if row is not None
    ]
    await upsert(connection, t.entry, ("kind", "key"), puts)
    return generation + 1


async def lock(connection: AsyncConnection) -> DeskRow:
    """Return the desk's row; nobody else changes the desk until the transaction ends."""
    await _make_row(connection)
    await connection.execute(select(t.desk.c.id).with_for_update())
    return await read_desk(connection)


async def _make_row(connection: AsyncConnection) -> None:
    empty = {"id": 1, "generation": 0, "settings_revision": 0}
    await connection.execute(insert_into(connection, t.desk).on_conflict_do_nothing(index_elements=["id"]), [empty])


async def _remove(connection: AsyncConnection, names: Sequence[Name]) -> None:
    one = delete(t.entry).where(t.entry.c.kind == bindparam("of"), t.entry.c.key == bindparam("named"))
    await execute_many(connection, one, [{"of": kind, "named": key} for kind, key in names])
    for kind, columns in _OF_WHOM.items():
        keys = [{"named": key} for of, key in names if of == kind]
        for column in columns:
            await execute_many(connection, delete(column.table).where(column == bindparam("named")), keys)


def _unreadable(what: str, error: ValueError) -> OperatorError:
    return OperatorError(
        Bilingual(
            f"Bagian {what} dari tabel di basis data tidak cocok dengan callrouter ini: {error}.",
            f"The part {what} of the table in the database does not fit this callrouter: {error}.",
        ),
        Bilingual(
            "Impor tabel yang cocok (callrouter routes import BERKAS.yaml), atau pasang callrouter yang menulisnya.",
            "Import a table that does (callrouter routes import FILE.yaml), or install the callrouter that wrote it.",
        ),
    )
