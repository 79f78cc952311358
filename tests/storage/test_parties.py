"""Neighbouring centres: documents that come, calls that name them, and what is handed over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote
from callrouter.agencies.notices import Channel, NoticeFilter, NoticeState
from callrouter.agencies.sending import Figures
from callrouter.calls.records import Opened
from callrouter.incidents.desk import Actor, Illegal, NoSuchIncident, Verdict
from callrouter.incidents.eido import Received, incident_of, received
from callrouter.incidents.model import Disposition, IncidentOrigin, incident_id
from callrouter.incidents.neighbours import Neighbour
from callrouter.privacy.access_log import Access
from callrouter.routing.directory import WebhookContact
from callrouter.storage.database import Database
from callrouter.storage.fill import fill
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.incidents import Incidents
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notices import Notices
from callrouter.storage.parties import MAX_ORIGINALS, WAIT_US, NeighbourTables
from callrouter.storage.privacy import PersonalData
from callrouter.storage.recordings import Recordings
from callrouter.storage.rows import AT_ONCE
from tests.storage.given import AT, given_opened

POINT = WebhookContact(key="sistem", channel="webhook", url="http://10.1.2.3/eido")
CITY = Neighbour("kota", "tetangga", POINT)
THEM = Actor("kota-1 (agency)", agency="kota")
US = Actor("siti (operator)")
SUPERVISOR = Actor("budi (supervisor)", supervises=True)


def given_document(id_: str = "4711-a", **more: Any) -> Received:
    sent = {"$id": f"urn:emergency:uid:incidentid:{id_}:kota", "x-callrouter": {"category": "fire"}} | more
    return received(sent, frozenset({"fire"}), frozenset())


class Centre:
    """The tables of a centre whose neighbour is `kota`, by the trunk `tetangga`."""

    def __init__(self, database: Database, now: int = AT) -> None:
        self.database = database
        self.writer = NoticeWriter(lambda _: None, keep_trying_s=3_600)
        self.desk = IncidentTables(database, acknowledge_s=300, notices=self.writer, now_us=lambda: self.now)
        self.now = now
        self.changed: list[UUID] = []
        self.tables = NeighbourTables(
            database,
            self.desk,
            self.writer,
            lambda: {"kota": "tetangga"},
            changed=self.changed.extend,
            now_us=lambda: self.now,
        )

    async def comes(self, tail: str = "4711-a", trunk: str = "tetangga", **more: Any) -> UUID:
        """A call that names an incident is stored; return its own incident."""
        opened = replace(given_opened(origin="neighbour", trunk=trunk), handed=tail, **more)
        await store(self.database, opened)
        return incident_id(opened.call)

    async def merged_into(self, incident: UUID) -> UUID | None:
        detail = await Incidents(self.database).detail(incident)
        assert detail is not None
        return detail.summary.merged_into


async def store(database: Database, *opened: Opened) -> None:
    async def work(connection: AsyncConnection) -> None:
        await fill(connection, opened)

    await database.write(work)


@pytest.fixture
def centre(database: Database) -> Centre:
    return Centre(database)


async def test_document_that_is_sent_again_opens_and_keeps_nothing_twice(centre: Centre) -> None:
    into = incident_of("kota", given_document().external)
    assert await centre.tables.take_in(given_document(), CITY, THEM) == (into, True)
    centre.changed.clear()
    assert await centre.tables.take_in(given_document(), CITY, THEM) == (into, False)
    assert centre.changed == []
    # The same id of another centre is another incident.
    other, opened = await centre.tables.take_in(given_document(), replace(CITY, key="lain"), THEM)
    assert (other != into, opened) == (True, True)
    detail = await Incidents(centre.database).detail(into)
    assert detail is not None
    assert (detail.summary.origin, detail.summary.category) == (IncidentOrigin.NEIGHBOUR, "fire")
    (original,) = await centre.tables.originals(into)
    assert (original.at, original.neighbour, original.by) == (AT, "kota", THEM.name)


async def test_no_neighbour_fills_the_database_with_documents(centre: Centre) -> None:
    for n in range(MAX_ORIGINALS + 3):
        centre.now += 1
        into, _ = await centre.tables.take_in(given_document(n=n), CITY, THEM)
    kept = await centre.tables.originals(into)
    assert [one.document["n"] for one in kept if one.document] == list(range(MAX_ORIGINALS))[::-1]


@pytest.mark.parametrize("document_first", [True, False], ids=["document first", "call first"])
async def test_call_is_joined_with_its_document_whichever_comes_first(centre: Centre, document_first: bool) -> None:
    if document_first:
        into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    own = await centre.comes()
    assert await centre.tables.join() == int(document_first)
    if not document_first:
        into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
        assert await centre.tables.join() == 1
    assert await centre.merged_into(own) == into
    assert await centre.tables.join() == 0


async def test_call_of_another_trunk_or_with_another_name_is_joined_with_nothing(centre: Centre) -> None:
    await centre.tables.take_in(given_document(), CITY, THEM)
    strangers = [await centre.comes(trunk="telco"), await centre.comes("4711-b"), await centre.comes("")]
    assert await centre.tables.join() == 0
    assert [await centre.merged_into(one) for one in strangers] == [None] * 3


async def test_calls_that_name_what_nobody_sent_keep_no_other_waiting(centre: Centre) -> None:
    for n in range(AT_ONCE + 1):
        await centre.comes(f"never-{n}")
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    await centre.tables.take_in(given_document(version=2), CITY, THEM)
    own = await centre.comes()
    assert await centre.tables.join() == 1
    assert await centre.merged_into(own) == into


async def test_call_goes_to_where_its_documents_incident_was_merged(centre: Centre) -> None:
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    second, _ = await centre.tables.take_in(given_document("4712"), CITY, THEM)
    third, _ = await centre.tables.take_in(given_document("4713"), CITY, THEM)
    await centre.desk.merge(into, None, second, SUPERVISOR)
    await centre.desk.merge(second, None, third, SUPERVISOR)
    own, other = await centre.comes(), await centre.comes("4713")
    assert await centre.tables.join() == 2
    assert [await centre.merged_into(one) for one in (own, other)] == [third, third]
    assert await centre.tables.join() == 0


async def test_join_that_was_killed_behind_its_merge_is_done_and_tells_nothing_false(centre: Centre) -> None:
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    own = await centre.comes()
    await centre.desk.merge(own, None, into, SUPERVISOR)
    assert await centre.tables.join() == 1
    assert await centre.tables.join() == 0
    # A person merged the other way round: they are one as well.
    back, _ = await centre.tables.take_in(given_document("4712"), CITY, THEM)
    call = await centre.comes("4712")
    await centre.desk.merge(back, None, call, SUPERVISOR)
    assert await centre.tables.join() == 1
    for incident in (into, own, back, call):
        detail = await Incidents(centre.database).detail(incident)
        assert detail is not None
        assert "note" not in [entry.kind for entry in detail.timeline]


async def test_call_that_cannot_be_joined_keeps_no_other_from_it(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    await centre.tables.take_in(given_document(), CITY, THEM)
    into, _ = await centre.tables.take_in(given_document("4712"), CITY, THEM)
    bad, own = await centre.comes(), await centre.comes("4712")
    merge = centre.desk.merge

    async def failing(incident: UUID, *args: Any) -> Any:
        if incident == bad:
            raise RuntimeError("a defect")
        return await merge(incident, *args)

    with monkeypatch.context() as patch:
        patch.setattr(centre.desk, "merge", failing)
        assert await centre.tables.join() == 1
    assert [await centre.merged_into(one) for one in (bad, own)] == [None, into]
    assert await centre.tables.join() == 1  # it was only put off
    assert await centre.merged_into(bad) is not None


async def test_document_that_cannot_be_kept_opens_nothing(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: Any) -> Any:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr("callrouter.storage.parties.insert_into", failing)
        with pytest.raises(RuntimeError):
            await centre.tables.take_in(given_document(), CITY, THEM)
    assert centre.changed == []
    into = incident_of("kota", given_document().external)
    assert await Incidents(centre.database).detail(into) is None
    assert await centre.tables.take_in(given_document(), CITY, THEM) == (into, True)


async def test_call_waits_for_its_document_for_an_hour(centre: Centre) -> None:
    own = await centre.comes()
    centre.now = AT + WAIT_US + 1
    await centre.tables.take_in(given_document(), CITY, THEM)
    assert await centre.tables.join() == 0
    assert await centre.merged_into(own) is None


async def test_call_whose_incident_was_merged_by_a_person_stays_there(centre: Centre) -> None:
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    other, _ = await centre.tables.take_in(given_document("4712"), CITY, THEM)
    own = await centre.comes()
    await centre.desk.merge(own, None, other, Actor("budi (supervisor)", supervises=True))
    assert await centre.tables.join() == 1
    assert await centre.merged_into(own) == other
    detail = await Incidents(centre.database).detail(into)
    assert detail is not None
    assert detail.timeline[-1].kind == "note"
    assert await centre.tables.join() == 0


async def test_handing_over_puts_it_into_the_outbox_and_the_timeline(centre: Centre) -> None:
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    handed = await centre.tables.hand_over(into, CITY, None, "batas", US)
    outbox = Notices(centre.database, centre.writer)
    (notice,) = await outbox.page(NoticeFilter())
    assert (notice.id, notice.channel, notice.contact) == (handed.notice, Channel.NEIGHBOUR, "sistem")
    (job,) = await outbox.claim(Channel.NEIGHBOUR, AT, AT + 1, 5, set())
    assert job.notice.incident == into
    await outbox.delivered(notice.id, AT + 2)
    assert [one.state for one in await outbox.page(NoticeFilter())] == [NoticeState.DELIVERED]
    # Nobody has to acknowledge it to us, so nobody is told that nobody did.
    assert await outbox.escalate(AT + 10**12) == 0
    detail = await Incidents(centre.database).detail(into)
    assert detail is not None
    assert [one.kind for one in detail.timeline][2:] == ["handed_over", "notice", "notice"]
    assert detail.case.taken_by == US.name


async def test_hand_over_that_never_arrives_is_told_to_the_supervisor_once_and_counted(centre: Centre) -> None:
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    await centre.tables.hand_over(into, CITY, None, "", US)
    outbox = Notices(centre.database, centre.writer, now_us=lambda: centre.now)

    async def given_up() -> UUID:
        (job,) = await outbox.claim(Channel.NEIGHBOUR, centre.now, centre.now + 1, 5, set())
        await outbox.failed(job.notice.id, job.notice.tries, "it answered 500", None, hopeless=True)
        return job.notice.id

    async def told() -> list[Any]:
        detail = await Incidents(centre.database).detail(into)
        assert detail is not None
        return [one.data for one in detail.timeline if one.kind == "escalated"]

    dead = await given_up()
    assert (await outbox.figures()).untold == 1
    assert await told() == [{"agency": "kota", "contact": None}]
    (notice,) = [one for one in await outbox.page(NoticeFilter()) if one.channel is Channel.SUPERVISOR]
    assert notice.state is NoticeState.DELIVERED  # no address: they have the timeline
    await outbox.replay(dead, Actor("budi (supervisor)"))
    assert await given_up() == dead
    assert len(await told()) == 1
    # Handed over again: the other centre has it now, so the first need not be mended.
    centre.now += 1
    await centre.tables.hand_over(into, CITY, None, "", US)
    (job,) = await outbox.claim(Channel.NEIGHBOUR, centre.now, centre.now + 1, 5, set())
    assert (await outbox.figures()).untold == 1
    await outbox.delivered(job.notice.id, centre.now)
    assert await outbox.figures() == Figures(dead=1)


async def test_hand_over_of_what_was_closed_or_merged_meanwhile_is_nobodys_news(centre: Centre) -> None:
    closed, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    merged, _ = await centre.tables.take_in(given_document("4712"), CITY, THEM)
    other, _ = await centre.tables.take_in(given_document("4713"), CITY, THEM)
    outbox = Notices(centre.database, centre.writer, now_us=lambda: centre.now)
    for incident in (closed, merged):
        await centre.tables.hand_over(incident, CITY, None, "", US)
    await centre.desk.close(closed, None, Verdict(Disposition.EMERGENCY), "", SUPERVISOR)
    await centre.desk.merge(merged, None, other, SUPERVISOR)
    for _ in range(2):  # one target is sent one at a time
        (job,) = await outbox.claim(Channel.NEIGHBOUR, centre.now, centre.now + 1, 5, set())
        await outbox.failed(job.notice.id, job.notice.tries, "it answered 500", None, hopeless=True)
    assert await outbox.figures() == Figures(dead=2)
    assert {one.channel for one in await outbox.page(NoticeFilter())} == {Channel.NEIGHBOUR}


async def test_what_is_closed_or_unknown_is_not_handed_over(centre: Centre) -> None:
    into, _ = await centre.tables.take_in(given_document(), CITY, THEM)
    supervisor = Actor("budi (supervisor)", supervises=True)
    await centre.desk.close(into, None, Verdict(Disposition.EMERGENCY), "", supervisor)
    with pytest.raises(Illegal):
        await centre.tables.hand_over(into, CITY, None, "", US)
    with pytest.raises(NoSuchIncident):
        await centre.tables.hand_over(UUID(int=1), CITY, None, "", US)
    assert await Notices(centre.database, centre.writer).page(NoticeFilter()) == []


async def test_documents_of_a_person_are_exported_erased_and_expire(centre: Centre) -> None:
    sent = given_document(callbackComponent=[{"callBackInformationUri": ["tel:+6281200000001"]}])
    into, _ = await centre.tables.take_in(sent, CITY, THEM)
    other, _ = await centre.tables.take_in(given_document("4712"), CITY, THEM)
    people = PersonalData(centre.database, Recordings(centre.database, {"default": 90}), b"k" * 32, lambda: AT + 1)
    held = await people.held(["+6281200000001"])
    assert [row["document"] for row in held.documents] == [sent.document]
    note = AuditNote("local (admin)", "erase", "person", {})
    await people.blank(["+6281200000001"], note, Access(AT, AT, "local", "admin", "erase", "abc"))
    assert [one.document for one in await centre.tables.originals(into)] == [None]
    assert [one.document for one in await centre.tables.originals(other)] != [None]
    await people.expire(AT + 1)
    assert [one.document for one in await centre.tables.originals(other)] == [None]
