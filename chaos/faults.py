"""How each fault strikes, and how it is undone: `strike` is left only when all is as it was, or should be."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

from bench.flood import flood
from chaos.citizen import Citizen
from chaos.house import House
from chaos.link import Flow
from chaos.matrix import Fault, Stage
from chaos.peer import Mode
from demo.softphone import SoftphoneError

LASTS_S: Final = 10.0
RESTART_S: Final = 3.0
DB_AGAIN_S: Final = 5.0
PBX_AGAIN_S: Final = 1.0
_HOUR_S: Final = 3600
_GONE_S: Final = 10.0
_GARBAGE: Final = b"garbage \xff" * 50


def strike(
    house: House, fault: Fault, stage: Stage, citizens: Sequence[Citizen]
) -> AbstractAsyncContextManager[None]:
    """Strike on entering; undo on leaving. RuntimeError where it could not be done."""
    if fault.key in _MODES:
        return _agency(house, fault.key, stage, citizens)
    return _STRIKES[fault.key](house)


@asynccontextmanager
async def _later(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the block, and wait for it at its end, however that is."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await task


async def _after(seconds: float, act: Callable[[], object]) -> None:
    await asyncio.sleep(seconds)
    act()


# ---------------------------------------------------------------------- the service
@asynccontextmanager
async def _kill(house: House) -> AsyncIterator[None]:
    async def again() -> None:
        await asyncio.sleep(RESTART_S)
        await house.centre.start_service()

    await house.centre.kill_service()
    async with _later(again()):
        yield


@asynccontextmanager
async def _hang(house: House) -> AsyncIterator[None]:
    house.centre.pause_service()
    async with _later(_after(LASTS_S, house.centre.resume_service)):
        yield


@asynccontextmanager
async def _blocked(house: House) -> AsyncIterator[None]:
    pid = house.centre.service_pid
    if pid is None:
        raise RuntimeError("the service does not run")
    os.kill(pid, signal.SIGUSR1)
    async with _later(asyncio.sleep(LASTS_S)):
        yield


@asynccontextmanager
async def _restart(house: House) -> AsyncIterator[None]:
    async def again() -> None:
        code = await house.centre.stop_service()
        if code != 0:
            raise RuntimeError(f"the service ended with {code} on SIGTERM")
        await house.centre.start_service()

    async with _later(again()):
        yield


@asynccontextmanager
async def _flood(house: House) -> AsyncIterator[None]:
    async def run() -> None:
        await flood(house.centre.settings.agi_host, house.centre.settings.agi_port)

    async with _later(run()):
        yield


# ---------------------------------------------------------------------- the database
@asynccontextmanager
async def _db_killed(house: House) -> AsyncIterator[None]:
    assert house.postgres is not None
    postgres = house.postgres

    async def again() -> None:
        await asyncio.sleep(DB_AGAIN_S)
        await postgres.again()

    await postgres.kill()
    async with _later(again()):
        yield


@asynccontextmanager
async def _db_stopped(house: House) -> AsyncIterator[None]:
    assert house.postgres is not None
    house.postgres.stop()
    async with _later(_after(LASTS_S, house.postgres.go_on)):
        yield


@asynccontextmanager
async def _db_full(house: House) -> AsyncIterator[None]:
    """No file of the service may have a byte more: RLIMIT_FSIZE gives EFBIG where a full disk gives ENOSPC."""
    pid = house.centre.service_pid
    if pid is None:
        raise RuntimeError("the service does not run")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def undo() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    async with _later(_after(LASTS_S, undo)):
        yield


@asynccontextmanager
async def _snapshot(house: House) -> AsyncIterator[None]:
    """What is kept of the table is garbage, in the database and in the failsafe's data; the service must start.

    The database's row is put back afterwards, as a person would by a backup; the data the service must make anew.
    """
    database = Path(house.centre.settings.state) / "callrouter.db"
    await house.centre.kill_service()
    with closing(sqlite3.connect(database)) as connection, connection:
        number, routing = connection.execute(
            "SELECT number, routing FROM table_version ORDER BY number DESC LIMIT 1"
        ).fetchone()
        connection.execute("UPDATE table_version SET routing = ? WHERE number = ?", ("{garbage", number))
    for path in _failsafe_files(house):
        path.write_bytes(_GARBAGE)

    async def again() -> None:
        await asyncio.sleep(RESTART_S)
        await house.centre.start_service(wait=False)
        await asyncio.sleep(LASTS_S - RESTART_S)
        await house.centre.kill_service()
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE table_version SET routing = ? WHERE number = ?", (routing, number))
        await house.centre.start_service()
        if any(path.read_bytes() == _GARBAGE for path in _failsafe_files(house)):
            raise RuntimeError("the service is ready, and the failsafe's data are still garbage")

    async with _later(again()):
        yield


def _failsafe_files(house: House) -> list[Path]:
    """Return the files of the data that count now, and the pointer to them (or all, where that is none)."""
    folder = house.centre.settings.failsafe_dir
    pointer = folder / "current"
    named = folder / pointer.read_text(errors="replace").strip()[:100] if pointer.is_file() else folder
    return [path for path in (pointer, *named.rglob("*")) if path.is_file()]


# ---------------------------------------------------------------------- wires, disk, clock
def _ami(flow: Flow) -> Callable[[House], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def act(house: House) -> AsyncIterator[None]:
        def free() -> None:
            house.link.flow = Flow.FREE

        house.link.flow = flow
        async with _later(_after(LASTS_S, free)):
            yield

    return act


@asynccontextmanager
async def _recordings(house: House) -> AsyncIterator[None]:
    """The folder is a file: messages and recorded talks are refused, as on a full disk."""
    folder = house.centre.settings.recordings_dir
    aside = folder.with_name("recordings.aside")
    folder.rename(aside)
    folder.touch()

    def undo() -> None:
        folder.unlink()
        aside.rename(folder)

    async with _later(_after(LASTS_S, undo)):
        yield


def _clock(seconds: int) -> Callable[[House], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def act(house: House) -> AsyncIterator[None]:
        """It stays wrong until everybody was served, or is not: put right before, it sets going who waits."""
        house.set_clock(seconds)
        try:
            async with _later(asyncio.sleep(LASTS_S)):
                yield
        finally:
            house.set_clock(0)

    return act


# ---------------------------------------------------------------------- the agency, the operator
_MODES: Final = {
    "silent": Mode.SILENT,
    "busy": Mode.BUSY,
    "unavailable": Mode.UNAVAILABLE,
    "progress": Mode.PROGRESS,
    "drops": Mode.DROPS,
    "no-media": Mode.NO_MEDIA,
}


@asynccontextmanager
async def _agency(house: House, key: str, stage: Stage, citizens: Sequence[Citizen]) -> AsyncIterator[None]:
    if stage is Stage.AGENCY_TALKS:
        for citizen in citizens:
            for call in citizen.calls_at(house.agencies["damkar"]):
                await call.hangup()
        yield
        return
    house.peer.mode = _MODES[key]
    try:
        yield
    finally:
        house.peer.mode = Mode.RING
        house.peer.clear()


@asynccontextmanager
async def _phone_gone(house: House) -> AsyncIterator[None]:
    key = next(iter(house.operators))
    house.operators[key].kill()
    try:
        yield
    finally:
        try:
            await house.replace_operator(key)
        except (SoftphoneError, TimeoutError) as error:
            raise RuntimeError(f"no new telephone for {key}: {error}") from None


# ---------------------------------------------------------------------- the PBX
@asynccontextmanager
async def _pbx_kill(house: House) -> AsyncIterator[None]:
    await _pbx_killed(house)
    async with _later(_pbx_again(house)):
        yield


@asynccontextmanager
async def _pbx_lost(house: House) -> AsyncIterator[None]:
    """It forgets which telephones are logged in and who is in its queues; no telephone does anything about it."""
    await _pbx_killed(house)
    found = list(house.centre.settings.pbx_dir.rglob("astdb.sqlite3*"))
    if not found:
        raise RuntimeError("the PBX has no database of its own")
    for file in found:
        file.unlink()
    async with _later(_pbx_again(house)):
        yield


async def _pbx_killed(house: House) -> None:
    house.centre.pbx.signal(signal.SIGKILL)
    async with asyncio.timeout(_GONE_S):
        while house.centre.pbx.pid is not None:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _pbx_stop(house: House) -> AsyncIterator[None]:
    await house.centre.pbx.stop()
    async with _later(_pbx_again(house)):
        yield


async def _pbx_again(house: House) -> None:
    await asyncio.sleep(PBX_AGAIN_S)
    await house.centre.pbx.start()


@asynccontextmanager
async def _pbx_reload(house: House) -> AsyncIterator[None]:
    await house.centre.pbx.rx("core reload")
    yield


_STRIKES: Final[dict[str, Callable[[House], AbstractAsyncContextManager[None]]]] = {
    "kill": _kill,
    "hang": _hang,
    "blocked": _blocked,
    "restart": _restart,
    "db-killed": _db_killed,
    "db-stopped": _db_stopped,
    "db-full": _db_full,
    "ami-cut": _ami(Flow.CUT),
    "ami-stalled": _ami(Flow.STALLED),
    "ami-slow": _ami(Flow.SLOW),
    "agi-flood": _flood,
    "snapshot": _snapshot,
    "recordings": _recordings,
    "clock-forward": _clock(_HOUR_S),
    "clock-back": _clock(-_HOUR_S),
    "clock-back-rings": _clock(-_HOUR_S),
    "phone-gone": _phone_gone,
    "pbx-kill": _pbx_kill,
    "pbx-stop": _pbx_stop,
    "pbx-lost": _pbx_lost,
    "pbx-reload": _pbx_reload,
}
