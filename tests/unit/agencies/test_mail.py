"""Notices by e-mail, to a real SMTP server on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy

import pytest

from callrouter.agencies.mail import MailSender, MailServer
from callrouter.agencies.notices import Channel, Job
from callrouter.agencies.sending import NotSent
from callrouter.incidents.views import StorageUnavailable
from tests.unit.agencies.given_notices import given_job

SENDER = "112@centre.example"


@dataclass
class Sink:
    """An SMTP server (RFC 5321) that takes every mail, but for what `answers` says to a command.

    hangs: at this command it says nothing
    """

    answers: dict[str, str] = field(default_factory=dict)
    hangs: str = ""
    port: int = 0
    lines: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((self.answers.get("GREETING", "220 sink") + "\r\n").encode())
        while line := (await reader.readline()).decode().strip():
            self.lines.append(line)
            word = line.split(":")[0].split()[0].upper()
            if word == self.hangs:
                await asyncio.Event().wait()
            answer = self.answers.get(word, {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 ok"))
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
            if word == "DATA" and answer.startswith("354"):
                self.mails.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                writer.write((self.answers.get("CONTENT", "250 taken") + "\r\n").encode())


@asynccontextmanager
async def serving(sink: Sink) -> AsyncIterator[MailSender]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await sink.talk(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield MailSender(MailServer("127.0.0.1", sink.port, "none", SENDER, within_s=1.0 if sink.hangs else 20.0))
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def mail_job(target: str = "posko@damkar.example", channel: Channel = Channel.EMAIL) -> Job:
    return given_job(target, channel)


async def test_an_email_reaches_the_server_whole() -> None:
    sink = Sink()
    async with serving(sink) as sender:
        job = mail_job()
        await sender.send(job)
    (raw,) = sink.mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert (mail["From"], mail["To"]) == (SENDER, "posko@damkar.example")
    assert mail["Message-ID"] == f"<{job.notice.id}@centre.example>"
    assert mail["Subject"] == "[112] Laporan / Incident 12 - fire - 35.07 - Jl. Merdeka"
    text = mail.get_content()
    assert "hati-hati" in text
    assert "Jl. Merdeka" in text
    assert [line for line in sink.lines if line.startswith("RCPT")] == ["RCPT TO:<posko@damkar.example>"]


async def test_the_supervisors_email_says_who_has_not_acknowledged() -> None:
    sink = Sink()
    async with serving(sink) as sender:
        await sender.send(mail_job("piket@centre.example", Channel.SUPERVISOR))
    mail = message_from_bytes(sink.mails[0], policy=policy.default)
    assert "BELUM DITERIMA / NOT ACKNOWLEDGED" in mail["Subject"]
    assert "The agency damkar has not acknowledged incident 12." in mail.get_content()


@pytest.mark.parametrize(
    ("answers", "why", "certain"),
    [
        ({"GREETING": "554 no"}, "the mail server", None),
        ({"MAIL": "451 later"}, "the mail server answered 451", False),
        ({"RCPT": "550 nobody"}, "the mail server refused the address (550)", True),
        ({"RCPT": "450 later"}, "the mail server refused the address (450)", False),
        ({"DATA": "552 full"}, "the mail server answered 552", True),
        ({"CONTENT": "554 spam"}, "the mail server answered 554", True),
        ({"GREETING": "garbage"}, "the mail server", None),
    ],
)
async def test_what_the_server_does_not_take_is_not_delivered(
    answers: dict[str, str], why: str, certain: bool | None
) -> None:
    async with serving(Sink(answers)) as sender:
        with pytest.raises(NotSent) as refused:
            await sender.send(mail_job())
    assert str(refused.value).startswith(why)
    assert certain is None or refused.value.certain is certain


@pytest.mark.parametrize("command", ["EHLO", "RCPT", "DATA"])
async def test_a_server_that_hangs_is_given_up(command: str) -> None:
    async with serving(Sink(hangs=command)) as sender, asyncio.timeout(30):
        with pytest.raises(NotSent):
            await sender.send(mail_job())


async def test_a_server_that_is_not_there_is_told() -> None:
    async with serving(Sink()) as sender:
        pass
    with pytest.raises(NotSent, match="the mail server cannot be used"):
        await sender.send(mail_job())


async def test_a_server_without_the_encryption_that_is_wanted_gets_nothing() -> None:
    sink = Sink()
    async with serving(sink):
        sender = MailSender(MailServer("127.0.0.1", sink.port, "starttls", SENDER, "user", "word"))
        with pytest.raises(NotSent):
            await sender.send(mail_job())
    assert sink.mails == []
    assert not [line for line in sink.lines if line.startswith("AUTH")]


async def test_who_is_sent_a_mail_is_noted_before_it_goes_out_or_it_does_not() -> None:
    sink, noted = Sink(), list[int]()

    async def note(_job: Job) -> None:
        if noted:
            raise StorageUnavailable("away")
        noted.append(len(sink.lines))

    async with serving(sink):
        sender = MailSender(MailServer("127.0.0.1", sink.port, "none", SENDER, within_s=20.0), note)
        await sender.send(mail_job())
        assert (noted, len(sink.mails)) == ([0], 1)
        with pytest.raises(StorageUnavailable):
            await sender.send(mail_job())
        assert len(sink.mails) == 1
