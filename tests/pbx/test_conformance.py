"""The PBX does with a plan what `run` says: each kind of step, with each outcome that it can have, called once.

`run` is the interpreter that everything proven of a table stands on (callrouter.routing.run). Here its walk through
the plan of a real call is compared with the attempts that the PBX wrote of that call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from bench.stream import sipp_command
from callrouter.asterisk.plan_codec import encode
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.facts import Facts
from callrouter.routing.plan import Plan, Ring, Step
from callrouter.routing.run import OUTCOMES, Walk, kind_of, run, worst_s
from demo.centre import Centre
from demo.softphone import NET_S, Answer, CallReport, DeadPeer, PhoneCall, Softphone
from tests.pbx.conforming import (
    CALLER,
    CASES,
    DEAD,
    OPERATORS,
    PHONES,
    SCENARIOS,
    TIMERS,
    TONES,
    WAVES,
    Case,
    digits,
    in_wave,
    label,
    meaning,
    table,
)
from tests.pbx.rig import short_clips, unexpected, until
from tests.pbx.sipp import sipp_server

SLACK_S = 2.0
"""Between a time-out of the PBX and the moment that it writes down, on a machine that has a lot of other work."""
LONGEST_S = 40.0
FIRST_WITH_LAST_RESORT = 2
"""The first round in which the last resort's operator has a telephone: before, a case needs that he has none."""


@dataclass(frozen=True)
class Told:
    """What is known of a case's call: what REST says, and what its caller heard."""

    call: dict[str, Any]
    report: CallReport
    explained: dict[str, Any]


class Stage:
    """The centre and everybody in it."""

    def __init__(self, centre: Centre, phones: dict[str, Softphone]) -> None:
        self.centre = centre
        self.phones = phones

    async def play(self, wave: int) -> dict[str, Told]:
        """Call every case of a round side by side; return what became of each, by its name."""
        cases = in_wave(wave)
        for phone in self.phones.values():
            await phone.behave(Answer(0.1))
            phone.forget()
        if wave == FIRST_WITH_LAST_RESORT:
            # Once: to log in anew is, for a moment, to have no telephone.
            await self.phones["op3"].register()
        await asyncio.gather(*(self._can_be_rung(operator) for operator in self._on_duty(wave)))
        for case in cases:
            for name, behaviour in case.by:
                await self.phones[name].behave(behaviour)
        reports = await asyncio.gather(*(self._call(case) for case in cases))
        calls = await asyncio.gather(*(self._written(case) for case in cases))
        explained = await asyncio.gather(*(self._explained(c, call) for c, call in zip(cases, calls, strict=True)))
        told = map(Told, calls, reports, explained)
        return {case.name: one for case, one in zip(cases, told, strict=True)}

    def _on_duty(self, wave: int) -> set[str]:
        """Return the operators who have a telephone in that round."""
        there = set(OPERATORS.values()) & set(self.phones)
        return there if wave >= FIRST_WITH_LAST_RESORT else there - {"op3"}

    async def _can_be_rung(self, operator: str) -> None:
        """Wait until both queues of his group hold his telephone for one that can be rung, and him for not paused."""
        (group,) = (group for group, one in OPERATORS.items() if one == operator)
        async with asyncio.timeout(NET_S):
            for queue in (group, f"{group}.last"):
                while not await self._is_free(queue, operator):
                    await asyncio.sleep(0.05)

    async def _is_free(self, queue: str, operator: str) -> bool:
        shown = await self.centre.pbx.rx(f"queue show {queue}")
        (line,) = [line for line in shown.splitlines() if f"(PJSIP/{operator})" in line]
        return "Not in use" in line and "(paused" not in line

    async def _call(self, case: Case) -> CallReport:
        """Ring 112 and choose the case; hang up when somebody talks, or wait until the PBX does."""
        caller = self.phones["telco"]
        call = await caller.dial(self.centre.number, user=number(case))
        await call.until_answered()
        await call.until_hears_speech()
        if case.muted:
            await call.mute()
        await call.digits(digits(case) + case.presses, fast=True)
        if case.stops:
            await self._until_a_message_is_there()
            await call.mute()
        # A call that goes on too long is hung up; what was written of it then tells where it was.
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                while not call.ended and not talks(call, case):
                    await asyncio.sleep(0.05)
        await call.hangup()
        return await call.until_ended()

    async def _until_a_message_is_there(self) -> None:
        """Wait until some message that is under way has two seconds."""
        folder = self.centre.settings.recordings_dir
        before = set(folder.iterdir())
        await until(lambda: any(p.stat().st_size > 32_000 for p in set(folder.iterdir()) - before), within=LONGEST_S)

    async def _written(self, case: Case) -> dict[str, Any]:
        async with asyncio.timeout(NET_S):
            while True:
                _, page = await self.centre.get("/api/v1/incidents", limit="200")
                mine = [i for i in page["items"] if i["caller_number"] == number(case) and i["outcome"]]
                if mine:
                    (row,) = mine
                    (call,) = (await self.centre.get(f"/api/v1/incidents/{row['id']}"))[1]["calls"]
                    return dict(call)
                await asyncio.sleep(0.1)

    async def _explained(self, case: Case, call: dict[str, Any]) -> dict[str, Any]:
        order = {"on": call["version"], "facts": call["facts"], "at": call["opened_at"], "outcomes": case.outcomes}
        status, _, answer = await self.centre.ask("POST", "/api/v1/explain", order)
        assert status == 200, answer
        return dict(answer)


def talks(call: PhoneCall, case: Case) -> bool:
    """Return whether the caller hears someone who will stay."""
    return bool(call.hearing & {tone for name, tone in TONES.items() if name not in leaving(case)})


