"""What a publication under load is judged by."""

from __future__ import annotations

from asyncio.subprocess import Process
from typing import cast

from bench.publish import AGENCIES, TAIL, Publication, judged
from bench.stream import Stream

MADE = Publication(imported=100.0, asked=101.0, answered=110.0, agency=AGENCIES[1], live_ms=5.0)


def calls(during_s: float, *, missing: int = 0) -> Stream:
    """Return calls before, during and after a publication; those during it wait so long for their INVITE."""
    found = Stream(cast("Process", None))
    old, new = {}, {}
    for n in range(25):
        at = 90.0 + n
        number = f"{n}"
        found.invited[number] = found.pressed[number] = at
        if n >= 25 - missing:
            continue
        delay = during_s if MADE.asked <= at <= MADE.answered else 0.005
        (new if at > MADE.answered else old)[number] = at + delay
    found.reached = {AGENCIES[0]: old, AGENCIES[1]: new}
    return found


def test_calls_may_not_be_much_slower_while_a_table_is_published() -> None:
    assert judged(calls(0.005 * TAIL - 0.001), 90.0, [MADE]).wrong == []
    (wrong,) = judged(calls(0.005 * TAIL + 0.001), 90.0, [MADE]).wrong
    assert "p99 during is 3.20 of that before, 3 is allowed" in wrong


def test_too_few_calls_are_not_judged_by_their_slowest() -> None:
    section = judged(calls(0.1), 90.0, [MADE], tail=None)
    assert section.wrong == []
    assert section.rows[-1][2] == ""


def test_a_call_that_reached_nobody_is_wrong() -> None:
    section = judged(calls(0.005, missing=2), 90.0, [MADE])
    assert section.wrong == ["publish: 2 of 25 calls reached no agency"]
    assert ("calls that reached no agency: of 25", "2", "0") in section.rows
