"""What a caller may send instead of his name: text, never anything that is carried out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.pbx.rig import Rig, sipp_command
from tests.pbx.sipp import sipp
from tests.pbx.test_agency import call_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARK = Path(tempfile.gettempdir()) / f"callrouter-was-here-{os.getpid()}"
NAMES = {
    "accents": ('"Ibu Srî Rahayu"'.encode(), "Ibu Srî Rahayu"),
    "a function": (f'"${{SHELL(touch {MARK})}}"'.encode(), f"${{SHELL(touch {MARK})}}"),
    "an expression": (b'"$[1+1]"', "$[1+1]"),
    "a target": (b'"&PJSIP/100@trunk-damkar"', "&PJSIP/100@trunk-damkar"),
    "a cut": (b'"):0:1"', "):0:1"),
    "percent": (b'"100%:a)b"', "100%:a)b"),
    "our separators": (b'"a;b|c~d^e!f,g=h"', "a;b|c~d^e!f,g=h"),
    "quotes": (rb'"say \"now\""', r"say \"now\""),
    "5,000 characters": (b'"' + b"A" * 5000 + b'"', "A" * 79),
    "not UTF-8": (b'"Sri \xc3\x28 \xff"', None),
    "empty": (b'""', None),
    "none": (b"", None),
}


@pytest.mark.parametrize("case", NAMES)
async def test_hostile_name_is_served_and_kept_as_text(rig: Rig, number: str, case: str) -> None:
    sent, kept = NAMES[case]
    result = await sipp(
        "uac_hostile_name.xml",
        f"{rig.centre.settings.sip_host}:{rig.centre.settings.sip_port}",
        rig.centre.trunk_hosts["telco"],
        prefix=sipp_command(rig),
        keys={"from_name": sent + b" ", "from_user": number},
        settings={"talk_ms": 1200, "silent_ms": 5000},
    )
    assert result.ok, result.errors
    stored = call_of(await rig.centre.incident_of(number))
    assert stored["stage"] == "menu"
    if kept is not None:
        assert stored["name"] == kept
    assert not MARK.exists()


async def test_line_break_in_a_name_makes_no_second_line_anywhere(rig: Rig, number: str) -> None:
    # Folded header lines are legal SIP (RFC 3261 section 7.3.1); the PBX may take or refuse them, never obey them.
    result = await sipp(
        "uac_hostile_name.xml",
        f"{rig.centre.settings.sip_host}:{rig.centre.settings.sip_port}",
        rig.centre.trunk_hosts["telco"],
        prefix=sipp_command(rig),
        keys={"from_name": b'"x\r\n 1|ended|y" ', "from_user": number},
        settings={"talk_ms": 1200, "silent_ms": 3000},
    )
    mine = await rig.centre.incidents(number)
    assert len(mine) == (1 if result.ok and result.response_s else 0)
    journal = b"".join(p.read_bytes() for p in rig.centre.settings.journal_dir.glob("*.log"))
    assert all(line.startswith((b"1|opened|", b"1|ended|")) for line in journal.splitlines())
    assert b"|y" not in journal
