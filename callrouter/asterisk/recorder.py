"""Recordings that the dialplan cannot begin by itself: who is given the caller was on the line before.

Such a recording is on the caller's channel and would go on with whoever has him next, so it is ended with the part of
him it is of: by the dialplan where the caller's own steps go on (callrouter-attempt,end), and from here in any case.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.variables import (
    EVENT_CHOICE,
    EVENT_DOORBELL,
    EVENT_HUMAN,
    EVENT_RECORD,
    EVENT_STAGE,
    RECORDED_AS,
)
from callrouter.privacy.recordings import noted_talk, path_of

log = structlog.get_logger(__name__)

WAITING: Final = 100
PARTS: Final = 1_000
"""Recordings that may be going on; of more the oldest end with their calls."""
_NEXT: Final = frozenset({EVENT_CHOICE, EVENT_DOORBELL, EVENT_HUMAN, EVENT_STAGE})
"""After each of these somebody else has the caller, or nobody."""


class Keeper(Protocol):
    """The link of the user that may have files written (callrouter.asterisk.ami.AmiLink): a recording is one."""

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        """Send an action. Raises AmiUnavailable, AmiRefused."""


@dataclass(slots=True)
class _Part:
    """A human's part of a call, by its stamp. mixing: what AMI calls the recording; empty: none is running."""

    channel: str
    file: str
    mixing: str = ""
    over: bool = False


class Recorder:
    """Begins and ends recordings on callers' channels, as the dialplan tells (context callrouter-record)."""

    def __init__(self, keeper: Keeper, folder: Path) -> None:
        self._keeper = keeper
        self._folder = folder
        self._parts: OrderedDict[str, _Part] = OrderedDict()
        self._asked: asyncio.Queue[_Part] = asyncio.Queue(WAITING)

    def heard(self, event: AmiEvent) -> None:
        """Take an event of the PBX. What is not understood is logged and changes nothing."""
        fields = event.fields
        if event.name != "UserEvent":
            return
        what, call = fields.get("UserEvent"), fields.get("Call", "")
        if what in _NEXT:
            self._over(call)
        elif what == EVENT_RECORD:
            try:
                file = noted_talk(UUID(call), fields["Stamp"]).file
                part = _Part(fields["Caller"], str(path_of(self._folder, file)))
            except (KeyError, ValueError) as error:
                log.error("recording.not_begun", error=str(error) or type(error).__name__)
                return
            self._over(call)
            self._parts[call] = part
            while len(self._parts) > PARTS:
                self._parts.popitem(last=False)
            self._ask(part)

    def _over(self, call: str) -> None:
        part = self._parts.pop(call, None)
        if part is not None:
            part.over = True
            self._ask(part)

    def _ask(self, part: _Part) -> None:
        try:
            self._asked.put_nowait(part)
        except asyncio.QueueFull:
            log.error("recording.not_ended" if part.over else "recording.not_begun", error="QueueFull")

    async def run(self) -> None:
        """Begin and end them, for ever."""
        while True:
            part = await self._asked.get()
            if part.mixing:
                await self._end(part)
            elif not part.over:
                await self._begin(part)
            # Else it was over before it could be begun.

    async def _begin(self, part: _Part) -> None:
        try:
            answer = await self._keeper.action(
                "MixMonitor", Channel=part.channel, File=part.file, options=f"bi({RECORDED_AS})"
            )
        except (AmiUnavailable, AmiRefused) as error:
            # The talk goes on; the journal tells that it was to be recorded.
            log.error("recording.not_begun", channel=part.channel, error=str(error))
        else:
            part.mixing = answer.fields.get("MixMonitorID", "")

    async def _end(self, part: _Part) -> None:
        try:
            await self._keeper.action("StopMixMonitor", Channel=part.channel, MixMonitorID=part.mixing)
        except (AmiUnavailable, AmiRefused) as error:
            # Mostly the dialplan was first, or the caller has gone.
            log.info("recording.ended_already", channel=part.channel, why=str(error))
        part.mixing = ""
