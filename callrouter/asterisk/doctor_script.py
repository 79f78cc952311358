"""The AGI script of `callrouter doctor`, run by the PBX itself, on pyst2: a witness apart from our own AGI code."""

from __future__ import annotations

import io
import sys

from asterisk.agi import AGI


def main() -> None:
    """Read a variable, set one, and say so in a variable that the doctor reads back."""
    # pyst2 prints the caller's whole environment to stderr; it is nobody's to read.
    agi = AGI(stderr=io.StringIO())
    agi.set_variable("CR_SELFTEST_NODE", agi.get_variable("CR_NODE"))
    said = agi.get_variable("CR_SELFTEST_NODE")
    agi.set_variable("CR_SELFTEST", f"ok {said}")
    # pyst2 does not quote what it executes, and the PBX parts the words of a line at its blanks.
    agi.execute("EXEC", "UserEvent", f'"CRSelftest,Selftest: {agi.get_variable("CR_SELFTEST_ID")},Node: {said}"')


if __name__ == "__main__":
    main()
    sys.exit(0)
