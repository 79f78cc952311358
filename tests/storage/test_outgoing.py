"""Notices as the service sends them: its own settings, key, outbox and senders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self
from uuid import uuid4

import pytest

from callrouter.access.model import Principal, Role
from callrouter.agencies.calling import Rung
from callrouter.agencies.notices import Channel, Job, NoticeFilter, NoticeState
from callrouter.agencies.signing import new_secret, signed
from callrouter.asterisk.pbx_secrets import read_secrets
from callrouter.bilingual import RefusedValue
from callrouter.calls.journal import JournalReader
from callrouter.calls.records import NoticeRung
from callrouter.errors import OperatorError
from callrouter.incidents.desk import NewIncident
from callrouter.incidents.views import StorageUnavailable
from callrouter.metrics import Metrics
from callrouter.prompts import espeak
from callrouter.prompts.aloud import Aloud
from callrouter.routing.clips import of_table
from callrouter.routing.table import Area
from callrouter.routing.values import Language
from callrouter.settings import Settings, load
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from callrouter.storage.tables_notices import notice_secret
from callrouter.wiring import outgoing
from callrouter.wiring.in_force import InForce
from callrouter.wiring.incidents import IncidentLife
from callrouter.wiring.links import Links
from callrouter.wiring.outgoing import Outgoing, mail_server, speech
from tests.storage.given import rows
from tests.storage.notice_centre import OPERATOR, Centre, webhook
from tests.unit.agencies.given_notices import TOLD, given_job, receiver
from tests.unit.routing.tables import small

ADMIN = Principal("diskominfo-1", Role.ADMIN)


def settings_in(folder: Path, **values: object) -> Settings:
    return load(state=folder / "state", **values)


class Site:
    """The groups of the service that notices need, running."""

    def __init__(self, database: Database, settings: Settings, *, url: str) -> None:
        self.agencies = Centre(database, webhook("api", url=url)).agencies
        self.incidents = IncidentLife(settings, database, self.agencies.get)
        links = Links(settings, read_secrets(settings.secrets_dir))
        self.outgoing = Outgoing(settings, database, self.incidents, links, InForce(1, small()))
        self.metrics = Metrics()
        self.outgoing.show(self.metrics)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(work, name=name) for name, work in self.outgoing.tasks()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.outgoing.close()

    async def state(self) -> list[NoticeState]:
        return [one.state for one in await self.outgoing.notices.page(NoticeFilter())]


@pytest.fixture
async def secrets(database: Database, tmp_path: Path) -> AsyncIterator[Outgoing]:
    site = Site(database, settings_in(tmp_path), url="http://127.0.0.1/")
    yield site.outgoing
    await site.outgoing.close()


async def test_a_pass_reaches_the_agencys_system_signed_with_its_secret(database: Database, tmp_path: Path) -> None:
    secret = new_secret()
    async with receiver() as agency, asyncio.timeout(60):
        async with Site(database, settings_in(tmp_path), url=agency.url) as site:
            await site.outgoing.secrets.put("damkar", "api", secret, ADMIN)
            incident = (await site.incidents.desk.open_by_hand(NewIncident(uuid4()), OPERATOR)).incident
            await site.incidents.desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
            while await site.state() != [NoticeState.DELIVERED]:
                await asyncio.sleep(0.02)
        text = site.metrics.text().decode()
    (request,) = agency.requests
    head, _, body = request.partition(b"\r\n\r\n")
    pairs = [line.partition(": ") for line in head.decode().split("\r\n")]
    headers = {name.lower(): value for name, _, value in pairs}
    assert headers.items() >= signed(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body).items()
    assert "callrouter_notices_delivered_total 1.0" in text


async def test_a_target_outside_the_networks_of_the_settings_gets_nothing(database: Database, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, notice_networks=("10.0.0.0/8",))
    async with receiver() as agency, asyncio.timeout(60), Site(database, settings, url=agency.url) as site:
        await site.outgoing.secrets.put("damkar", "api", new_secret(), ADMIN)
        incident = (await site.incidents.desk.open_by_hand(NewIncident(uuid4()), OPERATOR)).incident
        await site.incidents.desk.pass_to(incident, None, ["damkar"], "", OPERATOR)
        while len(await site.state()) < 2:  # the supervisor is told at once
            await asyncio.sleep(0.02)
        found = {one.contact: one for one in await site.outgoing.notices.page(NoticeFilter())}
    assert found["api"].last_error == "its address lies in no allowed network"
    assert (found[""].state, agency.requests) == ("delivered", [])


# ------------------------------------------------------------------------------------------------ secrets
async def test_a_secret_is_kept_encrypted_noted_and_given_back_to_who_signs(
    database: Database, secrets: Outgoing
) -> None:
    first, second = new_secret(), new_secret()
    await secrets.secrets.put("damkar", "api", first, ADMIN)
    await secrets.secrets.put("damkar", "api", second, ADMIN)
    assert await secrets.secrets.secret_of("damkar", "api") == second
    (row,) = await rows(database, notice_secret)
    assert second not in str(row)
    assert await secrets.secrets.delete("damkar", "api", ADMIN)
    assert not await secrets.secrets.delete("damkar", "api", ADMIN)
    assert await secrets.secrets.secret_of("damkar", "api") is None
    notes = await rows(database, t.audit)
    assert [(note["action"], note["subject"]) for note in notes] == [("secret", "agencies/damkar/notices/api")] * 3
    assert not [note for note in notes if first in str(note) or second in str(note)]


async def test_a_bad_secret_is_not_kept(database: Database, secrets: Outgoing) -> None:
    with pytest.raises(RefusedValue):
        await secrets.secrets.put("damkar", "api", "whsec_AAAA", ADMIN)
    assert await rows(database, notice_secret) == []


# ------------------------------------------------------------------------------------------------ settings
def test_the_mail_servers_password_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.write_text("geheim\n")
    mail = {"smtp_host": "127.0.0.1", "smtp_sender": "112@centre.example", "smtp_user": "112"}
    server = mail_server(settings_in(tmp_path, **mail, smtp_password_file=file))
    assert (server.password, server.port, server.security) == ("geheim", 587, "starttls")
    assert "geheim" not in repr(server)
    with pytest.raises(OperatorError, match="CALLROUTER_SMTP_PASSWORD_FILE"):
        mail_server(settings_in(tmp_path, **mail, smtp_password_file=tmp_path / "none"))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"smtp_host": "mail.example"}, "CALLROUTER_SMTP_SENDER"),
        ({"notice_supervisor": "piket@centre.example"}, "CALLROUTER_SMTP_HOST"),
        ({"smtp_user": "112"}, "CALLROUTER_SMTP_PASSWORD_FILE"),
        (
            {
                "smtp_host": "mail.example",
                "smtp_sender": "112@centre.example",
                "smtp_user": "112",
                "smtp_password_file": Path("word"),
                "smtp_security": "none",
            },
            "CALLROUTER_SMTP_SECURITY",
        ),
        ({"notice_networks": ("10.0.0.0/99",)}, "CALLROUTER_NOTICE_NETWORKS"),
        ({"smtp_sender": "a@b\nBcc: c"}, "CALLROUTER_SMTP_SENDER"),
    ],
)
def test_settings_that_do_not_go_together_are_named(tmp_path: Path, values: dict[str, object], named: str) -> None:
    with pytest.raises(OperatorError, match=named):
        settings_in(tmp_path, **values)


# ------------------------------------------------------------------------------------------------ by telephone
class Silent(espeak.Voice):
    """A voice that keeps what it was to say."""

    def say(self, text: str, language: Language) -> list[float]:
        HEARD.append((language, text))
        return [9_000.0, -9_000.0] * 2_000


HEARD: list[tuple[Language, str]] = []


def test_a_notice_is_spoken_in_the_languages_of_the_menu_and_the_first_of_them_first(tmp_path: Path) -> None:
    table, area = small(), Area(code="35.07", name="Kabupaten Malang")
    table = table.model_copy(update={"routing": table.routing.model_copy(update={"areas": (area,)})})
    category = table.routing.categories[0]
    told = replace(TOLD, category=category.key, area=area.code, place="Jl. Mawar 3")
    job = Job(given_job("08123@telco", Channel.PHONE, tries=2).notice, told)
    HEARD.clear()
    made = speech(Aloud(tmp_path, lambda: Silent(("none",))), InForce(1, table), job)
    languages = [one.value for one in table.routing.languages]
    assert [language.value for language, _ in HEARD] == languages
    assert all(area.name.lower() in text.lower() for _, text in HEARD)
    about = of_table(table)[f"category-{category.key}"]
    base = str(tmp_path / f"{job.notice.id}-2-")
    assert list(made.clips) == [
        clip
        for one in languages
        for clip in (f"{one}/cr/notice-intro", f"{one}/cr/{about}", base + one, f"{one}/cr/notice-press")
    ]
    assert [f"{clip}.wav" for clip in made.clips if clip.startswith(base)] == [str(path) for path in made.files]


async def test_no_telephone_is_rung_before_the_journal_is_read(database: Database, tmp_path: Path) -> None:
    site = Site(database, settings_in(tmp_path), url="http://127.0.0.1/")
    ready = site.outgoing.dispatcher.ready
    assert [channel for channel in Channel if not ready(channel)] == [Channel.PHONE]
    journal = JournalReader(tmp_path, "pbx1", Journal(database))
    site.outgoing.follow(journal)
    assert not ready(Channel.PHONE)
    journal.caught_up.set()
    assert ready(Channel.PHONE)
    await site.outgoing.close()


async def test_a_line_of_the_journal_that_cannot_be_kept_keeps_back_no_other(
    secrets: Outgoing, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalReader(tmp_path, "pbx1", Journal(database))
    secrets.follow(journal)
    assert journal.rung is not None
    wrong: Exception = KeyError("a defect")

    async def rung(*_: object) -> bool:
        raise wrong

    monkeypatch.setattr(secrets.notices, "rung", rung)
    line = NoticeRung(uuid4(), 1, "pbx1", 1, Rung.BUSY)
    await journal.rung(line)
    wrong = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):  # then it is read again
        await journal.rung(line)


async def test_a_folder_that_cannot_be_tidied_ends_nothing(
    secrets: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = asyncio.Queue[int]()

    class Broken(Aloud):
        def tidy(self) -> None:
            loop.call_soon_threadsafe(tries.put_nowait, 1)
            raise RuntimeError("a defect")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(outgoing, "STALE_S", 0.001)
    monkeypatch.setattr(secrets, "_aloud", Broken(Path("none"), lambda: Silent(("none",))))
    tidying = asyncio.create_task(secrets._tidy())
    async with asyncio.timeout(30):
        for _ in range(2):
            await tries.get()
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
