"""What goes to a neighbouring centre, and as whom."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from callrouter.agencies.neighbour import MAX_TOKEN, NeighbourSender
from callrouter.agencies.notices import Channel, Job
from callrouter.agencies.sending import NotSent
from callrouter.incidents.views import IncidentDetail, IncidentSummary, StorageUnavailable
from tests.unit.agencies.given_notices import SECRET, given_job, receiver

SUMMARY = IncidentSummary(UUID(int=1), 7, "open", "fire", 1, False, "", None)


def given_sender(
    tokens: Path, detail: IncidentDetail | None, shown: list[str] | None = None, refuses: Exception | None = None
) -> NeighbourSender:
    shown = [] if shown is None else shown

    async def secret_of(_agency: str, _contact: str) -> str | None:
        return SECRET

    async def detail_of(_incident: UUID) -> IncidentDetail | None:
        return detail

    def document_of(found: IncidentDetail) -> dict[str, Any]:
        return {"$id": str(found.summary.number), "place": "Jalan Mérdeka"}

    async def noted(job: Job) -> None:
        if refuses is not None:
            raise refuses
        shown.append(job.notice.agency)

    return NeighbourSender(("127.0.0.0/8",), secret_of, detail_of, document_of, tokens, noted)


@pytest.fixture
def job() -> Job:
    made = given_job()
    return replace(made, notice=replace(made.notice, agency="kota", channel=Channel.NEIGHBOUR))


async def test_the_incident_goes_as_it_is_now_with_what_the_centre_gave_us(tmp_path: Path, job: Job) -> None:
    sender = given_sender(tmp_path, IncidentDetail(SUMMARY, (), ()))
    body, headers = await sender.made(job)
    assert (json.loads(body)["$id"], headers) == ("7", {})
    (tmp_path / "kota.token").write_text(" secret-of-kota \n")
    assert (await sender.made(job))[1] == {"Authorization": "Bearer secret-of-kota"}
    (tmp_path / "kota.token").write_text("\n")
    assert (await sender.made(job))[1] == {}
    await sender.close()


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "x" * (MAX_TOKEN + 1), "é"], ids=["lines", "long", "no ASCII"])
async def test_token_that_is_none_is_not_sent(tmp_path: Path, job: Job, text: str) -> None:
    sender = given_sender(tmp_path, IncidentDetail(SUMMARY, (), ()))
    (tmp_path / "kota.token").write_text(text, encoding="utf-8")
    with pytest.raises(NotSent) as raised:
        await sender.made(job)
    assert raised.value.certain
    assert text not in str(raised.value)
    await sender.close()


async def test_incident_that_is_gone_is_not_tried_again(tmp_path: Path, job: Job) -> None:
    sender = given_sender(tmp_path, None)
    with pytest.raises(NotSent) as raised:
        await sender.made(job)
    assert raised.value.final
    await sender.close()


async def test_who_is_about_to_be_sent_an_incident_is_noted_first_or_nothing_goes_out(
    tmp_path: Path, job: Job
) -> None:
    shown: list[str] = []
    async with receiver() as centre:
        job = replace(job, notice=replace(job.notice, target=centre.url))
        sender = given_sender(tmp_path, IncidentDetail(SUMMARY, (), ()), shown)
        await sender.send(job)
        assert (shown, len(centre.requests)) == (["kota"], 1)
        await sender.close()
        sender = given_sender(tmp_path, IncidentDetail(SUMMARY, (), ()), refuses=StorageUnavailable("away"))
        with pytest.raises(StorageUnavailable):
            await sender.send(job)
        assert len(centre.requests) == 1
        await sender.close()
