"""Directory and draft: written whole or not at all, by whoever saw the newest generation."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.access.ports import OperatorSecret, TrunkSecret
from callrouter.duty.model import DutyState, Presence
from callrouter.errors import OperatorError
from callrouter.publishing import sheet
from callrouter.publishing.canonical import digest, routing_text
from callrouter.publishing.cards import card_of
from callrouter.publishing.errors import GenerationMoved
from callrouter.publishing.model import Approve, Change, Entry, Put, Remove, SetBase, Version, VersionInfo
from callrouter.publishing.ports import DeskStore
from callrouter.routing.entries import Kind, canonical
from callrouter.storage import desk as desk_module
from callrouter.storage import tables as t
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.desk import DeskTables
from callrouter.storage.duty import DutyTable
from callrouter.storage.secrets import SecretTables
from callrouter.storage.versions import Versions
from tests.databases import patient
from tests.storage.desks import KEY, by_name, note, operator, puts, route, settings_of, table, trunk, values_of
from tests.storage.given import execute, one, rows

AT = 1_790_000_000_000_000


@pytest.fixture
def desk(database: Database) -> DeskTables:
    return DeskTables(database, KEY, now_us=lambda: AT)


async def _picture(database: Database) -> dict[str, Any]:
    kept = (t.desk, t.entry, t.table_version, t.audit)
    return {each.name: await rows(database, each) for each in kept}


def _put(key: str = "op9", revision: int = 1) -> Put:
    return Put(Entry(Kind.OPERATORS, operator(key), revision))


async def test_a_new_database_has_an_empty_desk(desk: DeskTables) -> None:
    store: DeskStore = desk
    held = await store.load()
    assert (held.generation, held.entries, held.settings, held.settings_revision) == (0, (), None, 0)
    assert (held.based_on, held.approved, held.in_force) == (None, None, None)


async def test_what_was_written_is_loaded(desk: DeskTables) -> None:
    whole = table()
    assert await desk.write(0, [*puts(whole), SetBase(4), Approve("ab" * 32, "budi (admin)")], note("import")) == 1
    held = await desk.load()
    assert held.generation == 1
    assert {(e.kind, e.value, e.revision) for e in held.entries} == {(k, v, 1) for k, v in values_of(whole)}
    assert held.settings == settings_of(whole)
    assert (held.settings_revision, held.based_on, held.approved) == (1, 4, ("ab" * 32, "budi (admin)"))


async def test_changes_and_removals_are_carried_out_together(desk: DeskTables) -> None:
    await desk.write(0, puts(table()), note())
    renamed = operator("op1", name="Nama Baru")
    removed: list[Change] = [Remove(Kind.ROUTES, f"route-{n}") for n in (1, 2)]
    changes = [Put(Entry(Kind.OPERATORS, renamed, 2)), *removed, SetBase(None), Approve("", "")]
    assert await desk.write(1, changes, note()) == 2
    held = await desk.load()
    assert by_name(held.entries)[Kind.OPERATORS, "op1"] == Entry(Kind.OPERATORS, renamed, 2)
    assert Kind.ROUTES not in {entry.kind for entry in held.entries}
    assert (held.based_on, held.approved) == (None, None)


async def test_of_several_changes_of_one_entry_the_last_counts(desk: DeskTables) -> None:
    gone = Remove(Kind.OPERATORS, "op9")
    await desk.write(0, [_put(), gone, _put(revision=7)], note())
    assert [entry.revision for entry in (await desk.load()).entries] == [7]
    await desk.write(1, [_put(revision=8), gone], note())
    assert (await desk.load()).entries == ()


async def test_removing_what_is_not_there_is_no_harm(desk: DeskTables) -> None:
    assert await desk.write(0, [Remove(Kind.OPERATORS, "nobody")], note()) == 1


async def test_a_write_that_saw_an_older_desk_changes_nothing(desk: DeskTables, database: Database) -> None:
    await desk.write(0, puts(table()), note())
    before = await _picture(database)
    for generation in (0, 2):
        with pytest.raises(GenerationMoved):
            await desk.write(generation, [_put()], note())
        with pytest.raises(GenerationMoved):
            await desk.commit(generation, table(), "siti", "why", note("publish"), [_put()])
    assert await _picture(database) == before


@pytest.fixture
async def other_process(database_url: str) -> AsyncIterator[Database]:
    opened = patient(database_url)
    yield opened
    await opened.close()


async def test_of_two_writers_at_once_one_is_refused(
    desk: DeskTables, database: Database, other_process: Database
) -> None:
    other = DeskTables(other_process, KEY)
    writers = [d.write(0, [_put(f"op{n}")], note(subject=f"op{n}")) for n, d in enumerate([desk, other] * 5)]
    done = await asyncio.gather(*writers, return_exceptions=True)
    assert sorted(type(result).__name__ for result in done) == ["GenerationMoved"] * 9 + ["int"]
    ((winner, _),) = [(n, result) for n, result in enumerate(done) if result == 1]
    held = await other.load()
    assert (held.generation, [entry.value.model_dump()["key"] for entry in held.entries]) == (1, [f"op{winner}"])
    assert [row["subject"] for row in await rows(database, t.audit)] == [f"op{winner}"]


async def test_a_write_and_its_note_are_one(
    desk: DeskTables, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the change and the note: neither is there."""
    await desk.write(0, puts(table()), note())
    before = await _picture(database)

    async def killed(connection: AsyncConnection, *_: object) -> None:
        # The change is made, in this transaction; it is the end of the transaction that is missing.
        assert len((await connection.execute(t.entry.select().where(t.entry.c.key == "op9"))).all()) == 1
        raise ConnectionAbortedError("killed")

    monkeypatch.setattr(desk_module, "append", killed)
    with pytest.raises(Exception, match="killed"):
        await desk.write(1, [_put()], note())
    with pytest.raises(Exception, match="killed"):
        await desk.commit(1, table(), "siti", "why", note("publish"), [_put()])
    monkeypatch.undo()
    assert await _picture(database) == before
    assert await desk.write(1, [_put()], note()) == 2


