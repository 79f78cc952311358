"""The menu as a Stasis application on ari-client: ``python ari_app.py FILE``.

The file is JSON: port, app, user, password, clips, digit, target, ring_s, digit_s.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_client import (
    AriClient,
    Bridge,
    Channel,
    ChannelDestroyedEvent,
    ChannelDtmfReceivedEvent,
    Playback,
    PlaybackFinishedEvent,
    StasisEndEvent,
    StasisStartEvent,
)

DIALLED = "dialled"


@dataclass
class Call:
    """One call. agency: its channel; chosen: a digit was pressed; rung: the caller was told that it rings; gone: one
    side has left.
    """

    caller: Channel
    agency: str = ""
    playback: Playback | None = None
    bridge: Bridge | None = None
    waiting: asyncio.TimerHandle | None = None
    chosen: bool = False
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False


class Menu:
    """The menu of every call. calls: by the channel of either side."""

    def __init__(self, client: AriClient, given: dict[str, Any]) -> None:
        self._client = client
        self._media = [f"sound:{clip}" for clip in given["clips"]]
        self._targets = {given["digit"]: given["target"]}
        self._ring_s, self._digit_s = given["ring_s"], given["digit_s"]
        self._calls: dict[str, Call] = {}
        self._ending: set[asyncio.Task[None]] = set()
        client.on_stasis_start(self._started)
        client.on_channel_dtmf_received(self._pressed)
        client.on_playback_finished(self._played)
        client.on_stasis_end(self._left)
        client.on_channel_destroyed(self._left)

    async def _started(self, event: StasisStartEvent) -> None:
        if event.args and event.args[0] == DIALLED:
            await self._answered(event.channel, event.args[1])
            return
        caller = event.channel
        call = self._calls[caller.id] = Call(caller)
        with suppress(Exception):  # gone already; the library has no error of its own
            await self._client.ari.answer_channel(caller.id)
            call.playback = await caller.play(media=self._media)
            if call.chosen:
                await self._client.ari.stop_playback(call.playback.id)

    async def _pressed(self, event: ChannelDtmfReceivedEvent) -> None:
        call = self._calls.get(event.channel.id)
        if call is None or call.chosen or call.caller.id != event.channel.id:
            return
        call.chosen = True
        if call.waiting is not None:
            call.waiting.cancel()
        target = self._targets.get(event.digit)
        if target is None:
            await self._hang_up(call)
            return
        await self._dial(call, target)
        with suppress(Exception):  # it had come to its end
            if call.playback is not None:
                await self._client.ari.stop_playback(call.playback.id)
        with suppress(Exception):  # the caller has left
            await self._client.ari.ring_channel(call.caller.id)
        call.rung.set()

    async def _dial(self, call: Call, target: str) -> None:
        call.agency = f"{call.caller.id}-agency"
        self._calls[call.agency] = call  # before it can be told that it is busy
        try:
            await self._client.ari.originate(
                target,
                channel_id=call.agency,
                app_args=f"{DIALLED},{call.caller.id}",
                caller_id=call.caller.caller.number,
                timeout=self._ring_s,
                originator=call.caller.id,
            )
        except Exception:
            await self._hang_up(call)
            raise
        if call.gone:
            await self._stop(call.agency)

    async def _answered(self, agency: Channel, caller: str) -> None:
        call = self._calls.get(caller)
        if call is None or call.gone:
            await self._stop(agency.id)
            return
        await call.rung.wait()
        call.bridge = await self._client.ari.create_bridge(type="mixing")
        try:
            # Where the PBX joins the two in RTP itself, nothing else ends the tone.
            await self._client.ari.stop_ringing_channel(caller)
            # One by one: of a list, which the library sends as one name, the PBX knows no channel.
            await self._client.ari.bridge_add_channel(call.bridge.id, caller)
            await self._client.ari.bridge_add_channel(call.bridge.id, agency.id)
        except Exception:
            await self._hang_up(call)
            raise

    async def _played(self, event: PlaybackFinishedEvent) -> None:
        call = self._calls.get(event.playback.target_uri.removeprefix("channel:"))
        if call is not None and not call.chosen and not call.gone:
            call.waiting = asyncio.get_running_loop().call_later(self._digit_s, self._silent, call)

    def _silent(self, call: Call) -> None:
        task = asyncio.create_task(self._hang_up(call))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _left(self, event: StasisEndEvent | ChannelDestroyedEvent) -> None:
        call = self._calls.pop(event.channel.id, None)
        if call is not None:
            await self._hang_up(call)

    async def _hang_up(self, call: Call) -> None:
        """End what is left of a call: both sides, and the bridge."""
        call.gone = True
        if call.waiting is not None:
            call.waiting.cancel()
        for channel in (call.caller.id, call.agency):
            if self._calls.pop(channel, None) is not None:
                await self._stop(channel)
        bridge, call.bridge = call.bridge, None
        if bridge is not None:
            with suppress(Exception):
                await self._client.ari.stop_bridge(bridge.id)

    async def _stop(self, channel: str) -> None:
        with suppress(Exception):  # it had hung up itself
            await self._client.ari.stop_channel(channel)


async def main(file: Path) -> None:
    """Serve until it is ended, or until the PBX is gone."""
    logging.getLogger().setLevel(logging.WARNING)  # the library logs each of its requests
    given = json.loads(file.read_text())
    client = AriClient("127.0.0.1", given["port"], given["user"], given["password"])
    Menu(client, given)
    await client.connect(app=given["app"])
    print("ready", flush=True)
    listening: Any = client.event_listener
    await listening


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
