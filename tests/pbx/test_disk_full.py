"""The disk of the journal fills up: it is told before, calls go on, and what is known afterwards is the truth.

While it is full the PBX can write neither that a call came nor how it ended. A call is known all the same, by what
the service notes of it; its end is then the moment when the PBX did not show it any more. Only where the service is
away as well is nothing left of a call but that it was served: the last test says so.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from callrouter.calls.reconcile import EVERY_S, GRACE_S
from callrouter.disk import CRITICAL_BYTES
from callrouter.disk import EVERY_S as LOOKED_EVERY_S
from demo.centre import Centre
from demo.softphone import NET_S
from tests.pbx.rig import CALLER, DAMKAR, SHORT_TIMERS, Rig, short_clips, talk
from tests.pbx.smalldisk import NoSmallDisk, SmallDisk, small_disk
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

ROOT: Final = Path(__file__).resolve().parents[2]
SIZE: Final = CRITICAL_BYTES + 32 * 1024 * 1024
LITTLE: Final = 4 * 1024 * 1024
"""Less than is critical, and room for thousands of calls."""
LAST_PAGE: Final = 8
"""Calls that have room for their lines on one page of a file, and some."""
WHOLE_END: Final = re.compile(rb"1\|ended\|.*\|attempts=(?!.*1\|[a-z]+\|[0-9a-f]{8}-).*")
ENDS_S: Final = EVERY_S + GRACE_S + NET_S


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Rig, SmallDisk]]:
    """Telephones, and a centre whose journal lies on a disk of its own."""
    folder = tmp_path_factory.mktemp("full")
    journal = folder / "state" / "journal"
    journal.mkdir(parents=True)
    short_clips(folder / "state" / "recorded", table())
    try:
        with small_disk(journal, SIZE) as disk:
            centre = Centre(
                folder,
                table(),
                timers=SHORT_TIMERS,
                serve=(*disk.prefix, sys.executable, "-m", "callrouter", "serve"),
                service_env={"PYTHONPATH": str(ROOT)},
                pbx_prefix=disk.prefix,
            )
            async with centre:
                rig = await Rig.make(centre)
                await rig.reset()
                yield rig, disk
    except NoSmallDisk as why:
        pytest.skip(str(why))


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def restored(made: tuple[Rig, SmallDisk]) -> AsyncIterator[None]:
    """Whatever a test leaves, the next one finds room, and the service up."""
    rig, disk = made
    yield
    disk.empty()
    await rig.settle()
    await rig.reset()
    await rig.centre.start_service()
    await until(rig, lambda check: check["ok"])


async def disk_check(rig: Rig) -> dict[str, Any]:
    """Return what /readyz says of the disk."""
    _, ready = await rig.centre.get("/readyz")
    (check,) = [check for check in ready["checks"] if check["name"] == "disk"]
    return dict(check)


async def until(rig: Rig, test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until /readyz says that of the disk."""
    end = time.monotonic() + LOOKED_EVERY_S + NET_S
    while not test(check := await disk_check(rig)):
        assert time.monotonic() < end, check
        await asyncio.sleep(0.2)
    return check


async def serve(rig: Rig, number: str) -> None:
    """A call reaches its agency, they talk, and the caller hangs up."""
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await asyncio.sleep(rig.centre.settings.timers.short_talk_s)
    await call.hangup()
    await rig.settle()


async def level(rig: Rig) -> str:
    """Return the line of the figures that says how the journal's disk stands."""
    centre = rig.centre
    headers = {"Authorization": f"Bearer {centre.settings.cli_token_file.read_text()}"}
    assert centre._http is not None
    async with centre._http.get("/metrics", headers=headers) as answer:
        shown = (await answer.text()).splitlines()
    (line,) = [line for line in shown if line.startswith('callrouter_disk_level{folder="journal"}')]
    return line.split()[-1]


def ends_in_journal(disk: SmallDisk) -> set[str]:
    """Return the calls whose end stands in the journal, whole: to its last field, and no other record behind it."""
    lines = [line for file in disk.folder.glob("*.log") for line in file.read_bytes().split(b"\n")[:-1]]
    return {line.split(b"|")[2].decode() for line in lines if WHOLE_END.fullmatch(line)}


