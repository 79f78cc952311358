"""The stage of the demo: a centre, a caller, telephones at the other ends, and a voice that tells what goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console

from demo.centre import Centre
from demo.softphone import Answer, Behaviour, PhoneCall, Softphone, SoftphoneError
from demo.softphone.tones import TONES

CALLER_HZ: Final = TONES[0]
MOST_PHONES: Final = len(TONES) - 1
"""Telephones beside the caller's: each has a tone of its own."""
BUSY_S: Final = 15.0
"""A machine that has a lot of other work may be late by so much."""
RING_APART_S: Final = 1.0
"""Telephones that ring together begin within this time."""
BREAKS: Final = {
    "agency-audio": "the agency's phone freezes as soon as it has answered: no sound from it, none heard by it",
    "operators": "the operators' phones vanish after they registered",
    "service": "the service is not started",
}
ANSWERS: Final = Answer(0.4)


class WentWrong(AssertionError):
    """Something that a caller, an agency or an operator must meet did not happen."""


@dataclass(frozen=True)
class Cast:
    """Whose telephones a story needs: keys of trunks and operators, and what each does when it rings.

    caller:    the trunk that citizens' calls come in by
    agencies:  trunks; the first is the one that BREAK=agency-audio freezes
    """

    caller: str
    agencies: Mapping[str, Behaviour]
    operators: Mapping[str, Behaviour]

    @property
    def behaviours(self) -> dict[str, Behaviour]:
        """What each telephone does when it rings."""
        return {**self.agencies, **self.operators}


