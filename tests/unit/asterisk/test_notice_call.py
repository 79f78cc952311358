"""Asking the PBX to ring and speak: what it is told, and what ends the waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from callrouter.agencies.calling import Rung
from callrouter.agencies.notices import Channel, Job
from callrouter.agencies.sending import NotSent, Settled
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.notice_call import NoticeCalls, Speech
from callrouter.asterisk.quoting import UnsafeArgument
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from tests.unit.agencies.given_notices import given_job

CLIPS = ("id/cr/notice-intro", "/var/lib/x/notices/a-1-id", "id/cr/notice-press")
FILES = (Path("/var/lib/x/notices/a-1-id.wav"),)


@dataclass
class Hands:
    """A link that takes what it is told; `error` is raised instead."""

    error: Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        if self.error:
            raise self.error
        self.asked.append({"Action": name} | fields)
        self.came.set()
        return AmiAnswer({"Response": "Success"}, [])


@dataclass
class Given:
    """A sender with its parts."""

    hands: Hands = field(default_factory=Hands)
    clips: tuple[str, ...] = CLIPS
    spoken: Exception | None = None
    removed: list[Path] = field(default_factory=list)
    wrote: int = 0

    def sender(self) -> NoticeCalls:
        return NoticeCalls(self.hands, self._speech, self._remove, self._wrote, 25)

    def _speech(self, _job: Job) -> Speech:
        if self.spoken:
            raise self.spoken
        return Speech(self.clips, FILES)

    def _remove(self, files: Sequence[Path]) -> None:
        self.removed.extend(files)

    def _wrote(self) -> None:
        self.wrote += 1


def job(target: str = "08123@seluler") -> Job:
    return given_job(target, Channel.PHONE, tries=2)


async def test_the_pbx_is_told_whom_to_ring_and_what_to_play_and_the_journal_ends_it() -> None:
    parts, asked = Given(), job()
    sender = parts.sender()
    sending = asyncio.create_task(sender.send(asked))
    await parts.hands.came.wait()
    assert parts.removed == []
    (action,) = parts.hands.asked
    assert (action["Action"], action["Channel"]) == ("Originate", "Local/wait@callrouter-notice/n")
    assert (action["Context"], action["Exten"], action["Priority"]) == ("callrouter-notice", "call", "1")
    told = dict(one.removeprefix("__CR_").split("=", 1) for one in action["Variable"])
    assert all(one.startswith("__CR_") for one in action["Variable"])
    assert (told["NOTICE"], told["TRY"]) == (str(asked.notice.id), "2")
    assert (told["TO"], told["VIA"], told["RING"]) == ("08123", "seluler", "25")
    assert told["SAY"] == "&".join(CLIPS)
    sender.settled(given_job().notice.id, Rung.BUSY)  # another's
    sender.settled(asked.notice.id, Rung.ACCEPTED)
    sender.settled(asked.notice.id, Rung.ACCEPTED)
    with pytest.raises(Settled, match="accepted"):
        await sending
    assert parts.removed == list(FILES)


@pytest.mark.parametrize(
    ("error", "removed"),
    [(AmiRefused("no"), FILES), (UnsafeArgument("a line end"), FILES), (AmiUnavailable("no answer within 5 s"), ())],
)
async def test_a_pbx_that_does_not_say_yes_is_a_try_that_failed_and_keeps_the_files_where_it_may_ring(
    error: Exception, removed: tuple[Path, ...]
) -> None:
    parts = Given(hands=Hands(error))
    with pytest.raises(NotSent) as failed:
        await parts.sender().send(job())
    assert not failed.value.certain
    assert parts.removed == list(removed)


@pytest.mark.parametrize(
    "error", [OperatorError(Bilingual("tak ada", "none"), Bilingual("pasang", "install")), OSError("full")]
)
async def test_what_cannot_be_spoken_rings_nobody_and_the_next_is_told(error: Exception) -> None:
    parts = Given(spoken=error)
    with pytest.raises(NotSent) as failed:
        await parts.sender().send(job())
    assert failed.value.certain
    assert parts.hands.asked == []


@pytest.mark.parametrize("target", ["", "08123", "08123@", "@seluler", "08,1@seluler", "1@a@b", "1@${X}", "1@a\n"])
async def test_a_target_that_is_no_number_on_a_trunk_rings_nobody(target: str) -> None:
    parts = Given()
    with pytest.raises(NotSent) as failed:
        await parts.sender().send(job(target))
    assert failed.value.certain
    assert parts.hands.asked == []


@pytest.mark.parametrize("clip", ["/a b/c", "a,b", "${X}", "x" * 1_000])
async def test_clips_that_the_dialplan_could_misread_ring_nobody(clip: str) -> None:
    parts = Given(clips=(clip,))
    with pytest.raises(NotSent):
        await parts.sender().send(job())
    assert parts.hands.asked == []


async def test_who_is_ended_meanwhile_leaves_the_files_to_the_call_that_goes_on() -> None:
    parts = Given()
    sender = parts.sender()
    sending = asyncio.create_task(sender.send(job()))
    await parts.hands.came.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert parts.removed == []


def test_the_event_of_the_pbx_has_the_journal_read() -> None:
    parts = Given()
    sender = parts.sender()
    for name in ("CRNotice", "CRDuty"):
        fields = {"UserEvent": name}
        sender.heard(AmiEvent("UserEvent", fields, list(fields.items())))
    assert parts.wrote == 1


async def test_who_is_told_by_telephone_is_noted_before_it_rings_or_it_does_not_ring() -> None:
    parts = Given()

    async def away(_job: Job) -> None:
        raise StorageUnavailable("away")

    sender = parts.sender()
    sender.shown = away
    with pytest.raises(StorageUnavailable):
        await sender.send(job())
    assert (parts.hands.asked, parts.removed) == ([], [])
