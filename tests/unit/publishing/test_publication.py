"""Publishing and rolling back: what refuses, what a failure leaves, what a crash leaves to be mended at start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callrouter.asterisk.plan_codec import encode
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing import replaying
from callrouter.publishing.errors import InUse, Invalid, Moved, NeedsApproval, NoSuchEntry, NotVerified, PbxRefused
from callrouter.publishing.importing import TableError
from callrouter.publishing.model import Changed, Hypothetical, PastCall
from callrouter.publishing.replaying import PAGE
from callrouter.publishing.yamltree import MAX_BYTES
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.directory import Operator
from callrouter.routing.entries import Kind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.verify import Finding
from tests.unit.publishing.fakes import (
    BUDI,
    NOW,
    SITI,
    Document,
    Office,
    a_published_office,
    an_office,
    changed,
    storage_is_away,
    table,
)
from tests.unit.publishing.test_desk import everything, refused, route, trunk

WHY = "a reason"
BAD = Finding("V3", True, "/routing/routes/0", Bilingual("x", "x"), Bilingual("y", "y"))
WARNING = replace(BAD, rule="V5", error=False)


async def edited(office: Office) -> str:
    """Change the draft; returns its hash."""
    await office.desk.create(Kind.ROUTES, route(), SITI)
    return office.desk.draft().sha256


# ---------------------------------------------------------------- publishing


async def test_published_draft_is_in_force_on_the_pbx_in_the_store_and_for_calls() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    published = await office.desk.publish(sha256, WHY, SITI)
    assert (published.number, published.sha256) == (2, sha256)
    assert published.live_ms >= 0
    assert office.pbx.acts == ["prepare 2", "swap 2"]
    assert office.pbx.routes_by == office.pbx.shows == office.desk.live
    assert route() in office.desk.live[1].routing.routes
    draft = office.desk.draft()
    assert (draft.changed, draft.based_on, draft.sha256) == (False, 2, sha256)
    info = (await office.desk.version(2)).info
    assert (info.who, info.why, info.in_force) == ("siti (admin)", WHY, True)
    assert [v.number for v in await office.desk.versions(None, 10)] == [2, 1]
    assert [(n.action, n.subject) for n in office.store.notes[1:]] == [("publish", "versions/2")]


async def test_version_is_hashed_as_the_draft_it_was() -> None:
    office = await a_published_office()
    assert (await office.desk.version(1)).info.sha256 == office.desk.draft().sha256


async def test_pbx_has_the_table_before_it_is_committed_and_calls_get_it_after() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    seen: list[tuple[str, list[str]]] = []
    office.store.before = lambda method: seen.append((method, office.pbx.acts[:]))
    await office.desk.publish(sha256, WHY, SITI)
    assert seen == [("commit", ["prepare 2"])]
    assert office.pbx.acts == ["prepare 2", "swap 2"]


async def test_draft_that_moved_is_not_published() -> None:
    office = await a_published_office()
    first = office.desk.draft().sha256
    sha256 = await edited(office)
    late = await refused(office, Moved, office.desk.publish(first, WHY, SITI))
    assert late.current == sha256


async def test_draft_that_moves_while_it_is_verified_is_not_published() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.worker.meanwhile = lambda: office.desk.create(Kind.ROUTES, route("later", 7), BUDI)
    with pytest.raises(Moved):
        await office.desk.publish(sha256, WHY, SITI)
    assert office.pbx.acts == []
    assert len(office.store.kept) == 1


async def test_directory_that_moves_while_the_draft_is_verified_is_verified_with_it_again() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.worker.jobs.clear()
    office.worker.meanwhile = lambda: office.desk.create(Kind.TRUNKS, trunk(), BUDI)
    await office.desk.publish(sha256, WHY, SITI)
    assert office.worker.jobs == ["verify", "verify"]
    assert trunk() in (await office.desk.version(2)).directory.trunks


async def test_draft_with_errors_is_not_published_and_says_which() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.worker.findings = (WARNING, BAD)
    no = await refused(office, NotVerified, office.desk.publish(sha256, WHY, SITI))
    assert no.findings == (BAD,)
    assert office.pbx.acts == []


async def test_warnings_do_not_stop_a_publication() -> None:
    office = await a_published_office()
    office.worker.findings = (WARNING,)
    assert (await office.desk.publish(await edited(office), WHY, SITI)).number == 2


PBX = PbxRefused(Bilingual("antrean", "the queues"))


@pytest.mark.parametrize("error", [PBX, OperatorError("No clips.", "Make them."), RuntimeError("a defect")])
async def test_table_that_the_pbx_refuses_leaves_everything_as_before(error: Exception) -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.pbx.refuses = error
    assert await refused(office, type(error), office.desk.publish(sha256, WHY, SITI)) is error
    assert office.pbx.acts == ["prepare 2", "undo 1"]
    assert office.pbx.shows == (1, table())


async def test_pbx_shows_the_version_in_force_again_where_the_commit_failed() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.store.before = storage_is_away("commit")
    with pytest.raises(StorageUnavailable):
        await office.desk.publish(sha256, WHY, SITI)
    assert office.pbx.acts == ["prepare 2", "undo 1"]
    assert office.pbx.shows == office.pbx.routes_by == office.desk.live
    office.store.before = lambda _: None
    assert (await office.desk.publish(sha256, WHY, SITI)).number == 2


async def test_commit_whose_answer_was_lost_is_found_again_and_goes_live() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.store.after = storage_is_away("commit")
    assert (await office.desk.publish(sha256, WHY, SITI)).number == 2
    assert office.pbx.acts == ["prepare 2", "swap 2"]
    assert office.pbx.routes_by == office.desk.live


async def test_commit_that_nobody_can_know_of_is_looked_up_at_the_next_edit() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    away = {"load"}

    def fail(method: str) -> None:
        if method in away:
            raise StorageUnavailable("gone")

    office.store.before, office.store.after = fail, storage_is_away("commit")
    with pytest.raises(StorageUnavailable):
        await office.desk.publish(sha256, WHY, SITI)
    assert office.pbx.acts == ["prepare 2", "undo 1"]
    away.clear()
    await office.desk.create(Kind.ROUTES, route("later", 7), SITI)
    assert office.desk.live[0] == 2
    assert office.pbx.acts == ["prepare 2", "undo 1", "prepare 2", "swap 2"]
    assert office.pbx.routes_by == office.desk.live


async def test_commit_that_nobody_can_know_of_goes_live_by_itself_as_soon_as_the_database_tells() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    office.store.before, office.store.after = storage_is_away("load"), storage_is_away("commit")
    with pytest.raises(StorageUnavailable):
        await office.desk.publish(sha256, WHY, SITI)
    with pytest.raises(StorageUnavailable):
        await office.desk.settle()
    assert office.desk.live[0] == 1
    office.store.before = lambda _: None
    await office.desk.settle()
    assert office.pbx.routes_by == office.desk.live
    assert office.desk.live[0] == 2
    acts = list(office.pbx.acts)
    await office.desk.settle()
    assert office.pbx.acts == acts


async def test_crash_between_loading_and_committing_leaves_the_version_in_force() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    reached, never = asyncio.Event(), asyncio.Event()

    async def crash(*_: Any) -> Any:
        reached.set()
        await never.wait()
        raise StorageUnavailable("the process is gone")

    office.store.commit = crash  # type: ignore[method-assign]
    publication = asyncio.create_task(office.desk.publish(sha256, WHY, SITI))
    await reached.wait()
    # What a start after the crash finds: the committed version, to be shown to the PBX by who starts it.
    again = await an_office(office.store)
    assert again.desk.live == (1, table())
    assert again.desk.draft().sha256 == sha256
    never.set()
    with pytest.raises(StorageUnavailable):
        await publication


async def test_edits_wait_for_a_publication_that_is_loading() -> None:
    office = await a_published_office()
    sha256 = await edited(office)
    go_on = asyncio.Event()
    prepare = office.pbx.prepare

    async def slow(*args: Any) -> None:
        await go_on.wait()
        await prepare(*args)

    office.pbx.prepare = slow  # type: ignore[method-assign]
    publication = asyncio.create_task(office.desk.publish(sha256, WHY, SITI))
    while not office.desk._lock.locked():
        await asyncio.sleep(0)
    edit = asyncio.create_task(office.desk.create(Kind.ROUTES, route("later", 7), BUDI))
    await asyncio.sleep(0)
    assert not edit.done()
    go_on.set()
    assert (await publication).number == 2
    await edit
    assert office.desk.draft().changed


async def test_first_version_is_published_where_there_was_none() -> None:
    office = await an_office()
    await office.desk.import_table(table(), None, SITI)
    assert (await office.desk.publish(office.desk.draft().sha256, WHY, SITI)).number == 1


# ---------------------------------------------------------------- the two-person rule


async def test_draft_is_published_by_another_than_who_approved_it() -> None:
    office = await a_published_office(two_person=True)
    sha256 = await edited(office)
    await refused(office, NeedsApproval, office.desk.publish(sha256, WHY, SITI))
    assert (await office.desk.approve(sha256, SITI)).approved_by == "siti"
    await refused(office, NeedsApproval, office.desk.publish(sha256, WHY, SITI))
    assert (await office.desk.publish(sha256, WHY, BUDI)).number == 2
    assert office.desk.draft().approved_by is None


async def test_any_edit_voids_the_approval() -> None:
    office = await a_published_office(two_person=True)
    await office.desk.approve(await edited(office), BUDI)
    await office.desk.create(Kind.ROUTES, route("later", 7), BUDI)
    assert office.desk.draft().approved_by is None
    await refused(office, NeedsApproval, office.desk.publish(office.desk.draft().sha256, WHY, SITI))


async def test_draft_that_moved_is_not_approved() -> None:
    office = await a_published_office(two_person=True)
    await edited(office)
    await refused(office, Moved, office.desk.approve("0" * 64, BUDI))


async def test_approval_is_audited_and_outlives_a_restart() -> None:
    office = await a_published_office(two_person=True)
    sha256 = await edited(office)
    await office.desk.approve(sha256, BUDI)
    assert (office.store.notes[-1].action, office.store.notes[-1].payload) == ("approve", {"sha256": sha256})
    again = await an_office(office.store, two_person=True)
    assert again.desk.draft().approved_by == "budi"


async def test_import_that_publishes_at_once_needs_the_approval_too() -> None:
    office = await a_published_office(two_person=True)
    more = table(changed(lambda d: d["routing"]["routes"][0].update(priority=501)))
    await refused(office, NeedsApproval, office.desk.import_and_publish(more, None, WHY, SITI))


# ---------------------------------------------------------------- rolling back


async def test_rollback_publishes_the_old_routing_anew_and_leaves_the_draft_alone() -> None:
    office = await a_published_office()
    await office.desk.publish(await edited(office), WHY, SITI)
    await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    draft = office.desk.draft()
    done = await office.desk.rollback(1, "it was better", BUDI)
    assert done.number == 3
    number, live = office.desk.live
    assert (number, live.routing) == (3, table().routing)
    assert trunk() in live.directory.trunks
    now = office.desk.draft()
    assert (now.sha256, now.based_on, now.changed) == (draft.sha256, draft.based_on, True)
    assert (await office.desk.version(3)).info.sha256 == (await office.desk.version(1)).info.sha256
    assert office.store.notes[-1].payload == {"why": "it was better", "to": 1}
    assert (await an_office(office.store)).desk.live == office.desk.live


async def test_rollback_to_what_names_a_vanished_entry_is_refused_with_pointers() -> None:
    office = await a_published_office()
    less = changed(lambda d: d["directory"]["agencies"].pop(1))
    less["routing"]["routes"] = [r for r in less["routing"]["routes"] if r["key"] != "health"]
    await office.desk.import_and_publish(table(less), None, WHY, SITI)
    office.worker.verify_really = True
    wrong = await refused(office, Invalid, office.desk.rollback(1, WHY, SITI))
    assert [p.pointer for p in wrong.problems] == ["/routing/routes/1/steps/0/targets/0"]


async def test_rollback_to_what_is_no_longer_verified_is_refused() -> None:
    office = await a_published_office()
    office.worker.findings = (BAD,)
    await refused(office, NotVerified, office.desk.rollback(1, WHY, SITI))


async def test_rollback_to_nothing_is_refused() -> None:
    office = await a_published_office()
    await refused(office, NoSuchEntry, office.desk.rollback(9, WHY, SITI))


async def test_rollback_that_the_pbx_refuses_leaves_everything_as_before() -> None:
    office = await a_published_office()
    await office.desk.publish(await edited(office), WHY, SITI)
    office.pbx.refuses = PBX
    await refused(office, PbxRefused, office.desk.rollback(1, WHY, SITI))


# ---------------------------------------------------------------- an import that publishes at once


def _other_city(document: Document) -> None:
    document["directory"]["agencies"][1]["key"] = "rsud"
    document["directory"]["trunks"][2]["key"] = "rsud"
    document["directory"]["agencies"][1]["contacts"][0].update(trunk="rsud")
    document["directory"]["agencies"][0]["contacts"][1].update(trunk="rsud")
    document["routing"]["routes"][1]["steps"][0]["targets"] = ["rsud/markas"]
    document["routing"]["static_numbers"][0]["trunk"] = "rsud"


async def test_table_of_another_city_takes_the_place_of_the_one_in_force_in_one_step() -> None:
    office = await a_published_office()
    other = table(changed(_other_city))
    await refused(office, InUse, office.desk.import_table(other, None, SITI))
    assert (await office.desk.import_and_publish(other, None, WHY, SITI)).number == 2
    assert office.desk.live == (2, other)
    assert office.pbx.routes_by == office.pbx.shows == office.desk.live
    assert (await an_office(office.store)).desk.live == office.desk.live


@pytest.mark.parametrize("method", ["commit"])
async def test_import_that_fails_at_the_commit_changes_neither_directory_nor_draft(method: str) -> None:
    office = await a_published_office()
    office.store.before = storage_is_away(method)
    other = table(changed(_other_city))
    await refused(office, StorageUnavailable, office.desk.import_and_publish(other, None, WHY, SITI))
    assert office.pbx.shows == (1, table())


async def test_import_with_errors_changes_nothing() -> None:
    office = await a_published_office()
    office.worker.findings = (BAD,)
    other = table(changed(_other_city))
    await refused(office, NotVerified, office.desk.import_and_publish(other, None, WHY, SITI))


async def test_import_of_an_address_outside_the_networks_changes_nothing() -> None:
    office = await a_published_office()
    other = table(changed(lambda d: d["directory"]["trunks"][0].update(host="8.8.8.8")))
    wrong = await refused(office, Invalid, office.desk.import_and_publish(other, None, WHY, SITI))
    assert [p.pointer for p in wrong.problems] == ["/directory/trunks/2/host"]


# ---------------------------------------------------------------- asking


def past(n: int, category: str, route: str, plan: str) -> PastCall:
    facts = Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category=category, trunk="telco")
    return PastCall(f"call-{n:05d}", 1_000_000 * n, facts, 1, route, plan)


def plan_of_fire() -> str:
    return encode(decide(compile_table(table(), 1), past(0, "fire", "", "").facts, NOW))


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_replay_counts_every_call_of_the_period_and_tells_those_that_would_go_elsewhere() -> None:
    office = await a_published_office()
    went = plan_of_fire()
    office.store.calls = [past(n, "fire", "fire", went) for n in range(2 * PAGE + 7)]
    unchanged = await office.desk.replay("draft", at(0), at(10_000))
    assert (unchanged.calls, unchanged.same, unchanged.moved, unchanged.ways) == (207, 207, 0, ())
    await office.desk.delete(Kind.ROUTES, "fire", 1, SITI)
    moved = await office.desk.replay("draft", at(5), at(205))
    assert (moved.calls, moved.same, moved.moved) == (200, 0, 200)
    (way,) = moved.ways
    assert (way.from_where, way.to_where, way.calls) == (
        "damkar/posko > damkar/piket > last_resort:operators > record_message",
        "operators > last_resort:operators > record_message",
        200,
    )
    assert [m.call for m in moved.examples] == [f"call-{n:05d}" for n in range(5, 205)]
    assert (await office.desk.replay(1, at(0), at(10_000))).moved == 0


async def test_replay_of_a_period_without_calls_is_empty() -> None:
    office = await a_published_office()
    assert (await office.desk.replay("in_force", at(0), at(1))).calls == 0


async def test_replay_of_too_many_calls_asks_for_a_shorter_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "MAX_CALLS", PAGE)
    office = await a_published_office()
    office.store.calls = [past(n, "fire", "fire", "") for n in range(PAGE + 1)]
    with pytest.raises(Invalid) as wrong:
        await office.desk.replay("draft", at(0), at(10_000))
    assert wrong.value.problems[0].pointer == "/to"


async def test_explained_call_says_which_table_it_was_asked_of() -> None:
    office = await a_published_office()
    await office.desk.delete(Kind.ROUTES, "fire", 1, SITI)
    call = Hypothetical(past(0, "fire", "", "").facts, NOW, ("talk",))
    in_force, draft = await office.desk.explain("in_force", call), await office.desk.explain("draft", call)
    assert (in_force.version, in_force.winner, in_force.walk.ended_by) == (1, "fire", "talk")
    assert (draft.version, draft.winner) == (0, "all")
    assert (await office.desk.explain(1, call)).winner == "fire"


async def test_outcome_that_a_step_cannot_have_is_told_with_a_pointer() -> None:
    office = await a_published_office()
    call = Hypothetical(past(0, "fire", "", "").facts, NOW, ("busy", "recorded"))
    wrong = await refused(office, Invalid, office.desk.explain("draft", call))
    assert [p.pointer for p in wrong.problems] == ["/outcomes/1"]


async def test_versions_keep_the_directory_of_then() -> None:
    office = await a_published_office()
    await office.desk.replace(Kind.OPERATORS, Operator(key="op1", name="Budi"), 1, SITI)
    then, now = await office.desk.table(1), await office.desk.table("in_force")
    assert [o.name for o in then.directory.operators] == ["Operator 1", "Operator 2"]
    assert [o.name for o in now.directory.operators] == ["Budi", "Operator 2"]
    assert (await office.desk.table("draft")) == now


async def test_what_is_not_there_cannot_be_asked_about() -> None:
    office = await an_office()
    for side in (7, "in_force"):
        with pytest.raises(NoSuchEntry):
            await office.desk.table(side)  # type: ignore[arg-type]
        with pytest.raises(NoSuchEntry):
            await office.desk.verify(side)  # type: ignore[arg-type]
    with pytest.raises(NoSuchEntry):
        await office.desk.version(1)


async def test_difference_is_told_by_kind_and_key_in_both_languages() -> None:
    office = await a_published_office()
    await office.desk.create(Kind.ROUTES, route(), SITI)
    await office.desk.delete(Kind.ROUTES, "health", 1, SITI)
    old = office.desk.entry(Kind.ROUTES, "fire").value
    await office.desk.replace(Kind.ROUTES, old.model_copy(update={"locked": True}), 1, SITI)
    diff = await office.desk.diff("in_force", "draft")
    assert [(d.kind, d.key, d.changed) for d in diff.differences] == [
        ("routes", "fire", Changed.CHANGED),
        ("routes", "health", Changed.REMOVED),
        ("routes", "night", Changed.ADDED),
    ]
    fire, health, night = diff.differences
    was = old.model_dump(mode="json", exclude={"urgency"})  # it has none
    assert (fire.before, fire.after) == (was, {**was, "locked": True})
    assert (health.after, night.before) == (None, None)
    assert diff.text.id.startswith("--- versi 1\n+++ draf\n@@ rute fire: diubah @@\n")
    assert diff.text.en.startswith("--- version 1\n+++ draft\n@@ route fire: changed @@\n")
    assert "-locked: false\n+locked: true\n" in diff.text.en
    same = await office.desk.diff(1, "in_force")
    assert (same.differences, same.text.en) == ((), "No differences.\n")


async def test_difference_from_nothing_is_everything() -> None:
    office = await an_office()
    await office.desk.import_table(table(), None, SITI)
    diff = await office.desk.diff("in_force", "draft")
    kinds = {d.kind for d in diff.differences}
    assert kinds == {"settings", "categories", "menus", "schedules", "ring_groups", "routes"}


async def test_difference_of_an_import_has_the_directory_too() -> None:
    office = await a_published_office()
    diff = await office.desk.diff_of(table(changed(_other_city)))
    assert ("trunks", "rsud", Changed.ADDED) in {(d.kind, d.key, d.changed) for d in diff.differences}


async def test_table_is_read_from_yaml_off_the_loop() -> None:
    office = await an_office()
    read = await office.desk.read_table(b"{schema_version: 1, centre: {name: Pusat, timezone: Asia/Jakarta}}")
    assert read.centre.name == "Pusat"
    assert office.worker.jobs == ["read"]


def _anchors() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        pytest.param(lambda: b"x: 1\nx: 2", "/x", id="doubled key"),
        pytest.param(_anchors, "/a0", id="anchor bomb"),
        pytest.param(lambda: b"#" * 50_000_000, "", id="50 MB"),
        pytest.param(lambda: b"[" * 100_000, "", id="depth"),
        pytest.param(lambda: b"centre: {name: " + b"x" * 10_000 + b"}", "/centre/name", id="10,000 characters"),
        pytest.param(lambda: b"\xff\xfe", "", id="no UTF-8"),
    ],
)
async def test_bad_text_is_refused_with_a_pointer_and_nothing_is_changed(
    content: Callable[[], bytes], pointer: str
) -> None:
    office = await a_published_office()
    wrong = await refused(office, TableError, office.desk.read_table(content()))
    assert any(p.pointer.startswith(pointer) and p.sentence.id and p.remedy.en for p in wrong.problems)


async def test_limit_of_a_text_is_that_of_a_file() -> None:
    office = await an_office()
    with pytest.raises(TableError):
        await office.desk.read_table(b" " * (MAX_BYTES + 1))
    assert everything(office)
