from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrouter import settings
from callrouter.prepare import prepare
from callrouter.prompts.audio import wav_bytes
from callrouter.prompts.texts import needed
from callrouter.publishing.importing import read_table
from tests.cli.forks import Forks
from tests.cli.site import Site
from tests.databases import migrated_sqlite, postgres_server, postgres_url  # noqa: F401 - fixtures

EXAMPLE = Path(__file__).parents[2] / "examples" / "kab-malang.yaml"


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[None]:
    """What runs the commands."""
    with Forks() as running:
        Site.forks = running
        yield


@pytest.fixture
def empty(tmp_path: Path) -> Site:
    """A site where nothing has been done."""
    return Site.of(tmp_path / "site", PBX_ROOT=os.environ.get("CALLROUTER_PBX_ROOT"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with database, table, recorded prompts and PBX configuration."""
    root = os.environ.get("CALLROUTER_PBX_ROOT")
    site = Site.of(tmp_path_factory.mktemp("made"), PBX_ROOT=root)
    hum = wav_bytes([8000.0 if i % 20 < 10 else -8000.0 for i in range(2000)])
    for clip in needed(read_table(EXAMPLE)):
        file = site.state / "recorded" / clip.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hum)
    chosen = settings.load(state=site.state, pbx_root=Path(root) if root else None)
    asyncio.run(prepare(chosen, EXAMPLE, lambda _line: None))
    return site


@pytest.fixture
def ready(made: Site, tmp_path: Path) -> Iterator[Site]:
    """A site that could serve, whose test breaks one thing. Afterwards nothing runs there and nothing listens."""
    site = made.copy(tmp_path / "site")
    yield site
    assert site.processes() == []
    assert site.listening() == []
