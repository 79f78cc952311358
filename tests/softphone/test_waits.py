"""What a wait makes of what the child has told, and when."""

import asyncio
import time
from typing import Any

import pytest

from demo.softphone import NotInTime, PhoneCall, Remote, Softphone

HZ = 1150
UNTIL_MET_S = 0.05
"""Who leaves sooner after he was joined met nobody (JOINED_MIN_US of callrouter.calls.lines)."""


@pytest.fixture
def call() -> PhoneCall:
    """A call that nobody makes: the test tells what is heard."""
    phone = Softphone("warga", tone_hz=600)
    return PhoneCall(phone, 1, "out", Remote("sip:112@127.0.0.1", "112", ""), time.monotonic())


def hears(call: PhoneCall, kind: str, from_s: float, to_s: float = 0.0) -> None:
    told: dict[str, Any] = {"kind": kind, "key": HZ, "from_s": from_s, "to_s": to_s}
    call.take({"event": "call", "call": 1, "what": "sound", "at": time.monotonic(), **told})


async def test_voice_whose_end_is_noticed_late_is_not_heard_after_it(call: PhoneCall) -> None:
    hears(call, "on", time.monotonic() - 1)
    since = time.monotonic()
    waiting = asyncio.create_task(call.until_hears(HZ, within=0.3, since=since))
    await asyncio.sleep(0.05)
    hears(call, "off", since - 1, since - 0.01)
    with pytest.raises(NotInTime, match=f"not {HZ} Hz"):
        await waiting


async def test_voice_that_goes_on_or_ended_after_that_moment_was_heard_then(call: PhoneCall) -> None:
    begun = time.monotonic() - 1
    hears(call, "on", begun)
    since = time.monotonic()
    assert await call.until_hears(HZ, since=since) == since
    hears(call, "off", begun, since + 0.01)
    assert await call.until_hears(HZ, since=since) == since


async def test_who_is_said_to_hear_somebody_has_met_him(call: PhoneCall) -> None:
    told = time.monotonic()
    hears(call, "on", told - 0.06)  # three frames that came all at once
    assert await call.until_hears(HZ) == told - 0.06
    assert time.monotonic() - told > UNTIL_MET_S
