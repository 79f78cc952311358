"""One call as the parent knows it, and the waits on it."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from demo.softphone.hearing import SPEECH
from demo.softphone.model import NET_S, CallReport, NotInTime, Remote, Span
from demo.softphone.tones import check_tone
from demo.softphone.wire import Message

if TYPE_CHECKING:
    from demo.softphone.phone import Softphone

_DIGITS_S: Final = 30.0
_SURELY_S: Final = 0.06
"""So long a voice is known to be heard before it is said: the first frames may come all at once, and who leaves
within 50 ms of being joined met nobody (JOINED_MIN_US of callrouter.calls.lines).
"""
_NOTICED_S: Final = 0.2
"""After this the end of a sound is known: the ear waits for 0.12 s whether it goes on, and looks every 0.04 s."""


class PhoneCall:
    """Orders for one call, and waits for what happens in it. Every wait has a limit and says what it saw instead."""

    def __init__(
        self, phone: "Softphone", number: int, direction: Literal["in", "out"], remote: Remote, at: float
    ) -> None:
        self.number = number
        self.remote = remote
        self._phone = phone
        self._direction = direction
        self._invited_s = at
        self._wall_offset_s = time.time() - time.monotonic()
        # An incoming call has had its 180 (or 183) from the stack by the time it is reported.
        self._times: dict[str, float] = {"ringing": at} if direction == "in" else {}
        self._status: int | None = None
        self._reason = ""
        self._by: Literal["local", "remote", "refused"] | None = None
        self._spans: dict[int, list[Span]] = {}
        self._known: dict[int, float] = {}
        self._silences: list[Span] = []
        self._digits: list[tuple[float, str]] = []
        self._pulse = asyncio.Event()

    @property
    def ended(self) -> bool:
        """True once the call is over."""
        return "ended" in self._times

    @property
    def hearing(self) -> frozenset[int]:
        """The tones (SPEECH for any other sound) that are heard at this moment."""
        return frozenset(key for key, spans in self._spans.items() if spans[-1].to_s is None)

    async def answer(self) -> None:
        """For an incoming call whose behaviour is RingOnly."""
        await self._phone.order("answer", call=self.number)

    async def reject(self) -> None:
        """486 Busy Here."""
        await self._phone.order("reject", call=self.number)

    async def hangup(self) -> None:
        """BYE, CANCEL or 486, whichever fits; nothing if the call is over."""
        await self._phone.order("hangup", call=self.number)

    async def mute(self) -> None:
        """Sends silence instead of the tone from now on."""
        await self._phone.order("mute", call=self.number)

    async def digits(self, keys: str, *, fast: bool = False) -> None:
        """Presses keys (RFC 4733), 100 ms each, with pauses of 120 ms, or of 20 ms when fast."""
        await self._phone.order("digits", call=self.number, keys=keys, fast=fast, limit=_DIGITS_S)

    async def until_ringing(self, within: float = NET_S) -> float:
        """When the first 180 or 183 came."""
        await self._until(lambda: "ringing" in self._times, within, "ringing")
        return self._times["ringing"]

    async def until_answered(self, within: float = NET_S) -> float:
        """When the 200 came. NotInTime at once if the call is refused instead."""
        await self._until(lambda: "answered" in self._times, within, "an answer")
        return self._times["answered"]

    async def until_ended(self, within: float = NET_S) -> CallReport:
        """The report of the call once it is over."""
        await self._until(lambda: self.ended, within, "the end")
        return self.report()

    async def until_hears(self, tone_hz: int, within: float = NET_S, *, since: float | None = None) -> float:
        """When the tone was heard first; with `since` (monotonic s, may be to come), once it is heard after that."""
        return await self._until_sound(check_tone(tone_hz), within, since)

    async def until_hears_speech(self, within: float = NET_S, *, since: float | None = None) -> float:
        """When a sound was heard first that is no agent's tone: a prompt, music, ringing."""
        return await self._until_sound(SPEECH, within, since)

    async def until_stops_hearing(self, tone_hz: int, within: float = NET_S) -> None:
        """Once the tone is not heard any more."""
        await self._until(lambda: tone_hz not in self.hearing, within, f"the end of {tone_hz} Hz", also_ended=True)

    async def until_digits(self, keys: str, within: float = NET_S) -> None:
        """Once the other side has pressed these keys, in this order, whatever came before."""
        await self._until(lambda: self.report().digits_text.endswith(keys), within, f"the digits {keys}")

    def report(self) -> CallReport:
        """What is known by now."""
        return CallReport(
            agent=self._phone.name,
            direction=self._direction,
            remote=self.remote,
            invited_s=self._invited_s,
            ringing_s=self._times.get("ringing"),
            answered_s=self._times.get("answered"),
            audio_s=self._times.get("audio"),
            ended_s=self._times.get("ended"),
            ended_by=self._by,
            status=self._status,
            reason=self._reason,
            heard={key: tuple(spans) for key, spans in self._spans.items()},
            silences=(*self._silences, *self._silence_so_far()),
            digits=tuple(self._digits),
            wall_offset_s=self._wall_offset_s,
        )

    def take(self, message: Message) -> None:
        """An event from the child."""
        match message["what"]:
            case "sound":
                self._sound(message)
            case "digit":
                self._digits.append((message["at"], message["digit"]))
            case "ended":
                self._by, self._status, self._reason = message["by"], message["status"], message["reason"]
                self._times["ended"] = message["at"]
            case what:
                self._times.setdefault(what, message["at"])
        self._wake()

    def lost(self, at: float) -> None:
        """The child is gone, and the call with it as far as anybody here can know."""
        if not self.ended:
            self._by, self._reason = "local", "the agent's process is gone"
            self._times["ended"] = at
            self._wake()

    def _sound(self, message: dict[str, Any]) -> None:
        key, from_s, to_s = message["key"], message["from_s"], message["to_s"]
        match message["kind"]:
            case "first":
                self._times.setdefault("audio", from_s)
            case "silent":
                self._silences.append(Span(from_s, to_s))
            case "on":
                self._spans.setdefault(key, []).append(Span(from_s))
                self._known[key] = message["at"]
            case _:
                self._spans[key][-1] = Span(from_s, to_s)

    def _silence_so_far(self) -> list[Span]:
        """The silence of a living call that no sound has ended yet: since the last sound, or since the answer."""
        spans = [span for spans in self._spans.values() for span in spans]
        if self.ended or any(span.to_s is None for span in spans) or "answered" not in self._times:
            return []
        return [Span(max([span.to_s for span in spans if span.to_s], default=self._times["answered"]))]

    async def _until_sound(self, key: int, within: float, since: float | None) -> float:
        def heard() -> Span | None:
            spans = self._spans.get(key, [])
            return next((span for span in spans if since is None or span.reaches(since)), None)

        if since is not None:
            # That it goes on now proves nothing of a moment that is still to come, nor of one that was just now.
            await asyncio.sleep(max(0.0, since + _NOTICED_S - time.monotonic()))
        await self._until(lambda: heard() is not None, within, f"{key} Hz" if key else "speech")
        span = heard()
        assert span is not None
        if key != SPEECH:
            await asyncio.sleep(max(0.0, self._known[key] + _SURELY_S - time.monotonic()))
        return span.from_s if since is None else max(span.from_s, since)

    async def _until(self, test: Callable[[], bool], within: float, what: str, *, also_ended: bool = False) -> None:
        deadline = time.monotonic() + within
        while not test():
            if self.ended:
                if also_ended:
                    return
                raise NotInTime(f"{self._phone.name}: the call ended before {what}: {self.report()}")
            pulse = self._pulse
            try:
                await asyncio.wait_for(pulse.wait(), deadline - time.monotonic())
            except TimeoutError:
                if not test():
                    raise NotInTime(f"{self._phone.name}: not {what} within {within:g} s: {self.report()}") from None

    def _wake(self) -> None:
        pulse, self._pulse = self._pulse, asyncio.Event()
        pulse.set()
