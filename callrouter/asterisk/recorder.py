"""Recordings that the dialplan cannot begin by itself: who is given the caller was on the line before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.variables import EVENT_RECORD
from callrouter.privacy.recordings import noted_talk, path_of

log = structlog.get_logger(__name__)

WAITING: Final = 100


class Keeper(Protocol):
    """The link of the user that may have files written (callrouter.asterisk.ami.AmiLink): a recording is one."""

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        """Send an action. Raises AmiUnavailable, AmiRefused."""


class Recorder:
    """Begins recordings on callers' channels, as the dialplan asks for them (context callrouter-record)."""

    def __init__(self, keeper: Keeper, folder: Path) -> None:
        self._keeper = keeper
        self._folder = folder
        self._asked: asyncio.Queue[tuple[str, str]] = asyncio.Queue(WAITING)

    def heard(self, event: AmiEvent) -> None:
        """Take an event of the PBX. What is not understood is logged and changes nothing."""
        fields = event.fields
        if event.name != "UserEvent" or fields.get("UserEvent") != EVENT_RECORD:
            return
        try:
            file = noted_talk(UUID(fields["Call"]), fields["Stamp"]).file
            self._asked.put_nowait((fields["Caller"], str(path_of(self._folder, file))))
        except (KeyError, ValueError, asyncio.QueueFull) as error:
            log.error("recording.not_begun", error=str(error) or type(error).__name__)

    async def run(self) -> None:
        """Begin them, for ever."""
        while True:
            channel, file = await self._asked.get()
            try:
                await self._keeper.action("MixMonitor", Channel=channel, File=file, options="b")
            except (AmiUnavailable, AmiRefused) as error:
                # The talk goes on; the journal tells that it was to be recorded.
                log.error("recording.not_begun", channel=channel, error=str(error))
