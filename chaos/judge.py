"""What became of the callers of a cell, judged from what their telephones heard and from what is kept of their calls.

Pure: reports and incidents in, figures out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.lag import Late
from chaos.matrix import CALL_BACK_S, FIRST_CALL_S, Cell
from demo.softphone import SPEECH, CallReport


@dataclass(frozen=True)
class Caller:
    """One caller. human: who it was (empty: nobody); after_s: from the fault until each heard the other.

    late_s: for so much of his dead air the machine did not run (chaos.lag); 0 where that is not looked at
    wrong: what else went wrong with him; must: he had to meet a human (not one whom the fault found leaving)
    outcomes: what his incident may say; calls: how many INVITEs of his number came to the dialplan
    """

    number: str
    role: str
    must: bool
    human: str
    after_s: float | None
    dead_air_s: float
    wrong: str = ""
    outcomes: tuple[str, ...] = ("talked",)
    calls: int = 1
    late_s: float = 0.0

    @property
    def lost(self) -> bool:
        """Return whether he met nobody, or lost his human to the fault."""
        return self.must and not self.human


@dataclass(frozen=True)
class Passed:
    """What a fault left behind: when it struck (monotonic s), the callers, and who had to ring again for it.

    first_call_s, call_back_s: of faults of the PBX, counted from when it was back
    """

    struck_s: float
    callers: tuple[Caller, ...]
    again: tuple[Any, ...] = ()
    first_call_s: float | None = None
    call_back_s: float | None = None


@dataclass(frozen=True)
class Verdict:
    """A cell that was played. error: why nothing can be said of it; wrong: lines for people.

    dead_air: those lines of `wrong` that tell of dead air
    first_call_s, call_back_s: of cells of the PBX, counted from when it was back
    """

    cell: Cell
    callers: tuple[Caller, ...] = ()
    missing: int = 0
    double: int = 0
    wrong: tuple[str, ...] = ()
    dead_air: tuple[str, ...] = ()
    took_s: float = 0.0
    error: str = ""
    first_call_s: float | None = None
    call_back_s: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Return how many callers were lost."""
        return sum(caller.lost for caller in self.callers)

    @property
    def only_dead_air(self) -> bool:
        """Return whether nothing is wrong but that somebody met dead air for too long."""
        return bool(self.dead_air) and not self.error and self.wrong == self.dead_air

    @property
    def dead_air_s(self) -> float:
        """Return the longest dead air that one of them met."""
        return max((caller.dead_air_s for caller in self.callers), default=0.0)

    @property
    def served_s(self) -> float | None:
        """Return how long the last one waited for a human after the fault; None where somebody met none."""
        times = [caller.after_s for caller in self.callers if caller.must]
        return None if not times or None in times else max(time for time in times if time is not None)

    @property
    def ok(self) -> bool:
        """Return whether all is as promised."""
        return not (self.error or self.wrong)


def dead_airs(report: CallReport, struck_s: float, now_s: float) -> list[tuple[float, float]]:
    """Return every silence that a caller met from the 200 until the first human that he heard after the fault.

    A silence is a run of frames below -45 dBm0, or of no frames at all; without such a human it counts until the end
    of the call, or until now. Times are monotonic s. None for a call that was never answered.
    """
    if report.answered_s is None:
        return []
    moments = [
        max(span.from_s, struck_s)
        for key, spans in report.heard.items()
        if key != SPEECH
        for span in spans
        if span.reaches(struck_s)
    ]
    end = min(moments, default=report.ended_s if report.ended_s is not None else now_s)
    met = [
        (max(span.from_s, report.answered_s), end if span.to_s is None else min(span.to_s, end))
        for span in report.silences
    ]
    return [(begun, over) for begun, over in met if over > begun]


def dead_air_s(report: CallReport, struck_s: float, now_s: float) -> float:
    """Return how long the longest of them was; 0 where there was none."""
    return max((over - begun for begun, over in dead_airs(report, struck_s, now_s)), default=0.0)


def dead_and_late_s(report: CallReport, struck_s: float, now_s: float, late: Late) -> tuple[float, float]:
    """Return how long the longest of them was, and for how much of it the machine was late; longest without that."""
    met = [(over - begun, late(begun, over)) for begun, over in dead_airs(report, struck_s, now_s)]
    return max(met, key=lambda one: one[0] - one[1], default=(0.0, 0.0))


def incidents_wrong(callers: Iterable[Caller], incidents: Sequence[Mapping[str, Any]]) -> tuple[int, int, list[str]]:
    """Return how many incidents are missing, how many are double, and what is wrong with them, in words."""
    found: Counter[str] = Counter(incident["caller_number"] for incident in incidents)
    missing = double = 0
    wrong = []
    for caller in callers:
        more = found[caller.number] - caller.calls
        missing += max(0, -more)
        double += max(0, more)
        if more:
            wrong.append(f"{caller.number} ({caller.role}): {found[caller.number]} incidents of {caller.calls} calls")
        theirs = [incident for incident in incidents if incident["caller_number"] == caller.number]
        said = [incident["outcome"] for incident in theirs]
        if said and not caller.lost and not set(said) <= set(caller.outcomes):
            wrong.append(
                f"{caller.number} ({caller.role}): the incident says {said}, expected {' or '.join(caller.outcomes)}"
            )
    return missing, double, wrong


def judge(cell: Cell, passed: Passed, incidents: Sequence[Mapping[str, Any]], *, took_s: float) -> Verdict:
    """Return the verdict on a cell that was played."""
    missing, double, wrong = incidents_wrong(passed.callers, incidents)
    dead_air = []
    for caller in passed.callers:
        who = f"{caller.number} ({caller.role})"
        if caller.lost:
            wrong.append(f"{who}: no human within the time")
        if caller.dead_air_s > cell.dead_air_s + caller.late_s:
            late = f", of which the machine did not run for {caller.late_s:.1f} s" if caller.late_s else ""
            dead_air.append(f"{who}: {caller.dead_air_s:.1f} s of dead air{late}, {cell.dead_air_s:g} allowed")
            wrong.append(dead_air[-1])
        if caller.wrong:
            wrong.append(f"{who}: {caller.wrong}")
    if (passed.first_call_s or 0.0) > FIRST_CALL_S:
        wrong.append(f"the first new call had its human {passed.first_call_s:.1f} s after the PBX was back")
    if (passed.call_back_s or 0.0) > CALL_BACK_S:
        wrong.append(f"the calls that were cut are not on the call-back list after {CALL_BACK_S:g} s")
    return Verdict(
        cell=cell,
        callers=passed.callers,
        missing=missing,
        double=double,
        wrong=tuple(wrong),
        dead_air=tuple(dead_air),
        took_s=took_s,
        first_call_s=passed.first_call_s,
        call_back_s=passed.call_back_s,
    )
