"""The load generator of the benchmark: SIPp makes the calls that were planned, and both ways to look see them all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.arena.capture import capture_command
from bench.arena.checks import against_itself
from bench.arena.load import RINGS, Load, seen_in_logs
from bench.arena.rounds import Eyes
from bench.opponents.model import Hall
from bench.stream import sipp_command
from callrouter import settings
from demo.addresses import SIP_PORT, Addresses

RATE, SECONDS = 20, 0.5
CALLS = 10


@pytest_asyncio.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    """Callers and an agency, which are SIPp and write what they send."""
    addresses = Addresses()
    hall = Hall(addresses.host(2), (addresses.host(3), SIP_PORT), "1", tmp_path, ())
    load = Load(sipp_command(settings.load().pbx_root), tmp_path, hall, logs=True)
    try:
        async with load.agency():
            yield load
    finally:
        addresses.close()


async def test_sipp_makes_the_calls_that_were_planned_and_logs_tell_of_all(load: Load, tmp_path: Path) -> None:
    done = await against_itself(load, Eyes(None, tmp_path), RATE, SECONDS)
    assert len(done.seen.calls) == CALLS
    assert len(done.digit_to_invite_s) == CALLS
    assert len({call.invited for call in done.seen.calls.values()}) == CALLS


async def test_packets_tell_of_all_calls_and_no_capture_is_left_behind(load: Load, tmp_path: Path) -> None:
    tcpdump = capture_command(settings.load().pbx_root)
    if tcpdump is None:
        pytest.skip("this user may not look at packets (CAP_NET_RAW)")
    done = await against_itself(load, Eyes(tcpdump, tmp_path), RATE, SECONDS)
    (log,) = tmp_path.glob("wave-*.log")
    logged = seen_in_logs(log.read_text(), load.log("agency").read_text(), RINGS)
    assert len(done.seen.calls) == CALLS
    assert set(done.seen.calls) == set(logged.calls)
    assert all(call.pressed is not None and call.invited < call.pressed for call in done.seen.calls.values())
    assert not list(tmp_path.glob("*.pcap"))
