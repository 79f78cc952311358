"""One cell: two callers in a stage, the fault, a third who calls just then; what they met, and what is kept of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import aiohttp

from chaos.citizen import Citizen
from chaos.faults import strike
from chaos.house import House, NotReady
from chaos.judge import Caller, Passed, Verdict, dead_and_late_s, judge
from chaos.lag import Late
from chaos.matrix import CALL_BACK_S, SERVED_S, Cell, Stage
from chaos.stages import SOON_S, NotThere, answer_what_rings, digit_of, prepare, reach
from demo.softphone import SoftphoneError

CELL_S: Final = 200.0
FRESH_S: Final = 0.2
"""After the fault: when the next caller dials."""
SINCE_S: Final = 0.3
"""After the fault: from when on hearing counts."""
STILL_S: Final = 2.0
"""For a pair that talks to be heard talking: sound comes in pieces where a machine is busy."""
INCIDENTS_S: Final = 20.0
RESTARTS: Final = ("pbx-kill", "pbx-stop", "pbx-lost")
_ROLES: Final = ("first", "second")
_TALKS: Final = (Stage.AGENCY_TALKS, Stage.OPERATOR_TALKS)


async def play(house: House, cell: Cell) -> Verdict:
    """Play one cell. Raises NotReady where the centre cannot be used any more."""
    began = time.monotonic()
    await house.ready()
    mark = house.log_mark()
    citizens = [house.citizen(n, digit_of(cell)) for n in range(2)]
    fresh = house.citizen(2, digit_of(cell))
    try:
        async with asyncio.timeout(CELL_S):
            await prepare(house, cell)
            await asyncio.gather(*(reach(house, citizen, cell) for citizen in citizens))
            through = through_restart if cell.fault.key in RESTARTS else _through
            passed = await through(house, cell, citizens, fresh)
            await house.hang_up()
            incidents = await incidents_of(house, passed.callers)
            not_ready = await _not_ready(house)
    except NotThere as error:
        return Verdict(cell, took_s=time.monotonic() - began, error=str(error))
    except (TimeoutError, RuntimeError, SoftphoneError, aiohttp.ClientError, OSError) as error:
        why = f"the cell could not be played to its end: {type(error).__name__}: {str(error)[-600:]}"
        return Verdict(cell, took_s=time.monotonic() - began, error=why, evidence=_log(house, mark))
    verdict = judge(cell, passed, incidents, took_s=time.monotonic() - began)
    if not_ready:
        verdict = replace(verdict, wrong=(*verdict.wrong, not_ready))
    if verdict.ok:
        return verdict
    evidence = evidence_of(house, [*citizens, fresh, *passed.again], passed.struck_s, incidents)
    return replace(verdict, evidence=evidence | _log(house, mark))


async def _through(house: House, cell: Cell, citizens: Sequence[Citizen], fresh: Citizen) -> Passed:
    """Let the fault strike; return when, and what became of everybody."""
    async with strike(house, cell.fault, cell.stage, citizens):
        struck = time.monotonic()
        deadline = struck + SERVED_S

        async def calls_now() -> float | None:
            await asyncio.sleep(FRESH_S)
            await fresh.dial(house.centre.number)
            return await fresh.until_met(struck, deadline)

        met = await asyncio.gather(
            calls_now(),
            *(citizen.until_met(struck + SINCE_S, deadline) for citizen in citizens),
            answer_what_rings(house, cell),
        )
    # The fault is over: who talks must still hear each other.
    still = await _still([*citizens, fresh])
    gone = cell.stage is Stage.HANGING_UP
    callers = [
        caller_of(citizen, role, at, struck, still, must=not gone, late=house.late)
        for citizen, role, at in zip(citizens, _ROLES, met[1:3], strict=True)
    ]
    third = caller_of(fresh, "fresh", met[0], struck, still, must=True, late=house.late)
    return Passed(struck, (*callers, third))


async def _still(citizens: Sequence[Citizen]) -> float:
    """Return a moment since which those who talk have heard each other; who does not within STILL_S, does not."""
    still = time.monotonic() + SINCE_S
    await asyncio.sleep(SINCE_S)
    talking = [citizen for citizen in citizens if citizen.call is not None and not citizen.call.ended]
    while time.monotonic() < still + STILL_S and not all(citizen.human(still) for citizen in talking):
        await asyncio.sleep(0.05)
    return still


def caller_of(
    citizen: Citizen, role: str, met: float | None, struck: float, still: float, *, must: bool, late: Late
) -> Caller:
    """Return what became of one caller. met: when he met his human; still: from when on the fault is over."""
    call = citizen.call
    report = call.report() if call is not None else None
    human = citizen.human(struck) if met is not None else ""
    wrong = citizen.strangers()
    if must and human and not citizen.human(still):
        wrong = f"{wrong}; he and {human} do not hear each other any more after the fault".removeprefix("; ")
    if must and not human and report is not None and report.ended_s is not None:
        wrong += (
            f"; his call ended {report.ended_s - struck:.1f} s after the fault: {report.ended_by} {report.reason}"
        )
    dead, late_s = (0.0, 0.0) if report is None else dead_and_late_s(report, struck, time.monotonic(), late)
    return Caller(
        number=citizen.number,
        role=role,
        must=must,
        human=human,
        after_s=None if met is None else met - struck,
        dead_air_s=dead,
        late_s=late_s,
        wrong=wrong.removeprefix("; "),
    )


# ---------------------------------------------------------------------- a PBX that ends under its calls
async def through_restart(house: House, cell: Cell, citizens: Sequence[Citizen], fresh: Citizen) -> Passed:
    """The calls are cut: people ring again when they can, and a third one, too. Times are from then."""
    async with strike(house, cell.fault, cell.stage, citizens):
        struck = time.monotonic()
        await house.hang_up()
    back = time.monotonic()
    await house.observer.until_up(SOON_S)
    await answer_what_rings(house, cell)
    again = tuple(house.citizen(n, citizen.digit) for n, citizen in enumerate(citizens))

    async def rings(citizen: Citizen) -> float | None:
        await citizen.dial(house.centre.number)
        return await citizen.until_met(back, struck + SERVED_S)

    met = await asyncio.gather(*(rings(citizen) for citizen in (fresh, *again)))
    still = await _still((fresh, *again))
    new = [
        caller_of(citizen, role, at, struck, still, must=True, late=house.late)
        for citizen, role, at in zip((fresh, *again), ("fresh", "first again", "second again"), met, strict=True)
    ]
    cut = [
        Caller(citizen.number, role, must=False, human="", after_s=None, dead_air_s=0.0, outcomes=_cut(cell))
        for citizen, role in zip(citizens, _ROLES, strict=True)
    ]
    listed = None if cell.stage is Stage.HANGING_UP else await _listed(house, cut, back)
    return Passed(struck, (*cut, *new), again, None if met[0] is None else met[0] - back, listed)


def _cut(cell: Cell) -> tuple[str, ...]:
    """Return what the incident of a call that was cut may say. A PBX that is told to stop ends its calls itself."""
    if cell.stage is Stage.HANGING_UP:
        return ("talked",)
    if cell.fault.key in ("pbx-kill", "pbx-lost"):
        return ("cut",)
    return ("cut", "talked") if cell.stage in _TALKS else ("cut", "abandoned")


async def _listed(house: House, cut: Sequence[Caller], back: float) -> float:
    """Return how long after the PBX's return all calls that were cut stand on the call-back list."""
    numbers = {caller.number for caller in cut}
    while time.monotonic() - back <= CALL_BACK_S:
        with suppress(aiohttp.ClientError, TypeError, KeyError):
            found = await house.incidents_of(numbers)
            if {i["caller_number"] for i in found if i["callback"] or i["outcome"] == "talked"} == numbers:
                break
        await asyncio.sleep(0.3)
    return time.monotonic() - back