def leaving(case: Case) -> set[str]:
    """Return who hangs up by himself."""
    return {name for name, how in case.by if isinstance(how, Answer) and how.hangup_after_s}


def speaker(step: Step) -> str:
    """Return who is heard when `step` is answered."""
    name = label(step)
    return OPERATORS[name] if isinstance(step, Ring) else name.partition("/")[0]


def number(case: Case) -> str:
    """Return the number that the case's caller has."""
    return f"08112{digits(case)}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A centre with the cases' table, and all who are called."""
    folder = tmp_path_factory.mktemp("conformance")
    short_clips(folder / "state" / "recorded", table())
    async with AsyncExitStack() as ends:
        centre = await ends.enter_async_context(Centre(folder, table(), timers=TIMERS))
        prefix = sipp_command(centre.settings.pbx_root)
        for name, scenario in SCENARIOS.items():
            host = centre.trunk_hosts[name]
            keys = {"contact": f"sip:112@{host}"}
            await ends.enter_async_context(sipp_server(scenario, host, 5060, keys=keys, prefix=prefix))
        await ends.enter_async_context(DeadPeer(centre.trunk_hosts[DEAD], 5060))
        names = ("telco", *PHONES, *(op for op in OPERATORS.values() if op in TONES))
        made = await asyncio.gather(*(_phone(centre, name) for name in names))
        yield Stage(centre, dict(zip(names, made, strict=True)))


async def _phone(centre: Centre, name: str) -> Softphone:
    if name in OPERATORS.values():
        return await centre.operator(name, TONES[name], register=name != "op3")
    return await centre.phone(name, TONES.get(name, CALLER))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(stage: Stage) -> dict[str, Told]:
    """All calls, by the names of their cases."""
    found: dict[str, Told] = {}
    for wave in WAVES:
        found |= await stage.play(wave)
    return found


def planned(stage: Stage, told: Told) -> Plan:
    """Return the plan that `decide` gives for the facts that were stored with a call."""
    compiled = compile_table(stage.centre.table, told.call["version"])
    at = datetime.fromisoformat(told.call["opened_at"])
    return decide(compiled, Facts.model_validate(told.call["facts"], strict=False), at)


def seconds(later: str, earlier: str) -> float:
    """Return the time between two moments of REST."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def walked(plan: Plan, walk: Walk) -> list[tuple[str, str, str]]:
    """Return each step that `run` takes: its kind, whom it tries, what becomes of it."""
    return [(kind_of(plan.steps[n]), label(plan.steps[n]), outcome) for n, outcome in walk.steps]


def test_every_outcome_of_every_kind_of_step_has_a_case() -> None:
    assert {(case.kind, case.outcome) for case in CASES} == {
        (kind, o) for kind, all_ in OUTCOMES.items() for o in all_
    }
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind} {case.outcome}: {case.name}")
def test_call_takes_exactly_the_steps_that_run_takes(stage: Stage, told: dict[str, Told], case: Case) -> None:
    mine = told[case.name]
    plan = planned(stage, mine)
    assert encode(plan) == mine.call["plan"]
    walk = run(plan, case.outcomes)
    attempts = mine.call["attempts"]
    assert [(a["kind"], a["label"], meaning(a)) for a in attempts] == walked(plan, walk)
    assert [n for n, _ in walk.steps] == [a["n"] - 1 for a in attempts]

    looked_at = attempts[case.of]
    assert looked_at["result"] == case.word
    assert (looked_at["cause"] or "").startswith(case.cause)
    heard = {name for name, tone in TONES.items() if tone in mine.report.tones}
    assert heard - leaving(case) == ({speaker(plan.steps[walk.steps[-1][0]])} if walk.ended_by == "talk" else set())
    assert mine.call["outcome"] == {"talk": "talked", "recorded": "recorded", None: "no_message"}[walk.ended_by]
    assert mine.report.ended_by == ("local" if walk.ended_by == "talk" else "remote")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_explain_says_of_the_call_what_the_pbx_did(stage: Stage, told: dict[str, Told], case: Case) -> None:
    mine = told[case.name]
    plan = planned(stage, mine)
    walk = run(plan, case.outcomes)
    steps = mine.explained["plan"]
    assert mine.explained["winner"] == mine.call["route"]
    assert mine.explained["ended_by"] == walk.ended_by
    assert [(s["kind"], s["outcome"]) for s in steps if s["outcome"]] == [
        (a["kind"], meaning(a)) for a in mine.call["attempts"]
    ]
    assert [s["worst_s"] for s in steps] == [worst_s(step) for step in plan.steps]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_step_takes_longer_than_its_worst_time_and_the_next_follows_at_once(
    stage: Stage, told: dict[str, Told], case: Case
) -> None:
    mine = told[case.name]
    attempts = mine.call["attempts"]
    for step, attempt in zip(planned(stage, mine).steps, attempts, strict=False):
        # Who talks has as long as he likes: until then the step was still a try.
        over = attempt["human_at"] if meaning(attempt) == "talk" else attempt["ended_at"]
        assert seconds(over, attempt["begun_at"]) <= worst_s(step) + SLACK_S, attempt
    for attempt, following in pairwise(attempts):
        assert seconds(following["begun_at"], attempt["ended_at"]) <= SLACK_S


@pytest.mark.asyncio(loop_scope="module")
async def test_pbx_is_empty_afterwards_and_complained_of_nothing_unexpected(
    stage: Stage, told: dict[str, Told]
) -> None:
    assert len(told) == len(CASES)
    async with asyncio.timeout(NET_S):
        while "0 active channels" not in await stage.centre.pbx.rx("core show channels count"):
            await asyncio.sleep(0.05)
    assert unexpected(stage.centre.pbx.complaints()) == []
