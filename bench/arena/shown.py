"""What the rounds say, as a part of the benchmark: a table with a column for each opponent, ratios, the JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.arena import judge, results
from bench.arena.calls import Seen
from bench.arena.checks import Clocks
from bench.arena.fight import GENERATOR, Fighter
from bench.arena.plan import Plan
from bench.arena.results import Cpu, Result, Times
from bench.arena.rounds import Round
from bench.opponents.model import DATABASE, PBX, SERVICE
from bench.section import Row, Section, Table

NAME, TITLE = "arena", "Against what it could be replaced by"
NONE: Final = "-"
FEW: Final = 100
"""With fewer calls the p99 is the slowest of them, and is called so."""


@dataclass(frozen=True)
class Beside:
    """What stands beside the figures.

    packets: times are those of packets (False: of SIPp's logs)
    limit:   calls/s that SIPp makes by itself, and the first that it does not make; None: not measured
    clocks:  how far SIPp's logs are from the packets; None: not compared
    """

    packets: bool
    limit: tuple[int, int | None] | None
    clocks: Clocks | None


@dataclass(frozen=True)
class Time:
    """One of the times. key: in the JSON; of: those of the calls that came so far; rtp: it takes RTP to see it."""

    key: str
    name: str
    of: Callable[[Seen], list[float]]
    rtp: bool = True

    def all(self, one: Round) -> list[float]:
        """Return the times of all calls of a round, NEVER of those that did not come so far; empty: not looked at."""
        if self.rtp and not one.rtp:
            return []
        came = self.of(one.seen)
        return came + [results.NEVER] * (one.calls - len(came))


INVITE: Final = Time(
    "digit_to_invite_ms", "last digit to the agency's INVITE", lambda seen: seen.digit_to_invite_s, rtp=False
)
GREETING: Final = Time(
    "invite_to_sound_ms", "INVITE to the first sound of the menu", lambda seen: seen.invite_to_sound_s
)
BOTH: Final = Time("answer_to_both_ms", "the agency's answer to both voices", lambda seen: seen.human_to_both_s)
CALLER: Final = Time("answer_to_caller_hears_ms", "", lambda seen: seen.human_to_caller_s)
AGENCY: Final = Time("answer_to_agency_hears_ms", "", lambda seen: seen.human_to_agency_s)


def result_of(fighter: Fighter) -> Result:
    """Return what an opponent is judged by."""
    judged = fighter.judged
    return Result(
        fighter.opponent.key,
        fighter.opponent.title,
        calls=sum(one.calls for one in judged),
        in_time=sum(one.in_time for one in judged),
        again=sum(one.seen.again for one in judged),
        invite=_times(judged, INVITE),
        greeting=_times(judged, GREETING),
        human=_times(fighter.talks, BOTH),
        cpu=[_cpu(one) for one in judged],
        sustained=fighter.search.held if fighter.search.attempts else None,
        incidents=fighter.incidents,
        alone=alone_of(_all_but_steps(fighter)),
        slow=sum(one.seen.rate < GENERATOR * one.rate for one in judged),
        early=sum(not one.fresh for one in judged),
        broken=fighter.broken,
    )


def _all_but_steps(fighter: Fighter) -> list[Round]:
    """Return the rounds at rates that everybody is to take."""
    return [*fighter.judged, *fighter.calm, *fighter.talks]


def alone_of(rounds: Sequence[Round]) -> int | None:
    """Return how many calls callrouter's PBX served without its service; None: it is another opponent."""
    known = [one.alone for one in rounds if one.alone is not None]
    return sum(known) if known else None


def _times(rounds: Sequence[Round], time: Time) -> Times:
    return [time.all(one) for one in rounds]


def _cpu(one: Round) -> Cpu:
    part = one.cpu_s.get
    return Cpu(part(PBX, 0.0), part(SERVICE, 0.0), part(DATABASE, 0.0), one.calls - one.missing)


def section(fighters: Sequence[Fighter], plan: Plan, verdict: judge.Verdict, beside: Beside) -> Section:
    """Return the part. Its figures: by opponent, each measure with pooled and rounds' percentiles; and the ratios."""
    found = Section(NAME, TITLE, rows=list(verdict.rows), wrong=list(verdict.wrong), targets=list(verdict.targets))
    found.wrong += [fighter.broken for fighter in fighters if fighter.broken]
    found.rows += _rows(beside)
    found.tables.append(_table(fighters, plan))
    found.figures = {fighter.opponent.key: _figures(fighter) for fighter in fighters}
    found.figures["ratios"] = verdict.figures
    found.figures["generator"] = {"sustained_per_s": beside.limit and beside.limit[0]}
    found.figures["clocks"] = beside.clocks and asdict(beside.clocks)
    found.figures["times_from"] = "packets" if beside.packets else "logs of SIPp"
    found.how = _HOW.format(
        plan=plan,
        calls=plan.rounds * round(plan.rate * plan.seconds),
        calm=plan.calm_rounds * round(plan.calm_rate * plan.calm_seconds),
        talks=plan.talk_rounds * round(plan.talk_rate * plan.talk_seconds),
        few=FEW,
        tries=_TRIES.format(plan=plan) if plan.most_steps else "",
    ) + ("" if beside.packets else _NO_PACKETS)
    return found


_HOW: Final = (
    "Every opponent runs on the same machine at the same time, with the same build of Asterisk, and takes the "
    "same calls, one opponent after the other: {plan.rounds} rounds of {plan.seconds:g} s at {plan.rate} calls/s "
    "({calls} calls to each), by which all is judged; {plan.calm_rounds} of {plan.calm_seconds:g} s at "
    "{plan.calm_rate} calls/s ({calm} calls); {plan.talk_rounds} of {plan.talk_seconds:g} s at {plan.talk_rate} "
    "calls/s ({talks} calls). In each round all have their turn, each time another one begins, and every second time "
    "the order is backwards; who is not at rest 20 s after its calls is told of. The moment of each caller's digit "
    "follows from the seed {plan.seed}. The caller says 200 ms "
    "of sound, which ends Asterisk's wait for his first RTP, presses the digit 1,000 to 1,400 ms after the "
    "answer (SIP INFO) and hangs up 300 ms later. At {plan.talk_rate} calls/s the agency answers after 200 ms and "
    "both speak. The table's agencies hear no announcement here, for the others play none. SIPp and tcpdump "
    "stay on the last core. Times are those at which the kernel saw the packets on loopback. A call that never "
    "came so far counts as slower than all that did, and is shown as never. CPU is that from before a round's "
    "first call until all is at rest again, for each call that was put through. Memory is not compared. Where fewer "
    "than {few} calls were made, the slowest stands instead of the p99. callrouter's service runs at nice 10, as it "
    "does by itself (CALLROUTER_NICENESS), the other opponents' programs at 0. callrouter's service is asked before "
    "the menu, so its price is in INVITE to the first sound; the others decide after the digit. Calls that "
    "callrouter's PBX served without its service are none of callrouter's, and count as not within 1 s. Where the "
    "bare dialplan lost calls it is no yardstick, and no target against it is held. Ratios are of the percentiles of "
    "all rounds together, and these are judged; in brackets the median, lowest and highest ratio of the single "
    "rounds. An opponent is beaten in a measure where callrouter is better, not where it is as good; only where all "
    "calls of both are within 1 s, or neither sent a message again, nothing better is possible and neither is "
    "beaten. Who broke off, or was not measured, is not beaten. A round that could not be looked at is made once "
    "more with other numbers.{tries}"
)
_TRIES: Final = (
    " A rate is sustained where in {plan.step_seconds:g} s of it at least 99.9 % of the calls reach the agency "
    "within 1 s of the digit, no SIP message is sent again, and SIPp really made that many; one that just fails gets "
    "a second try, and each opponent {plan.most_steps} tries in all."
)
_NO_PACKETS: Final = (
    " This user may not look at packets (CAP_NET_RAW), so all times are those of SIPp's own logs, and what only "
    "RTP tells is missing."
)


def _rows(beside: Beside) -> list[Row]:
    rows: list[Row] = []
    if beside.limit is not None:
        held, failed = beside.limit
        told = f"{held} calls/s" + (f" (not {failed})" if failed else " at least")
        rows.append(("SIPp against SIPp, the same scenarios", told, ""))
    if beside.clocks is not None:
        told = f"{beside.clocks.median_ms:+.3f} / {beside.clocks.p99_ms:+.3f} ms"
        rows.append(("digit to INVITE by SIPp's logs, less that by packets: median / p99", told, ""))
    return rows


def _table(fighters: Sequence[Fighter], plan: Plan) -> Table:
    at = f"{plan.rate} calls/s"
    rows: list[tuple[str, ...]] = []

    def row(name: str, of: Callable[[Fighter], str]) -> None:
        cells = [of(fighter) for fighter in fighters]
        if set(cells) != {NONE}:
            rows.append((name, *cells))

    def times(time: Time, rate: int, of: Callable[[Fighter], Sequence[Round]]) -> None:
        row(f"{time.name}, {rate} calls/s, ms (median / p99)", lambda fighter: _middle(of(fighter), time))

    times(INVITE, plan.rate, lambda fighter: fighter.judged)
    times(INVITE, plan.calm_rate, lambda fighter: fighter.calm)
    times(GREETING, plan.rate, lambda fighter: fighter.judged)
    times(GREETING, plan.talk_rate, lambda fighter: fighter.talks)
    times(BOTH, plan.talk_rate, lambda fighter: fighter.talks)
    row(f"within 1 s of the digit, {at}", lambda fighter: _share(fighter.judged))
    row(f"INVITEs that never came, {at}", lambda fighter: str(sum(one.missing for one in fighter.judged)))
    row(f"SIP messages sent again, {at}", lambda fighter: str(sum(one.seen.again for one in fighter.judged)))
    row("calls that the PBX served alone, but for the search", _alone)
    row("sustained, calls/s", _sustained)
    for part, name in ((PBX, "PBX"), (SERVICE, "service"), (DATABASE, "database")):
        row(f"CPU of the {name} for each call, {at}, ms", lambda fighter, part=part: _per_call(fighter, part))  # type: ignore[misc]
    row(f"all CPU for each call, {at}, ms", lambda fighter: _per_call(fighter, None))
    row("CPU without calls, ms for each second", lambda fighter: f"{1000 * sum(fighter.idle_cpu.values()):.0f}")
    row("calls with exactly one incident", _incidents)
    head = ("", *(fighter.opponent.title for fighter in fighters))
    return Table("The same calls to each", head, rows)


def _middle(rounds: Sequence[Round], time: Time) -> str:
    values = results.pool(_times(rounds, time))
    if not values:
        return NONE
    middle, slow, worst = (
        f"{1000 * of(values):.2f}" if math.isfinite(of(values)) else "never"
        for of in (results.median, results.p99, max)
    )
    return (
        f"{middle} / {slow} of {len(values)}" if len(values) >= FEW else f"{middle}, worst {worst} of {len(values)}"
    )


def _share(rounds: Sequence[Round]) -> str:
    calls = sum(one.calls for one in rounds)
    return f"{100 * sum(one.in_time for one in rounds) / calls:.2f} %" if calls else NONE


def _alone(fighter: Fighter) -> str:
    alone = alone_of(_all_but_steps(fighter))
    return NONE if alone is None else str(alone)


def _sustained(fighter: Fighter) -> str:
    search = fighter.search
    if not search.attempts:
        return NONE
    return f"{search.held}" if search.failed is not None else f"at least {search.held}"


def _per_call(fighter: Fighter, part: str | None) -> str:
    if part is not None and not any(part in one.cpu_s for one in fighter.judged):
        return NONE
    cpus = [_cpu(one) for one in fighter.judged]
    value = results.per_call_ms(cpus, lambda cpu: cpu.total if part is None else float(getattr(cpu, part)))
    return NONE if value is None else f"{value:.2f}"


def _incidents(fighter: Fighter) -> str:
    return NONE if fighter.incidents is None else "{1} of {0}".format(*fighter.incidents)


# ------------------------------------------------------------------ JSON
def _figures(fighter: Fighter) -> dict[str, Any]:
    found: dict[str, Any] = {"title": fighter.opponent.title, "lacks": fighter.opponent.lacks}
    for name, rounds in (("judged", fighter.judged), ("calm", fighter.calm), ("talks", fighter.talks)):
        if rounds:
            found[name] = _of_rounds(rounds)
    # Where one looks first: the judged times under their own names.
    for time in (INVITE, GREETING):
        found[time.key] = _percentiles(fighter.judged, time)
    for time in (BOTH, CALLER, AGENCY):
        found[time.key] = _percentiles(fighter.talks, time)
    cpus = [_cpu(one) for one in fighter.judged]
    found["cpu_ms_per_call"] = {
        part: _rounded(results.per_call_ms(cpus, lambda cpu, part=part: float(getattr(cpu, part))))  # type: ignore[misc]
        for part in (PBX, SERVICE, DATABASE, "total")
    }
    found["idle_cpu_ms_per_s"] = {part: round(1000 * cpu, 1) for part, cpu in fighter.idle_cpu.items()}
    found["sustained_per_s"] = fighter.search.held if fighter.search.attempts else None
    found["steps"] = [
        {
            "rate": one.rate,
            "seed": one.seed,
            "reached_rate": round(one.seen.rate, 1),
            "calls": one.calls,
            "in_time": one.in_time,
            "again": one.seen.again,
            "held": held,
        }
        for one, (_, held) in zip(fighter.steps, fighter.search.attempts, strict=True)
    ]
    if fighter.incidents is not None:
        found["incidents"] = {"calls": fighter.incidents[0], "with_exactly_one": fighter.incidents[1]}
    return found


def _of_rounds(rounds: Sequence[Round]) -> dict[str, Any]:
    return {
        "rate": rounds[0].rate,
        "seeds": [one.seed for one in rounds],
        "calls": sum(one.calls for one in rounds),
        "in_time": sum(one.in_time for one in rounds),
        "missing": sum(one.missing for one in rounds),
        "again": sum(one.seen.again for one in rounds),
        "served_by_the_pbx_alone": alone_of(rounds),
        "reached_rates": [round(one.seen.rate, 1) for one in rounds],
        "began_before_rest": sum(not one.fresh for one in rounds),
        "cpu_s": [{part: round(cpu, 3) for part, cpu in one.cpu_s.items()} for one in rounds],
        **{time.key: _percentiles(rounds, time) for time in (INVITE, GREETING)},
    }


def _percentiles(rounds: Sequence[Round], time: Time) -> dict[str, Any] | None:
    """Return them over all rounds, and of each."""
    each = _times(rounds, time)
    whole = results.pool(each)
    return {**_of_values(whole), "rounds": [_of_values(one) for one in each]} if whole else None


def _of_values(values: Sequence[float]) -> dict[str, Any]:
    """Return how many of how many calls came so far, and the percentiles (ms) of all: None of one on those that did
    not, and for the p99 of fewer than FEW.
    """
    shares = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {name: _rounded(1000 * results.rank(values, share)) for name, share in shares.items() if values}
    if len(values) < FEW:
        found["p99"] = None
    return {"calls": sum(map(math.isfinite, values)), "of_calls": len(values), **found}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)
