"""The service killed in the middle of a publication: afterwards it, its draft and the PBX are of one version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.pbx.desk import FIRE_BY_DAMKAR, FLOOD_BY_BPBD, Desk, Document, Publication, open_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

GROUP = {"key": "malam", "members": ["op2"]}
LOOK_S = 0.0005
_LIMIT_S = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path_factory.mktemp("killed")) as desk:
        yield desk


async def next_draft(desk: Desk, n: int) -> None:
    """Change what is in every file of the PBX: with an odd `n` there is a group more, and another plan."""
    await desk.changes(FLOOD_BY_BPBD if n % 2 else FIRE_BY_DAMKAR)
    _, _, page = await desk.centre.ask("GET", "/api/v1/ring-groups")
    there = any(group["key"] == GROUP["key"] for group in page["items"])
    if n % 2 and not there:
        await desk.add("ring-groups", GROUP)
    elif not n % 2 and there:
        await desk.remove("ring-groups/malam")
    await desk.change("routes/rest", {"priority": 2 + n})  # so that no two drafts are the same


async def killed_in(desk: Desk, moment: Callable[[], Awaitable[None]]) -> Publication | None:
    """Publish, and kill the service at a moment of that; return the answer where there was one."""

    async def published() -> Publication | None:
        try:
            return await desk.publish()
        except aiohttp.ClientError:
            return None

    publishing = asyncio.create_task(published())
    await moment()
    await desk.centre.kill_service()
    return await publishing


def asked(seconds: float) -> Callable[[], Awaitable[None]]:
    """Return a moment: so long after it was asked for."""

    async def moment() -> None:
        await asyncio.sleep(seconds)

    return moment


def when_grown(path: Path, word: bytes = b"") -> Callable[[], Awaitable[None]]:
    """Return a moment: a file has grown by something with `word` in it."""

    async def moment() -> None:
        size = path.stat().st_size if path.exists() else 0
        async with asyncio.timeout(_LIMIT_S):
            while not path.exists() or path.stat().st_size <= size or word not in path.read_bytes()[size:]:
                await asyncio.sleep(LOOK_S)

    return moment


def when_written(path: Path, seconds: float = 0.0) -> Callable[[], Awaitable[None]]:
    """Return a moment: so long after a file was replaced."""

    async def moment() -> None:
        node = path.stat().st_ino
        async with asyncio.timeout(_LIMIT_S):
            while path.stat().st_ino == node:
                await asyncio.sleep(LOOK_S)
        await asyncio.sleep(seconds)

    return moment


async def consistent(desk: Desk, wanted: Document, old: int) -> int:
    """Check that draft, versions, PBX and its files are of one mind; return the version in force."""
    centre = desk.centre
    await desk.until_shown()
    version = await desk.in_force()
    draft = await desk.draft()
    assert version in (old, old + 1)
    assert draft["sha256"] == wanted["sha256"]  # nothing of what the admin wrote is lost
    assert (draft["changed"], draft["based_on"]) == (version == old, version if version > old else wanted["based_on"])
    _, page = await centre.get("/api/v1/versions", limit="200")
    assert [row["number"] for row in page["items"]] == list(range(version, 0, -1))
    live = await desk.table_of(version)
    queues = await centre.pbx.rx("queue show")
    assert all(f"{group.key}.last" in queues for group in live.routing.ring_groups)
    assert f",{version},failsafe," in desk.files()["extensions.conf"].decode()
    return version


def moments(desk: Desk) -> Iterator[Callable[[], Awaitable[None]]]:
    """Yield moments of a publication, early ones first."""
    loading = desk.centre.settings.pbx_dir / "etc" / "extensions.conf"
    database = desk.centre.settings.state / "callrouter.db-wal"
    yield asked(0.0)
    yield asked(0.1)  # verify
    for seconds in (0.0, 0.01, 0.02, 0.04, 0.06):
        yield when_written(loading, seconds)
    yield when_grown(desk.centre.service_log, b"pbx.loaded")  # loaded, not committed
    yield when_grown(database)  # committing, or committed
    yield when_grown(desk.centre.service_log, b"table.in_force")


async def test_killed_in_a_publication_it_comes_back_with_what_was_committed(desk: Desk) -> None:
    centre = desk.centre
    old = await desk.in_force()
    committed = []
    for n, moment in enumerate(moments(desk), 1):
        await next_draft(desk, n)
        wanted = await desk.draft()
        answer = await killed_in(desk, moment)
        await centre.start_service()
        version = await consistent(desk, wanted, old)
        if answer is not None:
            assert answer.number == version
        committed.append(version > old)
        old = version
    assert committed[0] is False
    assert committed[-1] is True
    _, _, auditor = await centre.ask("POST", "/api/v1/tokens", {"name": "auditor", "role": "auditor", "days": 1})
    _, _, audit = await centre.ask("GET", "/api/v1/audit/verify", token=auditor["token"])
    assert audit == {"intact": True, "faults": []}
    version, category, agency = await desk.one_call()
    (main,) = (await desk.table_of(version)).routing.menus
    assert version == old
    assert category == next(option.category for option in main.options if option.digit == "1")
    assert agency == {"fire": "damkar", "flood": "bpbd"}[category]
