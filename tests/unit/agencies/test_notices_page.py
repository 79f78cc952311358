"""The receiver in docs/notices.md takes what the service sends, and nothing else."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.agencies.webhook import WebhookSender
from tests.unit.agencies.given_notices import SECRET, given_job

PAGE = Path(__file__).parents[3] / "docs" / "notices.md"


@pytest.fixture
def example() -> dict[str, Any]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 (the example is what is tested)
    return names


@pytest.fixture
def url(example: dict[str, Any]) -> Iterator[str]:
    example["Receiver"].log_message = lambda *_: None
    with HTTPServer(("127.0.0.1", 0), example["Receiver"]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


async def test_the_example_takes_each_notice_once(
    example: dict[str, Any], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def secret_of(_agency: str, _contact: str) -> str:
        return SECRET

    sender = WebhookSender(("127.0.0.0/8",), secret_of)
    job = given_job(url)
    async with asyncio.timeout(30):
        await sender.send(job)
        await sender.send(job)
    await sender.close()
    assert example["seen"] == {str(job.notice.id)}
    assert capsys.readouterr().out == "incident 12\n"


async def test_the_example_refuses_what_is_not_signed_or_old(example: dict[str, Any], url: str) -> None:
    forged = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    within = aiohttp.ClientTimeout(total=20)
    async with (
        aiohttp.ClientSession(timeout=within) as session,
        session.post(url, data=b"{}", headers=forged) as answer,
    ):
        assert answer.status == 401
    assert example["seen"] == set()
