"""A person's number in what was written of others: it is taken out, and what else was written stays."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, update

from callrouter.access.model import AuditNote
from callrouter.incidents.model import incident_id
from callrouter.incidents.views import IncidentFilter
from callrouter.privacy.numbers import spellings
from callrouter.storage import tables as t
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.storage.mentioned import TEXTS
from callrouter.storage.privacy import PersonalData
from callrouter.storage.recordings import Recordings
from callrouter.storage.tables_figures import agency_remark
from callrouter.storage.tables_sop import incident_sop, sop_answer
from tests.storage.given import AT, SECOND, execute, given_opened, one, rows, store
from tests.storage.test_privacy import ACCESS, KEY, NOTE, NUMBER, OTHER

SAID = "tetangga 0812-345-6789 (Budi) melihat api"
LEFT = "tetangga *** (Budi) melihat api"


@pytest.fixture
def data(database: Database) -> PersonalData:
    return PersonalData(database, Recordings(database, {"default": 90}), KEY, lambda: AT + 100 * SECOND)


async def given_mention(database: Database, said: str) -> UUID:
    """Store an incident of somebody else's in which `said` stands wherever people write; return its id."""
    call = uuid4()
    await store(database, given_opened(call, number=OTHER))
    incident = incident_id(call)
    agency = {
        "id": uuid4(), "incident": incident, "agency": "desa", "state": "passed", "how": "notice", "passed_at": AT,
        "passed_by": "", "acknowledged_by": "", "remark": said, "updated_at": AT, "version": 1,
    }  # fmt: skip
    event: dict[str, Any] = {"incident": incident, "occurrence": "", "at": AT, "actor": "op1 (operator)"}
    asked = {"incident": incident, "kind": "category", "subject": "fire"}
    answer = {"item": "siapa", "answer": None, "words": said, "at": AT, "by": "op1"}
    remark = {"agency": "desa", "month": "2026-09", "text": said, "said_by": "desa-1", "at": AT, "version": 1}
    changed = {"description": ["", said], "people_hurt": [None, 2], "category": "08123456789"}
    await execute(
        database,
        update(t.incident).where(t.incident.c.id == incident).values(place=said, description=said),
        insert(t.incident_agency).values(agency),
        insert(t.incident_event).values(event | {"kind": "note", "data": {"text": said}}),
        insert(t.incident_event).values(event | {"kind": "changed", "data": changed}),
        insert(incident_sop).values(asked | {"sop": 1, "attached_at": AT, "version": 1}),
        insert(sop_answer).values(asked | answer),
        insert(agency_remark).values(remark),
    )
    return incident


async def written(database: Database, incident: UUID) -> list[str]:
    """Return what stands wherever people wrote."""
    row = await one(database, t.incident, id=incident)
    texts = [row["place"], row["description"]]
    events = [event for event in await rows(database, t.incident_event) if event["kind"] in {"note", "changed"}]
    texts += [event["data"].get("text") or event["data"]["description"][1] for event in events]
    for table, column in ((t.incident_agency, "remark"), (sop_answer, "words"), (agency_remark, "text")):
        texts += [row[column] for row in await rows(database, table)]
    return texts


async def test_number_is_taken_out_of_what_was_written_of_others_and_the_rest_stays(
    database: Database, data: PersonalData
) -> None:
    incident = await given_mention(database, SAID)
    before = await one(database, t.incident, id=incident)
    held = await data.held(spellings(NUMBER))
    assert (held.calls, held.incidents, held.empty, len(held.mentioned)) == ([], [], False, 7)
    assert {row["table"] for row in held.mentioned} == {table.name for table, _ in TEXTS}
    assert (await data.blank(spellings(NUMBER), NOTE, ACCESS)).mentioned == 7
    assert await written(database, incident) == [LEFT] * 7
    after = await one(database, t.incident, id=incident)
    assert after["updated_at"] > before["updated_at"]
    assert (after["version"], after["category"]) == (before["version"], before["category"])
    changed = next(row["data"] for row in await rows(database, t.incident_event) if row["kind"] == "changed")
    assert changed["category"] == "08123456789"  # a key of the table, and no number
    assert (await data.held(spellings(NUMBER))).empty
    assert '"texts":7' in (await rows(database, t.audit))[-1]["payload"]


async def test_incident_is_found_by_the_words_that_are_left_and_no_longer_by_the_number(
    database: Database, data: PersonalData
) -> None:
    incident = await given_mention(database, "warga 08123456789 melapor")

    async def found(words: str) -> list[UUID]:
        return [summary.id for summary in await Incidents(database).page(IncidentFilter(words=words))]

    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert await found("warga melapor") == [incident]
    assert await found("08123456789") == []


async def test_longer_number_in_what_was_written_of_others_stays(database: Database, data: PersonalData) -> None:
    incident = await given_mention(database, "KTP 3507-0812-345-6789, telp 0812-345-67890")
    before = await written(database, incident)
    assert (await data.held(spellings(NUMBER))).empty
    assert (await data.blank(spellings(NUMBER), NOTE, ACCESS)).mentioned == 0
    assert await written(database, incident) == before


@pytest.mark.parametrize("said", ["istri: 0812-345-6789", "+62 812 345 6789", "(0812) 34 56 789"])
async def test_payload_of_the_audit_that_has_the_number_in_words_is_blanked(
    database: Database, data: PersonalData, said: str
) -> None:
    trail = AuditTrail(database, KEY)
    await trail.append(AuditNote("op1 (operator)", "note", "incidents/1", {"text": said}))
    await trail.append(AuditNote("op1 (operator)", "note", "incidents/2", {"text": "908123456789"}))
    head = await trail.append(AuditNote("a (admin)", "create", "agencies/rt", {"after": {"number": NUMBER}}))
    assert (await data.blank(spellings(NUMBER), NOTE, ACCESS)).audit == 1
    assert [row["payload"] is None for row in await rows(database, t.audit)][:3] == [True, False, False]
    assert await trail.verify([head]) == []


async def test_number_with_signs_that_json_escapes_is_found(database: Database, data: PersonalData) -> None:
    for sign in ("\N{NON-BREAKING HYPHEN}", "\n", "\t", "\N{NO-BREAK SPACE}"):
        incident = await given_mention(database, f"0812{sign}345{sign}6789")
        assert (await data.blank(spellings(NUMBER), NOTE, ACCESS)).mentioned == 7, repr(sign)
        assert set(await written(database, incident)) == {"***"}
        await execute(database, delete(agency_remark))
        await execute(database, delete(t.incident_event), delete(t.incident_agency), delete(sop_answer))
