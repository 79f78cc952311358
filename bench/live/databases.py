"""The two databases that a centre may have, for as long as it is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.opponents.cpu import taken
from chaos.postgres import Postgres

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
KINDS: Final = (SQLITE, POSTGRESQL)
Cpu = Callable[[], float]


@asynccontextmanager
async def database(kind: str) -> AsyncIterator[tuple[dict[str, Any], Cpu]]:
    """Yield the settings of a new database of that kind, and what gives the CPU its server has used (s).

    SQLite is within the service, and has no server.
    """
    if kind == SQLITE:
        yield {}, lambda: 0.0
        return
    server = Postgres()
    try:
        url = await asyncio.to_thread(server.start)
        yield {"database_url": url}, lambda: taken(server.pid, kind).all
    finally:
        await asyncio.to_thread(server.close)