async def test_a_commit_makes_the_next_version_with_its_note_and_changes(
    desk: DeskTables, database: Database
) -> None:
    whole = table()
    await desk.write(0, puts(whole), note("import"))
    made = await desk.commit(1, whole, "siti", "first", note("publish", "versions"), [SetBase(1)])
    text = routing_text(whole.centre, whole.routing)
    info = VersionInfo(1, digest(text), AT, "siti", "first", in_force=True)
    assert made == (2, info)
    assert await desk.version(1) == Version(info, whole.centre, canonical(whole.routing), _sorted(whole).directory)
    held = await desk.load()
    assert (held.generation, held.based_on, held.in_force) == (2, 1, info)
    (_, published) = await rows(database, t.audit)
    assert (published["action"], published["subject"]) == ("publish", "versions/1")
    assert await AuditTrail(database, KEY).verify([]) == []


def _sorted(whole: Any) -> Any:
    held = whole.directory
    by_key = {
        kind: tuple(sorted(getattr(held, kind), key=lambda v: str(v.key)))
        for kind in ("trunks", "agencies", "operators")
    }
    return whole.model_copy(update={"directory": held.model_copy(update=by_key)})


async def test_the_newest_version_is_in_force(desk: DeskTables) -> None:
    generation, infos = 0, []
    for n in range(1, 6):
        generation, info = await desk.commit(generation, table(n), "siti", f"change {n}", note("publish"))
        infos.append(info)
    assert [info.number for info in infos] == [1, 2, 3, 4, 5]
    shown = await desk.versions(None, 3)
    assert [(info.number, info.in_force, info.why) for info in shown] == [
        (5, True, "change 5"),
        (4, False, "change 4"),
        (3, False, "change 3"),
    ]
    assert [(info.number, info.in_force) for info in await desk.versions(3, 50)] == [(2, False), (1, False)]
    assert await desk.versions(1, 50) == []
    old = await desk.version(2)
    assert old is not None
    assert (old.info.in_force, len(old.routing.routes)) == (False, 2)
    assert await desk.version(6) is None


