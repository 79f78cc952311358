"""Agencies are given an incident, and go with their parts as far as they may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callrouter.incidents.desk import (
    MAX_AGENCIES,
    AlreadyPassed,
    IllegalMove,
    Moved,
    NotWithAgency,
    TooManyAgencies,
    Verdict,
)
from callrouter.incidents.model import AgencyState, Disposition
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from tests.storage.given import (
    SECOND,
    rows,
)
from tests.storage.incident_desks import (
    DAMKAR,
    OPERATOR,
    by_hand,
    desk_of,
    parts_of,
    row_of,
)


@pytest.fixture
def desk(database: Database) -> IncidentTables:
    return desk_of(database)


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
