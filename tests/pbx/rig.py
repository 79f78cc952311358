"""Telephones of the PBX tests, and what they have to find afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from bench import stream
from callrouter.prompts.texts import Kind, needed
from callrouter.routing.table import RoutingTable
from demo.centre import Centre
from demo.clips import write_hum
from demo.softphone import NET_S, Answer, PhoneCall, RingOnly, Softphone

SHORT_TIMERS: Final = {
    "digit_s": 1,
    "menu_tries": 2,
    "no_progress_s": 1,
    "confirm_s": 2,
    "short_talk_s": 1,
    "member_ring_s": 2,
    "static_ring_s": 3,
    "after_s": 1,
    "message_silence_s": 1,
}
EXPECTED_WARNINGS: Final = (
    "Unable to join queue",  # nobody on duty: the plan's next step follows
    "Abnormal 'Gosub(callrouter-",  # a callee hung up while he was told
    "Connection refused",  # the service is away, and the PBX goes on alone
    "FastAGI failed",
    "PJSIP syntax error",  # a message that is no SIP is dropped
    "app_channelredirect.c: No such channel",  # an agency in a talk left it in the moment when its caller did
    "Variable 'CR_PARTY",  # the same, between the question for its caller and what is kept on his channel
    "Prodding channel",  # a caller was gone in the moment when he was to be sent silence
    "subscription has invalid topic",  # a channel was gone in the moment when it was transferred
    "has invalid UTF-8 characters",  # a caller's name is not what it should be; it is replaced
    "remote_uri too long",  # a From of more than 4,096 bytes: nothing of it is kept
    "item requested: 'pjsip,remote_uri'",
    "had invalid UTF-8 sequences which were replaced",  # or was cut in the middle of a character
    "Session already DISCONNECTED",  # a caller was gone in the moment when he was to be answered
    "res_musiconhold.c: Failed to write frame",  # music was due when its listener left or was sent on; the cause that
    # the line tells is whatever had failed before: nothing was tried to be sent
    "INVITE transaction (key exists)",  # an INVITE came again in the moment when its first transaction was ending:
    "Object already exists (PJ_EEXISTS)",  # it is dropped
    "': Already there",  # an operator joined by phone: dialplan and service add him, each if it does not see him yet
)
"""What the PBX says of things that happen, and that do no harm: one list for all tests that have a PBX."""
CALLER, EARLY, DAMKAR, BPBD, SELULER, OP1, OP2, SUNYI = 600, 1000, 1150, 1300, 1550, 1800, 2150, 2300
LAST: Final = 2450
"""The tone of the clip that tells an operator that he was the last."""
TOLD_S: Final = 1.0
"""How long the clip lasts that says to an agency or operator what a call is about."""
SAID_S: Final = 0.5
"""How long any other clip lasts, but those of the menu."""


def short_clips(folder: Path, table: Mapping[str, Any]) -> None:
    """Record every clip that is spoken anew, so that nobody listens longer than a test has to.

    A menu's are as short as can be, for it has many; what an agency is told is long enough to hang up meanwhile.
    "You were the last" is a tone of its own, by which a telephone knows it.
    """
    menu_only = ("menu-", "choice-")
    for clip in needed(RoutingTable.model_validate(table)):
        if clip.kind is not Kind.SPEECH:
            continue
        file = folder / clip.language.value / f"{clip.plain}.wav"
        if clip.plain == "duty-last":
            write_hum(file, seconds=SAID_S, hz=LAST)
        elif clip.plain.startswith(menu_only):
            write_hum(file)
        else:
            write_hum(file, seconds=TOLD_S if clip.plain.startswith("told-") else SAID_S)


@contextlib.asynccontextmanager
async def telephones(folder: Path, table: Mapping[str, Any]) -> AsyncIterator[Rig]:
    """Run a centre with this table, short timers and short clips; give its telephones after one warm-up call."""
    short_clips(folder / "state" / "recorded", table)
    async with Centre(folder, table, timers=SHORT_TIMERS) as centre:
        made = await Rig.make(centre)
        await made.warm_up()
        yield made


@contextlib.asynccontextmanager
async def fresh(phones: Rig, *, harmless: str = "") -> AsyncIterator[Rig]:
    """Give the telephones as they are at the beginning of a test; afterwards nothing may be left over in the PBX.

    harmless: part of a line of the PBX's log that the tests provoke
    """
    await phones.reset()
    before = len(phones.centre.pbx.complaints())
    yield phones
    await phones.settle()
    left = await leftovers(phones)
    assert left == {}, left
    new = [
        line for line in unexpected(phones.centre.pbx.complaints()[before:]) if not harmless or harmless not in line
    ]
    assert new == [], new


@dataclass
class Rig:
    """The centre and its telephones."""

    centre: Centre
    caller: Softphone
    damkar: Softphone
    bpbd: Softphone
    seluler: Softphone
    sunyi: Softphone
    early: Softphone
    op1: Softphone
    op2: Softphone
    before: Counter[str]

    @classmethod
    async def make(cls, centre: Centre) -> Self:
        """Start every telephone."""
        caller, damkar, bpbd, seluler, sunyi, early, op1, op2 = await asyncio.gather(
            centre.phone("telco", CALLER),
            centre.phone("damkar", DAMKAR),
            centre.phone("bpbd", BPBD),
            centre.phone("seluler", SELULER),
            centre.phone("sunyi", SUNYI, early="silence"),
            centre.phone("early", EARLY),
            centre.operator("op1", OP1, register=False),
            centre.operator("op2", OP2, register=False),
        )
        return cls(centre, caller, damkar, bpbd, seluler, sunyi, early, op1, op2, Counter())

    async def warm_up(self) -> None:
        """One call through everything; what is there afterwards is what an idle PBX has."""
        await self.reset()
        call = await self.press("0800", "1")
        await call.until_hears(DAMKAR)
        await call.hangup()
        await self.settle()
        self.before = await resources(self)

    @property
    def all(self) -> tuple[Softphone, ...]:
        """Every telephone."""
        return (self.caller, self.damkar, self.bpbd, self.seluler, self.sunyi, self.early, self.op1, self.op2)

    async def reset(self) -> None:
        """Agencies answer at once; nobody is on duty."""
        for phone in self.all:
            await phone.behave(Answer(0.1))
            phone.forget()
        for operator in (self.op1, self.op2):
            await operator.unregister()
        await self.centre.until_reachable("op1", "op2", reachable=False)

    async def on_duty(self, *operators: Softphone) -> None:
        """Register these operators' telephones."""
        for operator in operators:
            await operator.register()
        await self.centre.until_reachable(*(operator.name for operator in operators))

    async def off(self, *phones: Softphone) -> None:
        """Let these telephones ring without an answer."""
        for phone in phones:
            await phone.behave(RingOnly())

    async def call(self, number: str, **options: Any) -> PhoneCall:
        """Ring 112 as a citizen and wait until the menu is heard."""
        call = await self.caller.dial(self.centre.number, user=number, **options)
        await call.until_answered()
        await call.until_hears_speech()
        return call

    async def press(self, number: str, digit: str) -> PhoneCall:
        """Ring 112 and press a digit."""
        call = await self.call(number)
        await call.digits(digit)
        return call

    async def until_live(self, *numbers: str) -> None:
        """Wait until the board shows the calls of these callers and no other: it follows the PBX's events."""
        seen: set[str] = set()
        try:
            async with asyncio.timeout(NET_S):
                while (seen := {item["number"] for item in await self.centre.live()}) != set(numbers):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the board shows {seen}, not {set(numbers)}") from None

    async def settle(self) -> None:
        """Hang up everything and wait until the PBX has no channel left."""
        for phone in self.all:
            for call in phone.calls:
                if not call.ended:
                    await call.hangup()
        async with asyncio.timeout(NET_S):
            while "0 active channels" not in await self.centre.pbx.rx("core show channels count"):
                await asyncio.sleep(0.05)


