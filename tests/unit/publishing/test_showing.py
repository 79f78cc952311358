"""What the PBX is shown when it logs in, also where the store is away; and the one table that goes live."""

from __future__ import annotations

import pytest

from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing.errors import NoSuchEntry
from callrouter.routing.entries import Kind
from callrouter.routing.table import RoutingTable
from tests.unit.publishing.fakes import SITI, a_published_office


def away(*methods: str) -> None:
    raise StorageUnavailable("away")


async def test_pbx_is_shown_what_is_held_where_the_store_is_away_and_nobody_knows_what_it_has() -> None:
    office = await a_published_office()
    key = office.desk.entries(Kind.OPERATORS)[0].value.model_copy(update={"name": "Lain"})
    office.store.before = away
    with pytest.raises(StorageUnavailable):
        await office.desk.replace(Kind.OPERATORS, key, 1, SITI)
    office.pbx.acts.clear()
    await office.desk.show()
    assert office.pbx.acts == ["undo 1"]
    assert office.pbx.shows == office.desk.live
    with pytest.raises(StorageUnavailable):  # an edit is not: it would be written over what it has not seen
        await office.desk.delete(Kind.OPERATORS, "nobody", 1, SITI)
    office.store.before = lambda _: None
    with pytest.raises(NoSuchEntry):
        await office.desk.delete(Kind.OPERATORS, "nobody", 1, SITI)


async def test_table_that_goes_live_after_somebody_elses_publication_is_the_one_that_was_prepared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office, other = await a_published_office(), await a_published_office()
    await other.desk.publish(other.desk.draft().sha256, "again", SITI)
    office.store.stored, office.store.kept = other.store.stored, other.store.kept
    office.desk._doubtful = True
    prepared: list[RoutingTable] = []
    prepare = office.pbx.prepare

    async def remembered(table: RoutingTable, version: int) -> None:
        prepared.append(table)
        await prepare(table, version)

    monkeypatch.setattr(office.pbx, "prepare", remembered)
    await office.desk.show()
    assert office.pbx.acts[:2] == ["prepare 2", "swap 2"]
    assert office.pbx.routes_by is not None
    assert prepared == [office.pbx.routes_by[1]]
    assert prepared[0] is office.pbx.routes_by[1]