async def test_a_version_that_is_the_same_as_the_one_before_is_a_version_too(desk: DeskTables) -> None:
    """A roll-back of a roll-back: who published what and when is told by the versions alone."""
    _, first = await desk.commit(0, table(), "siti", "a", note("publish"))
    _, again = await desk.commit(1, table(), "siti", "b", note("rollback"))
    assert (again.number, again.sha256) == (2, first.sha256)


async def test_commits_at_once_get_numbers_without_gaps(desk: DeskTables, other_process: Database) -> None:
    other = DeskTables(other_process, KEY)

    async def publish(where: DeskTables, n: int) -> int:
        while True:
            generation = (await where.load()).generation
            try:
                return (await where.commit(generation, table(n), "siti", "why", note("publish")))[1].number
            except GenerationMoved:
                continue

    numbers = await asyncio.gather(*(publish(d, n) for n, d in enumerate([desk, other] * 3, 1)))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


async def test_with_an_operator_go_his_secret_and_his_duty_with_a_trunk_its_password(
    desk: DeskTables, database: Database
) -> None:
    """Whoever gets the key later is somebody else, and must not have them."""
    secrets, duties = SecretTables(database, KEY), DutyTable(database, KEY)
    await desk.write(0, puts(table()), note())
    for key in ("op1", "op2"):
        await secrets.put_operator(OperatorSecret(key, "a" * 32, "b" * 64, AT, "siti"), note("secret"))
    for key in ("telco", "damkar"):
        await secrets.put_trunk(TrunkSecret(key, "gAAAA", AT, "siti"), note("secret"))
    await duties.save([DutyState(key, Presence.LEFT) for key in ("op1", "op2")], None)
    await desk.write(1, [Remove(Kind.OPERATORS, "op1"), Remove(Kind.TRUNKS, "telco")], note("delete"))
    assert set(await secrets.operators()) == {"op2"}
    assert set(await duties.load()) == {"op2"}
    assert set(await secrets.trunks()) == {"damkar"}


async def test_replacing_an_operator_keeps_his_secret(desk: DeskTables, database: Database) -> None:
    secrets = SecretTables(database, KEY)
    await desk.write(0, puts(table()), note())
    await secrets.put_operator(OperatorSecret("op1", "a" * 32, "b" * 64, AT, "siti"), note("secret"))
    await desk.write(1, [Put(Entry(Kind.OPERATORS, operator("op1", name="Lain"), 2))], note("replace"))
    assert set(await secrets.operators()) == {"op1"}


async def test_an_entry_that_was_changed_by_hand_is_named(desk: DeskTables, database: Database) -> None:
    await desk.write(0, [_put()], note())
    await execute(database, update(t.entry).values(body='{"key":"op9","name":""}'))
    with pytest.raises(
        OperatorError, match=r"The part operators/op9 .* does not fit this callrouter: operators\.name"
    ):
        await desk.load()
    await execute(database, update(t.entry).values(body='{"key":"op8","name":"Other"}'))
    with pytest.raises(OperatorError, match=r"The part operators/op9 .* key: not 'op8'"):
        await desk.load()


async def test_a_version_that_was_changed_by_hand_is_named(desk: DeskTables, database: Database) -> None:
    await desk.commit(0, table(), "siti", "why", note("publish"))
    text = (await one(database, t.table_version))["routing"]
    await execute(database, update(t.table_version).values(routing=text.replace('"ring_s":20', '"ring_s":21')))
    with pytest.raises(OperatorError, match="Version 1 of the routing table was changed in the database"):
        await desk.version(1)


