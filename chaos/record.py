"""Faults while the figures of the service are written down, as Prometheus would: `python -m chaos.record`.

Writes monitoring/recorded.json, by which tests/unit/test_alerts.py tries the alert rules. Takes seven minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from demo.centre import Centre
from demo.softphone import Answer, Softphone
from tests.pbx.rig import CALLER, DAMKAR, SHORT_TIMERS, short_clips
from tests.pbx.tables import table

FILE: Final = Path(__file__).resolve().parents[1] / "monitoring" / "recorded.json"
EVERY_S: Final = 5
ANSWER_S: Final = 4
LEFT_OUT: Final = ("_bucket", "_created", "_sum")
"""Samples that no rule looks at."""


class Recorder:
    """Asks for the figures every EVERY_S. `series`: by sample, its value each time; None where there was none."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._token = centre.settings.cli_token_file.read_text()
        self.series: dict[str, list[float | None]] = {}
        self.phases: list[dict[str, Any]] = []
        self.count = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        began = time.monotonic()
        while True:
            found = await self._asked()
            for name, value in found.items():
                self.series.setdefault(name, [None] * self.count).append(value)
            self.count += 1
            for values in self.series.values():
                values.extend([None] * (self.count - len(values)))
            await asyncio.sleep(max(0.0, began + self.count * EVERY_S - time.monotonic()))

    async def _asked(self) -> dict[str, float]:
        settings = self._centre.settings
        url = f"http://{settings.api_host}:{settings.api_port}/metrics"
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
                session.get(url) as response,
            ):
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return {'up{job="callrouter"}': 0.0}
        samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
        told = {_named(s.name, s.labels): s.value for s in samples if not s.name.endswith(LEFT_OUT)}
        return {'up{job="callrouter"}': 1.0} | told

    @contextlib.asynccontextmanager
    async def phase(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Note what happens in these seconds, from the block on."""
        begin, until = self.count, time.monotonic() + seconds
        print(f"{name}: {seconds:g} s", flush=True)
        yield
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        self.phases.append({"name": name, "begin": begin, "end": self.count - 1})


def _named(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted((labels | {"job": "callrouter"}).items()))
    return f"{name}{{{inside}}}"


async def _talk(centre: Centre, caller: Softphone, agency: Softphone) -> None:
    call = await caller.dial(centre.number, user="08125550001")
    await call.until_answered(within=10)
    await call.digits("1")
    answered = await agency.until_incoming(within=10)
    await answered.until_hears(CALLER, within=10)


@contextlib.contextmanager
def _locked(centre: Centre) -> Any:
    """Keep the database, as another process may."""
    holder = sqlite3.connect(centre.settings.state / "callrouter.db", isolation_level=None, timeout=10)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


async def main() -> None:
    """Record all phases."""
    with tempfile.TemporaryDirectory(prefix="recorded-") as name:
        folder = Path(name)
        short_clips(folder / "state" / "recorded", table())
        async with Centre(folder, table(), timers=SHORT_TIMERS) as centre:
            caller, agency = await centre.phone("telco", CALLER), await centre.phone("damkar", DAMKAR)
            for key, tone in (("op1", 1800), ("op2", 2150)):
                await centre.operator(key, tone)
            await agency.behave(Answer(0.1))
            recorder = Recorder(centre)
            recording = asyncio.create_task(recorder.run())
            await _phases(centre, recorder, caller, agency)
            recording.cancel()
    kept = {k: v for k, v in recorder.series.items() if any(v) or k.startswith("up")}
    document = {"every_s": EVERY_S, "samples": recorder.count, "phases": recorder.phases, "series": kept}
    FILE.write_text(json.dumps(document, indent=None, separators=(",", ":"), sort_keys=True) + "\n")
    print(f"{FILE}: {recorder.count} samples of {len(kept)} series")


async def _phases(centre: Centre, recorder: Recorder, caller: Softphone, agency: Softphone) -> None:
    async with recorder.phase("well", 60):
        await _talk(centre, caller, agency)
        await caller.calls[-1].hangup()
    async with recorder.phase("pbx killed", 45):
        await _talk(centre, caller, agency)
        centre.pbx.signal(signal.SIGKILL)
        await centre.pbx.stop()
    async with recorder.phase("pbx back", 60):
        await centre.pbx.start()
    async with recorder.phase("service stopped", 50):
        centre.pause_service()
    async with recorder.phase("service goes on", 30):
        centre.resume_service()
    async with recorder.phase("nobody on duty", 90):
        for key in ("op1", "op2"):
            await centre.ask("POST", f"/api/v1/duty/{key}", {"act": "leave"})
    with _locked(centre):
        async with recorder.phase("database held", 75):
            await _talk(centre, caller, agency)
            await caller.calls[-1].hangup()
    async with recorder.phase("all well again", 60):
        for key in ("op1", "op2"):
            await centre.ask("POST", f"/api/v1/duty/{key}", {"act": "join"})


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