async def until(test: Callable[[], bool], *, within: float = NET_S) -> None:
    """Wait until `test` holds. Raises TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not test():
            await asyncio.sleep(0.05)


async def talk(call: PhoneCall, other: PhoneCall, caller_hz: int, other_hz: int) -> None:
    """Each hears the other now."""
    await asyncio.gather(call.until_hears(other_hz), other.until_hears(caller_hz))


async def resources(rig: Rig, *, everything: bool = True) -> Counter[str]:
    """Return what the PBX holds for calls: channels, bridges, threads; with `everything` also descriptors of PBX and
    service, by kind. Each with its number.
    """
    pbx = rig.centre.pbx
    counts = await pbx.rx("core show channels count")
    held = Counter(
        {what: int(n) for n, what in re.findall(r"^(\d+) (active channel|active call)", counts, re.MULTILINE)}
    )
    held["bridges"] = sum(1 for line in (await pbx.rx("bridge show all")).splitlines()[1:] if line.strip())
    held["threads in a call"] = (await pbx.rx("core show threads")).count("pbx_thread")
    if everything:
        held += _descriptors("pbx", pbx.pid)
        held += _descriptors("service", rig.centre.service_pid, only="socket")
    return held


async def leftovers(rig: Rig, *, everything: bool = False, within: float = NET_S) -> dict[str, str]:
    """Return what there is more of than after the warm-up call, once nothing is or `within` seconds have passed."""
    more: dict[str, str] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while more := _more(await resources(rig, everything=everything), rig.before):
                await asyncio.sleep(0.2)
    return more


def _more(held: Counter[str], before: Counter[str]) -> dict[str, str]:
    return {what: f"{n}, {before[what]} before" for what, n in held.items() if n > before[what]}


def sipp_command(rig: Rig) -> Sequence[str]:
    """Return the words that run the SIPp of the PBX's folder."""
    return stream.sipp_command(rig.centre.settings.pbx_root)


def unexpected(complaints: list[str]) -> list[str]:
    """Return those lines of the PBX's log that no test provokes on purpose."""
    return [line for line in complaints if not any(known in line for known in EXPECTED_WARNINGS)]


def _descriptors(whose: str, pid: int | None, *, only: str = "") -> Counter[str]:
    kinds: Counter[str] = Counter()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            kind = re.sub(r"\d+", "N", str(descriptor.readlink()))
            kinds[f"{whose} {kind}"] += kind.startswith(only)
    return kinds