@dataclass
class Stage:
    """Who is there. `broken` is one of BREAKS, or empty."""

    centre: Centre
    cast: Cast
    caller: Softphone
    phones: dict[str, Softphone]
    broken: str
    console: Console
    began: float = field(default_factory=time.monotonic)
    rung: dict[str, list[PhoneCall]] = field(default_factory=dict)
    """Calls of each caller's number."""
    _met: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    async def make(cls, centre: Centre, cast: Cast, broken: str, console: Console) -> Stage:
        """Start the telephones; operators are not on duty yet."""
        keys = [*cast.agencies, *cast.operators]
        made = await asyncio.gather(
            centre.phone(cast.caller, CALLER_HZ),
            *(
                centre.phone(key, hz) if key in cast.agencies else centre.operator(key, hz, register=False)
                for key, hz in zip(keys, TONES[1:], strict=False)
            ),
        )
        stage = cls(centre, cast, made[0], dict(zip(keys, made[1:], strict=True)), broken, console)
        await stage.as_cast()
        return stage

    def __getitem__(self, key: str) -> Softphone:
        """Return the telephone of a trunk or an operator."""
        return self.phones[key]

    @property
    def operators(self) -> list[Softphone]:
        """The operators' telephones."""
        return [self.phones[key] for key in self.cast.operators]

    async def as_cast(self) -> None:
        """Let every telephone do again what it does by itself."""
        for key, behaviour in self.cast.behaviours.items():
            with suppress(SoftphoneError):  # one that was broken on purpose does not listen
                await self.phones[key].behave(behaviour)

    def tell(self, who: str, what: str) -> None:
        """Say one thing that happened."""
        self.console.print(f"  {time.monotonic() - self.began:6.2f} s  [bold]{who:<22}[/bold] {what}")

    # ------------------------------------------------------------------ callers
    async def dial(self, number: str, told: str, *, phone: Softphone | None = None) -> PhoneCall:
        """Send an INVITE for 112: a citizen's, or that of another `phone`."""
        call = await (phone or self.caller).dial(self.centre.number, user=number)
        self.rung.setdefault(number, []).append(call)
        self.tell(number, told)
        return call

    async def ring_112(self, number: str, digits: str) -> PhoneCall:
        """Call, and press each digit when its menu is heard (none where there are none)."""
        call = await self.dial(number, "dials 112")
        await call.until_answered()
        await call.until_hears_speech()
        self.tell(number, "hears the first sound")
        for n, digit in enumerate(digits):
            if n:
                # What is still under way of the menu before is over by then.
                await call.until_hears_speech(since=time.monotonic() + 0.6)
                self.tell(number, "hears the menu behind it")
            await call.digits(digit)
            self.tell(number, f"presses {digit}")
        return call

    # ------------------------------------------------------------------ who is rung
    async def rings(self, phone: Softphone, within: float, number: str) -> PhoneCall:
        """Wait until `phone` rings for this caller."""
        try:
            async with asyncio.timeout(within + BUSY_S):
                while (incoming := self.unmet(phone, number)) is None:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise WentWrong(f"{phone.name} does not ring for {number} within {within:g} s") from None
        self.tell(phone.name, f"rings for {number}")
        await self.freeze(phone, incoming)
        return incoming

    async def freeze(self, phone: Softphone, incoming: PhoneCall) -> None:
        """BREAK=agency-audio: stop the first agency's telephone as soon as it has answered `incoming`."""
        if self.broken == "agency-audio" and phone.name == next(iter(self.cast.agencies)):
            await incoming.until_answered()
            os.kill(phone.pid, signal.SIGSTOP)
            self.tell(phone.name, "(broken on purpose: frozen)")

    async def ring_together(self, phones: Iterable[Softphone], within: float, number: str) -> list[PhoneCall]:
        """Wait until all of them ring for this caller at once; return their calls in that order."""
        calls = await asyncio.gather(*(self.rings(phone, within, number) for phone in phones))
        begun = [call.report().invited_s for call in calls]
        if max(begun) - min(begun) > RING_APART_S:
            raise WentWrong(f"the first rings {max(begun) - min(begun):.1f} s before the last")
        return calls

    def unmet(self, phone: Softphone, number: str) -> PhoneCall | None:
        """Return the next call that came to `phone` from this caller and was not met yet; from now on it is met."""
        for call in phone.calls:
            met = (phone.name, call.number)
            if call.report().direction == "in" and call.remote.number == number and met not in self._met:
                self._met.add(met)
                return call
        return None

    def never_rang(self, number: str, *phones: Softphone) -> None:
        """WentWrong where one of these telephones rang for this caller, or rings now, and was not met."""
        for phone in phones:
            if self.unmet(phone, number) is not None:
                raise WentWrong(f"{phone.name} rang for {number}, who is not its caller")

    async def told(self, agency: PhoneCall, phone: Softphone) -> None:
        """Wait until the agency is told what it is about."""
        await said(agency.until_hears_speech(), "no sound reaches the agency's phone: it is not told, nor joined")
        self.tell(phone.name, "is told what it is about")

    async def talk(self, call: PhoneCall, other: PhoneCall, phone: Softphone, *, since: float | None = None) -> float:
        """Wait until each hears the other, and only him; return when the caller first heard the human.

        since: what he heard before that does not count. All times are monotonic s.
        """
        heard = await said(call.until_hears(phone.tone_hz, since=since), _unheard("the caller", phone.name))
        await said(other.until_hears(CALLER_HZ), _unheard(phone.name, "the caller"))
        tones = _tones(call, since)
        if tones != {phone.tone_hz}:
            raise WentWrong(f"the caller hears {sorted(tones)}, not {phone.name} ({phone.tone_hz}) alone")
        self.tell(phone.name, "talks with the caller; each hears the other")
        return heard

    # ------------------------------------------------------------------ what the service says and does
    async def incident(
        self, number: str, *, trying: tuple[str, ...] | None = None, **expected: Any
    ) -> dict[str, Any]:
        """Return the finished incident of a caller; WentWrong where it is not as expected.

        expected: members of its call or of the incident; trying: what was tried, "label result" each
        """
        incident = await self.centre.incident_of(number)
        call = incident["calls"][0]
        found = {name: call[name] if name in call else incident[name] for name in expected}
        if found != expected:
            raise WentWrong(f"the incident of {number} is {found}, expected {expected}")
        tried = tuple(f"{a['label']} {a['result']}" for a in call["attempts"])
        if trying is not None and tried != trying:
            raise WentWrong(f"for {number} was tried: {', '.join(tried) or 'nobody'}; expected {', '.join(trying)}")
        self.tell(
            f"incident {incident['number']}",
            f"{incident['category'] or 'no category'}; {', '.join(tried) or 'nobody rung'}",
        )
        return incident

    async def publish(self, why: str, changes: Mapping[str, Mapping[str, Any]]) -> int:
        """Change the table that is in force, as an admin does: merge-patches by path, then publish.

        Returns the version. The answer comes when it is in force: the next call is routed by it.
        """
        for path, patch in changes.items():
            at = f"/api/v1/{path}"
            _, etag, _ = await self.centre.ask("GET", at)
            _accepted(at, await self.centre.ask("PATCH", at, patch, etag=etag))
        _, etag, _ = await self.centre.ask("GET", "/api/v1/draft")
        began = time.monotonic()
        at = "/api/v1/draft/publish"
        version = int(_accepted(at, await self.centre.ask("POST", at, {"why": why}, etag=etag))["number"])
        self.tell("table", f"version {version} in force after {time.monotonic() - began:.1f} s: {why}")
        return version

    # ------------------------------------------------------------------ the end
    async def clear(self, number: str) -> None:
        """End what a scenario left: its caller's calls, and what it told the telephones to do."""
        await self.hang_up(self.rung.get(number, ()))
        await self.as_cast()

    async def hang_up(self, calls: Iterable[PhoneCall]) -> None:
        """End those of these calls that are still up."""
        for call in calls:
            if not call.ended:
                await call.hangup()

    def thaw(self) -> None:
        """Let frozen telephones go on, so that they can be ended."""
        for phone in self.phones.values():
            with suppress(ProcessLookupError, RuntimeError, OSError, SoftphoneError):
                os.kill(phone.pid, signal.SIGCONT)


def _tones(call: PhoneCall, since: float | None) -> set[int]:
    """Every agent's tone that was heard after `since`, or at any time."""
    report = call.report()
    if since is None:
        return set(report.tones)
    return {tone for tone in report.tones if any(span.reaches(since) for span in report.heard[tone])}


def _unheard(who: str, whom: str) -> str:
    return f"{who} does not hear {whom}"


def _accepted(path: str, answer: tuple[int, str, Any]) -> dict[str, Any]:
    status, _, body = answer
    if status >= 300:
        raise WentWrong(f"{path} answered {status}: {body}")
    return dict(body)


async def said(work: Awaitable[float], otherwise: str) -> float:
    """Await `work`; a time-out is told in the words of `otherwise`."""
    try:
        return await work
    except TimeoutError as error:
        raise WentWrong(otherwise) from error
