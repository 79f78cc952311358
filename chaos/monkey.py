"""The monkey: many calls a second, faults at random from a seed, and an account of every single call at the end."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from rich.console import Console

from chaos.citizen import Citizen
from chaos.faults import strike
from chaos.house import House
from chaos.judge import dead_air_s
from chaos.light import Crowd
from chaos.matrix import DEAD_AIR_S, FAULTS, SERVED_S, Fault, Need, Side, Stage
from chaos.peer import Mode, Peer
from chaos.table import FIRE, LOAD, LOAD_AGENCIES, LOAD_CALLER, OPERATOR, POLICE
from demo.addresses import SIP_PORT
from demo.softphone import SoftphoneError

KINDS: Final = frozenset({Need.ANY, Need.POSTGRESQL})
"""No clock: libfaketime changes more than the clock."""
REST_S: Final = (3.0, 8.0)
"""Between two faults."""
FAULT_S: Final = 90.0
THINK_S: Final = (0.3, 2.0)
STAY_S: Final = (2.0, 5.0)
TALK_S: Final = 1.0
CATCH_UP_S: Final = 60.0
MOST_MINUTES: Final = 600.0


@dataclass
class Account:
    """What the monkey saw."""

    judged: int = 0
    lost: int = 0
    dead_air_s: float = 0.0
    served_s: float = 0.0
    numbers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def faults_for(kinds: frozenset[Need]) -> list[Fault]:
    """Return the faults that the monkey throws at a centre of these kinds: all but those that end the PBX."""
    return [fault for fault in FAULTS if fault.side is not Side.PBX and fault.need in kinds]


class Monkey:
    """Runs for `minutes` in `house` and ends by itself."""

    def __init__(self, house: House, minutes: float, rate: float, seed: int, console: Console) -> None:
        self._house = house
        self._seconds = 60 * min(minutes, MOST_MINUTES)
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - faults that can be had again
        self._seed = seed
        self._console = console
        self._account = Account()
        self._over = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Return the figures; `wrong` is empty where all is as promised."""
        house, account = self._house, self._account
        await house.ready()
        hosts = house.centre.trunk_hosts
        pbx = (house.centre.settings.sip_host, house.centre.settings.sip_port)
        async with AsyncExitStack() as stack:
            for key in LOAD_AGENCIES:
                peer = await stack.enter_async_context(Peer(hosts[key], SIP_PORT))
                peer.mode = Mode.ANSWER
            crowd = await stack.enter_async_context(Crowd(hosts[LOAD_CALLER], SIP_PORT, pbx, self._seed))
            ends = time.monotonic() + self._seconds
            await asyncio.gather(
                self._load(crowd, ends),
                self._faults(ends),
                *(self._citizens(n, digit, ends) for n, digit in enumerate((FIRE, POLICE, OPERATOR))),
            )
            await crowd.until_all_ended(2 * max(STAY_S) + 15)
            await house.hang_up()
            unanswered = [
                f"{call.number}: {call.status or 'nothing'} in {call.answer_s:.1f} s"
                for call in crowd.calls
                if call.status != 200
            ]
            answered = [call.number for call in crowd.calls if call.status == 200]
        counted = await self._count([*answered, *account.numbers])
        if unanswered:
            told = ", ".join(unanswered[:10])
            account.wrong.append(f"{len(unanswered)} INVITEs of {len(crowd.calls)} got no 200: {told}")
        if account.dead_air_s > DEAD_AIR_S:
            account.wrong.append(f"{account.dead_air_s:.1f} s of dead air")
        return {
            "minutes": round(self._seconds / 60, 2),
            "calls a second": self._rate,
            "calls": len(crowd.calls) + account.judged,
            "not answered": len(unanswered),
            "answered within, s": round(max((call.answer_s for call in crowd.calls), default=0.0), 2),
            "callers with ears": account.judged,
            "lost of these": account.lost,
            "human within, s": round(account.served_s, 1),
            "dead air, s": round(account.dead_air_s, 2),
            **counted,
            "faults": account.faults,
            "wrong": account.wrong,
        }

    async def _load(self, crowd: Crowd, ends: float) -> None:
        begun = time.monotonic()
        for n in range(int(self._rate * self._seconds)):
            due = begun + n / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() >= ends:
                return
            think, stay = self._random.uniform(*THINK_S), self._random.uniform(*STAY_S)
            crowd.ring(f"07{self._seed % 1000:03d}{n:07d}", LOAD, think, stay)

    async def _faults(self, ends: float) -> None:
        faults = faults_for(self._house.kinds)
        pick = random.Random(self._seed + 1)  # noqa: S311 - apart from the load, which takes another number of turns
        while time.monotonic() < ends - max(REST_S):
            await asyncio.sleep(pick.uniform(*REST_S))
            fault = pick.choice(faults)
            self._account.faults.append(fault.key)
            self._console.print(f"monkey: {fault.key}")
            try:
                async with asyncio.timeout(FAULT_S):
                    async with strike(self._house, fault, Stage.MENU, ()):
                        await asyncio.sleep(pick.uniform(*REST_S))
                    if self._house.centre.service_pid is None:
                        self._account.wrong.append(f"after {fault.key} the service ended by itself")
                        await self._house.centre.start_service(wait=False)
                    await self._house.until_service_ready()
            except (TimeoutError, RuntimeError, OSError, SoftphoneError, aiohttp.ClientError) as error:
                self._account.wrong.append(f"after {fault.key}: {type(error).__name__}: {str(error)[:300]}")

    async def _citizens(self, n: int, digit: str, ends: float) -> None:
        """One caller after the other who hears."""
        while time.monotonic() < ends:
            citizen = self._house.citizen(n, digit)
            self._account.numbers.append(citizen.number)
            self._account.judged += 1
            try:
                await self._one(citizen)
            except SoftphoneError as error:
                self._account.wrong.append(f"{citizen.number}: {str(error)[:200]}")
            self._house.callers[n].calls.clear()

    async def _one(self, citizen: Citizen) -> None:
        call = await citizen.dial(self._house.centre.number)
        begun = time.monotonic()
        met = await citizen.until_met(begun, begun + SERVED_S)
        account = self._account
        if met is None:
            account.lost += 1
            told = self._house.observer.of(citizen.number)
            seen = ", ".join(f"{one.at - begun:.1f} {one.what}" for one in told)
            account.wrong.append(f"{citizen.number} ({citizen.digit}): no human; {seen} ({account.faults[-1:]})")
        else:
            account.served_s = max(account.served_s, met - begun)
            await asyncio.sleep(TALK_S)
        air = dead_air_s(call.report(), begun, time.monotonic())
        account.dead_air_s = max(account.dead_air_s, air)
        if strangers := citizen.strangers():
            account.wrong.append(f"{citizen.number}: {strangers}")
        if not call.ended:
            await call.hangup()

    async def _count(self, numbers: list[str]) -> dict[str, Any]:
        """Every call that was answered must have exactly one incident, with an outcome."""
        found: Counter[str] = Counter()
        open_ = 0
        ends = time.monotonic() + CATCH_UP_S
        while time.monotonic() < ends:
            with suppress(aiohttp.ClientError, TimeoutError, TypeError, KeyError):
                found, open_ = await self._incidents()
                if all(found[number] == 1 for number in numbers) and not open_:
                    break
            await asyncio.sleep(1.0)
        missing = sum(found[number] == 0 for number in numbers)
        double = sum(max(0, found[number] - 1) for number in numbers)
        for what, count in (("missing", missing), ("double", double), ("without an outcome", open_)):
            if count:
                self._account.wrong.append(f"{count} incidents {what}")
        return {
            "incidents": found.total(),
            "incidents missing": missing,
            "incidents double": double,
            "without an outcome": open_,
        }

    async def _incidents(self) -> tuple[Counter[str], int]:
        found: Counter[str] = Counter()
        open_ = 0
        query = {"limit": "200"}
        while True:
            _, page = await self._house.centre.get("/api/v1/incidents", **query)
            found.update(item["caller_number"] for item in page["items"])
            open_ += sum(item["outcome"] is None for item in page["items"])
            if not page.get("next"):
                return found, open_
            query["after"] = page["next"]
