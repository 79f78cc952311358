"""callrouter itself, with either database: each a whole centre, with a PBX of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.opponents.beside import RTP
from bench.opponents.cpu import taken
from bench.opponents.model import DATABASE, PBX, SERVICE, Opponent, Running
from chaos.postgres import Postgres
from demo.centre import Centre

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
Say = Callable[[str], None]


def with_sqlite(centre: Centre) -> Opponent:
    """Return the centre that runs already; its database is part of the service."""

    @asynccontextmanager
    async def running(_folder: Path) -> AsyncIterator[Running]:
        yield _running(centre)

    return Opponent(SQLITE, "callrouter, SQLite", running)


def with_postgresql(centre: Centre, table: Mapping[str, Any], say: Say) -> Opponent:
    """Return a second centre with this table, beside `centre`: the same neighbours, the same clips."""

    @asynccontextmanager
    async def running(folder: Path) -> AsyncIterator[Running]:
        (folder / "state").mkdir(parents=True)
        (folder / "state" / "prompts").symlink_to(centre.settings.prompts_dir)
        postgres = Postgres()
        try:
            extra = {"database_url": await asyncio.to_thread(postgres.start), **RTP}
            database = postgres.pid
            async with Centre(folder, table, say=say, extra=extra, trunk_hosts=centre.trunk_hosts) as second:
                yield _running(second, lambda: {DATABASE: taken(database, "PostgreSQL").all})
        finally:
            await asyncio.to_thread(postgres.close)

    return Opponent(POSTGRESQL, "callrouter, PostgreSQL", running)


def _running(centre: Centre, more: Callable[[], Mapping[str, float]] = dict) -> Running:
    def cpu() -> Mapping[str, float]:
        pbx, service = centre.pbx.pid, centre.service_pid
        if pbx is None or service is None:
            raise RuntimeError("the PBX or the service has ended")
        return {PBX: taken(pbx, "PBX").all, SERVICE: taken(service, "service").all, **more()}

    return Running(f"{centre.settings.sip_host}:{centre.settings.sip_port}", cpu, centre.pbx.rx, centre)
