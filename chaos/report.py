"""What was found, for the terminal, as JSON and as a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.table import Table

from chaos.judge import Verdict
from chaos.matrix import CALL_BACK_S, DEAD_AIR_DOWN_S, DEAD_AIR_S, FIRST_CALL_S, SERVED_S, Cell, Fault, Side, Stage

TITLES: Final = {
    Side.SERVICE: "Faults of the service and what it leans on",
    Side.AGENCY: "Faults of agencies and operators' telephones",
    Side.PBX: "Faults of the PBX",
}


@dataclass
class Run:
    """One run: how it was called, on what, and what was found."""

    command: str
    seed: int
    machine: dict[str, str]
    verdicts: list[Verdict] = field(default_factory=list)
    impossible: list[Cell] = field(default_factory=list)
    monkey: dict[str, Any] | None = None
    took_s: float = 0.0

    @property
    def bad(self) -> list[Verdict]:
        """Return the cells that are not as promised."""
        return [verdict for verdict in self.verdicts if not verdict.ok]

    @property
    def ok(self) -> bool:
        """Return whether all is as promised."""
        return not self.bad and not (self.monkey and self.monkey["wrong"])

    def as_json(self) -> str:
        """Return all of it, with the evidence."""
        cells = [
            {
                "fault": v.cell.fault.key,
                "stage": v.cell.stage.value,
                "ok": v.ok,
                "lost": v.lost,
                "dead_air_s": round(v.dead_air_s, 3),
                "missing": v.missing,
                "double": v.double,
                "served_s": v.served_s,
                "first_call_s": v.first_call_s,
                "call_back_s": v.call_back_s,
                "took_s": round(v.took_s, 1),
                "error": v.error,
                "wrong": v.wrong,
                "callers": [asdict(caller) for caller in v.callers],
                "evidence": v.evidence,
            }
            for v in self.verdicts
        ]
        impossible = [{"fault": c.fault.key, "stage": c.stage.value, "why": c.impossible} for c in self.impossible]
        told = {
            "command": self.command,
            "seed": self.seed,
            "machine": self.machine,
            "took_s": round(self.took_s, 1),
            "ok": self.ok,
            "monkey": self.monkey,
            "impossible": impossible,
            "cells": cells,
        }
        return json.dumps(told, indent=1, default=str) + "\n"


def machine(asterisk: str, when: str) -> dict[str, str]:
    """Return what the figures depend on. when: the date, UTC."""
    return {
        "date": when,
        "cores": str(len(os.sched_getaffinity(0))),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "Asterisk": asterisk,
        "kernel": platform.release(),
    }


@dataclass(frozen=True)
class Row:
    """A fault over its stages."""

    fault: Fault
    played: int
    callers: int
    lost: int
    served_s: float
    dead_air_s: float
    missing: int
    double: int
    first_call_s: float | None
    call_back_s: float | None
    bad: int


def rows(verdicts: Sequence[Verdict], side: Side) -> list[Row]:
    """Return one row for each fault of that side that was played, in the order in which they came first."""
    faults = dict.fromkeys(v.cell.fault for v in verdicts if v.cell.fault.side is side)
    return [_row(fault, [v for v in verdicts if v.cell.fault is fault]) for fault in faults]


def _row(fault: Fault, of: Sequence[Verdict]) -> Row:
    return Row(
        fault=fault,
        played=len(of),
        callers=sum(len(v.callers) for v in of),
        lost=sum(v.lost for v in of),
        served_s=max((v.served_s for v in of if v.served_s is not None), default=0.0),
        dead_air_s=max(v.dead_air_s for v in of),
        missing=sum(v.missing for v in of),
        double=sum(v.double for v in of),
        first_call_s=max((v.first_call_s for v in of if v.first_call_s is not None), default=None),
        call_back_s=max((v.call_back_s for v in of if v.call_back_s is not None), default=None),
        bad=sum(not v.ok for v in of),
    )


def tables(run: Run) -> Iterator[Table]:
    """Return the tables for a terminal."""
    for side in Side:
        of_side = rows(run.verdicts, side)
        if not of_side:
            continue
        table = Table(title=TITLES[side])
        for name in _head(side):
            table.add_column(name, justify="left" if name in {"fault", ""} else "right")
        for row in of_side:
            colour = "red" if row.bad else "green"
            table.add_row(*_figures(row, side), f"[{colour}]{'ok' if not row.bad else f'{row.bad} fail'}[/{colour}]")
        yield table


def _head(side: Side) -> list[str]:
    of_pbx = ["first new call s", "on call-back list s"] if side is Side.PBX else []
    names = ["fault", "cells", "callers", "lost", "human within s", "dead air s", "missing", "double"]
    return [*names, *of_pbx, ""]


def _figures(row: Row, side: Side) -> list[str]:
    limit = DEAD_AIR_DOWN_S if row.fault.down else DEAD_AIR_S
    figures = [
        row.fault.title,
        str(row.played),
        str(row.callers),
        str(row.lost),
        f"{row.served_s:.1f}",
        f"{row.dead_air_s:.1f} of {limit:g}",
        str(row.missing),
        str(row.double),
    ]
    if side is Side.PBX:
        figures += ["" if s is None else f"{s:.1f}" for s in (row.first_call_s, row.call_back_s)]
    return figures


# ---------------------------------------------------------------------- the page
MONKEY: Final = "The monkey"


def page(run: Run, monkey: str = "") -> str:
    """Return docs/resilience.md. monkey: what the page said of the monkey before, which runs apart."""
    told = monkey or f"## {MONKEY}\n\nNot run yet: `make chaos ARGS='--monkey 10'`.\n"
    return "\n".join([*_top(run), *_sides(run), *_bad(run), told, *_impossible(run), *_how(), ""])


def section(text: str, title: str) -> str:
    """Return a section of a page, its heading included; empty where it has none."""
    begin = text.find(f"## {title}\n")
    end = text.find("\n## ", begin + 1)
    return text[begin : end if end >= 0 else len(text)] if begin >= 0 else ""


def with_monkey(text: str, run: Run) -> str:
    """Return the page with what is now known of the monkey."""
    return text.replace(section(text, MONKEY), monkey_section(run)) if run.monkey else text


def _top(run: Run) -> Iterator[str]:
    lost = sum(v.lost for v in run.verdicts)
    yield from ("# No caller is lost", "")
    yield f"Written by `make chaos{run.command}`, which anybody can run. What fails is shown as failing."
    yield ""
    for name, value in run.machine.items():
        yield f"- {name}: {value}"
    yield f"- seed: {run.seed}"
    yield f"- total time: {run.took_s / 60:.1f} minutes, three PBXs side by side"
    yield f"- cells: {len(run.verdicts)} played, {len(run.bad)} failed, {len(run.impossible)} cannot exist"
    callers = sum(len(v.callers) for v in run.verdicts)
    missing, double = sum(v.missing for v in run.verdicts), sum(v.double for v in run.verdicts)
    yield f"- callers: {callers}, lost: {lost}; incidents missing: {missing}, double: {double}"
    yield ""


def _sides(run: Run) -> Iterator[str]:
    for side in Side:
        of_side = rows(run.verdicts, side)
        if not of_side:
            continue
        yield from (f"## {TITLES[side]}", "")
        yield from _markdown(_head(side), ([*_figures(r, side), _fails(r)] for r in of_side))
        yield ""
        yield from _grid(run, side)
        yield ""


def _fails(row: Row) -> str:
    return f"**{row.bad} fail**" if row.bad else "ok"


def _grid(run: Run, side: Side) -> Iterator[str]:
    """Each cell: dead air in s, or FAIL, or n/a."""
    yield "Each cell: the longest dead air of its callers, s."
    yield ""
    known = {(v.cell.fault.key, v.cell.stage): v for v in run.verdicts}
    none = {(c.fault.key, c.stage) for c in run.impossible}

    def shown(fault: Fault, stage: Stage) -> str:
        verdict = known.get((fault.key, stage))
        if verdict is None:
            return "n/a" if (fault.key, stage) in none else ""
        return f"{verdict.dead_air_s:.1f}" if verdict.ok else "**FAIL**"

    faults = dict.fromkeys(v.cell.fault for v in run.verdicts if v.cell.fault.side is side)
    yield from _markdown(
        ["", *(stage.value for stage in Stage)],
        ([f"`{fault.key}`", *(shown(fault, stage) for stage in Stage)] for fault in faults),
    )


def _bad(run: Run) -> Iterator[str]:
    if not run.bad:
        return
    yield from ("## What failed", "")
    for verdict in run.bad:
        told = verdict.error or "; ".join(verdict.wrong)
        yield f"- `{verdict.cell.fault.key}`, {verdict.cell.stage.value}: {_plain(told)}"
    yield ""


def _plain(text: str) -> str:
    return " ".join(text.split())[:600].replace("|", "\\|")


def monkey_section(run: Run) -> str:
    """Return the page's section on the monkey."""
    assert run.monkey is not None
    figures = {"date": run.machine["date"], "seed": run.seed, **run.monkey}
    lines = [
        f"## {MONKEY}",
        "",
        f"Written by `make chaos{run.command}`: many calls, and faults of service and agencies at random.",
        "",
        *_markdown(["figure", "measured"], ([k, str(v)] for k, v in figures.items() if k not in {"wrong", "faults"})),
        "",
        f"Faults, in their order: {', '.join(run.monkey['faults']) or 'none'}.",
        "",
        *(f"- **{_plain(line)}**" for line in run.monkey["wrong"]),
        *([""] if run.monkey["wrong"] else []),
    ]
    return "\n".join(lines)