async def test_the_hash_of_a_version_is_that_of_the_draft(desk: DeskTables) -> None:
    """The desk hashes its draft by itself, from the texts of its entries."""
    whole = table(5)
    cards = [card_of(kind, value) for kind, value in values_of(whole)]
    _, info = await desk.commit(0, whole, "siti", "why", note("publish"))
    assert sheet.Sheet.of(cards, settings_of(whole)).sha256 == info.sha256


async def test_a_note_that_is_no_json_changes_nothing(desk: DeskTables, database: Database) -> None:
    before = await _picture(database)
    with pytest.raises(TypeError):
        await desk.write(0, [_put()], AuditNote("siti", "create", "draft", {"bad": object()}))
    assert await _picture(database) == before


async def test_who_and_why_of_any_length_and_letters_are_kept_as_the_database_can(desk: DeskTables) -> None:
    _, info = await desk.commit(0, table(), "s\x00iti" * 100, "\ud800" * 9_000, note("publish", "x\x00" * 500))
    assert (len(info.who), len(info.why)) == (200, 2_000)
    assert (await desk.load()).in_force == info


async def test_loading_a_big_table_lets_the_calls_go_on(desk: DeskTables) -> None:
    """1,000 routes hold the loop for some 3 ms at most, of 150 in all, both of CPU; a slow machine needs more."""
    whole = table(1_000)
    changes = puts(whole)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()  # the loop's own work, whatever else the machine does
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    gc.disable()  # whose pause would count for whoever is at work
    watcher = asyncio.create_task(watch())
    begun = time.thread_time()
    try:
        await desk.write(0, changes, note("import"))
        await desk.commit(1, whole, "siti", "why", note("publish"))
        held = await desk.load()
        version = await desk.version(1)
        in_all = time.thread_time() - begun
    finally:
        watcher.cancel()
        gc.enable()
    assert len(held.entries) == len(changes) - 1
    assert version is not None
    assert 0 < longest < in_all / 8, f"the loop was held for {longest * 1000:.1f} of {in_all * 1000:.0f} ms"


async def test_the_desk_after_a_restart_is_the_one_before(database_url: str) -> None:
    first = patient(database_url)
    await DeskTables(first, KEY).write(0, [*puts(table()), Put(Entry(Kind.TRUNKS, trunk(channels=5), 3))], note())
    held = await DeskTables(first, KEY).load()
    await first.close()
    second = patient(database_url)
    try:
        assert await DeskTables(second, KEY).load() == held
    finally:
        await second.close()


async def test_the_table_in_force_has_the_directory_of_now(desk: DeskTables, database: Database) -> None:
    whole = table()
    await desk.write(0, puts(whole), note())
    await desk.commit(1, whole, "siti", "why", note("publish"))
    await desk.write(
        2, [Put(Entry(Kind.TRUNKS, trunk(enabled=False), 2)), Put(Entry(Kind.ROUTES, route(9), 1))], note()
    )
    current = await Versions(database).current()
    assert current is not None
    number, shown = current
    assert number == 1
    telco = shown.trunk("telco")
    assert telco is not None
    assert not telco.enabled
    assert len(shown.routing.routes) == 2, "the draft is not in force"


async def test_a_directory_that_no_longer_fits_the_version_in_force_is_not_used(
    desk: DeskTables, database: Database
) -> None:
    """No edit leaves that behind; a database that was edited by hand must still serve calls."""
    whole = table()
    await desk.write(0, puts(whole), note())
    await desk.commit(1, whole, "siti", "why", note("publish"))
    await desk.write(2, [Remove(Kind.AGENCIES, "damkar")], note())
    assert await Versions(database).current() == (1, _sorted(_canonical(whole)))


def _canonical(whole: Any) -> Any:
    return whole.model_copy(update={"routing": canonical(whole.routing)})
