"""All rounds: each kind of wave goes to every opponent in turn, each time in another order."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bench.arena.capture import CaptureError
from bench.arena.load import RINGS, TALKS, Load, Wave
from bench.arena.plan import Plan
from bench.arena.rounds import Eyes, Round, at_rest, cpu_of, one_round
from bench.arena.search import Search
from bench.opponents.cpu import UncountableError
from bench.opponents.model import Opponent, Running
from demo.centre import Centre

Say = Callable[[str], None]
_Any = TypeVar("_Any")
_PAGE: Final = "200"
GENERATOR: Final = 0.97
"""Of the rate asked for: with less, it is the load generator that was too slow."""
_NEAR: Final = 0.95
_LAST: Final = 12
_INCIDENTS_S: Final = 30.0
_OURS: Final = (CaptureError, UncountableError)
"""Faults of the one who looks, not of the one who is looked at."""


@dataclass
class Fighter:
    """One opponent that runs, and all that was measured of it.

    idle_cpu: s for each s, by part
    incidents: callers, and those of them who have exactly one incident
    begun: numbers of all callers whose INVITE it was sent
    broken: why it was given up in the middle; empty: it was not
    """

    opponent: Opponent
    running: Running
    judged: list[Round] = field(default_factory=list)
    calm: list[Round] = field(default_factory=list)
    talks: list[Round] = field(default_factory=list)
    steps: list[Round] = field(default_factory=list)
    warm: list[Round] = field(default_factory=list)
    search: Search = field(default_factory=Search)
    idle_cpu: dict[str, float] = field(default_factory=dict)
    incidents: tuple[int, int] | None = None
    begun: set[str] = field(default_factory=set)
    broken: str = ""


class Fight:
    """One run of a plan. `numbers` grows with every wave: no two have a caller in common."""

    def __init__(self, load: Load, eyes: Eyes, fighters: Sequence[Fighter], plan: Plan, say: Say) -> None:
        self._load = load
        self._eyes = eyes
        self._fighters = list(fighters)
        self._plan = plan
        self._say = say
        self._waves = 0
        self._turns = 0
        self._rested = True

    async def run(self) -> None:
        """Measure everything."""
        plan = self._plan
        await self._idle()
        for fighter in self._turn():
            await self._wave(fighter, fighter.warm, plan.calm_rate, plan.warm_seconds, 0)
        for n in range(plan.rounds):
            for fighter in self._turn():
                self._tell(fighter, await self._wave(fighter, fighter.judged, plan.rate, plan.seconds, n))
        for n in range(plan.calm_rounds):
            for fighter in self._turn():
                self._tell(fighter, await self._wave(fighter, fighter.calm, plan.calm_rate, plan.calm_seconds, n))
        for n in range(plan.talk_rounds):
            for fighter in self._turn():
                await self._wave(fighter, fighter.talks, plan.talk_rate, plan.talk_seconds, n, talks=True)
        await self._search()
        for fighter in self._fighters:
            if fighter.running.centre is not None and not fighter.broken:
                fighter.incidents = await _incidents(fighter.running.centre, fighter.begun)

    def _turn(self) -> list[Fighter]:
        """Return all that still run, in the order of this turn."""
        self._turns += 1
        return [one for one in turned(self._fighters, self._turns - 1) if not one.broken]

    async def _idle(self) -> None:
        await asyncio.gather(*(at_rest(fighter.running) for fighter in self._fighters))
        before = [await cpu_of(fighter.running) for fighter in self._fighters]
        await asyncio.sleep(self._plan.idle_seconds)
        for fighter, then in zip(self._fighters, before, strict=True):
            now = await cpu_of(fighter.running)
            fighter.idle_cpu = {part: (now[part] - then[part]) / self._plan.idle_seconds for part in now}

    async def _wave(
        self,
        fighter: Fighter,
        kept: list[Round],
        rate: int,
        seconds: float,
        n: int,
        *,
        talks: bool = False,
        sound: bool = True,
    ) -> Round | None:
        """Make one wave of calls and keep how it went; None where the opponent did not live through it.

        Where it could not be looked at, it is made once more, with other numbers.
        """
        # The n-th round of a rate is the same calls for everybody.
        wave = Wave("", rate, max(1, round(rate * seconds)), self._plan.seed * 1_000_000 + rate * 1000 + n, talks)
        try:
            try:
                done = await self._one(fighter, wave, sound=sound or talks)
            except _OURS as error:
                self._say(f"{fighter.opponent.title}, {rate} calls/s, once more: {error}")
                self._rested = await at_rest(fighter.running, ended=False)
                done = await self._one(fighter, wave, sound=sound or talks)
        except RuntimeError as error:
            why = "could not be measured" if isinstance(error, _OURS) else "broke off"
            fighter.broken = f"{fighter.opponent.title} {why} at {rate} calls/s: {error}{_last_words(fighter)}"
            self._rested = False
            self._say(fighter.broken)
            return None
        kept.append(done)
        fighter.begun.update(done.seen.calls)
        return done

    async def _one(self, fighter: Fighter, wave: Wave, *, sound: bool) -> Round:
        self._waves += 1
        numbered = dataclasses.replace(wave, prefix=f"{TALKS if wave.talks else RINGS}{self._waves:03d}")
        key, running = fighter.opponent.key, fighter.running
        done = await one_round(self._load, self._eyes, key, running, numbered, sound=sound)
        done, self._rested = dataclasses.replace(done, fresh=self._rested), done.rested
        return done

    async def _search(self) -> None:
        for fighter in self._fighters:
            fighter.search = Search(most=self._plan.most_steps)
        for n in range(self._plan.most_steps):
            for fighter in self._turn():
                if (rate := fighter.search.next) is not None:
                    await self._step(fighter, rate, n)

    async def _step(self, fighter: Fighter, rate: int, n: int) -> None:
        step = await self._wave(fighter, fighter.steps, rate, self._plan.step_seconds, n, sound=False)
        if step is not None:
            fighter.search.tell(rate, held=held(step), near=step.in_time >= _NEAR * step.calls)
        self._tell(fighter, step)

    def _tell(self, fighter: Fighter, done: Round | None) -> None:
        if done is None:
            return
        delays = sorted(done.digit_to_invite_s)
        middle = f"median {1000 * delays[len(delays) // 2]:.1f} ms" if delays else "no call came"
        self._say(
            f"{fighter.opponent.title}, {done.rate:g} calls/s: {middle}, {done.in_time} of {done.calls} in time, "
            f"{done.seen.again} messages again, CPU {_cpu(done.cpu_s)}"
        )


def turned(all_of_them: Sequence[_Any], turn: int) -> list[_Any]:
    """Return them in the order of a turn: each time another one is the first, and every second turn goes backwards.

    Were it only rotated, each would come after the same one nearly every time.
    """
    step = -1 if turn % 2 else 1
    return [all_of_them[(turn + step * n) % len(all_of_them)] for n in range(len(all_of_them))]


def _last_words(fighter: Fighter) -> str:
    """Return the end of what the service wrote, where it is callrouter."""
    if fighter.running.centre is None:
        return ""
    lines = fighter.running.centre.service_log.read_text(errors="replace").splitlines()
    return "; its last words: " + " / ".join(line.strip(" |+-") for line in lines[-_LAST:] if line.strip(" |+-"))


def _cpu(cpu_s: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {seconds:.2f} s" for part, seconds in cpu_s.items())


def held(step: Round) -> bool:
    """Return whether a rate was sustained: at least 99.9 % in time, nothing sent again, and really at that rate."""
    return step.in_time >= 0.999 * step.calls and step.seen.again == 0 and step.seen.rate >= GENERATOR * step.rate


async def _incidents(centre: Centre, numbers: set[str]) -> tuple[int, int]:
    """Return how many callers rang this centre, and how many of them have exactly one incident."""
    count: Counter[str] = Counter()
    with suppress(TimeoutError):
        async with asyncio.timeout(_INCIDENTS_S):
            while True:
                count = await _callers(centre)
                if all(count[number] for number in numbers):
                    break
                await asyncio.sleep(1)
    return len(numbers), sum(count[number] == 1 for number in numbers)


async def _callers(centre: Centre) -> Counter[str]:
    """Return how many incidents each caller has."""
    count: Counter[str] = Counter()
    query = {"limit": _PAGE}
    while True:
        status, page = await centre.get("/api/v1/incidents", **query)
        if status == 503:  # a busy machine's database may be late
            await asyncio.sleep(0.2)
            continue
        if status != 200:
            raise RuntimeError(f"the service does not list its incidents: {status} {page}")
        count.update(item["caller_number"] for item in page["items"])
        if page["next"] is None:
            return count
        query = {"limit": _PAGE, "after": page["next"]}