def _impossible(run: Run) -> Iterator[str]:
    if not run.impossible:
        return
    yield from ("## Cells that cannot exist", "")
    for cell in run.impossible:
        yield f"- `{cell.fault.key}`, {cell.stage.value}: {cell.impossible}"
    yield ""


def _how() -> Iterator[str]:
    yield f"""## How it is measured

Each cell: a real Asterisk, the service as a process of its own, and telephones that speak a tone each. Two callers
are brought to the stage, told by the PBX's events; the fault strikes; a third caller rings 0.2 s later. Of a plan
that begins with a dial the PBX tells nothing before its INVITE is out: there "digit pressed" is that moment, and
"agency ringing" is when a telephone rings.

- A caller is lost who does not, within {SERVED_S:g} s of the fault, hear a human and be heard by him, or who does not
  hear him any more when the fault is over.
- Dead air is the longest time without a frame above -45 dBm0 that reaches the caller, from the 200 OK to the first
  human that he hears after the fault. Tones, music and clips are sound. Limits: {DEAD_AIR_S:g} s, and
  {DEAD_AIR_DOWN_S:g} s where the service is down.
- Each call must have exactly one incident with the outcome that the telephones saw, once the service is back.
- A PBX that ends cuts its calls. The first new caller must have a human {FIRST_CALL_S:g} s after its return, and the
  calls that it cut must stand on the call-back list within {CALL_BACK_S:g} s."""


def _markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(cells)} |" for cells in body)