async def _not_ready(house: House) -> str:
    try:
        await house.until_service_ready()
    except TimeoutError as error:
        return f"afterwards {error}"
    return ""


async def incidents_of(house: House, callers: Sequence[Caller], within: float = INCIDENTS_S) -> list[dict[str, Any]]:
    """Return the incidents of these callers once each call has an ended one, or when the time is over."""
    found: list[dict[str, Any]] = []
    numbers = {caller.number for caller in callers}
    expected = sum(caller.calls for caller in callers)
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while len(found) < expected or not all(i["outcome"] for i in found):
                await asyncio.sleep(0.2)
                with suppress(aiohttp.ClientError, TypeError, KeyError):
                    found = await house.incidents_of(numbers)
    return found


def evidence_of(
    house: House, citizens: Sequence[Citizen], struck: float, incidents: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return what a person needs to look into a cell: times are s after the fault."""
    calls = {seen.call for citizen in citizens for seen in house.observer.of(citizen.number)}
    return {
        "callers": [_told(citizen, struck) for citizen in citizens],
        "incidents": list(incidents),
        "journal": house.journal_of(calls),
        "pbx": house.centre.pbx.complaints()[-20:],
    }


def _told(citizen: Citizen, struck: float) -> dict[str, Any]:
    report = citizen.call.report() if citizen.call is not None else None

    def after(at: float | None) -> float | None:
        return None if at is None else round(at - struck, 2)

    return {
        "number": citizen.number,
        "events": [
            f"{seen.at - struck:+.2f} {seen.what} {seen.detail} {seen.call}"
            for seen in citizen.observer.of(citizen.number)
        ],
        "invited": after(report.invited_s) if report else None,
        "answered": after(report.answered_s) if report else None,
        "ended": [after(report.ended_s), report.ended_by, report.reason] if report else None,
        "heard": {k: [(after(s.from_s), after(s.to_s)) for s in v] for k, v in report.heard.items()}
        if report
        else {},
        "silences": [(after(s.from_s), after(s.to_s)) for s in report.silences] if report else [],
        "heard_by": {
            name: [
                {k: [(after(s.from_s), after(s.to_s)) for s in v] for k, v in call.report().heard.items()}
                for call in citizen.calls_at(phone)
            ]
            for name, phone in citizen.humans.items()
            if citizen.calls_at(phone)
        },
    }


def _log(house: House, mark: int) -> dict[str, Any]:
    return {"service": house.log_since(mark).splitlines()[-60:]}


__all__ = ["NotReady", "evidence_of", "incidents_of", "play"]
