"""Memory of the service, and what each of its parts costs, by the calls that are up: `python -m bench.live.memory`.

A scripted PBX (bench.live.peer) makes the calls: 2,000 at once are more than a small machine's real one sustains. The
service is a real one, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.curves import curve
from bench.live.databases import POSTGRESQL, SQLITE
from bench.live.listener import OVERTAKEN_S, Lateness
from bench.live.ramp import PASSING, RATE, Level, Ramp, ramp
from bench.section import Section, Target, alone, spread

LEVELS: Final[dict[str, Sequence[int]]] = {SQLITE: (0, 2_000), POSTGRESQL: (0, 250, 500, 1_000, 2_000)}
QUICK: Final[dict[str, Sequence[int]]] = {POSTGRESQL: (0, 50)}
TOP: Final = 2_000
LIMIT_MB: Final = 150.0
"""Of 1,000,000 bytes, with 2,000 calls up."""
LATE_MS: Final = 250.0
"""For half of all events: what a board shows is then what is."""
LATE_P99_MS: Final = 1_000.0
"""For all but a hundredth of them; both are ours."""
X_TITLE: Final = "live calls"
Say = Callable[[str], None]


async def measure(folder: Path, say: Say, *, quick: bool) -> Section:
    """Measure it; takes two minutes and a half, quick half a minute."""
    ramps = {
        kind: await ramp(folder / kind.lower(), kind, levels, say, quick=quick)
        for kind, levels in (QUICK if quick else LEVELS).items()
    }
    return judged(ramps)


def judged(ramps: dict[str, Ramp]) -> Section:
    """Return the section of these ramps, by database."""
    section = Section("live.memory", "Live calls", how=_HOW)
    section.figures = {
        "rate": RATE,
        "limit_mb": LIMIT_MB,
        "databases": {kind: _figures(found) for kind, found in ramps.items()},
        "curves": [one for kind, found in ramps.items() for one in curves(kind, found.levels)],
    }
    for kind, found in ramps.items():
        for level in found.levels:
            _judge_level(section, kind, level)
        _highest(section, kind, found)
        _judge_relinked(section, kind, found)
        _judge_told(section, kind, found.told, found.calls)
        _cost(section, kind, found)
        section.wrong += [f"live calls, {kind}: {why}" for why in dict.fromkeys(found.wrong)]
    return section


def curves(kind: str, levels: Sequence[Level]) -> list[dict[str, Any]]:
    """Return what grows with live calls, or does not."""
    shown: tuple[tuple[str, Callable[[Level], float]], ...] = (
        ("memory of the service, MB", lambda one: one.rss_mb),
        ("CPU for one event, µs", lambda one: one.event_cpu_us),
        ("CPU for one call that passes, ms", lambda one: one.call_cpu_ms),
        ("one read of the board, ms", lambda one: one.read_ms),
        ("CPU for one read of the board, ms", lambda one: one.read_cpu_ms),
        ("a call's wait for its plans, median, ms", lambda one: one.wait_ms),
        ("CPU while nothing happens, % of a core", lambda one: 100 * one.rest_share),
    )
    return [curve(kind, X_TITLE, title, [(one.calls, of(one)) for one in levels]) for title, of in shown]


def _figures(found: Ramp) -> dict[str, Any]:
    late = spread(found.told.late_s)
    waits = spread(found.waits_s)
    return {
        "levels": [asdict(level) for level in found.levels],
        "relinked_mb": found.relinked_mb,
        "relinked_lag_ms": 1e3 * found.relinked_lag_s,
        "after_mb": found.after_mb,
        "peak_mb": found.peak_mb,
        "top_peak_mb": found.top_peak_mb,
        "calls": found.calls,
        "events": {"seen": found.told.seen, "overtaken": found.told.overtaken, "lost": found.told.lost},
        "late": asdict(late) if late else None,
        "latest_ms": 1e3 * max(found.told.late_s, default=0.0),
        "wait_for_plans": asdict(waits) if waits else None,
        "up_cpu_ms": found.up_cpu_ms,
        "end_cpu_ms": found.end_cpu_ms,
    }


def _judge_level(section: Section, kind: str, level: Level) -> None:
    at_top = level.calls == TOP
    section.rows.append(
        (
            f"memory of the service, {level.calls:,} live calls, {kind}: VmRSS; Pss",
            f"{level.rss_mb:.1f}; {level.pss_mb:.1f} MB",
            f"{LIMIT_MB:g} MB" if at_top else "",
        )
    )
    if level.board != level.calls:
        section.wrong.append(f"live calls, {kind}: the board shows {level.board:,} of {level.calls:,}")
    held = level.rss_mb <= LIMIT_MB
    name = f"memory of the service at {level.calls:,} live calls, {kind}"
    if at_top:
        section.targets.append(Target(name, f"{level.rss_mb:.1f} MB", f"{LIMIT_MB:g} MB", held, "issue"))
    if not held:
        section.wrong.append(f"{name}: {level.rss_mb:.0f} MB, {LIMIT_MB:g} MB are allowed")


def _highest(section: Section, kind: str, found: Ramp) -> None:
    """Show it and judge nothing by it: it may be of a moment before any call."""
    calls = found.levels[-1].calls
    section.rows.append(
        (
            f"memory of the service, {kind}, highest until then (VmHWM): {calls:,} live calls; when they have ended",
            f"{found.top_peak_mb:.1f}; {found.peak_mb:.1f} MB",
            "",
        )
    )


def _judge_relinked(section: Section, kind: str, found: Ramp) -> None:
    calls = found.levels[-1].calls
    section.rows += [
        (
            f"memory of the service, {kind}: {calls:,} live calls asked for anew; when they have ended",
            f"{found.relinked_mb:.1f}; {found.after_mb:.1f} MB",
            f"{LIMIT_MB:g} MB",
        ),
        (f"the loop late while they are asked for, {kind}", f"{1e3 * found.relinked_lag_s:.0f} ms", ""),
    ]
    if max(found.relinked_mb, found.after_mb) > LIMIT_MB:
        section.wrong.append(
            f"live calls, {kind}: {found.relinked_mb:.0f} MB when {calls:,} were asked for anew, "
            f"{found.after_mb:.0f} MB after them, {LIMIT_MB:g} MB are allowed"
        )


def _judge_told(section: Section, kind: str, told: Lateness, calls: int) -> None:
    late = spread(told.late_s)
    if late is None:
        section.wrong.append(f"live calls, {kind}: nothing was heard")
        return
    number = told.seen + told.overtaken + told.lost
    section.rows += [
        (
            f"events of {calls:,} calls, {kind}: lost, of all",
            f"{told.lost:,} of {number:,}; of {told.overtaken:,} a newer one was heard instead",
            "0",
        ),
        (
            f"from an event of the PBX to a listener, {RATE} calls/s, {kind}: median / p99, worst",
            f"{late}, {1e3 * max(told.late_s):.0f} ms",
            f"{LATE_MS:g} / {LATE_P99_MS:g} ms, ours",
        ),
    ]
    if told.lost:
        section.wrong.append(f"live calls, {kind}: {told.lost} events were lost")
    if late.median_ms > LATE_MS:
        section.wrong.append(f"live calls, {kind}: events came {late.median_ms:.0f} ms late, {LATE_MS:g} are allowed")
    if late.p99_ms > LATE_P99_MS:
        section.wrong.append(
            f"live calls, {kind}: events came {late.p99_ms:.0f} ms late (p99), {LATE_P99_MS:g} are allowed"
        )


def _cost(section: Section, kind: str, found: Ramp) -> None:
    lowest, highest = found.levels[0], found.levels[-1]
    names = f"{lowest.calls:,} / {highest.calls:,} live calls"
    service = f"{lowest.call_cpu_ms:.1f} / {highest.call_cpu_ms:.1f} ms"
    database = f"{lowest.database_cpu_ms:.1f} / {highest.database_cpu_ms:.1f} ms"
    section.rows += [
        (f"CPU for a call that passes, {kind}, {names}: service; database", f"{service}; {database}", ""),
        (
            f"one read of the board, {kind}, {names}",
            f"{lowest.read_ms:.1f} / {highest.read_ms:.1f} ms",
            "",
        ),
        (
            f"a call's wait for its plans, {kind}, {names}: median",
            f"{lowest.wait_ms:.1f} / {highest.wait_ms:.1f} ms",
            "",
        ),
    ]


_HOW: Final = (
    f"a process of its own plays the PBX: it answers the service's manager actions, asks by FastAGI {RATE} times a "
    "second, writes the journal, and sends the events of each call in the form and the order of the real one; calls "
    "stay up while the agency talks. At each number of live calls the board must show that number, then the service "
    f"is watched at rest, its board read, and {PASSING} calls pass; CPU is user and system time of its process, that "
    "at rest taken off. An event is late by the time from its sending until who listens to the stream has read the "
    "call as it is since, or newer: of changes within 50 ms the stream tells the last. One of which neither it nor, "
    f"within {OVERTAKEN_S:g} s, a newer one was heard is lost. Then the link to the PBX is "
    "cut, so that everything is asked anew, and all calls end: each must have exactly one incident, with its talk."
)


if __name__ == "__main__":
    sys.exit(alone(measure))
