"""What was measured, as a table, as JSON and as a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from bench.digits import RATE, Round
from bench.section import Row, Section, Spread, spread

PAGE_WIDTH: Final = 118
LIMIT_MS: Final = 3.0
"""How much later than a bare dialplan the median call may reach its agency."""
LIMIT_MB: Final = 120.0
"""What the service may hold at rest; MB of 1,000,000 bytes."""


@dataclass
class Figures:
    """All of one run. `wrong` names what was not as promised; empty is a pass."""

    command: str
    machine: dict[str, str] = field(default_factory=dict)
    digit_bare: list[Spread] = field(default_factory=list)
    digit_callrouter: list[Spread] = field(default_factory=list)
    bare: Spread | None = None
    callrouter: Spread | None = None
    difference_ms: float | None = None
    repeated_messages: int = 0
    flood: dict[str, Any] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


def machine(asterisk: str, when: str) -> dict[str, str]:
    """Return what the figures depend on. `when`: the date, UTC."""
    load = os.getloadavg()[0]
    return {
        "date": when,
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "load before": f"{load:.1f}",
        "Python": platform.python_version(),
        "Asterisk": asterisk,
        "kernel": platform.release(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def judge_digits(figures: Figures, bare: Sequence[Round], ours: Sequence[Round]) -> None:
    """Fill in the figures of digit to INVITE, and say what is wrong with them."""
    figures.digit_bare = [s for r in bare if (s := spread(r.delays_s))]
    figures.digit_callrouter = [s for r in ours if (s := spread(r.delays_s))]
    figures.bare = spread([d for r in bare for d in r.delays_s])
    figures.callrouter = spread([d for r in ours for d in r.delays_s])
    figures.repeated_messages = sum(r.repeated for r in (*bare, *ours))
    for name, rounds in (("bare dialplan", bare), ("callrouter", ours)):
        if missing := sum(r.missing for r in rounds):
            figures.wrong.append(
                f"{name}: {missing} of {sum(r.calls for r in rounds)} calls did not reach the agency"
            )
    if figures.bare and figures.callrouter:
        figures.difference_ms = figures.callrouter.median_ms - figures.bare.median_ms
        if figures.difference_ms > LIMIT_MS:
            figures.wrong.append(
                f"digit to INVITE: the median is {figures.difference_ms:.1f} ms above a bare dialplan's, "
                f"{LIMIT_MS:g} ms are allowed"
            )


def add(figures: Figures, section: Section) -> None:
    """Add a part that was measured apart, with what is wrong with it."""
    figures.sections.append(section)
    figures.wrong += section.wrong


def judge_memory(figures: Figures) -> None:
    """Say where the service was too big."""
    for name, size in figures.memory_mb.items():
        if size > LIMIT_MB:
            figures.wrong.append(f"memory {name}: {size:.0f} MB, {LIMIT_MB:g} MB are allowed")


def rows(figures: Figures) -> list[Row]:
    """Return (figure, measured, limit)."""
    out: list[Row] = []
    for name, value in (("bare dialplan", figures.bare), ("callrouter", figures.callrouter)):
        if value is not None:
            out.append((f"digit to INVITE, {name}: median / p99", f"{value} of {value.calls} calls", ""))
    if figures.difference_ms is not None:
        out.append(("difference of the medians", f"{figures.difference_ms:.2f} ms", f"{LIMIT_MS:g} ms"))
    if figures.flood:
        f = figures.flood
        out += [
            (
                "flood of the AGI port",
                f"{f['probes']} probes, {f['silent']} silent, {f['garbage_bytes']:,} bytes",
                "",
            ),
            ("calls with digit, audio and one incident", f"{f['calls_well']} of {f['calls']}", f"{f['calls']}"),
            (
                "digit to agency's INVITE, the worst: in the flood / after",
                f"{f['invite_worst_ms_during']:.0f} / {f['invite_worst_ms_after']:.0f} ms",
                "",
            ),
        ]
    out += [(f"memory of the service {k}", f"{v:.1f} MB", f"{LIMIT_MB:g} MB") for k, v in figures.memory_mb.items()]
    return out + [row for section in figures.sections for row in section.rows]


def as_table(figures: Figures) -> Table:
    """Return the figures for a terminal."""
    table = Table(title=", ".join(f"{k} {v}" for k, v in figures.machine.items()))
    for name in ("figure", "measured", "limit"):
        table.add_column(name)
    for row in rows(figures):
        table.add_row(*row)
    return table


def as_page(figures: Figures) -> str:
    """Return the figures as docs/bench.md."""
    verdict = (
        "All within their limits." if not figures.wrong else "Not as promised: " + "; ".join(figures.wrong) + "."
    )
    lines = [
        "# Figures",
        "",
        f"Written by `{figures.command}`, which anybody can run; everything is on loopback of one machine, with the",
        "load generators beside the PBX, so absolute times are above those of a machine that only routes.",
        "",
        *(f"- {name}: {value}" for name, value in figures.machine.items()),
        "",
        "| Figure | Measured | Limit |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows(figures)),
        "",
        verdict,
        "",
        "## How",
        "",
        f"- **Digit to INVITE**: SIPp calls {RATE} times a second and presses a digit by SIP INFO during the menu;",
        "  another SIPp is the agency. Time runs from the INFO sent to the INVITE received, by their own logs (µs,",
        "  one clock). The bare dialplan runs on a second Asterisk of the same build and the same configuration but",
        "  for `extensions.conf`: it answers, plays the same clips with the same `Read`, and dials the same agency.",
        "  They take turns. Median / p99 of each round, ms:",
        f"  bare {_rounds(figures.digit_bare)}; callrouter {_rounds(figures.digit_callrouter)}.",
        f"  Messages that had to be sent again: {figures.repeated_messages}.",
        "- **Flood**: all of it comes from an address that the AGI port lets in, while 20 calls of real SIP agents",
        "  run; 20 more follow. In a call that counts, caller and agency each heard the other's tone and only that,",
        "  and exactly one incident has its category, its talk and the service's own path. The digit is RTP here and",
        "  lasts 100 ms; these times begin with it.",
        "- **Memory**: `VmRSS` of the service's process, with no call running.",
        *_how(figures.sections),
        "",
    ]
    return "\n".join(lines)


def _how(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        told = f"- **{section.title}** (`python -m bench.{section.name}`): {section.how}"
        yield from textwrap.wrap(told, PAGE_WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _rounds(spreads: Sequence[Spread]) -> str:
    return ", ".join(f"{s.median_ms:.2f} / {s.p99_ms:.2f}" for s in spreads) or "none"
