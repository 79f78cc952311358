"""Lists, what incidents are asked, and the answers, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from callrouter.access.model import AuditNote, Principal, Role
from callrouter.bilingual import Bilingual
from callrouter.incidents.desk import Actor, Moved, NewIncident, NoSuchIncident, NotWithAgency, Verdict
from callrouter.incidents.model import AgencyState, Disposition
from callrouter.incidents.sop import (
    AnswersMoved,
    AskedList,
    BadAnswers,
    Item,
    ItemKind,
    NoSuchList,
    SopVersion,
    Subject,
    SubjectKind,
    When,
)
from callrouter.privacy.access_log import Access
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.privacy import PersonalData
from callrouter.storage.recordings import Recordings
from callrouter.storage.sop import IncidentSops, Sops
from callrouter.storage.tables_sop import sop_answer, sop_version
from tests.storage.given import AT, rows

KEY = b"k" * 32
ADMIN = Principal("diskominfo-1", Role.ADMIN)
OPERATOR = Actor("siti (operator)")
DAMKAR = Actor("damkar-1 (agency)", agency="damkar")
FIRE = Subject(SubjectKind.CATEGORY, "fire")
OF_DAMKAR = Subject(SubjectKind.AGENCY, "damkar")
TEXT = Bilingual("teks", "text")
TRAPPED = Item("trapped", ItemKind.YES_NO, TEXT, required=True)
FLOOR = Item("floor", ItemKind.NUMBER, TEXT, required=True, when=When("trapped", equals=True))
WORDS = Item("words", ItemKind.TEXT, TEXT)
UNITS = Item("units", ItemKind.NUMBER, TEXT, required=True, least=1)


def given_list(subject: Subject = FIRE, *items: Item) -> SopVersion:
    return SopVersion(subject, 0, TEXT, items or (TRAPPED, FLOOR, WORDS))


class Centre:
    """The desks over one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.told: list[UUID] = []
        self.desk = IncidentTables(database, acknowledge_s=300)
        self.sops = Sops(database, KEY)
        self.asked = IncidentSops(database, changed=self.told.extend)

    async def open(self, category: str = "fire", *agencies: str) -> UUID:
        incident = uuid4()
        await self.desk.open_by_hand(NewIncident(incident, {"category": category}), OPERATOR)
        if agencies:
            await self.desk.pass_to(incident, None, agencies, "", OPERATOR)
        return incident

    async def list_of(self, incident: UUID, subject: Subject) -> AskedList:
        return next(one for one in await self.asked.look(incident) if one.sop.subject == subject)

    async def events(self, incident: UUID, kind: str) -> list[Any]:
        return [row["data"] for row in await rows(self.database, t.incident_event, incident=incident, kind=kind)]


@pytest.fixture
def centre(database: Database) -> Centre:
    return Centre(database)


async def test_versions_are_counted_kept_and_audited(centre: Centre) -> None:
    first = await centre.sops.put(given_list(), frozenset({0}), ADMIN)
    second = await centre.sops.put(given_list(FIRE, TRAPPED), frozenset({1}), ADMIN)
    assert (first.version, second.version, second.made_by) == (1, 2, "diskominfo-1 (admin)")
    assert await centre.sops.newest(FIRE) == second
    assert await centre.sops.version(FIRE, 1) == first
    assert await centre.sops.version(FIRE, 3) is None
    assert await centre.sops.versions(FIRE, None, 10) == [second, first]
    assert await centre.sops.versions(FIRE, 2, 10) == [first]
    noted = await rows(centre.database, t.audit)
    assert [(row["action"], row["subject"]) for row in noted] == [
        ("create", "sop/categories/fire"),
        ("replace", "sop/categories/fire"),
    ]


