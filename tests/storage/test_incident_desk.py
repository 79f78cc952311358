"""What persons and agencies do with incidents: whole or not at all, in the timeline, and never undone by a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from callrouter.access.model import Principal, Role
from callrouter.bilingual import Bilingual
from callrouter.calls.ports import CallOpened
from callrouter.incidents.desk import (
    MAX_AGENCIES,
    Actor,
    AlreadyPassed,
    CannotMerge,
    Done,
    Illegal,
    IllegalMove,
    IncidentExists,
    Moved,
    NewIncident,
    NoDisposition,
    NoSuchIncident,
    NoSuchSubCode,
    NotWithAgency,
    Refused,
    TooManyAgencies,
    Verdict,
)
from callrouter.incidents.dispositions import SubCode
from callrouter.incidents.model import AgencyState, Disposition, IncidentOrigin, Outcome, incident_id
from callrouter.incidents.views import IncidentFilter
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.sub_codes import SubCodes
from tests.storage.given import (
    AT,
    SECOND,
    execute,
    given_ended,
    given_failed,
    given_opened,
    given_routed,
    incident_of,
    one,
    picture,
    rows,
    store,
    whole_call,
)

OPERATOR = Actor("siti (operator)")
SUPERVISOR = Actor("budi (supervisor)", supervises=True)
DAMKAR = Actor("damkar-1 (agency)", agency="damkar")
KEY = b"k" * 32
ADMIN = Principal("diskominfo-1", Role.ADMIN)


class Clock:
    """Goes on by a second at each look."""

    def __init__(self) -> None:
        self.now = AT + 1_000 * SECOND

    def __call__(self) -> int:
        self.now += SECOND
        return self.now


def desk_of(database: Database, told: list[UUID] | None = None) -> IncidentTables:
    changed = None if told is None else told.extend
    return IncidentTables(database, acknowledge_s=300, now_us=Clock(), **({"changed": changed} if changed else {}))


@pytest.fixture
def desk(database: Database) -> IncidentTables:
    return desk_of(database)


async def given_incident(database: Database, *items: Any) -> UUID:
    call = uuid4()
    await store(database, given_opened(call), given_routed(call), *items)
    return incident_id(call)


async def by_hand(desk: IncidentTables, **fields: Any) -> UUID:
    return (await desk.open_by_hand(NewIncident(uuid4(), fields), OPERATOR)).incident


async def row_of(database: Database, incident: UUID) -> dict[str, Any]:
    return await one(database, t.incident, id=incident)


async def parts_of(database: Database, incident: UUID) -> dict[str, dict[str, Any]]:
    return {row["agency"]: row for row in await rows(database, t.incident_agency, incident=incident)}


async def kinds_of(database: Database, incident: UUID) -> list[str]:
    return [row["kind"] for row in await rows(database, t.incident_event, incident=incident)]


# ------------------------------------------------------------------------------------------------ opened by hand
async def test_an_incident_by_hand_is_in_the_hands_of_who_opened_it(database: Database, desk: IncidentTables) -> None:
    incident = await by_hand(desk, category="flood", place="Desa Sukun", people_hurt=2, reporter_number="0812")
    row = await row_of(database, incident)
    assert (row["state"], row["origin"], row["opening_call"]) == ("with_operator", "hand", None)
    assert (row["category"], row["place"], row["people_hurt"], row["taken_by"]) == (
        "flood",
        "Desa Sukun",
        2,
        "siti (operator)",
    )
    detail = await Incidents(database).detail(incident)
    assert detail is not None
    assert (detail.calls, detail.summary.caller_number, detail.summary.outcome) == ((), "0812", None)
    (entry,) = detail.timeline
    assert (entry.kind, entry.actor, entry.data["category"]) == ("handed_in", "siti (operator)", ["", "flood"])


async def test_incidents_with_and_without_calls_stand_in_one_list(database: Database, desk: IncidentTables) -> None:
    await given_incident(database)
    await by_hand(desk, category="flood")
    found = await Incidents(database).page(IncidentFilter())
    assert [(s.number, s.origin, s.caller_number) for s in found] == [(2, "hand", ""), (1, "call", "+628123456789")]
    assert [s.number for s in await Incidents(database).page(IncidentFilter(category="flood"))] == [2]


async def test_the_same_id_sent_twice_opens_one_incident(database: Database, desk: IncidentTables) -> None:
    new = NewIncident(uuid4(), {"category": "flood"})
    await desk.open_by_hand(new, OPERATOR)
    with pytest.raises(IncidentExists) as refused:
        await desk.open_by_hand(new, OPERATOR)
    assert refused.value.number == 1
    assert len(await rows(database, t.incident)) == 1
    assert await kinds_of(database, new.id) == ["handed_in"]


async def test_what_a_neighbour_hands_over_waits_for_an_operator(database: Database, desk: IncidentTables) -> None:
    new = NewIncident(uuid4(), {"category": "fire"}, IncidentOrigin.NEIGHBOUR)
    done = await desk.open_by_hand(new, Actor("kota-batu (neighbour)"))
    assert (await row_of(database, new.id))["state"] == "open"
    await desk.take(new.id, frozenset({done.version}), OPERATOR)
    row = await row_of(database, new.id)
    assert (row["state"], row["taken_by"], row["version"]) == ("with_operator", "siti (operator)", 2)


# ------------------------------------------------------------------------------------------------ changes
async def test_what_a_person_sets_no_call_changes_and_null_gives_it_back(
    database: Database, desk: IncidentTables
) -> None:
    call = uuid4()
    incident = incident_id(call)
    await store(database, given_opened(call))
    await desk.change(incident, None, {"category": "flood", "area": "35.07", "place": "Kali"}, OPERATOR)
    await store(database, *whole_call(call))
    row = await row_of(database, incident)
    assert (row["category"], row["area"], row["area_source"], row["place"]) == ("flood", "35.07", "person", "Kali")
    await desk.change(incident, None, {"category": None, "area": None, "place": None}, OPERATOR)
    row = await row_of(database, incident)
    assert (row["category"], row["area"], row["area_source"], row["place"]) == ("fire", "", "", "")


async def test_the_timeline_has_what_was_and_what_is(database: Database, desk: IncidentTables) -> None:
    incident = await given_incident(database)
    await desk.change(incident, None, {"category": "flood", "people_hurt": 3}, OPERATOR)
    entry = (await rows(database, t.incident_event, incident=incident, kind="changed"))[0]
    assert entry["data"] == {"category": ["fire", "flood"], "people_hurt": [None, 3]}
    assert (entry["actor"], entry["call"]) == ("siti (operator)", None)


async def test_of_two_who_saw_the_same_only_one_changes_it(database: Database, desk: IncidentTables) -> None:
    incident = await given_incident(database)
    seen = frozenset({1})

    async def change(place: str) -> Done | Refused:
        try:
            return await desk.change(incident, seen, {"place": place}, OPERATOR)
        except Moved as error:
            return error

    found = await asyncio.gather(*(change(f"place {n}") for n in range(4)))
    moved = [one for one in found if isinstance(one, Moved)]
    assert (len(moved), moved[0].version) == (3, 2)
    assert await kinds_of(database, incident) == ["opened", "routed", "changed"]


async def test_a_call_that_goes_on_is_no_obstacle_to_who_writes(database: Database, desk: IncidentTables) -> None:
    call = uuid4()
    await store(database, CallOpened(given_opened(call)))
    seen = frozenset({(await incident_of(database, call))["version"]})
    await store(database, *whole_call(call))
    await desk.change(incident_id(call), seen, {"place": "Kali"}, OPERATOR)
    assert (await incident_of(database, call))["place"] == "Kali"


async def test_updated_at_grows_also_when_the_clock_is_set_back(database: Database) -> None:
    clock = Clock()
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    incident = await by_hand(desk)
    before = (await row_of(database, incident))["updated_at"]
    clock.now -= 3_600 * SECOND
    done = await desk.note(incident, "an hour earlier", OPERATOR)
    assert done.updated_at == before + 1


async def test_an_unknown_incident_is_named(desk: IncidentTables) -> None:
    with pytest.raises(NoSuchIncident):
        await desk.note(uuid4(), "x", OPERATOR)


# ------------------------------------------------------------------------------------------------ agencies
async def test_an_incident_is_passed_to_agencies_and_goes_as_far_as_they(
    database: Database, desk: IncidentTables
) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, frozenset({1}), ["damkar", "pmi"], "bring masks", OPERATOR)
    part = (await parts_of(database, incident))["damkar"]
    assert (part["state"], part["how"], part["passed_by"]) == ("passed", "notice", "siti (operator)")
    assert part["due_at"] == part["passed_at"] + 300 * SECOND

    async def state_after(agency: str, to: AgencyState) -> str:
        await desk.agency_state(incident, agency, None, to, "", replace(DAMKAR, agency=agency))
        state: str = (await row_of(database, incident))["state"]
        return state

    assert (await row_of(database, incident))["state"] == "with_agency"
    assert await state_after("damkar", AgencyState.ACKNOWLEDGED) == "acknowledged"
    assert await state_after("pmi", AgencyState.DECLINED) == "acknowledged"
    assert await state_after("damkar", AgencyState.ON_SCENE) == "on_scene"
    assert await state_after("damkar", AgencyState.RESOLVED) == "resolved"
    row, part = await row_of(database, incident), (await parts_of(database, incident))["damkar"]
    for name in ("acknowledged_at", "on_scene_at", "resolved_at"):
        assert row[name] == part[name] is not None
    assert (row["en_route_at"], row["version"]) == (None, 2)
    assert [e["data"]["agency_state"] for e in await rows(database, t.incident_event, kind="agency")] == [
        ["passed", "acknowledged"],
        ["passed", "declined"],
        ["acknowledged", "on_scene"],
        ["on_scene", "resolved"],
    ]


async def test_passing_is_for_all_agencies_or_none(database: Database, desk: IncidentTables) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    with pytest.raises(AlreadyPassed) as refused:
        await desk.pass_to(incident, None, ["pmi", "damkar"], "", OPERATOR)
    assert (refused.value.agency, refused.value.state) == ("damkar", "passed")
    assert set(await parts_of(database, incident)) == {"damkar"}
    with pytest.raises(TooManyAgencies):
        await desk.pass_to(incident, None, [f"a{n}" for n in range(MAX_AGENCIES)], "", OPERATOR)
    assert set(await parts_of(database, incident)) == {"damkar"}


async def test_an_agency_that_declined_is_asked_anew_with_a_clock_of_its_own(
    database: Database, desk: IncidentTables
) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    await desk.agency_state(incident, "damkar", None, AgencyState.DECLINED, "no engine", DAMKAR)
    assert (await row_of(database, incident))["state"] == "with_operator"
    first = (await parts_of(database, incident))["damkar"]
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    again = (await parts_of(database, incident))["damkar"]
    assert (again["id"], again["state"], again["acknowledged_at"]) == (first["id"], "passed", None)
    assert again["passed_at"] > first["passed_at"]
    assert again["version"] == first["version"] + 1


async def test_an_agencys_illegal_move_names_the_legal_ones(desk: IncidentTables) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    with pytest.raises(IllegalMove) as refused:
        await desk.agency_state(incident, "damkar", None, AgencyState.WITHDRAWN, "", DAMKAR)
    assert refused.value.legal == ("acknowledged", "en_route", "on_scene", "resolved", "declined")
    await desk.agency_state(incident, "damkar", None, AgencyState.WITHDRAWN, "", OPERATOR)


async def test_of_two_phones_of_an_agency_that_saw_the_same_one_is_told_so(
    database: Database, desk: IncidentTables
) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    await desk.agency_state(incident, "damkar", frozenset({1}), AgencyState.ACKNOWLEDGED, "", DAMKAR)
    with pytest.raises(Moved) as refused:
        await desk.agency_state(incident, "damkar", frozenset({1}), AgencyState.DECLINED, "", DAMKAR)
    assert refused.value.version == 2
    assert (await parts_of(database, incident))["damkar"]["state"] == "acknowledged"


async def test_an_agency_acts_on_its_own_part_only_and_learns_nothing_of_others(
    database: Database, desk: IncidentTables
) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["pmi"], "", OPERATOR)
    with pytest.raises(NotWithAgency):
        await desk.agency_state(incident, "damkar", None, AgencyState.ACKNOWLEDGED, "", DAMKAR)
    with pytest.raises(NotWithAgency):
        await desk.remark(incident, "damkar", None, "hello", DAMKAR)
    await desk.close(incident, None, Verdict(Disposition.TEST), "", OPERATOR)
    with pytest.raises(NotWithAgency):  # not Illegal, which would tell of its state
        await desk.agency_state(incident, "damkar", None, AgencyState.ACKNOWLEDGED, "", DAMKAR)
    assert set(await parts_of(database, incident)) == {"pmi"}


async def test_an_agencys_remark_is_kept_with_its_part_also_when_it_is_over(
    database: Database, desk: IncidentTables
) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    await desk.close(incident, None, Verdict(Disposition.TEST), "", OPERATOR)
    await desk.remark(incident, "damkar", frozenset({1}), "road closed", DAMKAR)
    await desk.remark(incident, "damkar", frozenset({2}), "road flooded", DAMKAR)
    assert (await parts_of(database, incident))["damkar"]["remark"] == "road flooded"
    remarks = await rows(database, t.incident_event, kind="remark")
    assert [r["data"]["text"] for r in remarks] == ["road closed", "road flooded"]


# ------------------------------------------------------------------------------------------------ closing
async def test_closing_takes_a_disposition_and_a_reason(database: Database, desk: IncidentTables) -> None:
    incident = await given_incident(database)
    with pytest.raises(NoDisposition):
        await desk.close(incident, None, None, "done", OPERATOR)
    assert (await row_of(database, incident))["state"] == "routed"
    await desk.close(incident, None, Verdict(Disposition.INFORMATION), "done", OPERATOR)
    row = await row_of(database, incident)
    assert (row["state"], row["disposition"], row["closed_reason"]) == ("closed", "information", "done")


async def test_what_is_closed_is_refused_with_what_is_legal(database: Database, desk: IncidentTables) -> None:
    incident = await by_hand(desk)
    await desk.close(incident, None, Verdict(Disposition.TEST), "", OPERATOR)
    with pytest.raises(Illegal) as refused:
        await desk.change(incident, None, {"place": "x"}, OPERATOR)
    assert refused.value.legal == ("note", "dispose", "reopen", "merge")
    await desk.dispose(incident, None, Verdict(Disposition.PRANK), OPERATOR)
    assert (await row_of(database, incident))["disposition"] == "prank"


async def test_only_a_supervisor_closes_what_an_agency_has_under_way(
    database: Database, desk: IncidentTables
) -> None:
    incident = await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    await desk.agency_state(incident, "damkar", None, AgencyState.EN_ROUTE, "", DAMKAR)
    with pytest.raises(Illegal) as refused:
        await desk.close(incident, None, Verdict(Disposition.TEST), "", OPERATOR)
    assert "close" not in refused.value.legal
    await desk.close(incident, None, Verdict(Disposition.TEST), "", SUPERVISOR)
    assert (await row_of(database, incident))["state"] == "closed"


async def test_reopening_brings_back_the_state_that_follows_from_the_rest(
    database: Database, desk: IncidentTables
) -> None:
    call = uuid4()
    incident = incident_id(call)
    await store(database, given_opened(call), given_failed(call, Outcome.ABANDONED))
    await desk.close(incident, None, Verdict(Disposition.ABANDONED), "", OPERATOR)
    row = await row_of(database, incident)
    assert (row["state"], row["callback"], row["callback_reason"]) == ("closed", False, "abandoned")
    await desk.reopen(incident, None, "he rang again", OPERATOR)
    row = await row_of(database, incident)
    assert (row["state"], row["callback"], row["closed_at"]) == ("abandoned", True, None)


async def test_an_abandoned_call_has_its_disposition_until_a_person_says_another(
    database: Database, desk: IncidentTables
) -> None:
    incident = await given_incident(database)
    call = (await row_of(database, incident))["opening_call"]
    await store(database, given_failed(call, Outcome.ABANDONED))
    assert (await row_of(database, incident))["disposition"] == "abandoned"
    await desk.dispose(incident, None, Verdict(Disposition.PRANK), OPERATOR)
    await store(database, given_ended(call, at=AT + 90 * SECOND))
    assert (await row_of(database, incident))["disposition"] == "prank"
    await desk.dispose(incident, None, Verdict(None), OPERATOR)
    assert (await row_of(database, incident))["disposition"] == ""


async def test_a_sub_code_belongs_to_its_disposition(database: Database, desk: IncidentTables) -> None:
    codes = SubCodes(database, KEY, now_us=Clock())
    made = await codes.put(SubCode(Disposition.PRANK, "anak", Bilingual("anak", "children")), frozenset({0}), ADMIN)
    assert made.version == 1
    incident = await by_hand(desk)
    with pytest.raises(NoSuchSubCode):
        await desk.dispose(incident, None, Verdict(Disposition.GHOST, "anak"), OPERATOR)
    await desk.dispose(incident, None, Verdict(Disposition.PRANK, "anak"), OPERATOR)
    row = await row_of(database, incident)
    assert (row["disposition"], row["sub_code"]) == ("prank", "anak")
    with pytest.raises(Moved):
        await codes.put(replace(made, enabled=False), frozenset({0}), ADMIN)
    await codes.put(replace(made, enabled=False), frozenset({1}), ADMIN)
    with pytest.raises(NoSuchSubCode):
        await desk.close(incident, None, Verdict(Disposition.PRANK, "anak"), "", OPERATOR)
    assert [(c.key, c.enabled, c.version) for c in await desk.sub_codes()] == [("anak", False, 2)]
    assert [(a["action"], a["subject"]) for a in await rows(database, t.audit)] == [
        ("create", "dispositions/prank/anak"),
        ("replace", "dispositions/prank/anak"),
    ]


# ------------------------------------------------------------------------------------------------ merging
async def test_merging_points_there_and_taking_it_back_is_as_if_nothing_had_been(
    database: Database, desk: IncidentTables
) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    incident = incident_id(call)
    await desk.pass_to(incident, None, ["pmi"], "", OPERATOR)
    other = await by_hand(desk)
    before = await picture(database, call)
    await desk.merge(incident, None, other, SUPERVISOR)
    detail = await Incidents(database).detail(incident)
    assert detail is not None
    assert detail.case.merged_into is not None
    assert (detail.summary.state, detail.case.merged_into.number) == ("merged", 2)
    assert len(detail.calls) == 1
    target = await Incidents(database).detail(other)
    assert target is not None
    assert [name.number for name in target.case.merged] == [1]
    assert [e.kind for e in target.timeline] == ["handed_in", "joined_by"]
    await desk.unmerge(incident, None, SUPERVISOR)
    after = await picture(database, call)
    assert [e["kind"] for e in after["events"][-2:]] == ["merged", "unmerged"]
    assert after | {"events": after["events"][:-2]} == before


async def test_what_was_merged_refuses_and_says_where_its_life_goes_on(desk: IncidentTables) -> None:
    merged, into = await by_hand(desk), await by_hand(desk)
    await desk.merge(merged, None, into, SUPERVISOR)
    with pytest.raises(Illegal) as refused:
        await desk.change(merged, None, {"place": "x"}, OPERATOR)
    assert (refused.value.merged_into, refused.value.legal) == (2, ("agency", "unmerge"))


async def test_nothing_is_merged_into_itself_or_what_is_merged_or_closed(desk: IncidentTables) -> None:
    one, two, three = [await by_hand(desk) for _ in range(3)]
    with pytest.raises(CannotMerge):
        await desk.merge(one, None, one, SUPERVISOR)
    await desk.merge(one, None, two, SUPERVISOR)
    with pytest.raises(CannotMerge) as refused:
        await desk.merge(three, None, one, SUPERVISOR)
    assert refused.value.goes_on_in == 2
    with pytest.raises(CannotMerge):  # a circle
        await desk.merge(two, None, one, SUPERVISOR)
    await desk.close(two, None, Verdict(Disposition.TEST), "", OPERATOR)
    with pytest.raises(CannotMerge):
        await desk.merge(three, None, two, SUPERVISOR)
    with pytest.raises(NoSuchIncident):
        await desk.merge(three, None, uuid4(), SUPERVISOR)


async def test_two_merges_into_each_other_at_once_make_no_circle(database: Database, desk: IncidentTables) -> None:
    one, two = await by_hand(desk), await by_hand(desk)

    async def merge(a: UUID, b: UUID) -> bool:
        try:
            await desk.merge(a, None, b, SUPERVISOR)
        except Refused:
            return False
        return True

    assert sorted(await asyncio.gather(merge(one, two), merge(two, one))) == [False, True]
    pointers = {(await row_of(database, id_))["merged_into"] for id_ in (one, two)}
    assert None in pointers


# ------------------------------------------------------------------------------------------------ closing themselves
async def test_abandoned_and_silent_ones_close_themselves_with_the_reason(database: Database) -> None:
    clock = Clock()
    desk = IncidentTables(database, acknowledge_s=300, now_us=clock)
    left, reached, silent, real = [await given_incident(database) for _ in range(4)]
    for incident in (left, reached):
        call = (await row_of(database, incident))["opening_call"]
        await store(database, given_failed(call, Outcome.ABANDONED))
    await desk.take(reached, None, OPERATOR)
    await desk.dispose(silent, None, Verdict(Disposition.GHOST), OPERATOR)
    await desk.dispose(real, None, Verdict(Disposition.EMERGENCY), OPERATOR)
    # The rows of calls were written by the real clock, those of persons by ours: bring all to one time.
    await execute(database, update(t.incident).values(updated_at=AT))
    assert await desk.close_quiet(AT, 25) == 0
    assert await desk.close_quiet(AT + 1, 25) == 2
    assert await desk.close_quiet(AT + 1, 25) == 0
    states = [(await row_of(database, i))["closed_reason"] for i in (left, reached, silent, real)]
    assert states == ["quiet: abandoned", "", "quiet: ghost", ""]
    (entry,) = await rows(database, t.incident_event, incident=left, kind="closed")
    assert (entry["actor"], entry["data"]["closed_reason"]) == ("callrouter", ["", "quiet: abandoned"])
    assert (await row_of(database, left))["callback"] is False


async def test_a_backlog_is_closed_in_pieces(database: Database, desk: IncidentTables) -> None:
    for _ in range(7):
        incident = await by_hand(desk)
        await desk.dispose(incident, None, Verdict(Disposition.GHOST), OPERATOR)
    far = AT + 10_000 * SECOND
    assert [await desk.close_quiet(far, 3) for _ in range(4)] == [3, 3, 1, 0]


# ------------------------------------------------------------------------------------------------ whole or not at all
class Cut(Exception):
    """The service died."""


class Torn(Database):
    """A database whose service dies just before the commit."""

    async def write(self, work: Callable[..., Awaitable[Any]]) -> Any:
        async def torn(connection: Any) -> None:
            await work(connection)
            raise Cut

        return await super().write(torn)


async def test_a_service_that_dies_in_the_middle_leaves_nothing_half_done(
    database: Database, database_url: str, desk: IncidentTables
) -> None:
    call = uuid4()
    await store(database, *whole_call(call))
    incident, other = incident_id(call), await by_hand(desk)
    await desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
    told: list[UUID] = []
    torn = Torn(database_url)
    dying = desk_of(torn, told)
    everything: list[Callable[[], Awaitable[Any]]] = [
        lambda: dying.open_by_hand(NewIncident(uuid4(), {"category": "fire"}), OPERATOR),
        lambda: dying.take(incident, None, OPERATOR),
        lambda: dying.change(incident, None, {"category": "flood"}, OPERATOR),
        lambda: dying.dispose(incident, None, Verdict(Disposition.PRANK), OPERATOR),
        lambda: dying.pass_to(incident, None, ["pmi"], "", OPERATOR),
        lambda: dying.agency_state(incident, "damkar", None, AgencyState.EN_ROUTE, "", DAMKAR),
        lambda: dying.remark(incident, "damkar", None, "x", DAMKAR),
        lambda: dying.close(incident, None, Verdict(Disposition.PRANK), "", OPERATOR),
        lambda: dying.merge(incident, None, other, SUPERVISOR),
        lambda: dying.note(incident, "x", OPERATOR),
    ]
    before = [await rows(database, table) for table in (t.incident, t.incident_agency, t.incident_event)]
    for act in everything:
        with pytest.raises(Cut):
            await act()
    await torn.close()
    assert [await rows(database, table) for table in (t.incident, t.incident_agency, t.incident_event)] == before
    assert told == []


async def test_whoever_follows_is_told_of_every_incident_that_an_act_touches(database: Database) -> None:
    told: list[UUID] = []
    desk = desk_of(database, told)
    one = await by_hand(desk)
    two = await by_hand(desk)
    await desk.merge(one, None, two, SUPERVISOR)
    await desk.dispose(two, None, Verdict(Disposition.GHOST), OPERATOR)
    await desk.close_quiet(AT + 10_000 * SECOND, 5)
    assert told == [one, two, one, two, two, two]
