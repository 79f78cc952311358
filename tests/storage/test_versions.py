"""Published versions of the routing table."""

from __future__ import annotations

import asyncio

import pytest
from ruamel.yaml import YAML
from sqlalchemy import delete, update

from callrouter.errors import OperatorError
from callrouter.publishing.canonical import digest, directory_text, read_directory, read_routing, routing_text
from callrouter.publishing.errors import GenerationMoved
from callrouter.publishing.model import Approve
from callrouter.resources import resource
from callrouter.routing.entries import Kind
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.desk import DeskTables
from callrouter.storage.versions import Versions
from tests.databases import patient
from tests.storage.desks import KEY, by_name, note, puts, settings_of, values_of
from tests.storage.desks import table as small_table
from tests.storage.given import execute, one, rows


@pytest.fixture(scope="session")
def table() -> RoutingTable:
    whole = YAML(typ="safe").load((resource("examples") / "kab-malang.yaml").read_text("utf-8"))
    made = RoutingTable.model_validate(whole)
    # In the canonical order, as it comes back.
    centre, routing = read_routing(routing_text(made.centre, made.routing))
    return RoutingTable(centre=centre, routing=routing, directory=read_directory(directory_text(made.directory)))


def changed(table: RoutingTable, name: str) -> RoutingTable:
    return table.model_copy(update={"centre": table.centre.model_copy(update={"name": name})})


async def test_there_is_no_version_before_the_first(database: Database) -> None:
    assert await Versions(database).current() is None


async def test_a_table_comes_back_as_it_was_published(database: Database, table: RoutingTable) -> None:
    versions = Versions(database, now_us=lambda: 42)
    assert await versions.publish(table, "admin", "first table") == 1
    assert await versions.current() == (1, table)
    assert await versions.get(1) == table
    row = await one(database, t.table_version)
    assert (row["who"], row["why"], row["created_at"]) == ("admin", "first table", 42)
    assert row["sha256"] == digest(routing_text(table.centre, table.routing))


async def test_versions_are_numbered_in_a_row_and_stay(database: Database, table: RoutingTable) -> None:
    versions = Versions(database)
    other = changed(table, "Other")
    assert [await versions.publish(x, "a", "b") for x in (table, other, table)] == [1, 2, 3]
    assert await versions.get(1) == table
    assert await versions.get(2) == other
    assert await versions.current() == (3, table)
    assert await versions.get(4) is None


async def test_publishing_the_current_table_again_keeps_its_number(database: Database, table: RoutingTable) -> None:
    versions = Versions(database)
    assert await versions.publish(table, "a", "b") == 1
    again = RoutingTable.model_validate_json(table.model_dump_json())
    assert await versions.publish(again, "c", "d") == 1
    assert (await one(database, t.table_version))["who"] == "a"
    assert {entry.revision for entry in (await DeskTables(database, KEY).load()).entries} == {1}


def renamed(table: RoutingTable) -> RoutingTable:
    first = table.directory.operators[0].model_copy(update={"name": "Another Name"})
    operators = (first, *table.directory.operators[1:])
    return table.model_copy(update={"directory": table.directory.model_copy(update={"operators": operators})})


async def test_a_change_of_the_directory_alone_is_in_force_without_a_new_version(
    database: Database, table: RoutingTable
) -> None:
    versions = Versions(database)
    await versions.publish(table, "a", "b")
    assert await versions.publish(renamed(table), "a", "b") == 1
    assert await versions.current() == (1, renamed(table))
    assert await versions.get(1) == table, "as it was published"


async def test_what_is_published_is_directory_and_draft(database: Database, table: RoutingTable) -> None:
    """What stood there before and is in no table any more is gone; what is the same keeps its revision."""
    desk = DeskTables(database, KEY)
    await desk.write(0, puts(small_table(), revision=5), note("import"))
    versions = Versions(database, key=KEY)
    number = await versions.publish(table, "admin", "from a file")
    held = await desk.load()
    assert {(entry.kind, entry.value) for entry in held.entries} == set(values_of(table))
    assert (held.settings, held.settings_revision, held.based_on) == (settings_of(table), 6, number)
    assert held.generation == 2
    await versions.publish(renamed(table), "admin", "from a file")
    revisions = {name: entry.revision for name, entry in by_name((await desk.load()).entries).items()}
    first = table.directory.operators[0].key
    assert revisions.pop((Kind.OPERATORS, first)) == by_name(held.entries)[Kind.OPERATORS, first].revision + 1
    assert revisions.items() <= {n: entry.revision for n, entry in by_name(held.entries).items()}.items()


async def test_publishing_past_the_desk_takes_an_approval_away_and_is_noted(
    database: Database, table: RoutingTable
) -> None:
    desk = DeskTables(database, KEY)
    await desk.write(0, [Approve("ab" * 32, "budi (admin)")], note("approve"))
    await Versions(database, key=KEY).publish(table, "root", "from a file")
    assert (await desk.load()).approved is None
    assert [row["subject"] for row in await rows(database, t.audit)] == ["draft", "versions/1"]
    assert await AuditTrail(database, KEY).verify([]) == []


async def test_a_desk_that_was_read_before_is_refused_after_it(database: Database, table: RoutingTable) -> None:
    desk = DeskTables(database, KEY)
    generation = (await desk.load()).generation
    await Versions(database, key=KEY).publish(table, "root", "from a file")
    with pytest.raises(GenerationMoved):
        await desk.write(generation, puts(table), note())


async def test_publications_at_once_get_numbers_without_gaps(
    database: Database, database_url: str, table: RoutingTable
) -> None:
    other = patient(database_url)
    try:
        names = [f"Centre {n}" for n in range(10)]
        numbers = await asyncio.gather(
            *(
                Versions(where).publish(changed(table, name), "a", "b")
                for name, where in zip(names, [database, other] * 5, strict=True)
            )
        )
    finally:
        await other.close()
    assert sorted(numbers) == list(range(1, 11))
    assert len(await rows(database, t.table_version)) == 10


async def test_a_version_changed_by_hand_is_refused(database: Database, table: RoutingTable) -> None:
    versions = Versions(database)
    await versions.publish(table, "a", "b")
    await execute(database, update(t.table_version).values(routing="{}"))
    with pytest.raises(OperatorError, match=r"Version 1 .* was changed in the database"):
        await versions.current()


async def test_a_version_of_another_schema_is_refused_with_its_reason(
    database: Database, table: RoutingTable
) -> None:
    versions = Versions(database)
    await versions.publish(table, "a", "b")
    newer = routing_text(table.centre, table.routing).replace('"schema_version":1', '"schema_version":9')
    await execute(database, update(t.table_version).values(routing=newer, sha256=digest(newer)))
    with pytest.raises(OperatorError, match=r"Version 1 .* does not fit this callrouter: schema_version"):
        await versions.get(1)


async def test_a_version_that_dangles_is_refused_with_its_reason(database: Database, table: RoutingTable) -> None:
    """Neither the directory of now nor the one of its time has what it names."""
    versions = Versions(database)
    await versions.publish(table, "a", "b")
    await execute(database, update(t.table_version).values(directory="{}"), delete(t.entry))
    with pytest.raises(OperatorError, match=r"Version 1 .* does not fit this callrouter: .*does not exist"):
        await versions.current()
