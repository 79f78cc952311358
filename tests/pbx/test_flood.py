"""Strangers flood the AGI port while citizens call: no citizen notices, and no incident is lost or made twice."""

from __future__ import annotations

import pytest

from bench.flood import GARBAGE_BYTES, PROBES, SILENT, calls_in_a_flood
from tests.pbx.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = 10


async def test_flood_of_the_agi_port_costs_no_call_its_digit_its_agency_or_its_incident(
    rig: Rig, number: str
) -> None:
    outcome = await calls_in_a_flood(rig.centre, rig.caller, rig.damkar, "1", CALLS, prefix=number)
    assert outcome.wrong == []
    assert (outcome.flood.probes, outcome.flood.silent) == (PROBES, SILENT)
    assert outcome.flood.garbage_bytes >= GARBAGE_BYTES
    assert len(outcome.during) == len(outcome.after) == CALLS
