"""What was seen of a centre under load, what is shown of it, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.live.databases import POSTGRESQL
from bench.live.held import Held
from bench.live.listener import Lateness
from bench.section import Section, spread

RATE: Final = 50
REST_MS: Final = 500.0
"""For all but a hundredth of the requests of a kind; ours, as all limits here."""
LOOK_S: Final = 0.5
"""Between two looks at the metrics."""
EMPTY_S: Final = 10.0
"""By then after the last call no note may wait."""
LATE_MS, LATE_P99_MS = 250.0, 1_000.0
"""For half of all events, and for all but a hundredth."""
REACHED: Final = 0.999
"""Part of the calls that must reach an agency."""


@dataclass
class Load:
    """What was seen of one centre. rest_s: how long each request took, by its kind.

    backlog:    the most notes that waited for the database
    lag_s:      the most that the journal was behind; loop_lag_s: the worst lateness of the loop
    written_s:  from the end of the last call until no note waited and all incidents that it changed were told
    stored_s:   from then until every call had its incident, with its end
    late:       from a message on the wire to who listens to the stream: INVITEs of callers, and at the agency
    alone:      calls that the PBX served by itself meanwhile (failsafe)
    cpu_ms:     for a call, by what used it
    """

    rest_s: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    backlog: float = 0.0
    lag_s: float = 0.0
    loop_lag_s: float = 0.0
    written_s: float = 0.0
    stored_s: float = 0.0
    calls: int = 0
    reached: int = 0
    again: int = 0
    opened: Lateness = field(default_factory=lambda: Lateness(0, 0, 0, []))
    rang: Lateness = field(default_factory=lambda: Lateness(0, 0, 0, []))
    unheard: int = 0
    alone: int = 0
    cpu_ms: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def figures(load: Load) -> dict[str, Any]:
    """Return it as JSON can carry it."""
    told = asdict(load)
    for name in ("opened", "rang"):
        of: Lateness = getattr(load, name)
        found = spread(of.late_s)
        told[name] = {"seen": of.seen, "overtaken": of.overtaken, "lost": of.lost} | (asdict(found) if found else {})
        told[name]["worst_ms"] = 1e3 * max(of.late_s, default=0.0)
    told["rest_s"] = {
        kind: asdict(found) | {"worst_ms": 1e3 * max(took)}
        for kind, took in load.rest_s.items()
        if (found := spread(took)) is not None
    }
    return told


def judge(section: Section, kind: str, load: Load) -> None:
    """Add what was seen to the section, and what was not as it is to be."""
    where = f"{RATE} calls/s, {kind}"
    _judge_rest(section, kind, where, load)
    _judge_written(section, kind, where, load)
    section.rows += [
        (f"the journal behind, {where}: most", f"{load.lag_s:.1f} s", ""),
        (f"the loop late, {where}: most", f"{1e3 * load.loop_lag_s:.0f} ms", ""),
        (f"CPU for a call, {where}", _each(load.cpu_ms), ""),
        (f"calls that the PBX served alone, {where}: of {load.calls:,}", f"{load.alone:,}", "0"),
    ]
    if load.alone:
        section.wrong.append(f"load, {kind}: the PBX served {load.alone} of {load.calls} calls alone")
    _judge_heard(section, kind, where, load)
    missing = load.calls - load.reached
    if missing > (1 - REACHED) * load.calls:
        section.wrong.append(f"load, {kind}: {missing} of {load.calls} calls reached no agency")
    section.wrong += [f"load, {kind}: {why}" for why in load.wrong]


def _judge_rest(section: Section, kind: str, where: str, load: Load) -> None:
    for asked, took in load.rest_s.items():
        if (found := spread(took)) is None:
            continue
        name = f"REST, {asked}, {len(took):,} requests, {where}: median / p99"
        section.rows.append((name, f"{found}", f"{REST_MS:g} ms for the p99, ours"))
        if found.p99_ms > REST_MS:
            section.wrong.append(
                f"load, {kind}: REST, {asked}: p99 is {found.p99_ms:.0f} ms, {REST_MS:g} ms are allowed"
            )
    section.wrong += [f"load, {kind}: {why}, {count} times" for why, count in Counter(load.refused).items()]


def _judge_written(section: Section, kind: str, where: str, load: Load) -> None:
    section.rows += [
        (
            f"notes that waited, {where}: most seen, every {LOOK_S:g} s; none left after the last call",
            f"{load.backlog:,.0f}; after {load.written_s:.1f} s",
            f"none after {EMPTY_S:g} s, ours",
        ),
        (f"all incidents ended, {where}: after the last call", f"{load.stored_s:.1f} s", ""),
    ]
    if load.written_s > EMPTY_S:
        section.wrong.append(
            f"load, {kind}: notes waited until {load.written_s:.1f} s after the last call, {EMPTY_S:g} s are allowed"
        )


def _judge_heard(section: Section, kind: str, where: str, load: Load) -> None:
    section.rows.append((f"events of {load.calls:,} calls, {where}: not heard", f"{load.unheard:,}", "0"))
    if load.unheard:
        section.wrong.append(f"load, {kind}: {load.unheard} events were not heard")
    for name, of in (("INVITE to the stream", load.opened), ("the agency's INVITE to the stream", load.rang)):
        if (late := spread(of.late_s)) is None:
            continue
        worst = f"{late}, {1e3 * max(of.late_s):.0f} ms"
        limit = f"{LATE_MS:g} / {LATE_P99_MS:g} ms, ours"
        section.rows.append((f"{name}, {where}: median / p99, worst", worst, limit))
        if late.median_ms > LATE_MS:
            section.wrong.append(f"load, {kind}: {name} took {late.median_ms:.0f} ms, {LATE_MS:g} are allowed")
        if late.p99_ms > LATE_P99_MS:
            section.wrong.append(f"load, {kind}: {name} took {late.p99_ms:.0f} ms (p99), {LATE_P99_MS:g} are allowed")


def _each(cpu_ms: Mapping[str, float]) -> str:
    return "; ".join(f"{name} {used:.1f} ms" for name, used in cpu_ms.items())


def judge_held(section: Section, stayed: Held) -> None:
    """Add what calls that stayed cost in memory."""
    section.rows.append(
        (
            f"memory of the service, calls that stay, {POSTGRESQL}: {stayed.asked} asked for, {stayed.most} held",
            f"{stayed.rss_mb:.1f} MB; before {stayed.before_mb:.1f} MB; the PBX {stayed.pbx_mb:.0f} MB",
            "",
        )
    )
