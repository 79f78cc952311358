"""``make demo``: from nothing to finished calls, on a real Asterisk with real telephones, in one command.

BREAK=agency-audio, BREAK=operators or BREAK=service breaks one part on purpose; the demo must then say so and end
with exit code 1. TABLE=FILE takes another routing table: each of the examples has its own story; of any other, each
digit of the menus is called once.
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
from callrouter.logs import configure
from callrouter.publishing.importing import read_table
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from demo.centre import Centre
from demo.running import run as run_program
from demo.show import Lane, Phase, Scenario, Show, Times
from demo.softphone import SoftphoneError
from demo.stage import BREAKS, Stage
from demo.stories import show_of

RING_S = 4
LAST_RESORT_S = 5
TIMERS = {"member_ring_s": 5, "message_silence_s": 2}
NOT_THE_PHONES = ("transport", "login", "codecs", "dtmf", "presented_number", "qualify_s")
Result = tuple[str, Times | None, str]


def shortened(path: Path) -> dict[str, Any]:
    """Return a table with ring times cut down, so that a demo of what happens when nobody answers is soon over.

    Its trunks are as the demo's telephones speak: UDP, without a login, and numbers as callers gave them.
    """
    read_table(path)  # what is wrong with it is told as the import tells it
    table: dict[str, Any] = YAML(typ="safe").load(path)
    routing, directory = table.setdefault("routing", {}), table.setdefault("directory", {})
    for route in routing.get("routes", ()):
        for step in route["steps"]:
            if step["kind"] == "dial":
                step["ring_s"] = min(step.get("ring_s", RING_S), RING_S)
    for trunk in directory.get("trunks", ()):
        for name in NOT_THE_PHONES:
            trunk.pop(name, None)
    routing.setdefault("last_resort", {})["seconds"] = LAST_RESORT_S
    return table


async def run(broken: str, table_file: Path, console: Console) -> int:
    """Play every scenario; return the exit code."""
    began = time.monotonic()
    results: list[Result] = []
    table = shortened(table_file)
    show = show_of(table_file.stem, RoutingTable.model_validate(table))
    with tempfile.TemporaryDirectory(prefix="callrouter-demo-") as folder:
        async with Centre(
            Path(folder),
            table,
            timers=TIMERS,
            extra={"language": "en"},
            say=lambda line: console.print(f"  {line}", soft_wrap=True),
        ) as centre:
            if broken == "service":
                await centre.stop_service()
            stage = await Stage.make(centre, show.cast, broken, console)
            console.print(f"\nPBX and service are up after {time.monotonic() - began:.1f} s. Calls:\n")
            try:
                await _phases(stage, show, results)
                await _afterwards(stage, results)
            finally:
                stage.thaw()
    console.print()
    console.print(as_table(results))
    console.print(
        f"\n{time.monotonic() - began:.0f} s in all. Rings cut to {RING_S} s, last resort to {LAST_RESORT_S} s."
    )
    return _verdict(results, broken, console)


async def _phases(stage: Stage, show: Show, results: list[Result]) -> None:
    for n, phase in enumerate(show.phases):
        stage.console.print(f"\n[bold]{phase.title}[/bold]")
        await _on_duty(stage, phase)
        for lane in await asyncio.gather(*(_lane(stage, n, k, lane) for k, lane in enumerate(phase.lanes))):
            results += lane


async def _lane(stage: Stage, n: int, k: int, lane: Lane) -> list[Result]:
    return [await _one(stage, name, play, f"0812{n}{k}{m:02d}112") for m, (name, play) in enumerate(lane)]


async def _on_duty(stage: Stage, phase: Phase) -> None:
    for key in phase.on_duty:
        await stage[key].register()
        await stage.centre.until_reachable(key)
        stage.tell(key, "comes on duty")
    if stage.broken == "operators":
        for key in phase.on_duty:
            stage[key].kill()
            stage.tell(key, "(broken on purpose: vanishes)")


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
    for calls in stage.rung.values():
        with contextlib.suppress(SoftphoneError):
            await stage.hang_up(calls)
    if stage.broken != "service" and stage.centre.service_pid is None:
        await stage.centre.start_service()
        stage.console.print("\n[bold]the service is back[/bold]")
    for number in stage.rung:
        try:
            await stage.centre.incident_of(number)
        except Exception as error:  # noqa: BLE001 - the verdict tells all of them
            results.append((f"incident of {number}", None, in_a_line(error)))
            return
    incidents, calls_made = len(await stage.centre.incidents()), sum(map(len, stage.rung.values()))
    if incidents != calls_made:
        results.append(("incidents", None, f"{incidents} incidents of {calls_made} calls"))
        return
    stage.tell("incidents", f"{calls_made} calls, {incidents} incidents")


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
    configure("text", "WARNING")
    console = Console(highlight=False, width=max(110, Console().width))
    broken = os.environ.get("BREAK", "")
    if broken and broken not in BREAKS:
        console.print(f"BREAK={broken} is not known; there is {', '.join(BREAKS)}.")
        return 2
    table_file = Path(os.environ.get("TABLE") or resource("examples") / "kab-malang.yaml")
    try:
        return run_program(run(broken, table_file, console))
    except OperatorError as error:
        console.print(error.message("en"), soft_wrap=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
