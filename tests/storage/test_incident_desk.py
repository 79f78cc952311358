"""What persons and agencies do with incidents: whole or not at all, in the timeline, and never undone by a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from callrouter.bilingual import Bilingual
from callrouter.calls.ports import CallOpened
from callrouter.incidents.desk import (
    Actor,
    Done,
    Illegal,
    IncidentExists,
    Moved,
    NewIncident,
    NoDisposition,
    NoSuchIncident,
    NoSuchSubCode,
    Refused,
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
    given_ended,
    given_failed,
    given_opened,
    incident_of,
    rows,
    store,
    whole_call,
)
from tests.storage.incident_desks import (
    ADMIN,
    DAMKAR,
    KEY,
    OPERATOR,
    SUPERVISOR,
    Clock,
    by_hand,
    desk_of,
    given_incident,
    kinds_of,
    row_of,
)


@pytest.fixture
def desk(database: Database) -> IncidentTables:
    return desk_of(database)


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
