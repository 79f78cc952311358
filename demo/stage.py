"""The stage of the demo: a centre, a caller, two agencies and two operators, and a voice that tells what goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console

from demo.centre import Centre
from demo.softphone import Answer, PhoneCall, RingOnly, Softphone

CALLER_HZ, DAMKAR_HZ, BPBD_HZ, OP1_HZ, OP2_HZ = 600, 1150, 1300, 1800, 2150
TRUNK_CALLER: Final = "telco"
OPERATORS: Final = ("op1", "op2")
BREAKS: Final = {
    "agency-audio": "the agency's phone freezes as soon as it has answered: no sound from it, none heard by it",
    "operators": "the operators' phones vanish after they registered",
    "service": "the service is not started",
}


class WentWrong(AssertionError):
    """Something that a caller, an agency or an operator must meet did not happen."""


@dataclass
class Stage:
    """Who is there. `broken` is one of BREAKS, or empty."""

    centre: Centre
    caller: Softphone
    damkar: Softphone
    bpbd: Softphone
    op1: Softphone
    op2: Softphone
    broken: str
    console: Console
    began: float = field(default_factory=time.monotonic)
    rung: dict[str, list[int]] = field(default_factory=dict)
    """Calls of each caller's number."""

    @classmethod
    async def make(cls, centre: Centre, broken: str, console: Console) -> Stage:
        """Start the telephones; operators are not on duty yet."""
        caller, damkar, bpbd, op1, op2 = await asyncio.gather(
            centre.phone(TRUNK_CALLER, CALLER_HZ),
            centre.phone("damkar", DAMKAR_HZ),
            centre.phone("bpbd", BPBD_HZ),
            centre.operator(OPERATORS[0], OP1_HZ, register=False),
            centre.operator(OPERATORS[1], OP2_HZ, register=False),
        )
        stage = cls(centre, caller, damkar, bpbd, op1, op2, broken, console)
        for phone in (damkar, bpbd, op1):
            await phone.behave(Answer(0.4))
        await op2.behave(RingOnly())
        return stage

    def tell(self, who: str, what: str) -> None:
        """Say one thing that happened."""
        self.console.print(f"  {time.monotonic() - self.began:6.2f} s  [bold]{who:<22}[/bold] {what}")

    async def dial(self, number: str, told: str) -> PhoneCall:
        """Send the caller's INVITE."""
        call = await self.caller.dial(self.centre.number, user=number)
        self.rung.setdefault(number, []).append(call.number)
        self.tell(number, told)
        return call

    async def ring_112(self, number: str, digit: str) -> PhoneCall:
        """Call, listen for the menu, press a digit (none where it is empty)."""
        call = await self.dial(number, "dials 112")
        await call.until_answered(within=5)
        await call.until_hears_speech(within=5)
        self.tell(number, "hears the first sound")
        if digit:
            await call.digits(digit)
            self.tell(number, f"presses {digit}")
        return call

    async def rings(self, phone: Softphone, within: float, number: str) -> PhoneCall:
        """Wait until `phone` rings for this caller."""
        async with asyncio.timeout(within + 1):
            while (incoming := await phone.until_incoming(within=within)).remote.number != number:
                pass
        self.tell(phone.name, f"rings for {number}")
        if self.broken == "agency-audio" and phone is self.damkar:
            await incoming.until_answered(within=5)
            os.kill(phone.pid, signal.SIGSTOP)
            self.tell(phone.name, "(broken on purpose: frozen)")
        return incoming

    async def talk(self, call: PhoneCall, other: PhoneCall, phone: Softphone) -> float:
        """Wait until each hears the other; return when the caller first heard the human (monotonic s)."""
        heard = await said(call.until_hears(phone.tone_hz, within=8), f"the caller does not hear {phone.name}")
        await said(other.until_hears(CALLER_HZ, within=5), f"{phone.name} does not hear the caller")
        only = {phone.tone_hz}
        if call.report().tones != only:
            raise WentWrong(f"the caller hears {call.report().tones}, not {phone.name} alone")
        self.tell(phone.name, "talks with the caller; each hears the other")
        return heard

    async def incident(self, number: str, **expected: Any) -> dict[str, Any]:
        """Return the finished incident of a caller; WentWrong where it is not as expected."""
        incident = await self.centre.incident_of(number)
        found = {name: incident[name] for name in expected}
        if found != expected:
            raise WentWrong(f"the incident of {number} is {found}, expected {expected}")
        tried = ", ".join(f"{a['label']} {a['result']}" for a in incident["calls"][0]["attempts"])
        self.tell(
            f"incident {incident['number']}", f"{incident['category'] or 'no category'}; {tried or 'nobody rung'}"
        )
        return incident

    async def clear(self, number: str) -> None:
        """End what a scenario left: its caller's calls, and what it told the telephones to do."""
        for call in self.caller.calls:
            if not call.ended and call.number in self.rung.get(number, ()):
                await call.hangup()
        for phone in (self.damkar, self.bpbd):
            await phone.behave(Answer(0.4))

    def thaw(self) -> None:
        """Let frozen telephones go on, so that they can be ended."""
        for phone in (self.damkar, self.bpbd, self.op1, self.op2):
            try:
                os.kill(phone.pid, signal.SIGCONT)
            except (ProcessLookupError, RuntimeError, OSError):
                continue


async def said(work: Awaitable[float], otherwise: str) -> float:
    """Await `work`; a time-out is told in the words of `otherwise`."""
    try:
        return await work
    except TimeoutError as error:
        raise WentWrong(otherwise) from error


Scenario = Callable[[Stage, str], Awaitable["Times"]]


@dataclass(frozen=True)
class Times:
    """What a scenario's caller saw. Seconds after his INVITE; None where it does not belong to the scenario."""

    menu_s: float | None
    human_s: float | None
    note: str

    @classmethod
    def of(cls, call: PhoneCall, human: float | None, note: str) -> Times:
        """Take them from the caller's own SIP and RTP."""
        report = call.report()
        sounds = [span.from_s for spans in report.heard.values() for span in spans]
        menu = min(sounds) - report.invited_s if sounds else None
        return cls(menu, None if human is None else human - report.invited_s, note)
