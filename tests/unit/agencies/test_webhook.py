"""Webhooks to real receivers: signed, to allowed addresses alone, and no answer does harm."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from callrouter.agencies.notices import Job
from callrouter.agencies.sending import NotSent
from callrouter.agencies.signing import signed
from callrouter.agencies.webhook import WebhookSender
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from tests.api.test_tls import given_pair
from tests.unit.agencies.given_notices import AT, SECRET, given_job, receiver

LOOPBACK = ("127.0.0.0/8", "::1/128")


async def the_secret(agency: str, contact: str) -> str | None:
    assert (agency, contact) == ("damkar", "api")
    return SECRET


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    one = WebhookSender(LOOPBACK, the_secret, now_us=lambda: AT)
    yield one
    await one.close()


async def refusal(sender: WebhookSender, url: str) -> NotSent:
    with pytest.raises(NotSent) as refused:
        async with asyncio.timeout(30):
            await sender.send(given_job(url))
    return refused.value


async def test_a_notice_goes_out_signed_under_its_own_id(sender: WebhookSender) -> None:
    async with receiver() as agency:
        job = given_job(agency.url)
        await sender.send(job)
    (request,) = agency.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert lines[0] == "POST /112 HTTP/1.1"
    for name, value in signed(SECRET, str(job.notice.id), AT // 1_000_000, body).items():
        assert headers[name] == value
    told = json.loads(body)
    assert (told["type"], told["data"]["number"], told["data"]["words"]) == ("incident.passed", 12, "hati-hati")
    assert told["data"]["notice"] == str(job.notice.id)


async def test_who_is_sent_a_notice_is_noted_before_it_goes_out_or_it_does_not() -> None:
    noted: list[int] = []
    away: list[Exception] = []

    async def note(_job: Job) -> None:
        if away:
            raise away[0]
        noted.append(len(agency.requests))

    sender = WebhookSender(LOOPBACK, the_secret, shown=note)
    async with receiver() as agency:
        await sender.send(given_job(agency.url))
        assert (noted, len(agency.requests)) == ([0], 1)
        away.append(StorageUnavailable("away"))
        with pytest.raises(StorageUnavailable):
            await sender.send(given_job(agency.url))
        assert len(agency.requests) == 1
        with pytest.raises(NotSent):  # what cannot go out is shown to nobody
            await sender.send(given_job("http://10.9.9.9/"))
        assert noted == [0]
    await sender.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "it answered 500"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "it answered 302"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "it answered 101"),
        (b"\x00\xff garbage\r\n\r\n", "its answer is none"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "its answer is none"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "its answer is none"),
        (b"", "its answer is none"),
    ],
)
async def test_what_is_no_2xx_is_not_delivered(sender: WebhookSender, answer: bytes, why: str) -> None:
    async with receiver(answer) as agency:
        refused = await refusal(sender, agency.url)
    assert str(refused).startswith(why)
    assert (refused.certain, refused.final) == (False, False)


async def test_an_answer_without_end_is_not_read_to_its_end(sender: WebhookSender) -> None:
    async def for_ever(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with receiver(for_ever) as agency, asyncio.timeout(30):
        await sender.send(given_job(agency.url))


async def test_a_receiver_that_wants_no_more_is_not_tried_again(sender: WebhookSender) -> None:
    async with receiver(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n") as agency:
        refused = await refusal(sender, agency.url)
    assert (refused.certain, refused.final) == (True, True)


async def test_nobody_at_the_address_is_a_failure_that_may_pass(sender: WebhookSender) -> None:
    async with receiver() as agency:
        url = agency.url
    refused = await refusal(sender, url)
    assert (str(refused), refused.certain) == ("it cannot be reached", False)


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]", "169.254.169.254", "[::]"])
async def test_an_address_outside_the_allowed_networks_is_not_connected_to(
    sender: WebhookSender, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connects(*_: object, **__: object) -> None:
        raise AssertionError("it was connected to")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connects)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connects)
    refused = await refusal(sender, f"http://{host}/")
    assert (str(refused), refused.certain) == ("its address lies in no allowed network", True)


@pytest.mark.parametrize("host", ["0x7f000001", "2130706433", "127.1", "127.0.0.0x1", "127.0.0.1.", "0177.0.0.1"])
async def test_an_odd_spelling_of_an_address_is_none(sender: WebhookSender, host: str) -> None:
    refused = await refusal(sender, f"http://{host}/")
    assert (str(refused), refused.certain) == ("its address lies in no allowed network", True)


async def test_a_name_that_leads_elsewhere_at_the_second_look_is_looked_up_once_a_try() -> None:
    answers = iter([["127.0.0.1"], ["192.0.2.1"]])
    asked = 0

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return next(answers)

    sender = WebhookSender(LOOPBACK, the_secret, lookup=rebinding)
    async with receiver() as agency:
        url = f"http://dinas.example:{agency.port}/"
        await sender.send(given_job(url))
        assert (asked, len(agency.requests)) == (1, 1)
        refused = await refusal(sender, url)
    await sender.close()
    assert (str(refused), refused.certain, asked) == ("its name leads to no allowed network", True, 2)


async def test_of_a_names_addresses_only_the_allowed_ones_are_used() -> None:
    async def both(_host: str, _port: int) -> Sequence[str]:
        return ["192.0.2.1", "2001:db8::1", "127.0.0.1"]

    sender = WebhookSender(LOOPBACK, the_secret, lookup=both)
    async with receiver() as agency:
        await sender.send(given_job(f"http://dinas.example:{agency.port}/"))
    await sender.close()
    assert len(agency.requests) == 1


async def test_no_proxy_of_the_environment_is_used(sender: WebhookSender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    async with receiver() as agency:
        await sender.send(given_job(agency.url))
    assert len(agency.requests) == 1


async def test_without_a_secret_nothing_is_sent() -> None:
    async def none(_agency: str, _contact: str) -> None:
        return None

    async def of_another_key(_agency: str, _contact: str) -> str:
        raise OperatorError(Bilingual("a", "b"), Bilingual("c", "d"))

    for secret_of in (none, of_another_key):
        sender = WebhookSender(LOOPBACK, secret_of)
        async with receiver() as agency:
            assert (await refusal(sender, agency.url)).certain
        await sender.close()
        assert agency.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(sender: WebhookSender, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*given_pair(tmp_path))
    async with receiver(tls=context) as agency:
        refused = await refusal(sender, agency.url.replace("http:", "https:"))
    assert (str(refused), agency.requests) == ("its certificate is not trusted", [])
