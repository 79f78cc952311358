"""``make demo``: from nothing to finished calls, on a real Asterisk with real telephones, in one command.

BREAK=agency-audio, BREAK=operators or BREAK=service breaks one part on purpose; the demo must then say so and end
with exit code 1. TABLE=FILE takes another routing table with the same trunks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from callrouter.errors import OperatorError
from callrouter.publishing.importing import read_table
from callrouter.resources import resource
from demo.centre import Centre
from demo.scenarios import PHASES, Lane
from demo.softphone import SoftphoneError
from demo.stage import BREAKS, Scenario, Stage, Times

RING_S = 4
LAST_RESORT_S = 5
TIMERS = {"member_ring_s": 5, "message_silence_s": 2}
Result = tuple[str, Times | None, str]


def shortened(path: Path) -> dict[str, Any]:
    """Return a table with ring times cut down, so that a demo of what happens when nobody answers is soon over."""
    read_table(path)  # what is wrong with it is told as the import tells it
    table: dict[str, Any] = YAML(typ="safe").load(path)
    for route in table["routing"]["routes"]:
        for step in route["steps"]:
            if step["kind"] == "dial":
                step["ring_s"] = min(step.get("ring_s", RING_S), RING_S)
    table["routing"]["last_resort"]["seconds"] = LAST_RESORT_S
    return table


async def run(broken: str, table_file: Path, console: Console) -> int:
    """Play every scenario; return the exit code."""
    began = time.monotonic()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="callrouter-demo-") as folder:
        async with Centre(
            Path(folder),
            shortened(table_file),
            timers=TIMERS,
            extra={"language": "en"},
            say=lambda line: console.print(f"  {line}", soft_wrap=True),
        ) as centre:
            if broken == "service":
                await centre.stop_service()
            stage = await Stage.make(centre, broken, console)
            console.print(f"\nPBX and service are up after {time.monotonic() - began:.1f} s. Calls:\n")
            try:
                await _phases(stage, results)
                await _afterwards(stage, results)
            finally:
                stage.thaw()
    console.print()
    console.print(as_table(results))
    console.print(
        f"\n{time.monotonic() - began:.0f} s in all. Rings cut to {RING_S} s, last resort to {LAST_RESORT_S} s."
    )
    return _verdict(results, broken, console)


async def _phases(stage: Stage, results: list[Result]) -> None:
    for n, (title, lanes) in enumerate(PHASES):
        stage.console.print(f"\n[bold]{title}[/bold]")
        if n == 1:
            await _on_duty(stage)
        for lane in await asyncio.gather(*(_lane(stage, n, k, lane) for k, lane in enumerate(lanes))):
            results += lane


async def _lane(stage: Stage, n: int, k: int, lane: Lane) -> list[Result]:
    return [await _one(stage, name, play, _number(n, k, m)) for m, (name, play) in enumerate(lane)]


def _number(phase: int, lane: int, scenario: int) -> str:
    return f"0812{phase}{lane}{scenario}112"


async def _on_duty(stage: Stage) -> None:
    for operator in (stage.op1, stage.op2):
        await operator.register()
        stage.tell(operator.name, "comes on duty")
    if stage.broken == "operators":
        for operator in (stage.op1, stage.op2):
            operator.kill()
            stage.tell(operator.name, "(broken on purpose: vanishes)")


async def _one(stage: Stage, name: str, play: Scenario, number: str) -> Result:
    try:
        return name, await play(stage, number), ""
    except Exception as error:  # noqa: BLE001 - whatever a broken part throws, the other scenarios go on
        why = in_a_line(error)
        stage.tell(number, f"[red]{name}: {why}[/red]")
        with contextlib.suppress(SoftphoneError):  # a telephone that was broken on purpose does not listen
            await stage.clear(number)
        return name, None, why


async def _afterwards(stage: Stage, results: list[Result]) -> None:
    """After all calls: one incident for each, also for those that the service never saw."""
    for call in stage.caller.calls:
        if not call.ended:
            await call.hangup()
    if stage.broken != "service":
        await stage.centre.start_service()
    stage.console.print("\n[bold]the service is back[/bold]")
    numbers = [
        _number(n, k, m)
        for n, (_, lanes) in enumerate(PHASES)
        for k, lane in enumerate(lanes)
        for m in range(len(lane))
    ]
    for number in numbers:
        try:
            await stage.centre.incident_of(number, within=5)
        except Exception as error:  # noqa: BLE001 - the verdict tells all of them
            results.append((f"incident of {number}", None, in_a_line(error)))
            return
    incidents = await stage.centre.incidents()
    if len(incidents) != len(numbers):
        results.append(("incidents", None, f"{len(incidents)} incidents of {len(numbers)} calls"))
        return
    stage.tell("incidents", f"{len(incidents)} calls, {len(incidents)} incidents")


def in_a_line(error: Exception) -> str:
    """Return what went wrong in a line; a bare time-out has no words of its own."""
    return (str(error) or type(error).__name__).splitlines()[0][:160]


def as_table(results: list[Result]) -> Table:
    """Return the results for a terminal."""
    table = Table(title="Seconds after the caller's INVITE, from his own SIP and RTP")
    table.add_column("scenario")
    table.add_column("first sound", justify="right")
    table.add_column("human", justify="right")
    table.add_column("")
    for name, times, wrong in results:
        if times is None:
            table.add_row(name, "", "", f"[red]{wrong}[/red]")
        else:
            table.add_row(name, _seconds(times.menu_s), _seconds(times.human_s), times.note)
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _verdict(results: list[Result], broken: str, console: Console) -> int:
    wrong = [(name, why) for name, times, why in results if times is None]
    for name, why in wrong:
        console.print(f"[red]went wrong:[/red] {name}: {why}")
    if broken:
        console.print(f"Broken on purpose by BREAK={broken}: {BREAKS[broken]}.")
        if not wrong:
            console.print(
                "[red]Nothing went wrong though a part was broken on purpose: the demo does not see it.[/red]"
            )
        return 1
    if not wrong:
        console.print("[green]All went right.[/green]")
    return 1 if wrong else 0


def main() -> int:
    """Read BREAK and TABLE from the environment, and play."""
    console = Console(highlight=False, width=max(110, Console().width))
    broken = os.environ.get("BREAK", "")
    if broken and broken not in BREAKS:
        console.print(f"BREAK={broken} is not known; there is {', '.join(BREAKS)}.")
        return 2
    table_file = Path(os.environ.get("TABLE") or resource("examples") / "kab-malang.yaml")
    try:
        return asyncio.run(run(broken, table_file, console))
    except OperatorError as error:
        console.print(error.message("en"), soft_wrap=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
