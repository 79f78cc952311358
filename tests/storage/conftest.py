from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callrouter.storage.database import Database
from tests.databases import (  # noqa: F401 - fixtures
    database_url,
    empty_url,
    migrated_sqlite,
    patient,
    postgres_server,
    postgres_url,
    sqlite_url,
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:  # noqa: F811
    opened = patient(database_url)
    yield opened
    await opened.close()
