"""A caller who was passed on again and again has a record that can be read: what came first, and what came last."""

from __future__ import annotations

import pytest

from tests.pbx.rig import CALLER, DAMKAR, Rig, talk
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAMP = "1795333040_20.188197"
PASSED = f"ringgroup~operators~{STAMP}~{STAMP}~{STAMP}~{STAMP}~op1~talked~"
LAST = f"dial~damkar/piket~{STAMP}~{STAMP}~{STAMP}~{STAMP}~trunk-damkar~talked~"
MORE_THAN_FIT = 45


async def test_record_of_more_attempts_than_fit_has_the_first_ones_and_the_last(rig: Rig, number: str) -> None:
    rx = rig.centre.pbx.rx
    call = await rig.press(number, "1")
    agency = await rig.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    channels = await rx("core show channels concise")
    caller = next(line.split("!")[0] for line in channels.splitlines() if line.startswith("PJSIP/trunk-telco-"))
    for n in range(1, MORE_THAN_FIT + 1):
        await rx(f"dialplan set chanvar {caller} CR_ATTEMPT_{n} {PASSED if n < MORE_THAN_FIT else LAST}")
    await rx(f"dialplan set chanvar {caller} CR_N {MORE_THAN_FIT}")
    await call.hangup()

    incident = await rig.centre.incident_of(number)
    assert call_of(incident)["outcome"] == "talked"
    attempts = call_of(incident)["attempts"]
    assert {one["label"] for one in attempts[:-1]} == {"operators"}
    assert attempts[-1]["label"] == "damkar/piket"
    told = [
        line.split("|cut=")[1].split("|")[0]
        for file in rig.centre.settings.journal_dir.glob("*.log")
        for line in file.read_text().splitlines()
        if line.startswith(f"1|ended|{call_of(incident)['id']}|")
    ]
    assert told == [str(MORE_THAN_FIT - len(attempts))]
    assert len(attempts) < MORE_THAN_FIT
