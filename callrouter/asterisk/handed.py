"""What each call was handed, until its caller has chosen: with that and one word of the PBX it is known what he gets.

The dialplan takes its plan from these variables by the rule that stands here once more (`[callrouter-menu]`, chosen;
`[callrouter-next]`, decided). Which plan it really took stands in the journal's last line of the call, and is stored
beside the one that is told here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from callrouter.asterisk import variables as v
from callrouter.asterisk.dialplan import variables_of
from callrouter.calls.ports import HandOver
from callrouter.calls.records import Opened
from callrouter.routing.facts import Choice

MAX_KEPT: Final = 5_000
"""For calls before these the PBX is asked."""
MAX_ALIKE: Final = 64
"""Most calls of a moment are handed the same."""
_OTHER: Final = frozenset({Choice.OPERATOR, Choice.SILENT, Choice.WRONG, Choice.NONE})


class Handed:
    """Calls whose callers have not chosen yet, with what was handed over for them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, tuple[Opened, HandOver, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many."""
        return len(self._kept)

    def note(self, opened: Opened, given: HandOver, suspicion: int) -> None:
        """Keep that this was handed over for a call. suspicion: of its caller, 0 to 100."""
        self._kept[opened.call] = opened, given, suspicion
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def forget(self, call: UUID) -> None:
        """Whatever is told of it from now on, the PBX is asked."""
        self._kept.pop(call, None)

    def chosen(self, call: UUID, choice: str, language: str) -> Mapping[str, str] | None:
        """Return what the caller's choice means, and forget the call. None where that is not known.

        language: that of his menu; what is returned has the names of the dialplan's event (asking.VARIABLES)
        """
        kept = self._kept.pop(call, None)
        if kept is None:
            return None
        opened, given, suspicion = kept
        held = _held(given)
        key = v.OTHER if choice in _OTHER else v.CANNOT_SPEAK if choice == Choice.CANNOT_SPEAK else choice
        plan = held.get(f"{v.PLAN}{key}_{language}") or held.get(v.PLAN + key)
        if plan is None:
            return None
        _, version, route, _, category, *_ = plan.partition("!")[0].split(",")
        return {
            "Call": str(call),
            "Path": "service",
            "Choice": choice,
            "Category": category,
            "Lang": language,
            "Origin": opened.origin,
            "Trunk": opened.trunk,
            "Area": held.get(v.WHERE) or held.get(v.WHERE_OF + key, ""),
            "Away": held[v.AWAY],
            "Posture": held[v.POSTURE],
            "Suspicion": str(suspicion or ""),
            "Speechless": "yes" if choice == Choice.CANNOT_SPEAK else "",
            "Version": version,
            "Route": route,
            "By": "",
            "Plan": plan,
        }


@lru_cache(maxsize=MAX_ALIKE)
def _held(given: HandOver) -> dict[str, str]:
    return variables_of(given)
