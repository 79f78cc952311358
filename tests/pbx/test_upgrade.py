"""The service is stopped and a new one started with calls up: none is lost, whatever stage it is in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.softphone import NET_S, Answer, RingOnly
from tests.pbx.rig import BPBD, CALLER, DAMKAR, OP1, Rig, talk
from tests.pbx.test_agency import call_of
from tests.unit.test_notify import Systemd

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDS_S = 15.0


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def restored(rig: Rig) -> AsyncIterator[None]:
    yield
    await rig.centre.start_service()


@contextlib.asynccontextmanager
async def another_service(rig: Rig, log: Path, **environment: str) -> AsyncIterator[Process]:
    """Run a service of this centre beside the centre's own; it is stopped at the end."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "callrouter", "serve"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=rig.centre.environment | environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            async with asyncio.timeout(ENDS_S):
                await process.wait()


async def served(rig: Rig, process: Process, log: Path) -> None:
    """Wait until the service that listens is that one, and is ready."""
    async with asyncio.timeout(NET_S):
        while f'"pid": {process.pid},' not in log.read_text() or not await rig.centre._is_ready():
            assert process.returncode is None, log.read_text()[-2000:]
            await asyncio.sleep(0.05)


async def test_upgrade_loses_no_call_in_any_stage_and_each_has_one_incident(
    rig: Rig, number: str, tmp_path: Path
) -> None:
    await rig.on_duty(rig.op1)
    await rig.op1.behave(RingOnly())
    await rig.damkar.behave(RingOnly())
    numbers = {stage: f"{number}{n}" for n, stage in enumerate(("talking", "operator", "menu", "ringing"))}
    talking = await rig.press(numbers["talking"], "2")
    agency = await rig.bpbd.until_incoming()
    await talk(talking, agency, CALLER, BPBD)
    waiting = await rig.press(numbers["operator"], "3")
    await rig.op1.until_incoming()
    menu = await rig.call(numbers["menu"])
    ringing = await rig.press(numbers["ringing"], "1")
    station = await rig.damkar.until_incoming()

    log = tmp_path / "new.log"
    stopping = asyncio.create_task(rig.centre.stop_service())
    async with another_service(rig, log) as new:
        await menu.digits("2")
        assert await stopping == 0
        await station.answer()  # nobody listens to the PBX's events now
        await talk(ringing, station, CALLER, DAMKAR)
        await menu.until_hears(BPBD)
        arriving: list[str] = []
        while not arriving or f'"pid": {new.pid},' not in log.read_text():
            assert new.returncode is None, log.read_text()[-2000:]
            arriving.append(f"{number}9{len(arriving)}")
            call = await rig.press(arriving[-1], "2")
            await call.until_hears(BPBD)
        await served(rig, new, log)

        await rig.op1.behave(Answer(0.1))
        await waiting.until_hears(OP1)
        await asyncio.gather(
            talking.until_hears(BPBD, since=time.monotonic()),
            ringing.until_hears(DAMKAR, since=time.monotonic()),
            menu.until_hears(BPBD, since=time.monotonic()),
        )
        everybody = {*numbers.values(), *arriving}
        await rig.until_live(*everybody)
        await rig.settle()
        found = [await rig.centre.incident_of(one) for one in sorted(everybody)]
        seen = Counter(item["calls"][0]["number"] for item in await rig.centre.incidents(*everybody))
    assert {incident["outcome"] for incident in found} == {"talked"}
    assert {one: seen[one] for one in everybody} == dict.fromkeys(everybody, 1)


async def test_caller_who_comes_while_nobody_listens_hears_the_menu_and_reaches_his_agency(
    rig: Rig, number: str
) -> None:
    assert await rig.centre.stop_service() == 0
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    await rig.settle()
    await rig.centre.start_service()
    incident = await rig.centre.incident_of(number)
    assert (incident["outcome"], call_of(incident)["path"]) == ("talked", "failsafe")


async def test_new_service_may_start_while_the_old_one_still_winds_down(
    rig: Rig, number: str, tmp_path: Path
) -> None:
    old = rig.centre.service_pid
    assert old is not None
    # A connection that shows no secret holds the old one for the time that a handshake may take.
    _, writer = await asyncio.open_connection(rig.centre.settings.agi_host, rig.centre.settings.agi_port)
    writer.write(b"agi_network: yes\n")
    await writer.drain()
    os.kill(old, signal.SIGTERM)
    log = tmp_path / "new.log"
    async with another_service(rig, log) as new:
        await served(rig, new, log)
        call = await rig.press(number, "1")
        agency = await rig.damkar.until_incoming()
        await talk(call, agency, CALLER, DAMKAR)
        await call.hangup()
        await rig.settle()
        incident = await rig.centre.incident_of(number)
        assert (incident["outcome"], call_of(incident)["path"]) == ("talked", "service")
        assert await rig.centre.stop_service() in {0, None}
    writer.close()


async def test_systemd_is_told_of_ready_beats_and_the_end_by_the_real_service(rig: Rig, tmp_path: Path) -> None:
    await rig.centre.stop_service()
    systemd, log = Systemd(str(tmp_path / "notify")), tmp_path / "service.log"
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    with contextlib.closing(systemd):
        async with another_service(rig, log, **told) as service:
            async with asyncio.timeout(NET_S):
                await until_told(systemd, "READY=1")
            await served(rig, service, log)
            await systemd.until("WATCHDOG=1", 3)
            assert systemd.heard.index("READY=1") < systemd.heard.index("WATCHDOG=1")
            assert "STATUS=Melayani; 0 panggilan berlangsung." in systemd.heard
            service.send_signal(signal.SIGSTOP)
            beats = await quiet(systemd)
            await asyncio.sleep(3)  # longer than a loop may hang
            assert systemd.listen().count("WATCHDOG=1") == beats
            service.send_signal(signal.SIGCONT)
            await systemd.until("WATCHDOG=1", beats + 1)
            async with asyncio.timeout(NET_S):
                while "process.stood_still" not in log.read_text():
                    await asyncio.sleep(0.05)
            service.terminate()
            async with asyncio.timeout(ENDS_S):
                assert await service.wait() == 0
        assert systemd.listen()[-2:] == ["STOPPING=1", "STATUS=Berhenti; 0 panggilan diteruskan oleh PBX."]
    assert "loop.hangs" not in log.read_text()


async def until_told(systemd: Systemd, line: str) -> None:
    while line not in systemd.listen():
        await asyncio.sleep(0.02)


async def quiet(systemd: Systemd) -> int:
    """Wait until there were no beats for a second; return how many there were."""
    async with asyncio.timeout(NET_S):
        while True:
            before = systemd.listen().count("WATCHDOG=1")
            await asyncio.sleep(1)
            if systemd.listen().count("WATCHDOG=1") == before:
                return before
