"""Notices by telephone: the PBX rings, speaks and takes the digit; the journal tells what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from callrouter.agencies.calling import HEARD, LISTEN_S, Rung
from callrouter.agencies.notices import Job
from callrouter.agencies.sending import NotSent, Settled, Shown, unnoted
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.quoting import UnsafeArgument
from callrouter.asterisk.variables import EVENT_NOTICE
from callrouter.errors import OperatorError

log = structlog.get_logger(__name__)

CONTEXT: Final = "callrouter-notice"
_TARGET: Final = re.compile(r"([0-9+]{1,32})@([a-z0-9-]{1,31})")
_CLIPS: Final = re.compile(r"[A-Za-z0-9/_.&+-]{1,900}")


class Hands(Protocol):
    """The link of the user that moves calls (callrouter.asterisk.ami.AmiLink)."""

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        """Send an action. Raises AmiUnavailable, AmiRefused, UnsafeArgument."""


class _MayRing(NotSent):
    """The PBX may have been asked: the link broke before it answered."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What is played: clips, one after the other, by names or by paths without their ending; and the files that were
    made for it.
    """

    clips: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(slots=True)
class NoticeCalls:
    """Implements callrouter.agencies.sending.Sender for telephones.

    speech: speaks a notice, in a thread; raises OperatorError, OSError
    remove: takes its files away
    wrote:  told that the PBX wrote what became of a call
    ring_s: how long it rings
    shown:  told of each try before anything of it goes out
    """

    hands: Hands
    speech: Callable[[Job], Speech]
    remove: Callable[[Sequence[Path]], None]
    wrote: Callable[[], None]
    ring_s: int
    shown: Shown = unnoted
    _waiting: dict[UUID, asyncio.Future[Rung]] = field(default_factory=dict)

    async def send(self, job: Job) -> None:
        """Have it rung and spoken. Raises Settled once the journal told what became of it; NotSent where there is no
        call. Whoever is killed meanwhile leaves the call as it is, and the journal tells the next one.
        """
        target = _TARGET.fullmatch(job.notice.target)
        if target is None:
            raise NotSent("its target is no number on a trunk", certain=True)
        await self.shown(job)
        try:
            speech = await asyncio.to_thread(self.speech, job)
        except (OperatorError, OSError) as error:
            log.error("notices.not_spoken", notice=str(job.notice.id), error=str(error))
            raise NotSent("it cannot be spoken", certain=True) from None
        over = False
        try:
            result = await self._rung(job, target[1], target[2], speech)
            over = True
        except _MayRing:
            raise
        except NotSent:
            over = True
            raise
        finally:
            # A call that goes on without us, or whose beginning we were not told of, still plays them; then they are
            # taken away when they are old (prompts.aloud.Aloud.tidy).
            if over:
                await asyncio.to_thread(self.remove, speech.files)
        raise Settled(result, delivered=result in HEARD)

    def heard(self, event: AmiEvent) -> None:
        """Take an event of the PBX."""
        if event.name == "UserEvent" and event.fields.get("UserEvent") == EVENT_NOTICE:
            self.wrote()

    def settled(self, notice: UUID, result: Rung) -> None:
        """The journal told what became of a call, and it was kept."""
        future = self._waiting.get(notice)
        if future is not None and not future.done():
            future.set_result(result)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _rung(self, job: Job, number: str, trunk: str, speech: Speech) -> Rung:
        clips = "&".join(speech.clips)
        if not _CLIPS.fullmatch(clips):
            raise NotSent("the folder of what is spoken cannot be named to the PBX", certain=True)
        future: asyncio.Future[Rung]
        future = self._waiting[job.notice.id] = asyncio.get_running_loop().create_future()
        values = {
            "NOTICE": job.notice.id,
            "TRY": job.notice.tries,
            "TO": number,
            "VIA": trunk,
            "RING": self.ring_s,
            "LISTEN": LISTEN_S,
            "SAY": clips,
        }
        try:
            await self.hands.action(
                "Originate",
                Channel=f"Local/wait@{CONTEXT}/n",
                Context=CONTEXT,
                Exten="call",
                Priority="1",
                Timeout="5000",
                Variable=[f"__CR_{name}={value}" for name, value in values.items()],
            )
            return await future
        except AmiUnavailable:
            raise _MayRing("the PBX did not tell that it rings (AmiUnavailable)") from None
        except (AmiRefused, UnsafeArgument) as error:
            raise NotSent(f"the PBX was not asked to ring ({type(error).__name__})") from None
        finally:
            del self._waiting[job.notice.id]
