"""What an incident turned out to be, and which ones close themselves. Pure.

The seven words are those in use at Indonesian centres and in the monthly report to the national one; NENA-STA-006 has
the same ideas. Below each a centre has sub-codes of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.incidents.lifecycle import UNDER_WAY
from callrouter.incidents.model import Disposition, IncidentState

NAMES: Final[Mapping[Disposition, Bilingual]] = {
    Disposition.EMERGENCY: Bilingual("darurat", "emergency"),
    Disposition.INFORMATION: Bilingual("informasi", "information"),
    Disposition.MISDIRECTED: Bilingual("salah sambung", "misdirected"),
    Disposition.PRANK: Bilingual("iseng", "prank"),
    Disposition.GHOST: Bilingual("hening", "ghost (silent)"),
    Disposition.TEST: Bilingual("uji coba", "test"),
    Disposition.ABANDONED: Bilingual("terputus", "abandoned"),
}

MAX_SUB_CODES: Final = 200
"""Of all dispositions together."""


@dataclass(frozen=True, slots=True)
class SubCode:
    """A finer kind of a disposition, as the centre has it. One that is not enabled is kept, and not given anew."""

    disposition: Disposition
    key: str
    name: Bilingual
    enabled: bool = True
    version: int = 1


def may_be_given(codes: Iterable[SubCode], disposition: Disposition, key: str) -> bool:
    """Return whether an incident may be given this sub-code with this disposition; an empty one always."""
    return not key or any(c.enabled and (c.disposition, c.key) == (disposition, key) for c in codes)


QUIET: Final = frozenset({Disposition.ABANDONED, Disposition.GHOST})
"""Dispositions of incidents that close themselves."""


def closes_itself(state: IncidentState, disposition: str, *, disposed_by_person: bool) -> bool:
    """Return whether such an incident is closed once nothing has happened to it for the set time.

    Never one that an agency has under way. One that is abandoned by what its call says, and that nobody disposed of,
    only while it still is: an operator who reached the caller has it in his hands.
    """
    if disposition not in QUIET or state in {IncidentState.CLOSED, IncidentState.MERGED, *UNDER_WAY}:
        return False
    return disposed_by_person or state is IncidentState.ABANDONED
