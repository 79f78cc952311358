"""Twenty callers talk while tables are published and trunks come and go: nobody hears anything of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bench import stream
from demo.addresses import SIP_PORT
from demo.softphone import NET_S
from tests.pbx.desk import FIRE_BY_DAMKAR, FLOOD_BY_BPBD, Desk, open_desk, until
from tests.pbx.ground import Peer, header
from tests.pbx.media import FRAME_S, Bank
from tests.pbx.rig import OP1, OP2, unexpected
from tests.pbx.sipp import render

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = 20
GAP_S = 0.2
"""The longest time without a packet that the issue allows."""
QUIET_S = 1.0
"""How long is listened before and after."""
REGISTRAR, PASSWORD = 70, "geheim"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path_factory.mktemp("talks")) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def carrier(desk: Desk) -> AsyncIterator[Peer]:
    """A carrier at which we are to register."""
    loop = asyncio.get_running_loop()
    at = (desk.centre.addresses.host(REGISTRAR), SIP_PORT)
    transport, peer = await loop.create_datagram_endpoint(lambda: Peer(password=PASSWORD), local_addr=at)
    yield peer
    transport.close()


@dataclass
class Talks:
    """Calls that are up. The logs of SIPp at both sides are whole when the PBX has hung up."""

    bank: Bank
    callers_log: Path
    agency_log: Path

    def requests(self, log: Path, method: str) -> list[str]:
        """Return the requests of that method that the PBX has sent there, each once."""
        blocks = re.split(r"^-{20,} \d{4}-.*\n", log.read_text(errors="replace"), flags=re.MULTILINE)
        found = [b.partition("\n\n")[2] for b in blocks if b.startswith("UDP message received")]
        ours = [text for text in found if text.startswith(f"{method} ")]
        return list({f"{header(text, 'Call-ID')} {header(text, 'CSeq')}": text for text in ours}.values())


@asynccontextmanager
async def talks(desk: Desk, folder: Path) -> AsyncIterator[Talks]:
    """Let CALLS citizens press 1, talk with damkar, and stay; afterwards hang up all of them."""
    centre = desk.centre
    sipp = stream.sipp_command(centre.settings.pbx_root)
    callers, agency = centre.trunk_hosts["telco"], centre.trunk_hosts["damkar"]
    folder.mkdir()
    with Bank((callers, agency), CALLS) as bank:
        (folder / "callers.csv").write_text(
            "SEQUENTIAL\n" + "".join(f"0813{n:04d};{end.port}\n" for n, end in enumerate(bank.ends[0]))
        )
        (folder / "agency.csv").write_text("SEQUENTIAL\n" + "".join(f"{end.port}\n" for end in bank.ends[1]))
        answering = await stream.start(
            sipp, folder, "agency", render("uas_talk.xml", {}), (agency, SIP_PORT), ["-inf", "agency.csv"]
        )
        calling = await stream.start(
            sipp,
            folder,
            "callers",
            render("uac_held.xml", {"digit_after_ms": 1200}),
            (callers, 0),
            [
                *("-inf", "callers.csv", "-s", "112", "-r", "10", "-l", str(CALLS), "-m", str(CALLS)),
                f"{centre.settings.sip_host}:{centre.settings.sip_port}",
            ],
        )
        try:
            yield Talks(bank, folder / "callers.log", folder / "agency.log")
            await centre.pbx.rx("channel request hangup all")
            async with asyncio.timeout(NET_S):
                await calling.wait()
        finally:
            await stream.stop(calling)
            await stream.stop(answering)
    assert calling.returncode == 0  # SIPp met nothing that it did not expect


async def bridged(desk: Desk) -> int:
    """Return how many bridges have two channels."""
    said = await desk.centre.pbx.rx("bridge show all")
    return len(re.findall(r" 2 basic ", said))


async def contacts(desk: Desk) -> list[str]:
    """Return where operators' phones are registered."""
    said = await desk.centre.pbx.rx("pjsip show contacts")
    return sorted(re.findall(r"Contact: +(op\d/\S+)", said))


