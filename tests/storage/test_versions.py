"""Published versions of the routing table."""

from __future__ import annotations

import asyncio

import pytest
from ruamel.yaml import YAML
from sqlalchemy import update

from callrouter.errors import OperatorError
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.versions import Versions, canonical, digest
from tests.storage.given import execute, one, rows


@pytest.fixture(scope="session")
def table() -> RoutingTable:
    whole = YAML(typ="safe").load((resource("examples") / "kab-malang.yaml").read_text("utf-8"))
    return RoutingTable.model_validate(whole)


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
    assert row["sha256"] == digest(*canonical(table))


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


async def test_a_change_of_the_directory_alone_is_a_new_version(database: Database, table: RoutingTable) -> None:
    versions = Versions(database)
    await versions.publish(table, "a", "b")
    first = table.directory.operators[0].model_copy(update={"name": "Another Name"})
    operators = (first, *table.directory.operators[1:])
    moved = table.model_copy(update={"directory": table.directory.model_copy(update={"operators": operators})})
    assert await versions.publish(moved, "a", "b") == 2
    assert await versions.current() == (2, moved)


async def test_publications_at_once_get_numbers_without_gaps(
    database: Database, database_url: str, table: RoutingTable
) -> None:
    other = Database(database_url)
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
    await execute(database, update(t.table_version).values(directory="{}"))
    with pytest.raises(OperatorError, match=r"Version 1 .* was changed in the database"):
        await versions.current()


async def test_a_version_of_another_schema_is_refused_with_its_reason(
    database: Database, table: RoutingTable
) -> None:
    versions = Versions(database)
    await versions.publish(table, "a", "b")
    routing, directory = canonical(table)
    newer = routing.replace('"schema_version":1', '"schema_version":9')
    await execute(database, update(t.table_version).values(routing=newer, sha256=digest(newer, directory)))
    with pytest.raises(OperatorError, match=r"Version 1 .* does not fit this callrouter: schema_version"):
        await versions.get(1)


def test_canonical_json_is_ascii_and_sorted(table: RoutingTable) -> None:
    routing, directory = canonical(changed(table, "Pusat Jyväskylä"))
    assert (routing + directory).isascii()
    assert routing.startswith('{"centre":{"name":"Pusat Jyv\\u00e4skyl\\u00e4"')
