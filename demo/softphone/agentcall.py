"""One call inside the child process: what the stack reports of it, its audio, and the scripted reaction to it."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from baresip import AudioNotActive, AudioRestarted, Call, DigitEvent, Event, StackEvent, StaleHandleError

from demo.softphone.hearing import Ear
from demo.softphone.model import Answer, Behaviour, Reject
from demo.softphone.tones import FRAME_BYTES, SAMPLE_RATE_HZ
from demo.softphone.wire import Message

_AHEAD_S: Final = 0.2
"""So much tone lies ready in the stack: a delay of ours up to that long is not heard."""
_BYTES_PER_S: Final = 2 * SAMPLE_RATE_HZ
_READ_BYTES: Final = 16384
_FAST_PAUSE_MS: Final = 20
_LOCAL_REASONS: Final = ("Rejected by user", "Busy Here")
"""How the stack names an end that we made, whatever the call's state was."""


class AgentCall:
    """Sends the agent's tone, listens, and tells the parent what happens, each with its time."""

    def __init__(
        self, number: int, call: Call, tone: bytes, tell: Callable[[Message], None], *, early_tone: bool
    ) -> None:
        self.number = number
        self._call = call
        self._tone = tone
        self._tell = tell
        self._speaks = early_tone
        self._muted = False
        self._position = 0
        self._ear = Ear(self._heard)
        self._script: asyncio.Task[None] | None = None
        self._ended_by_us = False
        self.closed = False
        call.on(self._on_event)
        call.on_dtmf(self._on_digit)

    def follow(self, behaviour: Behaviour) -> None:
        """Reacts to an incoming call as told."""
        self._script = asyncio.get_running_loop().create_task(self._play(behaviour))

    def replay(self, events: Iterable[StackEvent]) -> None:
        """Takes events that came before this object was there."""
        for event in events:
            self._on_event(event)

    async def answer(self) -> None:
        """200 OK. Asking for video, which nobody offers, spares the re-INVITE that baresip sends otherwise."""
        await self._call.answer(video=True)

    async def reject(self) -> None:
        """486 Busy Here."""
        self._ended_by_us = True
        with suppress(StaleHandleError):
            await self._call.reject()

    async def hangup(self) -> None:
        """BYE, CANCEL or 486, whichever the call's state wants."""
        self._ended_by_us = True
        with suppress(StaleHandleError):
            await self._call.hangup()

    def mute(self) -> None:
        """No tone any more; the stack sends silence by itself."""
        self._muted = True

    async def digits(self, keys: str, *, fast: bool) -> None:
        """RFC 4733 events of 100 ms each, 120 ms apart, or 20 ms when fast."""
        with suppress(StaleHandleError):
            await self._call.send_dtmf(keys, _FAST_PAUSE_MS if fast else 120)

    def pump(self, now: float) -> None:
        """Takes what was received since the last time, and tops up what is to be sent."""
        audio = self._call.audio
        try:
            received = audio.read(_READ_BYTES)
            info = audio.info()
            missing = int(_AHEAD_S * _BYTES_PER_S) - info.tx_buffered
            if self._speaks and not self._muted and info.tx_ready and missing >= FRAME_BYTES:
                self._position = (self._position + audio.write(self._next(missing))) % len(self._tone)
        except (AudioNotActive, AudioRestarted):
            received = b""
        if received:
            self._ear.hear(received, now)
        else:
            self._ear.tick(now)

    def _next(self, size: int) -> bytes:
        piece = self._tone[self._position : self._position + size]
        return piece if len(piece) == size else piece + self._tone[: size - len(piece)]

    async def _play(self, behaviour: Behaviour) -> None:
        if not isinstance(behaviour, Answer | Reject):
            return
        await asyncio.sleep(behaviour.after_s)
        if isinstance(behaviour, Reject):
            await self.reject()
            return
        with suppress(StaleHandleError):
            await self.answer()
        begun = time.monotonic()
        for after_s, keys in sorted(behaviour.digits):
            await asyncio.sleep(max(0.0, begun + after_s - time.monotonic()))
            await self.digits(keys, fast=True)
        if behaviour.hangup_after_s is not None:
            await asyncio.sleep(max(0.0, begun + behaviour.hangup_after_s - time.monotonic()))
            await self.hangup()

    def _on_event(self, event: StackEvent) -> None:
        match event.event:
            case Event.CALL_RINGING | Event.CALL_PROGRESS:
                self._say("ringing", early=event.event is Event.CALL_PROGRESS)
            case Event.CALL_ESTABLISHED:
                self._speaks = True
                self._ear.expect_sound(time.monotonic())
                self._say("answered")
            case Event.CALL_CLOSED:
                self._close(event.text or "")
            case _:
                pass

    def _on_digit(self, digit: DigitEvent) -> None:
        self._say("digit", digit=digit.digit)

    def _close(self, reason: str) -> None:
        now = time.monotonic()
        self.pump(now)
        self._ear.close(now)
        self.closed = True
        if self._script is not None:
            self._script.cancel()
        code = reason[:3]
        refused = code.isdigit() and reason[3:4] == " "
        by = "refused" if refused else "local" if self._ended_by_us or reason in _LOCAL_REASONS else "remote"
        self._say("ended", by=by, status=int(code) if refused else None, reason=reason)

    def _heard(self, kind: str, key: int, from_s: float, to_s: float) -> None:
        self._say("sound", kind=kind, key=key, from_s=from_s, to_s=to_s)

    def _say(self, what: str, **more: object) -> None:
        self._tell({"event": "call", "call": self.number, "what": what, "at": time.monotonic(), **more})