async def test_what_was_not_seen_is_not_replaced_and_the_same_makes_no_version(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    with pytest.raises(Moved) as moved:
        await centre.sops.put(given_list(FIRE, UNITS), frozenset({0}), ADMIN)
    assert moved.value.version == 1
    again = await centre.sops.put(given_list(), frozenset({1}), ADMIN)
    assert again.version == 1
    assert len(await rows(centre.database, t.audit)) == 1


async def test_of_two_at_once_one_makes_the_version(centre: Centre) -> None:
    both = await asyncio.gather(
        *(centre.sops.put(given_list(FIRE, item), frozenset({0}), ADMIN) for item in (TRAPPED, UNITS)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["Moved", "SopVersion"]
    assert len(await rows(centre.database, sop_version)) == 1


async def test_many_are_loaded_together_or_none(centre: Centre) -> None:
    made = await centre.sops.put_all([given_list(), given_list(OF_DAMKAR, UNITS)], ADMIN)
    assert [one.version for one in made] == [1, 1]
    assert [one.subject for one in await centre.sops.in_force()] == [OF_DAMKAR, FIRE]
    broken = replace(given_list(OF_DAMKAR, TRAPPED), title=Bilingual("x", object()))  # type: ignore[arg-type]
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the driver says)
        await centre.sops.put_all([given_list(FIRE, UNITS), broken], ADMIN)
    assert [one.version for one in await centre.sops.in_force()] == [1, 1]


async def test_one_that_is_withdrawn_is_asked_of_no_further_incident(centre: Centre) -> None:
    assert not await centre.sops.withdraw(FIRE, None, ADMIN)
    await centre.sops.put(given_list(), None, ADMIN)
    before = await centre.open()
    assert len(await centre.asked.look(before)) == 1
    with pytest.raises(Moved):
        await centre.sops.withdraw(FIRE, frozenset({0}), ADMIN)
    assert await centre.sops.withdraw(FIRE, frozenset({1}), ADMIN)
    assert not await centre.sops.withdraw(FIRE, None, ADMIN)
    assert await centre.sops.in_force() == []
    assert len(await centre.asked.look(before)) == 1
    assert await centre.asked.look(await centre.open()) == []
    assert (await centre.sops.put(given_list(), frozenset({2}), ADMIN)).version == 3


async def test_a_later_version_does_not_change_what_was_asked(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    early, late = await centre.open(), await centre.open()
    assert (await centre.list_of(early, FIRE)).sop.version == 1
    await centre.sops.put(given_list(FIRE, UNITS), None, ADMIN)
    assert (await centre.list_of(early, FIRE)).sop.items == (TRAPPED, FLOOR, WORDS)
    assert (await centre.list_of(late, FIRE)).sop.items == (UNITS,)


async def test_a_look_that_does_not_count_attaches_nothing(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    incident = await centre.open()
    (shown,) = await centre.asked.look(incident, attach=False)
    assert (shown.attached, shown.sop.version) == (False, 1)
    await centre.sops.put(given_list(FIRE, UNITS), None, ADMIN)
    (shown,) = await centre.asked.look(incident)
    assert (shown.attached, shown.sop.version) == (True, 2)


async def test_looks_at_once_attach_one_version(centre: Centre) -> None:
    await centre.sops.put_all([given_list(), given_list(OF_DAMKAR, UNITS)], ADMIN)
    incident = await centre.open("fire", "damkar")
    looks = await asyncio.gather(*(centre.asked.look(incident) for _ in range(5)))
    assert all(look == looks[0] and len(look) == 2 for look in looks)
    assert [one.sop.subject for one in looks[0]] == [FIRE, OF_DAMKAR]


async def test_answers_are_kept_with_who_and_when_and_in_the_timeline(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    incident = await centre.open()
    await centre.asked.answer(incident, FIRE, frozenset({0}), {"trapped": True, "words": "gas"}, OPERATOR)
    one = await centre.list_of(incident, FIRE)
    assert (one.values, one.missing, one.version) == ({"trapped": True, "words": "gas"}, ["floor"], 1)
    first_at = one.answers["trapped"].at
    assert one.answers["trapped"].by == "siti (operator)"
    await centre.asked.answer(incident, FIRE, frozenset({1}), {"trapped": True, "floor": 3}, OPERATOR)
    one = await centre.list_of(incident, FIRE)
    assert (one.values, one.missing, one.version) == ({"trapped": True, "floor": 3}, [], 2)
    assert one.answers["trapped"].at == first_at  # it did not change
    assert await centre.events(incident, "sop") == [
        {
            "sop": "categories/fire",
            "version": 1,
            "answers": {"trapped": [None, True], "words": [None, {"text": "gas"}]},
        },
        {
            "sop": "categories/fire",
            "version": 1,
            "answers": {"words": [{"text": "gas"}, None], "floor": [None, 3]},
        },
    ]
    assert centre.told == [incident, incident]


async def test_the_same_answers_again_are_no_change(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    incident = await centre.open()
    for seen in (0, 1):
        await centre.asked.answer(incident, FIRE, frozenset({seen}), {"trapped": False}, OPERATOR)
    assert (await centre.list_of(incident, FIRE)).version == 1
    assert len(await centre.events(incident, "sop")) == 1


async def test_answers_that_cannot_be_change_nothing(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    incident = await centre.open()
    with pytest.raises(BadAnswers) as bad:
        await centre.asked.answer(incident, FIRE, None, {"trapped": True, "floor": "3", "boat": 1}, OPERATOR)
    assert [wrong.at for wrong in bad.value.wrong] == ["/answers/floor", "/answers/boat"]
    with pytest.raises(NoSuchList):
        await centre.asked.answer(incident, OF_DAMKAR, None, {}, OPERATOR)
    with pytest.raises(NoSuchIncident):
        await centre.asked.answer(uuid4(), FIRE, None, {}, OPERATOR)
    with pytest.raises(NoSuchIncident):
        await centre.asked.look(uuid4())
    assert await rows(centre.database, sop_answer) == []


async def test_of_two_who_answer_at_once_one_is_told(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    incident = await centre.open()
    both = await asyncio.gather(
        *(
            centre.asked.answer(incident, FIRE, frozenset({0}), {"trapped": value}, OPERATOR)
            for value in (True, False)
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["AnswersMoved", "NoneType"]
    (moved,) = [one for one in both if isinstance(one, AnswersMoved)]
    assert moved.version == 1


async def test_an_agency_answers_its_own_list_only(centre: Centre) -> None:
    await centre.sops.put_all(
        [given_list(), given_list(OF_DAMKAR, UNITS), given_list(Subject(SubjectKind.AGENCY, "pmi"), UNITS)], ADMIN
    )
    incident = await centre.open("fire", "damkar", "pmi")
    await centre.asked.answer(incident, OF_DAMKAR, frozenset({0}), {"units": 2}, DAMKAR)
    for subject in (FIRE, Subject(SubjectKind.AGENCY, "pmi")):
        with pytest.raises(NotWithAgency):
            await centre.asked.answer(incident, subject, None, {}, DAMKAR)
    seen = [one.sop.subject for one in await centre.asked.look(incident, agency="damkar")]
    assert seen == [FIRE, OF_DAMKAR]
    with pytest.raises(NotWithAgency):
        await centre.asked.look(incident, agency="bpbd")
    other = await centre.open("fire")
    with pytest.raises(NotWithAgency):
        await centre.asked.answer(other, OF_DAMKAR, None, {"units": 1}, DAMKAR)


async def test_an_agency_that_declined_is_asked_no_more(centre: Centre) -> None:
    await centre.sops.put_all([given_list(), given_list(OF_DAMKAR, UNITS)], ADMIN)
    incident = await centre.open("fire", "damkar")
    await centre.asked.look(incident)
    await centre.desk.agency_state(incident, "damkar", None, AgencyState.DECLINED, "", DAMKAR)
    one = await centre.list_of(incident, OF_DAMKAR)
    assert (one.current, one.missing) == (False, [])
    assert [one.sop.subject for one in await centre.asked.look(incident, agency="damkar")] == [OF_DAMKAR]
    with pytest.raises(NotWithAgency):
        await centre.asked.answer(incident, OF_DAMKAR, None, {"units": 1}, DAMKAR)


async def test_another_category_asks_its_own_list_and_the_old_answers_stay(centre: Centre) -> None:
    flood = Subject(SubjectKind.CATEGORY, "flood")
    await centre.sops.put_all([given_list(), given_list(flood, UNITS)], ADMIN)
    incident = await centre.open("fire")
    await centre.asked.answer(incident, FIRE, None, {"trapped": True}, OPERATOR)
    await centre.desk.change(incident, None, {"category": "flood"}, OPERATOR)
    lists = {one.sop.subject: one for one in await centre.asked.look(incident)}
    assert (lists[FIRE].current, lists[FIRE].values, lists[FIRE].missing) == (False, {"trapped": True}, [])
    assert (lists[flood].current, lists[flood].missing) == (True, ["units"])


async def test_words_are_found_and_blanked_with_the_person_they_are_about(centre: Centre) -> None:
    await centre.sops.put(given_list(), None, ADMIN)
    incident = await centre.open("fire")
    await centre.desk.change(incident, None, {"reporter_number": "+628123456789"}, OPERATOR)
    await centre.asked.answer(incident, FIRE, None, {"trapped": True, "words": "Siti di lantai 2"}, OPERATOR)
    data = PersonalData(centre.database, Recordings(centre.database, {"default": 90}), KEY, lambda: AT)
    held = await data.held(["+628123456789"])
    assert [row["words"] for row in held.answers if row["item"] == "words"] == ["Siti di lantai 2"]
    note = AuditNote("cli:root (admin)", "erase", "persons/abc", {"why": "request 12"})
    await data.blank(["+628123456789"], note, Access(AT, AT, "cli:root", "admin", "erase", "abc", "why"))
    assert (await centre.list_of(incident, FIRE)).values == {"trapped": True, "words": ""}
    assert "Siti" not in str(await rows(centre.database, t.incident_event, incident=incident))


async def test_closing_with_answers_missing_is_told_and_not_stopped(centre: Centre) -> None:
    await centre.sops.put_all([given_list(), given_list(OF_DAMKAR, UNITS)], ADMIN)
    incident = await centre.open("fire", "damkar")
    await centre.asked.answer(incident, FIRE, None, {"trapped": True}, OPERATOR)
    await centre.desk.close(incident, None, Verdict(Disposition.EMERGENCY), "", OPERATOR)
    assert await centre.events(incident, "sop_missing") == [
        {"missing": {"categories/fire": ["floor"], "agencies/damkar": ["units"]}}
    ]
    whole = await centre.open("fire")
    await centre.asked.answer(whole, FIRE, None, {"trapped": False}, OPERATOR)
    await centre.desk.close(whole, None, Verdict(Disposition.EMERGENCY), "", OPERATOR)
    assert await centre.events(whole, "sop_missing") == []


async def test_one_that_was_closed_is_asked_nothing_new_and_can_still_be_answered(centre: Centre) -> None:
    unasked = await centre.open("fire")
    await centre.desk.close(unasked, None, Verdict(Disposition.PRANK), "", OPERATOR)
    await centre.sops.put(given_list(), None, ADMIN)
    assert await centre.asked.look(unasked) == []
    with pytest.raises(NoSuchList):
        await centre.asked.answer(unasked, FIRE, None, {"trapped": True}, OPERATOR)
    late = await centre.open("fire")
    await centre.desk.close(late, None, Verdict(Disposition.EMERGENCY), "", OPERATOR)  # the first look
    await centre.asked.answer(late, FIRE, None, {"trapped": False}, OPERATOR)
    assert (await centre.list_of(late, FIRE)).missing == []
