"""What verify answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.routing.facts import Facts
from callrouter.routing.schedule import HORIZON_DAYS as _HORIZON_DAYS

BOUND_HUMAN_S: Final = 90
"""After so many seconds of failures, a caller must be at the last resort."""
BOUND_END_S: Final = 300
"""After so many seconds of failures, his message must have been taken."""
MAX_VECTORS: Final = 200_000
"""More kinds of call than these are not looked through."""
HORIZON_DAYS: Final = _HORIZON_DAYS
"""So far ahead each time is looked at."""
MENU_MAX_S: Final = 25.0
"""A menu that takes longer is not listened to."""
MENU_MAX_DEPTH: Final = 2
"""The main menu, and one behind it."""

TOO_COMPLEX: Final = "too_complex"


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A call that shows a finding: `explain` takes all three as they are.

    at:       when (aware)
    outcomes: what becomes of the steps, in order; each as in callrouter.routing.run.OUTCOMES
    """

    facts: Facts
    at: datetime
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    rule:    V1 to V8, or too_complex
    error:   True: the table is not verified; False: a warning
    pointer: JSON pointer (RFC 6901) into the table
    example: the first call that shows it; None where no call does (a menu)
    """

    rule: str
    error: bool
    pointer: str
    sentence: Bilingual
    remedy: Bilingual
    example: CounterExample | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The answer about a table.

    verified: no finding is an error
    vectors:  how many kinds of call were looked at (for too_complex: there would be)
    cells:    how many kinds of time
    until:    the first instant that was not looked at
    """

    verified: bool
    findings: tuple[Finding, ...]
    vectors: int
    cells: int
    until: datetime
