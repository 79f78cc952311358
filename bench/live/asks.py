"""Questions to a centre's REST surface while it is measured: how long each took, and what its metrics say."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from demo.centre import Centre

WITHIN_S: Final = 10.0
LOOK_S: Final = 0.1
_SAMPLE: Final = re.compile(r"^(callrouter_\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)

BACKLOG: Final = 'bound_used{bound="writer"}'
NEWS: Final = 'bound_used{bound="incident_news"}'
JOURNAL_LAG: Final = "journal_lag_seconds"
LOOP_LAG: Final = "loop_lag_seconds"
HEARD: Final = 'ami_events_total{link="hands"}'
DROPPED: Final = 'ami_dropped_total{link="hands"}'
ERRORS: Final = 'ami_event_errors_total{link="hands"}'
FAILSAFE: Final = "failsafe_calls_total"
TURNED_AWAY: Final = "notes_turned_away_total"


class Asker:
    """Asks as this machine's admin. Raises RuntimeError for what is refused, TimeoutError for no answer."""

    def __init__(self, http: aiohttp.ClientSession, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **query: str) -> bytes:
        """Return the body."""
        try:
            async with self._http.get(path, params=query, headers=self._headers) as answer:
                body = await answer.read()
        except aiohttp.ClientError as error:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status} {_code(body)}".strip())
        return body

    async def json(self, path: str, **query: str) -> Any:
        """Return the body as JSON."""
        return json.loads(await self.get(path, **query))

    async def timed(self, path: str, **query: str) -> float:
        """Return how long (s) it took until the whole answer was there."""
        begun = time.perf_counter()
        await self.get(path, **query)
        return time.perf_counter() - begun

    async def metrics(self) -> Mapping[str, float]:
        """Return what the service measures of itself, by name and labels."""
        return samples((await self.get("/metrics")).decode())

    async def board(self) -> int:
        """Return how many calls are on the live board."""
        return int((await self.json("/api/v1/calls/live"))["total"])

    async def incidents(self) -> list[dict[str, Any]]:
        """Return every incident's row of the list, page by page."""
        found: list[dict[str, Any]] = []
        query = {"limit": "200"}
        while True:
            page = await self.json("/api/v1/incidents", **query)
            found += page["items"]
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    async def until(self, holds: Callable[[Mapping[str, float]], bool], within: float) -> float:
        """Wait until the metrics are so; return how long that took (s). Raises TimeoutError."""
        begun = time.monotonic()
        async with asyncio.timeout(within):
            while not holds(await self.metrics()):
                await asyncio.sleep(LOOK_S)
        return time.monotonic() - begun


@asynccontextmanager
async def asking(centre: Centre) -> AsyncIterator[Asker]:
    """Ask a centre until the context is left."""
    limit = aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{centre.settings.api_port}", timeout=limit) as http:
        yield Asker(http, centre.settings.cli_token_file.read_text())


def samples(text: str) -> dict[str, float]:
    """Return the samples of Prometheus' text format, without our prefix: ``journal_lag_seconds``, ``x{a="b"}``."""
    return {
        name.removeprefix("callrouter_") + (f"{{{labels}}}" if labels else ""): float(value)
        for name, labels, value in _SAMPLE.findall(text)
    }


def _code(body: bytes) -> str:
    """Return the code of a problem (RFC 9457); empty for what is none."""
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def written(of: Mapping[str, float]) -> bool:
    """Return whether all that calls left behind is in the database, and told."""
    return of[BACKLOG] == 0 and of[NEWS] == 0
