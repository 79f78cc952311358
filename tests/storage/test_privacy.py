"""What is held of a person is found whole, blanked whole, and blanked by itself when its time is over."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Boolean, LargeBinary, Text, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import JSON, TypeDecorator

from callrouter.access.model import AuditNote
from callrouter.calls.ports import CallRefused
from callrouter.calls.records import JournalBatch, Rejected
from callrouter.incidents.desk import Actor
from callrouter.incidents.model import Outcome, incident_id
from callrouter.privacy.access_log import Access, AccessFilter
from callrouter.privacy.journal_lines import lines_about, written
from callrouter.privacy.numbers import spellings
from callrouter.privacy.retention import Days, Retention
from callrouter.storage import tables as t
from callrouter.storage.access_log import AccessEntries
from callrouter.storage.audit import AuditTrail
from callrouter.storage.callback_tries import CallbackTries
from callrouter.storage.database import Database
from callrouter.storage.every_table import metadata
from callrouter.storage.journal import Journal
from callrouter.storage.personal import OTHERWISE, PERSONAL
from callrouter.storage.privacy import EXPIRED_AT_ONCE, PersonalData
from callrouter.storage.recordings import DAY_US, Recordings
from callrouter.storage.refused import store_refused
from callrouter.storage.tables_parties import eido_received
from callrouter.storage.tables_privacy import access_log
from callrouter.storage.tables_supervision import callback_claim, callback_try
from demo.softphone import NET_S
from tests.databases import patient
from tests.storage.given import AT, SECOND, batch, execute, given_ended, given_opened, given_routed, one, rows, store

KEY = b"k" * 32
NUMBER, OTHER = "+628123456789", "+628999999999"
STAMP = "1790000010_30.500000"
ACCESS = Access(AT, AT, "cli:root", "admin", "erase", "abc", "why")
NOTE = AuditNote("cli:root (admin)", "erase", "persons/abc", {"why": "request 12"})


@pytest.fixture
def data(database: Database) -> PersonalData:
    return PersonalData(database, Recordings(database, {"default": 90}), KEY, lambda: AT + 100 * SECOND)


async def given_person(database: Database, number: str, *, at: int = AT) -> UUID:
    """Store a call of `number` with all that can be known of its caller; return its id."""
    call = uuid4()
    routed = given_routed(call)
    facts = routed.facts.model_copy(update={"area": "35.07.13.2001"})
    ended = given_ended(call, at=at + 60 * SECOND, talks=(STAMP,))
    await store(database, given_opened(call, number=number, at=at), given_routed(call, facts=facts))
    await Journal(database).apply(batch(ended, file=f"journal-{call}"))
    incident = incident_id(call)
    told = {"reporter_number": number, "reporter_name": "Siti R", "place": "Jl. Mawar 3", "description": "Siti, api"}
    changed = {"description": ["", "Siti, api"], "reporter_number": ["", number], "people_hurt": [None, 2]}
    event = {
        "incident": incident,
        "kind": "changed",
        "occurrence": "",
        "at": at,
        "actor": "op1 (operator)",
        "data": changed,
    }
    agency = {
        "id": uuid4(), "incident": incident, "agency": "desa", "state": "passed", "how": "notice", "passed_at": at,
        "passed_by": "", "acknowledged_by": "", "remark": "Siti menunggu", "updated_at": at, "version": 1,
    }  # fmt: skip
    await execute(
        database,
        update(t.incident).where(t.incident.c.id == incident).values(area="35.07.13.2001", **told),
        insert(t.incident_event).values(event),
        insert(t.incident_agency).values(agency),
    )
    return call


async def given_refused(database: Database, number: str, at: int = AT) -> None:
    refused = CallRefused(uuid4(), at, "pbx1", 488, "Not Acceptable Here", "telco", "192.0.2.1", number)

    async def work(connection: AsyncConnection) -> None:
        await store_refused(connection, [refused])

    await database.write(work)


async def everything(database: Database) -> str:
    """Return every row of every table as one text."""
    return "\n".join([str(await rows(database, table)) for table in metadata.sorted_tables])


async def test_all_that_is_held_of_a_number_is_found_however_it_was_written(
    database: Database, data: PersonalData
) -> None:
    call = await given_person(database, "08123456789")
    await given_refused(database, "628123456789")
    line = b"1|opened|x" + written(NUMBER)[0]
    await Journal(database).apply(JournalBatch("pbx1", "f", 9, (), (Rejected(line, "torn"),)))
    seen = Access(AT, AT, "op1", "operator", "incident", str(incident_id(call)))
    await AccessEntries(database).add([seen])
    await given_person(database, OTHER)
    held = await data.held(spellings(NUMBER))
    assert held.call_ids == [call]
    assert [row["id"] for row in held.incidents] == [incident_id(call)]
    assert {"opened", "changed", "routed", "ended"} <= {row["kind"] for row in held.timeline}
    assert "Siti menunggu" in [row["remark"] for row in held.incident_agencies]
    parts = (held.attempts, held.refused, held.set_aside, held.recordings, held.access_log)
    assert [len(part) for part in parts] == [2, 1, 1, 1, 1]


async def test_who_stood_in_from_is_found_and_blanked_like_whose_number_was_asserted(
    database: Database, data: PersonalData
) -> None:
    call = uuid4()
    await store(database, given_opened(call, number=OTHER, name="", sent_from="08123456789"))
    assert (await data.held(spellings(NUMBER))).call_ids == [call]
    assert (await data.blank(spellings(NUMBER), NOTE, ACCESS)).calls == 1
    assert (await one(database, t.call, id=call))["sent_from"] == ""
    assert (await data.held(spellings(NUMBER))).empty


async def test_tries_to_call_somebody_back_are_found_and_blanked(database: Database, data: PersonalData) -> None:
    call = uuid4()
    end = given_ended(call, outcome=Outcome.ABANDONED, human=None, attempts=())
    await store(database, given_opened(call, number="08123456789", name=""), end)
    begun = await CallbackTries(database).begin(incident_id(call), "op1", Actor("op1 (operator)"))
    assert [row["id"] for row in (await data.held(spellings(NUMBER))).called_back] == [begun.id]
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert "08123456789" not in await everything(database)
    assert (await one(database, callback_try, id=begun.id))["operator"] == "op1"


async def test_what_stood_in_from_is_blanked_when_its_time_is_over(database: Database, data: PersonalData) -> None:
    call = uuid4()
    await store(database, given_opened(call, number="", name="", sent_from="08123456789"))
    while await data.expire(AT + 1):
        pass
    assert (await one(database, t.call, id=call))["sent_from"] == ""


async def test_nothing_of_a_person_is_left_in_any_table_and_the_figures_are(
    database: Database, data: PersonalData
) -> None:
    call = await given_person(database, NUMBER)
    await given_refused(database, NUMBER)
    trail = AuditTrail(database, KEY)
    await trail.append(AuditNote("op1 (operator)", "note", "incidents/1", {"number": NUMBER}))
    await trail.append(AuditNote("a (admin)", "create", "agencies/rt", {"after": {"number": NUMBER}}))
    before = await one(database, t.call, id=call)
    blanked = await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert (blanked.calls, blanked.incidents, blanked.refused, blanked.audit) == (1, 1, 1, 1)
    assert [r.file for r in blanked.recordings] == [f"2026-09-21/{call}_{STAMP}.wav"]
    text = await everything(database)
    assert text.count(NUMBER) == 1  # the agency's own contact
    for word in ("Siti", "Rahmawati", "Mawar", "35.07.13.2001"):
        assert word not in text, word
    after = await one(database, t.call, id=call)
    kept = ("opened_at", "human_at", "ended_at", "category", "outcome", "route", "trunk", "incident")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    incident = await one(database, t.incident, id=incident_id(call))
    assert (incident["area"], incident["state"], incident["category"]) == ("35.07.13", "with_agency", "fire")


async def test_chain_of_the_audit_holds_when_a_payload_was_blanked(database: Database, data: PersonalData) -> None:
    trail = AuditTrail(database, KEY)
    await trail.append(AuditNote("op1 (operator)", "note", "incidents/1", {"number": NUMBER}))
    head = await trail.append(AuditNote("op1 (operator)", "note", "incidents/2", {"number": OTHER}))
    await given_person(database, NUMBER)
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert await trail.verify([head]) == []
    found = await rows(database, t.audit)
    assert [row["payload"] is None for row in found] == [True, False, False]
    assert found[-1]["action"] == "erase"
    assert '"why":"request 12"' in found[-1]["payload"]
    assert NUMBER not in str(found[-1])
    await execute(database, update(t.audit).where(t.audit.c.seq == 2).values(payload='{"number":"x"}'))
    assert [fault.seq for fault in await trail.verify([head])] == [2]


async def test_other_people_are_left_alone(database: Database, data: PersonalData) -> None:
    call = await given_person(database, OTHER)
    await given_person(database, NUMBER)
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert (await one(database, t.call, id=call))["number"] == OTHER
    assert (await one(database, t.incident, id=incident_id(call)))["reporter_name"] == "Siti R"


async def test_journal_that_is_read_again_brings_no_number_back(database: Database, data: PersonalData) -> None:
    call = await given_person(database, NUMBER)
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    await Journal(database).apply(batch(given_opened(call, number=NUMBER), given_ended(call)))
    assert NUMBER not in str(await rows(database, t.call))


async def test_calls_whose_time_is_over_are_blanked_and_stay_as_figures(
    database: Database, data: PersonalData
) -> None:
    old, young = await given_person(database, NUMBER), await given_person(database, NUMBER, at=AT + DAY_US)
    retention = Retention(data, Days(30, 30, 365), lambda: AT + 30 * DAY_US + SECOND)
    assert await retention.once() > 0
    assert (await one(database, t.call, id=old))["number"] == ""
    assert (await one(database, t.incident, id=incident_id(old)))["description"] == ""
    assert (await one(database, t.call, id=young))["number"] == NUMBER
    assert (await one(database, t.incident, id=incident_id(young)))["reporter_name"] == "Siti R"
    assert len(await rows(database, t.incident)) == 2
    assert await retention.once() == 0


async def test_incident_that_a_younger_call_shares_waits_for_it(database: Database, data: PersonalData) -> None:
    old, young = await given_person(database, NUMBER), await given_person(database, NUMBER, at=AT + DAY_US)
    await execute(database, update(t.call).where(t.call.c.id == young).values(incident=incident_id(old)))
    assert await data.expire(AT + 1) == 1
    assert (await one(database, t.call, id=old))["number"] == ""
    assert (await one(database, t.incident, id=incident_id(old)))["reporter_name"] == "Siti R"
    while await data.expire(AT + 2 * DAY_US):
        pass
    assert (await one(database, t.incident, id=incident_id(old)))["reporter_name"] == ""


async def test_refused_calls_and_accesses_are_removed_when_their_time_is_over(
    database: Database, data: PersonalData
) -> None:
    entries = AccessEntries(database)
    for at in (AT, AT + 2 * DAY_US):
        await given_refused(database, NUMBER, at)
        await entries.add([Access(at, at, "op1", "operator", "incident", "x")])
    retention = Retention(data, Days(3_000, 10, 10), lambda: AT + 11 * DAY_US)
    assert await retention.once() == 2
    assert [row["at"] for row in await rows(database, t.refused_invite)] == [AT + 2 * DAY_US]
    assert [row.at for row in await entries.page(AccessFilter())] == [AT + 2 * DAY_US]


async def test_entry_of_the_access_log_is_one_however_often_it_is_added(database: Database) -> None:
    entries = AccessEntries(database)
    same = Access(AT, AT // 60_000_000, "op1", "operator", "incident", "x")
    await entries.add([same, same])
    await entries.add([same])
    assert len(await rows(database, access_log)) == 1


async def test_pages_of_the_access_log_leave_nothing_out_and_filters_hold_together(database: Database) -> None:
    entries = AccessEntries(database)
    made = [Access(AT + n, n, f"op{n % 2}", "operator", "incident", f"s{n % 3}") for n in range(12)]
    await entries.add(made)
    first = await entries.page(AccessFilter(limit=5))
    rest = await entries.page(AccessFilter(limit=100, before=first[-1].id))
    assert sorted(row.at for row in (*first, *rest)) == [one.at for one in made]
    assert [row.id for row in first] == sorted((row.id for row in first), reverse=True)
    found = await entries.page(AccessFilter(who="op1", subject="s0", begin=AT + 4, end=AT + 12))
    assert [row.at for row in found] == [AT + 9]


def test_journal_still_holds_lines_and_says_until_when(tmp_path: Path) -> None:
    call = uuid4()
    mine = (
        f"1|opened|{call}|t=1_01.000000|node=pbx1|origin=citizen".encode() + written(NUMBER)[0] + b"name=Lg==|chan=x"
    )
    ended = f"1|ended|{call}|t=2_02.000000".encode()
    others = b"1|opened|y" + written(OTHER)[0]
    (tmp_path / "done").mkdir()
    (tmp_path / "pbx1-2.log").write_bytes(b"\n".join([others, ended, b""]))
    (tmp_path / "done" / "pbx1-1.log.gz").write_bytes(gzip.compress(mine + b"\n"))
    (tmp_path / "done" / "pbx1-0.log.gz").write_bytes(b"no gzip")
    (tmp_path / "pbx1-3.log").write_bytes(others + b"\n")
    (tmp_path / "pbx1-4.log").write_bytes(b"1|opened|z" + written(OTHER)[0] + written(NUMBER)[1] + b"\n")
    assert [one.file for one in lines_about(tmp_path, spellings(NUMBER), [], 90)] == ["pbx1-4.log", "pbx1-1.log.gz"]
    (tmp_path / "pbx1-4.log").unlink()
    found = lines_about(tmp_path, spellings(NUMBER), [call], 90)
    assert [(one.file, one.lines) for one in found] == [
        ("pbx1-2.log", (ended.decode(),)),
        ("pbx1-1.log.gz", (mine.decode(),)),
    ]
    written_at = (tmp_path / "pbx1-2.log").stat().st_mtime_ns // 1000
    assert found[0].until == written_at + 90 * DAY_US


_SOUNDS_PERSONAL = re.compile(
    r"number|name|caller|phone|remark|description|place|note\b|\btext\b|body|data|payload|facts|line\b|contact|answer|operator"
)


def _may_hold_text(column: Any) -> bool:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    return isinstance(kind, Text | JSON | LargeBinary) and not isinstance(kind, Boolean)


def test_every_column_that_sounds_like_a_persons_is_decided_upon() -> None:
    undecided = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if _SOUNDS_PERSONAL.search(column.name)
        and _may_hold_text(column)
        and column.name not in PERSONAL.get(table.name, {})
        and f"{table.name}.{column.name}" not in OTHERWISE
    ]
    assert undecided == [], "say in callrouter/storage/personal.py what becomes of them"


@pytest.mark.parametrize("name", [f"{table}.{column}" for table, columns in PERSONAL.items() for column in columns])
def test_what_is_said_of_a_column_is_of_one_that_is_there(name: str) -> None:
    table, _, column = name.partition(".")
    assert column in metadata.tables[table].columns


async def test_question_for_what_is_over_its_time_uses_an_index(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    told: list[str] = []

    async def ask(connection: AsyncConnection) -> None:
        question = "EXPLAIN QUERY PLAN SELECT id FROM call WHERE opened_at < 5 AND (number <> '' OR name <> '')"
        found = await connection.exec_driver_sql(f"{question} ORDER BY opened_at LIMIT 100")
        told.extend(str(row) for row in found)

    await database.read(ask)
    await database.close()
    assert "ix_call_with_person" in "".join(told)


# ---------------------------------------------------------------- written by people and by other centres
async def given_document(database: Database, document: dict[str, Any], *, incident: UUID, at: int = AT) -> UUID:
    id_ = uuid4()
    values = {
        "id": id_, "incident": incident, "neighbour": "kota", "external": str(id_), "tail": "", "received_at": at,
        "received_by": "kota-1 (agency)", "document": document,
    }  # fmt: skip
    await execute(database, insert(eido_received).values(values))
    return id_


@pytest.mark.parametrize("number", ["0812-345-6789", "tel:+62 812 345 6789", "sip:+628123456789@kota.example"])
async def test_who_reported_is_found_however_his_number_was_written(
    database: Database, data: PersonalData, number: str
) -> None:
    call = await given_person(database, OTHER)
    incident = incident_id(call)
    await execute(database, update(t.incident).where(t.incident.c.id == incident).values(reporter_number=number))
    assert [row["id"] for row in (await data.held(spellings(NUMBER))).incidents] == [incident]
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert (await one(database, t.incident, id=incident))["reporter_number"] == ""
    assert (await one(database, t.call, id=call))["number"] == OTHER


@pytest.mark.parametrize(
    "said",
    ["tel:+62-812-345-6789", "telp. (0812) 345 6789, istri", "12 08123456789", "+62 (0)812 345-6789", 628123456789],
)
async def test_document_that_has_the_number_anywhere_is_found_and_emptied(
    database: Database, data: PersonalData, said: str | int
) -> None:
    incident = incident_id(await given_person(database, OTHER))
    his = await given_document(database, {"callbackComponent": [{"uri": [said]}]}, incident=incident)
    not_his = {"at": "2026-11-22T08:12:34.567890Z", "uri": "tel:+6281234567890", "more": "908123456789"}
    other = await given_document(database, not_his, incident=incident)
    held = await data.held(spellings(NUMBER))
    assert ([row["id"] for row in held.documents], held.incidents, held.empty) == ([his], [], False)
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert (await one(database, eido_received, id=his))["document"] is None
    assert (await one(database, eido_received, id=other))["document"] == not_his


async def test_extension_is_not_looked_for_within_documents(database: Database, data: PersonalData) -> None:
    incident = incident_id(await given_person(database, OTHER))
    await given_document(database, {"at": "2026-11-22"}, incident=incident)
    assert (await data.held(spellings("20261122"))).empty


async def test_try_that_rang_the_number_for_another_incident_is_found_and_emptied(
    database: Database, data: PersonalData
) -> None:
    id_ = uuid4()
    values = {
        "id": id_, "incident": uuid4(), "number": "x", "dialled": "08123456789", "operator": "op1", "asked_at": AT,
        "asked_by": "op1 (operator)", "trunk": "", "outcome": "", "cause": "",
    }  # fmt: skip
    claim = {"number": "08123456789", "try_of": id_, "operator": "op1", "until": AT}
    await execute(database, insert(callback_try).values(values), insert(callback_claim).values(claim))
    assert [row["id"] for row in (await data.held(spellings(NUMBER))).called_back] == [id_]
    await data.blank(spellings(NUMBER), NOTE, ACCESS)
    assert "08123456789" not in await everything(database)
    assert (await one(database, callback_try, id=id_))["operator"] == "op1"


# ---------------------------------------------------------------- documents whose time is over
async def test_documents_whose_time_is_over_are_emptied_some_at_a_time_and_counted(
    database: Database, data: PersonalData
) -> None:
    young = incident_id(await given_person(database, OTHER, at=AT + SECOND))
    for number in range(EXPIRED_AT_ONCE + 1):
        await given_document(database, {"n": number}, incident=young)
    last = await given_document(database, {"n": 0}, incident=young, at=AT + 1)
    assert [await data.expire(AT + 1) for _ in range(3)] == [EXPIRED_AT_ONCE, 1, 0]
    left = [row["id"] for row in await rows(database, eido_received) if row["document"] is not None]
    assert left == [last]


async def test_retention_waits_for_who_blanks_a_person_and_neither_is_ended(postgres_url: str) -> None:
    """Both take calls, then incidents, then documents."""
    database = patient(postgres_url)
    data = PersonalData(database, Recordings(database, {"default": 90}), KEY, lambda: AT + 100 * SECOND)
    incident = incident_id(await given_person(database, NUMBER))
    document = await given_document(database, {"n": 1}, incident=incident)
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    expiring: list[asyncio.Task[int]] = []

    async def blanking(connection: AsyncConnection) -> None:
        await connection.execute(select(t.incident.c.id).where(t.incident.c.id == incident).with_for_update())
        expiring.append(asyncio.create_task(data.expire(AT + SECOND)))
        async with asyncio.timeout(NET_S):
            while not await connection.scalar(waits):
                await asyncio.sleep(0.01)
        await connection.execute(update(eido_received).where(eido_received.c.id == document).values(document=None))

    await database.write(blanking)
    assert await expiring[0] > 0
    await database.close()