async def test_publications_and_directory_edits_touch_neither_talks_nor_registrations(
    desk: Desk, carrier: Peer, tmp_path: Path
) -> None:
    centre = desk.centre
    registrar = centre.addresses.host(REGISTRAR)
    complaints = len(centre.pbx.complaints())
    login = {"username": "kota", "register_here": True}
    await desk.add("trunks", {"key": "indosat", "kind": "carrier", "host": registrar, "login": login})
    status, _, said = await centre.ask("PUT", "/api/v1/trunks/indosat/password", {"password": PASSWORD})
    assert status in (200, 204), said
    await carrier.until(lambda: carrier.registered)
    asked = len(carrier.of("REGISTER"))
    await centre.operator("op1", OP1)
    await centre.operator("op2", OP2)
    before = await contacts(desk)
    assert len(before) == 2

    async with talks(desk, tmp_path / "talks") as held:

        async def all_talk() -> bool:
            now = time.time()
            heard = [one for some in held.bank.heard(now - 0.2, now) for one in some]
            return await bridged(desk) == CALLS and all(one.packets and one.senders for one in heard)

        await until(all_talk)
        begun = time.time()
        await asyncio.sleep(QUIET_S)
        new = {"key": "baru", "kind": "agency", "host": centre.addresses.host(71)}
        group = {"key": "malam", "members": ["op2"]}
        steps: list[Callable[[], Awaitable[object]]] = [
            lambda: desk.add("ring-groups", group),
            lambda: desk.published(FLOOD_BY_BPBD),
            lambda: desk.add("trunks", new),
            lambda: desk.change("trunks/baru", {"dtmf": "info", "codecs": ["gsm"]}),
            lambda: desk.change("trunks/damkar", {"dtmf": "auto", "qualify_s": 30, "channels": 90}),
            lambda: desk.change("trunks/telco", {"codecs": ["alaw"], "trusted_identity": True}),
            lambda: desk.remove("trunks/baru"),
            lambda: desk.remove("ring-groups/malam"),
            lambda: desk.published(FIRE_BY_DAMKAR),
        ]
        for step in steps:
            await step()
            assert await contacts(desk) == before
            assert await bridged(desk) == CALLS
        await asyncio.sleep(QUIET_S)
        ended = time.time()
        by_callers, by_agency = held.bank.heard(begun, ended)
        stalled = held.bank.stalled_s(begun, ended)

    for sides, others in ((by_callers, range(CALLS, 2 * CALLS)), (by_agency, range(CALLS))):
        assert all(len(one.senders) == 1 for one in sides)  # each hears one other, all the time
        assert {who for one in sides for who in one.senders} == set(others)
        assert max(one.gap_s for one in sides) < GAP_S + stalled
        assert max(one.lost for one in sides) * FRAME_S < GAP_S
        assert min(one.packets for one in sides) > 0.9 * (ended - begun) / FRAME_S
    assert held.requests(held.callers_log, "INVITE") == []
    assert len(held.requests(held.agency_log, "INVITE")) == CALLS
    assert held.requests(held.callers_log, "UPDATE") == held.requests(held.agency_log, "UPDATE") == []
    assert len(carrier.of("REGISTER")) == asked
    assert unexpected(centre.pbx.complaints()[complaints:]) == []


async def test_how_a_trunk_is_stands_there_again_after_a_restart_though_nothing_changes(desk: Desk) -> None:
    await desk.change("trunks/bpbd", {"qualify_s": 1})

    async def unreachable() -> bool:
        _, told = await desk.centre.get("/api/v1/trunk-states")
        return ("bpbd", False) in [(one["trunk"], one["reachable"]) for one in told["items"]]

    await until(unreachable)  # nobody is there to answer
    await desk.centre.kill_service()
    await desk.centre.start_service()
    await until(unreachable)
