"""The desk: edits of directory and draft, what refuses them, and what is left where one fails half-way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing.errors import AlreadyThere, GenerationMoved, InUse, Invalid, Moved, NoSuchEntry, PbxRefused
from callrouter.routing.directory import Agency, Contact, Operator, Trunk
from callrouter.routing.entries import Kind
from callrouter.routing.table import Category, Menu, Option, RingGroup, Route
from callrouter.routing.values import Text, Value
from tests.unit.publishing.fakes import (
    BUDI,
    SITI,
    Office,
    a_published_office,
    an_office,
    changed,
    entry_of,
    settings,
    storage_is_away,
    table,
)


def trunk(key: str = "polri", host: str = "127.0.112.15", **given: Any) -> Trunk:
    return Trunk.model_validate({"key": key, "kind": "agency", "host": host} | given)


def route(key: str = "night", priority: int = 450, **given: Any) -> Route:
    steps = [{"kind": "ringgroup", "group": "operators"}]
    return Route.model_validate({"key": key, "priority": priority, "steps": steps} | given)


def of(office: Office, kind: Kind, key: str) -> Any:
    return office.desk.entry(kind, key).value


def everything(office: Office) -> object:
    """What must be as before after a refused edit: what the desk, the store and the PBX have."""
    held = {kind: office.desk.entries(kind) for kind in Kind}
    return (
        held,
        office.desk.draft(),
        office.store.stored,
        office.pbx.shows,
        office.pbx.routes_by,
        office.store.notes[:],
    )


async def refused(office: Office, error: type[Exception], edit: Any) -> Any:
    before = everything(office)
    with pytest.raises(error) as caught:
        await edit
    assert everything(office) == before
    return caught.value


# ---------------------------------------------------------------- what an edit does


async def test_created_entry_is_there_with_revision_one() -> None:
    office = await an_office()
    entry = await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    assert (entry.revision, entry.value) == (1, trunk())
    assert office.desk.entry(Kind.TRUNKS, "polri") == entry
    assert [e.value for e in office.desk.entries(Kind.TRUNKS)] == [trunk()]


async def test_each_edit_is_audited_with_what_was_and_what_is() -> None:
    office = await an_office()
    await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    await office.desk.replace(Kind.TRUNKS, trunk(port=5070), 1, BUDI)
    await office.desk.delete(Kind.TRUNKS, "polri", 2, SITI)
    old, new = trunk().model_dump(mode="json"), trunk(port=5070).model_dump(mode="json")
    assert [(n.actor, n.action, n.subject, n.payload) for n in office.store.notes] == [
        ("siti (admin)", "create", "trunks/polri", {"before": None, "after": old}),
        ("budi (admin)", "replace", "trunks/polri", {"before": old, "after": new}),
        ("siti (admin)", "delete", "trunks/polri", {"before": new, "after": None}),
    ]


async def test_edit_of_the_draft_does_not_touch_the_pbx() -> None:
    office = await a_published_office()
    await office.desk.create(Kind.ROUTES, route(), SITI)
    await office.desk.set_settings(settings(last_resort={"group": "operators", "seconds": 60}), 1, SITI)
    assert office.pbx.acts == []


async def test_edit_of_the_directory_takes_effect_at_once_with_the_routing_in_force() -> None:
    office = await a_published_office()
    await office.desk.create(Kind.ROUTES, route(), SITI)
    await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    assert office.pbx.acts == ["prepare 1", "swap 1"]
    assert office.pbx.routes_by is not None
    number, live = office.pbx.routes_by
    assert (number, live.routing) == (1, table().routing)
    assert trunk() in live.directory.trunks
    assert office.desk.live == (1, live)


async def test_phones_are_brought_to_the_pbx_before_the_first_version() -> None:
    office = await an_office()
    await office.desk.create(Kind.OPERATORS, Operator(key="op1", name="Siti"), SITI)
    assert office.pbx.routes_by is not None
    number, live = office.pbx.routes_by
    assert (number, live.routing.routes, live.directory.operators[0].key) == (0, (), "op1")


async def test_replacing_an_entry_by_itself_changes_nothing() -> None:
    office = await a_published_office()
    same = entry_of(table(), Kind.TRUNKS, "telco")
    before = everything(office)
    assert (await office.desk.replace(Kind.TRUNKS, same, 1, SITI)).revision == 1
    assert everything(office) == before


async def test_routes_are_listed_by_priority_and_the_rest_by_key() -> None:
    office = await a_published_office()
    await office.desk.create(Kind.ROUTES, route(priority=1_000), SITI)
    assert [e.value.key for e in office.desk.entries(Kind.ROUTES)] == ["night", "fire", "health", "all"]  # type: ignore[attr-defined]
    assert [e.value.key for e in office.desk.entries(Kind.TRUNKS)] == ["damkar", "pmi", "telco"]  # type: ignore[attr-defined]


async def test_hash_of_the_draft_follows_its_content_and_not_its_history() -> None:
    office = await a_published_office()
    assert not office.desk.draft().changed
    first = office.desk.draft().sha256
    made = await office.desk.create(Kind.ROUTES, route(), SITI)
    assert office.desk.draft().changed
    assert office.desk.draft().sha256 != first
    await office.desk.delete(Kind.ROUTES, "night", made.revision, SITI)
    assert office.desk.draft().sha256 == first
    assert not office.desk.draft().changed


async def test_edit_of_the_directory_leaves_the_hash_of_the_draft() -> None:
    office = await a_published_office()
    before = office.desk.draft().sha256
    await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    assert office.desk.draft().sha256 == before


async def test_what_was_written_is_there_after_a_start() -> None:
    office = await a_published_office()
    await office.desk.create(Kind.ROUTES, route(), SITI)
    await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    again = await an_office(office.store)
    assert again.desk.draft() == office.desk.draft()
    assert again.desk.live == office.desk.live
    assert {k: again.desk.entries(k) for k in Kind} == {k: office.desk.entries(k) for k in Kind}
    assert again.pbx.acts == []


# ---------------------------------------------------------------- what refuses an edit


async def test_a_key_is_given_once() -> None:
    office = await a_published_office()
    await refused(office, AlreadyThere, office.desk.create(Kind.ROUTES, route("fire"), SITI))


async def test_what_is_not_there_can_neither_be_replaced_nor_deleted() -> None:
    office = await a_published_office()
    await refused(office, NoSuchEntry, office.desk.replace(Kind.ROUTES, route(), 1, SITI))
    await refused(office, NoSuchEntry, office.desk.delete(Kind.ROUTES, "night", 1, SITI))
    with pytest.raises(NoSuchEntry):
        office.desk.entry(Kind.ROUTES, "night")


async def test_who_saw_an_older_one_is_told_the_revision_of_now() -> None:
    office = await a_published_office()
    await office.desk.replace(Kind.ROUTES, route("fire", 501), 1, SITI)
    late = await refused(office, Moved, office.desk.replace(Kind.ROUTES, route("fire", 502), 1, BUDI))
    assert late.current == "2"
    late = await refused(office, Moved, office.desk.delete(Kind.ROUTES, "fire", 1, BUDI))
    assert late.current == "2"
    late = await refused(office, Moved, office.desk.set_settings(settings(), 7, BUDI))
    assert late.current == "1"


NAMES_NOBODY: list[tuple[Kind, Value, str]] = [
    (Kind.ROUTES, route(when={"category": ["fire", "flood"]}), "/when/category/1"),
    (Kind.ROUTES, route(when={"schedule": ["night"]}), "/when/schedule/0"),
    (Kind.ROUTES, route(when={"area": ["35.07"]}), "/when/area/0"),
    (Kind.ROUTES, route(when={"state": [{"agency": "bpbd", "state": "available"}]}), "/when/state/0/agency"),
    (Kind.ROUTES, route(steps=[{"kind": "dial", "targets": ["damkar/nobody"]}]), "/steps/0/targets/0"),
    (Kind.ROUTES, route(steps=[{"kind": "ringgroup", "group": "night"}]), "/steps/0/group"),
    (Kind.RING_GROUPS, RingGroup(key="night", members=("op1", "op9")), "/members/1"),
    (Kind.RING_GROUPS, RingGroup(key="night", shifts=("night",)), "/shifts/0"),
    (
        Kind.MENUS,
        Menu(key="more", name=Text(id="x", en="x"), options=(Option(digit="1", menu="most"),)),
        "/options/0/menu",
    ),
    (
        Kind.AGENCIES,
        Agency(key="polri", name=Text(id="x", en="x"), contacts=(Contact(key="spkt", trunk="polri", number="110"),)),
        "/contacts/0/trunk",
    ),
]


@pytest.mark.parametrize(("kind", "value", "pointer"), NAMES_NOBODY)
async def test_name_of_nothing_is_told_with_a_pointer_into_what_was_sent(
    kind: Kind, value: Value, pointer: str
) -> None:
    office = await a_published_office()
    wrong = await refused(office, Invalid, office.desk.create(kind, value, SITI))
    assert [p.pointer for p in wrong.problems] == [pointer]
    assert all(p.sentence.id and p.sentence.en and p.remedy.id and p.remedy.en for p in wrong.problems)


async def test_two_routes_of_one_priority_are_refused_naming_the_other() -> None:
    office = await a_published_office()
    wrong = await refused(office, Invalid, office.desk.create(Kind.ROUTES, route(priority=400), SITI))
    (problem,) = wrong.problems
    assert problem.pointer == "/priority"
    assert problem.sentence.en == "route priority '400' is given twice; first at routes/health/priority"


async def test_doubled_target_is_told_within_the_route() -> None:
    office = await a_published_office()
    twice = route(steps=[{"kind": "dial", "targets": ["pmi/markas", "pmi/markas"]}])
    wrong = await refused(office, Invalid, office.desk.create(Kind.ROUTES, twice, SITI))
    (problem,) = wrong.problems
    assert problem.pointer == "/steps/0/targets/1"
    assert problem.sentence.en == "target 'pmi/markas' is given twice; first at /steps/0/targets/0"


async def test_two_trunks_of_one_address_are_refused() -> None:
    office = await a_published_office()
    wrong = await refused(office, Invalid, office.desk.create(Kind.TRUNKS, trunk(host="127.0.112.11"), SITI))
    assert [p.pointer for p in wrong.problems] == ["/host"]
    assert "trunks/damkar/host" in wrong.problems[0].sentence.en


async def test_operator_and_trunk_never_share_a_key_whichever_comes_second() -> None:
    office = await a_published_office()
    telco = Operator(key="telco", name="Telco")
    wrong = await refused(office, Invalid, office.desk.create(Kind.OPERATORS, telco, SITI))
    assert [p.pointer for p in wrong.problems] == ["/key"]
    wrong = await refused(office, Invalid, office.desk.create(Kind.TRUNKS, trunk("op1"), SITI))
    assert "operators/op1" in wrong.problems[0].sentence.en


async def test_digit_that_switches_the_language_is_none_of_an_option() -> None:
    office = await a_published_office()
    main = of(office, Kind.MENUS, "main")
    wrong = await refused(
        office, Invalid, office.desk.replace(Kind.MENUS, main.model_copy(update={"switch_digit": "2"}), 1, SITI)
    )
    assert [p.pointer for p in wrong.problems] == ["/options/1/digit"]


async def test_main_menu_whose_switch_digit_is_taken_behind_an_option_says_where() -> None:
    office = await a_published_office()
    more = Menu(key="more", name=Text(id="x", en="x"), options=(Option(digit="8", category="fire"),))
    await office.desk.create(Kind.MENUS, more, SITI)
    main = of(office, Kind.MENUS, "main").model_copy(update={"switch_digit": "8"})
    wrong = await refused(office, Invalid, office.desk.replace(Kind.MENUS, main, 1, SITI))
    (problem,) = wrong.problems
    assert problem.pointer == ""
    assert problem.sentence.en.startswith("menus/more/options/0/digit: ")


async def test_settings_that_name_nothing_are_refused() -> None:
    office = await a_published_office()
    for given, pointer in (
        ({"main_menu": "night"}, "/main_menu"),
        ({"last_resort": {"group": "night"}}, "/last_resort/group"),
        ({"static_numbers": [{"trunk": "north", "number": "110"}]}, "/static_numbers/0/trunk"),
    ):
        wrong = await refused(office, Invalid, office.desk.set_settings(settings(**given), 1, SITI))
        assert [p.pointer for p in wrong.problems] == [pointer]


@pytest.mark.parametrize("host", ["8.8.8.8", "192.168.1.1", "2001:db8::1"])
async def test_trunk_outside_the_networks_is_refused_with_what_to_do(host: str) -> None:
    office = await a_published_office()
    wrong = await refused(office, Invalid, office.desk.create(Kind.TRUNKS, trunk(host=host), SITI))
    (problem,) = wrong.problems
    assert problem.pointer == "/host"
    assert host in problem.sentence.id
    assert host in problem.sentence.en
    assert "CALLROUTER_TRUNK_NETWORKS" in problem.remedy.en
    telco = of(office, Kind.TRUNKS, "telco").model_copy(update={"host": host})
    await refused(office, Invalid, office.desk.replace(Kind.TRUNKS, telco, 1, SITI))


async def test_more_entries_than_a_table_may_have_are_refused() -> None:
    many = changed(
        lambda d: d["routing"].update(
            categories=[
                {"key": f"c{n}", "urn": "urn:service:sos", "name": {"id": "x", "en": "x"}, "priority": 1}
                for n in range(98)
            ]
            + d["routing"]["categories"]
        )
    )
    office = await a_published_office(many)
    last = Category(key="last", urn="urn:service:sos", name=Text(id="x", en="x"), priority=1)
    wrong = await refused(office, Invalid, office.desk.create(Kind.CATEGORIES, last, SITI))
    assert "100" in wrong.problems[0].sentence.en


async def test_deleting_what_the_draft_uses_lists_the_users() -> None:
    office = await a_published_office()
    in_use = await refused(office, InUse, office.desk.delete(Kind.CATEGORIES, "fire", 1, SITI))
    assert {(u.where, u.user, u.pointer) for u in in_use.uses} == {
        ("draft", "menus/main", "/routing/menus/0/options/0/category"),
        ("draft", "routes/fire", "/routing/routes/0/when/category/0"),
    }
    in_use = await refused(office, InUse, office.desk.delete(Kind.RING_GROUPS, "operators", 1, SITI))
    assert {u.user for u in in_use.uses} == {"routes/all", "settings"}
    in_use = await refused(office, InUse, office.desk.delete(Kind.MENUS, "main", 1, SITI))
    assert {(u.user, u.pointer) for u in in_use.uses} == {("settings", "/routing/main_menu")}


async def test_deleting_a_directory_entry_that_the_version_in_force_uses_is_refused() -> None:
    office = await a_published_office()
    await office.desk.delete(Kind.ROUTES, "health", 1, SITI)
    in_use = await refused(office, InUse, office.desk.delete(Kind.AGENCIES, "pmi", 1, SITI))
    assert [(u.where, u.user, u.pointer) for u in in_use.uses] == [
        ("version 1", "routes/health", "/routing/routes/1/steps/0/targets/0")
    ]


async def test_deleting_a_trunk_lists_the_agencies_on_it() -> None:
    office = await a_published_office()
    in_use = await refused(office, InUse, office.desk.delete(Kind.TRUNKS, "pmi", 1, SITI))
    assert {(u.where, u.user) for u in in_use.uses} == {
        ("directory", "agencies/damkar"),
        ("directory", "agencies/pmi"),
        ("draft", "settings"),
        ("version 1", "settings"),
    }


async def test_taking_a_contact_away_that_routes_name_is_refused() -> None:
    office = await a_published_office()
    damkar = of(office, Kind.AGENCIES, "damkar")
    less = damkar.model_copy(update={"contacts": damkar.contacts[:1]})
    in_use = await refused(office, InUse, office.desk.replace(Kind.AGENCIES, less, 1, SITI))
    assert {(u.where, u.user) for u in in_use.uses} == {("draft", "routes/fire"), ("version 1", "routes/fire")}


async def test_unused_entry_is_deleted() -> None:
    office = await a_published_office()
    await office.desk.delete(Kind.SCHEDULES, "day", 1, SITI)
    assert office.desk.entries(Kind.SCHEDULES) == ()


# ---------------------------------------------------------------- where something fails half-way


NO_ROOM = OperatorError("The disk is full.", "Make room.")
NO = PbxRefused(Bilingual("tidak dimuat", "was not loaded"))


@pytest.mark.parametrize("error", [NO, NO_ROOM, RuntimeError("a defect")])
async def test_pbx_that_refuses_leaves_everything_as_before(error: Exception) -> None:
    office = await a_published_office()
    office.pbx.refuses = error
    for edit in (
        office.desk.create(Kind.TRUNKS, trunk(), SITI),
        office.desk.replace(Kind.OPERATORS, Operator(key="op1", name="Budi"), 1, SITI),
        office.desk.replace(Kind.TRUNKS, trunk("telco", "127.0.112.1", port=5070), 1, SITI),
    ):
        assert await refused(office, type(error), edit) is error
    assert office.pbx.acts == ["prepare 1", "undo 1"] * 3


async def test_what_the_pbx_refused_is_told_also_where_it_cannot_be_undone() -> None:
    office = await a_published_office()
    office.pbx.refuses, office.pbx.undo_fails = NO, RuntimeError("PBX gone")
    with pytest.raises(PbxRefused):
        await office.desk.create(Kind.TRUNKS, trunk(), SITI)


async def test_pbx_is_undone_where_the_database_is_away() -> None:
    office = await a_published_office()
    office.store.before = storage_is_away("write")
    shown = office.pbx.shows
    with pytest.raises(StorageUnavailable):
        await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    assert office.pbx.acts == ["prepare 1", "undo 1"]
    assert shown is not None
    assert office.pbx.shows == (1, office.desk.live[1])
    assert office.desk.entries(Kind.TRUNKS) == tuple(e for e in office.desk.entries(Kind.TRUNKS) if e.revision == 1)
    with pytest.raises(NoSuchEntry):
        office.desk.entry(Kind.TRUNKS, "polri")


async def test_edit_that_was_written_though_the_answer_was_lost_is_taken_up_at_the_next_one() -> None:
    office = await a_published_office()
    office.store.after = storage_is_away("write")
    with pytest.raises(StorageUnavailable):
        await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    office.store.after = lambda _: None
    with pytest.raises(AlreadyThere):
        await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    assert office.pbx.acts == ["prepare 1", "undo 1", "prepare 1", "swap 1"]
    assert office.pbx.routes_by == office.desk.live
    assert trunk() in office.desk.live[1].directory.trunks


async def test_edit_of_somebody_else_is_taken_in_and_ours_is_done_after_it() -> None:
    office = await a_published_office()
    other = await an_office(office.store)
    await other.desk.create(Kind.TRUNKS, trunk(), BUDI)
    await office.desk.create(Kind.ROUTES, route(), SITI)
    assert of(office, Kind.TRUNKS, "polri") == trunk()
    assert of(office, Kind.ROUTES, "night") == route()
    assert office.pbx.routes_by == office.desk.live


async def test_edit_that_no_longer_fits_after_somebody_elses_is_refused() -> None:
    office = await a_published_office()
    other = await an_office(office.store)
    await other.desk.replace(Kind.ROUTES, route("fire", 501), 1, BUDI)
    with pytest.raises(Moved) as late:
        await office.desk.replace(Kind.ROUTES, route("fire", 502), 1, SITI)
    assert late.value.current == "2"
    assert of(office, Kind.ROUTES, "fire").priority == 501


async def test_store_that_moves_again_and_again_ends_the_edit() -> None:
    office = await a_published_office()

    def moving(method: str) -> None:
        if method == "write":
            raise GenerationMoved(1)

    office.store.before = moving
    await refused(office, Moved, office.desk.create(Kind.ROUTES, route(), SITI))


async def test_edits_at_the_same_time_are_done_one_after_the_other() -> None:
    office = await a_published_office()
    await asyncio.gather(
        *(office.desk.create(Kind.ROUTES, route(f"r{n}", n), SITI) for n in range(20)),
        *(office.desk.create(Kind.TRUNKS, trunk(f"t{n}", f"127.0.113.{n + 1}"), BUDI) for n in range(20)),
    )
    assert len(office.desk.entries(Kind.ROUTES)) == 23
    assert office.store.stored.generation == 41
    assert office.pbx.routes_by == office.desk.live
    assert (await an_office(office.store)).desk.draft() == office.desk.draft()


async def test_one_of_two_who_saw_the_same_revision_is_told_that_it_moved() -> None:
    office = await a_published_office()
    edits = (office.desk.replace(Kind.ROUTES, route("fire", n), 1, SITI) for n in (501, 502))
    done = await asyncio.gather(*edits, return_exceptions=True)
    assert [type(d) for d in done if isinstance(d, Exception)] == [Moved]


async def test_edit_whose_asker_went_away_is_done_to_its_end() -> None:
    office = await a_published_office()
    loading = asyncio.Event()
    go_on = asyncio.Event()
    prepare = office.pbx.prepare

    async def slow(*args: Any) -> None:
        loading.set()
        await go_on.wait()
        await prepare(*args)

    office.pbx.prepare = slow  # type: ignore[method-assign]
    asker = asyncio.create_task(office.desk.create(Kind.TRUNKS, trunk(), SITI))
    await loading.wait()
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    go_on.set()
    await office.desk.close()
    assert of(office, Kind.TRUNKS, "polri") == trunk()
    assert office.pbx.routes_by == office.desk.live


async def test_who_goes_away_while_waiting_for_his_turn_changes_nothing() -> None:
    office = await a_published_office()
    go_on = asyncio.Event()

    async def slow(*_: Any) -> None:
        await go_on.wait()

    office.pbx.prepare = slow  # type: ignore[method-assign]
    first = asyncio.create_task(office.desk.create(Kind.TRUNKS, trunk(), SITI))
    await asyncio.sleep(0)
    second = asyncio.create_task(office.desk.create(Kind.ROUTES, route(), SITI))
    await asyncio.sleep(0)
    second.cancel()
    go_on.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(NoSuchEntry):
        office.desk.entry(Kind.ROUTES, "night")


# ---------------------------------------------------------------- whole tables


async def test_import_replaces_directory_and_draft_and_leaves_what_is_in_force() -> None:
    office = await a_published_office()
    more = changed(lambda d: d["directory"]["operators"].append({"key": "op3", "name": "Operator 3"}))
    more["routing"]["routes"][0]["priority"] = 600
    draft = await office.desk.import_table(table(more), office.desk.draft().sha256, SITI)
    assert draft.routing == table(more).routing
    assert (draft.changed, draft.based_on) == (True, 1)
    assert office.pbx.routes_by is not None
    number, live = office.pbx.routes_by
    assert (number, live.routing, live.directory) == (1, table().routing, table(more).directory)
    assert office.desk.entry(Kind.ROUTES, "fire").revision == 2
    assert office.desk.entry(Kind.ROUTES, "health").revision == 1
    assert [n.action for n in office.store.notes] == ["import"]
    assert office.store.notes[0].payload["put"] == ["operators/op3", "routes/fire"]


async def test_import_of_the_same_table_changes_nothing() -> None:
    office = await a_published_office()
    before = everything(office)
    await office.desk.import_table(table(), None, SITI)
    assert everything(office) == before


async def test_import_over_a_draft_that_moved_is_refused() -> None:
    office = await a_published_office()
    await refused(office, Moved, office.desk.import_table(table(), "0" * 64, SITI))


async def test_import_with_a_trunk_outside_the_networks_is_refused_whole() -> None:
    office = await a_published_office()
    document = changed(lambda d: d["directory"]["trunks"][1].update(host="8.8.4.4"))
    document["routing"]["routes"].pop(0)
    wrong = await refused(office, Invalid, office.desk.import_table(table(document), None, SITI))
    assert [p.pointer for p in wrong.problems] == ["/directory/trunks/0/host"]


async def test_import_that_takes_away_what_is_in_force_is_refused_whole() -> None:
    office = await a_published_office()
    document = changed(lambda d: d["directory"]["agencies"].pop(1))
    document["routing"]["routes"] = [r for r in document["routing"]["routes"] if r["key"] != "health"]
    in_use = await refused(office, InUse, office.desk.import_table(table(document), None, SITI))
    assert [(u.where, u.user) for u in in_use.uses] == [("version 1", "routes/health")]


async def test_import_that_the_pbx_refuses_leaves_everything_as_before() -> None:
    office = await a_published_office()
    office.pbx.refuses = NO
    more = changed(lambda d: d["directory"]["operators"].append({"key": "op3", "name": "Operator 3"}))
    await refused(office, PbxRefused, office.desk.import_table(table(more), None, SITI))


async def test_discarded_draft_is_the_version_in_force_again_with_the_directory_of_today() -> None:
    office = await a_published_office()
    first = office.desk.draft()
    await office.desk.create(Kind.TRUNKS, trunk(), SITI)
    await office.desk.create(Kind.ROUTES, route(), SITI)
    await office.desk.delete(Kind.ROUTES, "health", 1, SITI)
    await office.desk.set_settings(settings(main_menu=None), 1, SITI)
    draft = await office.desk.discard(office.desk.draft().sha256, SITI)
    assert (draft.sha256, draft.routing, draft.changed) == (first.sha256, first.routing, False)
    assert of(office, Kind.TRUNKS, "polri") == trunk()
    again = await an_office(office.store)
    assert again.desk.draft() == draft


async def test_draft_before_the_first_version_cannot_be_discarded() -> None:
    office = await an_office()
    with pytest.raises(NoSuchEntry):
        await office.desk.discard(office.desk.draft().sha256, SITI)


async def test_first_settings_are_given_over_revision_zero() -> None:
    office = await an_office()
    assert office.desk.draft().settings_revision == 0
    draft = await office.desk.set_settings(settings(main_menu=None, last_resort={}, static_numbers=[]), 0, SITI)
    assert draft.settings_revision == 1
    assert office.store.notes[0].payload["before"] is None


async def test_showing_waits_for_the_edit_that_is_under_way() -> None:
    # Else a PBX that logs in between the load and the commit would be shown the table before, and keep it.
    office = await a_published_office()
    await asyncio.gather(office.desk.create(Kind.TRUNKS, trunk(), SITI), office.desk.show())
    assert office.pbx.acts == ["prepare 1", "swap 1", "undo 1"]
    assert office.pbx.shows == office.pbx.routes_by == office.desk.live