async def test_it_is_told_while_there_is_still_room_for_calls(made: tuple[Rig, SmallDisk], number: str) -> None:
    rig, disk = made
    await until(rig, lambda check: check["ok"])
    assert await level(rig) == "0.0"
    disk.leave(LITTLE)
    check = await until(rig, lambda check: not check["ok"])
    assert "sisa 4 MB" in check["detail"], check
    assert await level(rig) == "2.0"
    assert "disk.critical" in rig.centre.service_log.read_text()
    await serve(rig, number)
    incident = await rig.centre.incident_of(number)
    assert (incident["outcome"], call_of(incident)["cause"]) == ("talked", "16")
    assert call_of(incident)["id"] in ends_in_journal(disk)


async def test_calls_on_a_full_disk_are_served_and_each_is_one_incident_with_an_end(
    made: tuple[Rig, SmallDisk], number: str
) -> None:
    rig, disk = made
    before = {incident["id"] for incident in await rig.centre.incidents()}
    callers = [f"{number}{n}" for n in range(6)]
    disk.leave(0)
    check = await until(rig, lambda check: "tidak dapat ditulis" in check["detail"])
    assert not check["ok"]
    for caller in callers[:3]:
        await serve(rig, caller)
    # It starts on a full disk, too: who noted calls if it did not?
    await rig.centre.kill_service()
    await rig.centre.start_service(wait=False)
    await listening(rig)
    for caller in callers[3:]:
        await serve(rig, caller)
    disk.empty()
    await until(rig, lambda check: check["ok"])
    after = f"{number}9"
    await serve(rig, after)
    assert (await rig.centre.incident_of(after))["outcome"] == "talked", "behind what could not be written to its end"
    incidents = [await rig.centre.incident_of(caller, within=ENDS_S) for caller in callers]
    whole = ends_in_journal(disk)
    for incident in incidents:
        stored = call_of(incident)
        assert len(incident["calls"]) == 1
        assert (stored["route"], incident["category"]) == ("fire", "fire")
        if stored["id"] in whole:
            assert incident["outcome"] == "talked"
        else:
            assert (incident["outcome"], stored["cause"], incident["callback"]) == ("cut", "not_seen", True)
    assert any(call_of(incident)["id"] not in whole for incident in incidents), "the disk was not full"
    now = {incident["id"] for incident in await rig.centre.incidents()}
    assert len(now - before) == len(callers) + 1


async def test_full_disk_and_no_service_and_the_caller_is_served_but_nothing_tells_of_him(
    made: tuple[Rig, SmallDisk], number: str
) -> None:
    """The limit: nothing that could note this call works. The caller's own service does."""
    rig, disk = made
    before = {incident["id"] for incident in await rig.centre.incidents()}
    disk.leave(0)
    known = await until_no_byte_fits(rig, disk, number)
    await rig.centre.kill_service()
    await serve(rig, f"{number}99")
    disk.empty()
    await rig.centre.start_service()
    known.append(f"{number}98")
    await serve(rig, known[-1])
    for caller in known:
        await rig.centre.incident_of(caller, within=ENDS_S)
    now = await rig.centre.incidents()
    assert sorted(i["caller_number"] for i in now if i["id"] not in before) == known


async def until_no_byte_fits(rig: Rig, disk: SmallDisk, number: str) -> list[str]:
    """Ring until an end could not be written: the last page of the journal is used up then. Return who rang."""
    rang: list[str] = []
    while len(rang) < LAST_PAGE:
        rang.append(f"{number}{len(rang)}")
        await serve(rig, rang[-1])
        incident = await rig.centre.incident_of(rang[-1], ended=False)
        if call_of(incident)["id"] not in ends_in_journal(disk):
            return rang
    raise AssertionError(f"{LAST_PAGE} calls had their end written: the disk was not full")


async def listening(rig: Rig) -> None:
    """Wait until the service takes consultations; on a full disk it is never ready as a whole."""
    end = time.monotonic() + 2 * NET_S
    while True:
        try:
            _, ready = await rig.centre.get("/readyz")
        except OSError:
            ready = {"checks": []}
        unwell = {check["name"] for check in ready["checks"] if not check["ok"]}
        if ready["checks"] and unwell <= {"disk"}:
            return
        assert time.monotonic() < end, ready
        assert rig.centre.service_pid is not None, rig.centre.service_log.read_text()[-2000:]
        await asyncio.sleep(0.2)
