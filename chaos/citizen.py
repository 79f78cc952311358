"""A caller as people are: he presses his digit when the menu speaks, and 0 when he is asked whether he needs more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from chaos.observer import Observer
from demo.softphone import PhoneCall, Softphone, SoftphoneError

THINKS_S: Final = 1.0
"""From the menu's begin to his digit."""
AGAIN_S: Final = 6.0
"""A digit that nothing came of is pressed again, as people do."""
_LOOK_S: Final = 0.05


@dataclass
class Citizen:
    """One call of one caller's number, which no other call has."""

    phone: Softphone
    number: str
    digit: str
    observer: Observer
    humans: Mapping[str, Softphone]
    call: PhoneCall | None = None
    _menus: int = 0
    _afters: int = 0
    _pressed_s: float = field(default=0.0)

    async def dial(self, uri: str) -> PhoneCall:
        """Ring 112."""
        self.call = await self.phone.dial(uri, user=self.number)
        return self.call

    async def press(self, digits: str | None = None) -> None:
        """Press his digit."""
        assert self.call is not None
        self._menus = self.observer.times(self.number, "menu")
        self._pressed_s = time.monotonic()
        if not self.call.ended:
            await self.call.digits(digits or self.digit)

    def human(self, since: float) -> str:
        """Return the telephone whose human he has heard since then, and who has heard him; empty if there is none."""
        if self.call is None or time.monotonic() < since:
            return ""
        heard = self.call.report().heard
        for name, phone in self.humans.items():
            if not any(span.reaches(since) for span in heard.get(phone.tone_hz, ())):
                continue
            for theirs in self.calls_at(phone):
                spans = theirs.report().heard.get(self.phone.tone_hz, ())
                if any(span.reaches(since) for span in spans):
                    return name
        return ""

    def calls_at(self, phone: Softphone) -> list[PhoneCall]:
        """Return the calls of this caller that came to a telephone."""
        return [call for call in phone.calls if call.remote.number == self.number]

    def strangers(self) -> str:
        """Return who hears whom though he must not; empty where nobody does."""
        if self.call is None:
            return ""
        mine = {phone.tone_hz for phone in self.humans.values() if self.calls_at(phone)}
        other = self.call.report().tones - mine
        wrong = [f"hears {sorted(other)}"] if other else []
        for name, phone in self.humans.items():
            heard = [call.report().tones - {self.phone.tone_hz} for call in self.calls_at(phone)]
            wrong += [f"{name}, in his call, hears {sorted(foreign)}" for foreign in heard if foreign]
        return "; ".join(wrong)

    async def until_met(self, since: float, deadline: float) -> float | None:
        """Do what a caller does until he has met a human; return when (monotonic s); None: he did not."""
        while time.monotonic() < deadline:
            if self.human(since):
                return time.monotonic()
            if self.call is None or self.call.ended:
                return None
            await self._react()
            await asyncio.sleep(_LOOK_S)
        return None

    async def _react(self) -> None:
        seen = self.observer.of(self.number)
        menus = [one for one in seen if one.what == "menu"]
        afters = [one for one in seen if one.what == "after"]
        now = time.monotonic()
        try:
            new = len(menus) > self._menus and now - menus[-1].at >= THINKS_S
            if new or (self._menus and seen[-1].what == "menu" and now - self._pressed_s > AGAIN_S):
                await self.press()
            elif len(afters) > self._afters and now - afters[-1].at >= THINKS_S:
                self._afters = len(afters)
                await self.press("0")
        except SoftphoneError:
            return  # the call ended meanwhile
