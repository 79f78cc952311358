"""The self-test's script, on the AGI protocol that the PBX speaks on its standard input and output."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from callrouter.asterisk import doctor_script

ENVIRONMENT = (
    "agi_request: selftest\nagi_channel: Local/selftest@callrouter-doctor-00000001;2\nagi_callerid: unknown\n\n"
)


def run(answers: list[str]) -> tuple[list[str], str]:
    """Run the script against an Asterisk that answers in this order; return what it said, and its standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(doctor_script.__file__))],
        input=ENVIRONMENT + "".join(f"{line}\n" for line in answers),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines(), done.stderr


def test_self_test_reads_sets_and_tells_in_words_that_the_pbx_takes_whole() -> None:
    said, errors = run(
        [
            "200 result=1 (pbx1)",
            "200 result=1",
            "200 result=1 (pbx1)",
            "200 result=1",
            "200 result=1 (ticket-1)",
            "200 result=0",
        ]
    )
    assert [shlex.split(line) for line in said] == [
        ["GET", "VARIABLE", "CR_NODE"],
        ["SET", "VARIABLE", "CR_SELFTEST_NODE", "pbx1"],
        ["GET", "VARIABLE", "CR_SELFTEST_NODE"],
        ["SET", "VARIABLE", "CR_SELFTEST", "ok pbx1"],
        ["GET", "VARIABLE", "CR_SELFTEST_ID"],
        ["EXEC", "UserEvent", "CRSelftest,Selftest: ticket-1,Node: pbx1"],
    ]
    assert errors == ""
