"""A database of revision 0001 comes up with everything that was in it."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from callrouter.errors import OperatorError
from callrouter.publishing.canonical import digest, directory_text, routing_text
from callrouter.routing.entries import Kind
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.database import migrate
from callrouter.storage.desk import DeskTables
from callrouter.storage.engine import migrating_engine, place
from callrouter.storage.every_table import metadata, modelled
from callrouter.storage.revisions import alembic_config
from callrouter.storage.versions import Versions
from tests.databases import patient
from tests.storage.desks import KEY, note, settings_of, values_of
from tests.storage.given import given_opened, rows, store

Document = dict[str, Any]

# As a model of revision 0001 wrote it: every field of its time is there.
WHEN: Document = {"category": [], "trunk": [], "trunk_kind": [], "language": []}
ROUTING: Document = {
    "schema_version": 1,
    "centre": {"name": "Pusat 112 \u00e4", "timezone": "Asia/Jakarta"},
    "routing": {
        "menu": {"languages": ["id", "en"], "switch_digit": "9"},
        "categories": [
            {
                "key": "fire",
                "digit": "2",
                "urn": "urn:service:sos.fire",
                "name": {"id": "kebakaran", "en": "fire"},
                "priority": 10,
            },
            {
                "key": "other",
                "digit": "1",
                "urn": "urn:service:sos",
                "name": {"id": "lain", "en": "other"},
                "priority": 4,
            },
        ],
        "ring_groups": [
            {"key": "centre", "members": ["op2", "op1"], "max_waiting": 4, "urgent_from": 8, "urgent_reserve": 3}
        ],
        "routes": [
            {
                "key": "rest",
                "priority": 1,
                "when": WHEN,
                "steps": [{"kind": "ringgroup", "group": "centre", "wait_s": 30}],
                "locked": False,
            },
            {
                "key": "fire",
                "priority": 500,
                "when": WHEN | {"category": ["fire"], "trunk_kind": ["carrier"]},
                "steps": [
                    {"kind": "announce", "prompt": "wait"},
                    {"kind": "dial", "targets": ["damkar/posko"], "ring_s": 25, "announce": True},
                    {"kind": "record", "max_s": 60},
                ],
                "locked": True,
            },
        ],
        "last_resort": {"group": "centre", "seconds": 90},
        "static_numbers": [{"trunk": "telco", "number": "113"}],
    },
}
DIRECTORY: Document = {
    "trunks": [
        {
            "key": key,
            "kind": kind,
            "host": host,
            "port": 5060,
            "codecs": ["alaw", "ulaw"],
            "early_media": key == "telco",
        }
        for key, kind, host in (("telco", "carrier", "127.0.112.1"), ("damkar", "agency", "127.0.112.11"))
    ],
    "agencies": [
        {
            "key": "damkar",
            "name": {"id": "Pemadam", "en": "Fire brigade"},
            "contacts": [{"key": "posko", "trunk": "damkar", "number": "101", "confirm": True}],
        }
    ],
    "operators": [{"key": "op2", "name": "Operator 2"}, {"key": "op1", "name": "Operator 1"}],
}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _insert(connection: Connection, number: int, routing: Document, **changes: object) -> None:
    texts = {"routing": _text(routing), "directory": _text(DIRECTORY)}
    row = texts | {
        "number": number,
        "sha256": hashlib.sha256(f"{texts['routing']}\n{texts['directory']}".encode()).hexdigest(),
        "created_at": 1_790_000_000_000_000 + number,
        "who": "admin",
        "why": f"version {number}",
    }
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO table_version ({names}) VALUES ({marks})"), [row | changes])  # noqa: S608


def _named(name: str) -> Document:
    changed = copy.deepcopy(ROUTING)
    changed["centre"]["name"] = name
    return changed


def _old(url: str, *versions: tuple[int, Document, dict[str, object]]) -> None:
    """Make a database of revision 0001 with these versions."""
    engine = migrating_engine(place(url))
    try:
        with engine.begin() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            for number, routing, changes in versions:
                _insert(connection, number, routing, **changes)
    finally:
        engine.dispose()


def _expected(name: str) -> RoutingTable:
    """The same table, as the model of today has it."""
    old = ROUTING["routing"]
    options = [{"digit": "2", "category": "fire"}, {"digit": "1", "category": "other"}]
    main = {"key": "main", "name": {"id": "menu utama", "en": "main menu"}, "options": options} | old["menu"]
    routing = {name: old[name] for name in ("ring_groups", "last_resort", "static_numbers")} | {
        "main_menu": "main",
        "menus": [main],
        "categories": [{k: v for k, v in c.items() if k != "digit"} for c in old["categories"]],
        "routes": old["routes"][::-1],
    }
    in_order = {kind: sorted(found, key=lambda e: str(e["key"])) for kind, found in DIRECTORY.items()}
    centre = ROUTING["centre"] | {"name": name}
    return RoutingTable.model_validate({"centre": centre, "directory": in_order, "routing": routing})


@pytest.fixture
def upgraded(empty_url: str) -> str:
    _old(empty_url, (1, _named("Pertama"), {}), (2, _named("Kedua"), {}))
    migrate(empty_url)
    return empty_url


async def test_versions_of_before_send_calls_where_they_did(upgraded: str) -> None:
    database = patient(upgraded)
    try:
        versions = Versions(database)
        assert await versions.get(1) == _expected("Pertama")
        assert await versions.current() == (2, _expected("Kedua"))
        assert [(v.number, v.who, v.why) for v in await versions.page(None, 9)] == [
            (2, "admin", "version 2"),
            (1, "admin", "version 1"),
        ]
    finally:
        await database.close()


async def test_the_newest_version_becomes_directory_and_draft(upgraded: str) -> None:
    database = patient(upgraded)
    whole = _expected("Kedua")
    try:
        held = await DeskTables(database, KEY).load()
        assert {(e.kind, e.value, e.revision) for e in held.entries} == {(k, v, 1) for k, v in values_of(whole)}
        assert (held.settings, held.settings_revision) == (settings_of(whole), 1)
        assert (held.generation, held.based_on, held.approved) == (0, 2, None)
        assert held.in_force is not None
        assert (held.in_force.number, held.in_force.in_force) == (2, True)
    finally:
        await database.close()


async def test_the_texts_are_those_that_are_written_today(upgraded: str) -> None:
    """So the draft of an upgraded database does not count as changed."""
    database = patient(upgraded)
    whole = _expected("Kedua")
    try:
        (_, row) = await rows(database, t.table_version)
        assert row["routing"] == routing_text(whole.centre, whole.routing)
        assert row["directory"] == directory_text(whole.directory)
        assert row["sha256"] == digest(row["routing"])
        assert await Versions(database).publish(whole, "admin", "again") == 2
        assert {entry.revision for entry in (await DeskTables(database, KEY).load()).entries} == {1}
    finally:
        await database.close()


async def test_a_version_that_was_changed_by_hand_stays_refused(empty_url: str) -> None:
    """A new hash would make it look right; and its content must not become the draft unseen."""
    _old(empty_url, (1, _named("Pertama"), {}), (2, _named("Kedua"), {"sha256": "0" * 64}))
    migrate(empty_url)
    database = patient(empty_url)
    try:
        with pytest.raises(OperatorError, match="Version 2 of the routing table was changed in the database"):
            await Versions(database).current()
        assert await Versions(database).get(1) == _expected("Pertama")
        held = await DeskTables(database, KEY).load()
        assert (held.entries, held.settings, held.based_on) == ((), None, None)
    finally:
        await database.close()


async def test_a_database_without_versions_comes_up_with_an_empty_desk(empty_url: str) -> None:
    _old(empty_url)
    migrate(empty_url)
    database = patient(empty_url)
    try:
        desk = DeskTables(database, KEY)
        held = await desk.load()
        assert (held.generation, held.entries, held.settings, held.in_force) == (0, (), None, None)
        assert await desk.write(0, [], note()) == 1
        assert Kind.MENUS not in {entry.kind for entry in (await desk.load()).entries}
    finally:
        await database.close()


async def test_incidents_of_before_get_what_follows_from_their_calls(empty_url: str) -> None:
    engine = migrating_engine(place(empty_url))
    try:
        with engine.begin() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "0003")
            for number, state, facts in (
                (5, "with_agency", '{"area": "35.07", "area_source": "trunk"}'),
                (7, "abandoned", None),
            ):
                _insert_incident(connection, number, state, facts)
    finally:
        engine.dispose()
    migrate(empty_url)
    database = patient(empty_url)
    try:
        found = [
            (row["number"], row["origin"], row["area"], row["area_source"], row["disposition"], row["updated_at"])
            for row in await rows(database, t.incident)
        ]
        assert found == [(5, "call", "35.07", "trunk", "", 50), (7, "call", "", "", "abandoned", 70)]
        # Numbers for people go on where they were, also where the table was made anew.
        await store(database, given_opened())
        assert [row["number"] for row in await rows(database, t.incident)][2] > 7
        assert [row["incident"] for row in await rows(database, t.call)][:2]
    finally:
        await database.close()


@pytest.mark.parametrize("judged", [False, True], ids=["0009 was empty", "0009 made it"])
def test_whether_or_not_0009_made_the_judgement_it_is_there_in_the_end(empty_url: str, judged: bool) -> None:
    """A database that was past 0009 while that was empty, and one that went through it when it was not."""
    engine = migrating_engine(place(empty_url))
    try:
        with engine.begin() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "0010")
            assert not inspect(connection).has_table("judgement")
            if judged:
                t.metadata.tables["judgement"].create(connection)
                connection.execute(text("ALTER TABLE call ADD COLUMN cannot_speak BOOLEAN NOT NULL DEFAULT false"))
                where = "cannot_speak" if connection.dialect.name == "postgresql" else "cannot_speak = 1"
                connection.execute(text(f"CREATE INDEX ix_call_cannot_speak ON call (opened_at) WHERE {where}"))
        migrate(empty_url)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": modelled})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def _insert_incident(connection: Connection, number: int, state: str, facts: str | None) -> None:
    id_, call = uuid4(), uuid4()
    plain = connection.dialect.name == "sqlite"
    values: Document = {
        "number": number,
        "id": id_.hex if plain else id_,
        "call": call.hex if plain else call,
        "state": state,
        "at": number * 10,
        "facts": facts,
    }
    connection.execute(
        text(
            "INSERT INTO incident (number, id, opening_call, state, category, opened_at, callback, callback_reason, "
            "state_by_person, category_by_person, callback_by_person, version) "
            "VALUES (:number, :id, :call, :state, '', :at, false, '', false, false, false, 1)"
        ),
        values,
    )
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT setval(pg_get_serial_sequence('incident', 'number'), :number)"), values)
    given = "CAST(:facts AS JSONB)" if connection.dialect.name == "postgresql" else ":facts"
    texts = ("origin", "trunk", "number", "name", "channel", "uniqueid", "decided_route", "decided_plan", "joined_by",
             "joined_with", "choice", "category", "language", "stage", "path", "route", "plan", "recording", "cause",
             "talked_with", "node")  # fmt: skip
    connection.execute(
        text(
            f"INSERT INTO call (id, incident, direction, opened_source, opened_at, facts, {', '.join(texts)}) "  # noqa: S608
            f"VALUES (:call, :id, 'in', 2, :at, {given}, {', '.join(repr('') for _ in texts)})"
        ),
        values,
    )
