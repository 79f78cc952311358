"""What follows of an incident's row from everything else. Pure: notes, records and persons all end here.

So the row is the same whoever came first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from callrouter.incidents.lifecycle import Assignment, by_person, milestones, state_of
from callrouter.incidents.model import IncidentState
from callrouter.storage import tables as t
from callrouter.storage.columns import clean
from callrouter.storage.known import Standing

SETTLED: Final = (
    "state",
    "state_by_person",
    "category",
    "opened_at",
    "callback",
    "callback_reason",
    "area",
    "area_source",
    "disposition",
    "sub_code",
    "acknowledged_at",
    "en_route_at",
    "on_scene_at",
    "resolved_at",
)
"""The columns that follow."""
CLOSED_ITSELF: Final = "quiet: "
"""How the reason begins of what was closed because nothing came of it any more, and not by a person."""
_STATES: Final = frozenset(map(str, IncidentState))


def settled(row: Mapping[str, Any], stands: Standing | None, parts: Sequence[Assignment]) -> dict[str, Any]:
    """Return the values of SETTLED: what a person set stays, the rest is what its opening call makes of it.

    stands: of the opening call; None where it was opened without one
    """
    values = {name: row[name] for name in SETTLED}
    values |= _from_call(row, stands)
    values |= asdict(milestones(parts))
    if row["state"] in _STATES:  # any other is a later version's
        acts = {
            "taken": row["taken_at"] is not None,
            "closed": row["closed_at"] is not None,
            "merged": row["merged_into"] is not None,
        }
        told = IncidentState.OPEN if stands is None else stands.state
        values["state"] = str(state_of(told, parts=parts, **acts))
        values["state_by_person"] = by_person(parts=parts, **acts)
    return values


def _from_call(row: Mapping[str, Any], stands: Standing | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if stands is not None:
        values["opened_at"] = stands.opened_at
    if not row["category_by_person"]:
        values["category"] = "" if stands is None else clean(stands.category, t.KEY)
    if not row["area_by_person"]:
        values["area"] = "" if stands is None else clean(stands.area, t.KEY)
        values["area_source"] = "" if stands is None else clean(stands.area_source, t.KEY)
    if not row["disposition_by_person"]:
        values["disposition"] = "" if stands is None else stands.disposition
        values["sub_code"] = ""
    if not row["callback_by_person"]:
        # Whoever closed it has decided that nobody is called back any more.
        values["callback"] = stands is not None and stands.callback and row["closed_at"] is None
    if not (row["callback_by_person"] and row["callback"]):
        # Why he was to be called back stays known when he was, or is not to be any more.
        values["callback_reason"] = "" if stands is None else stands.callback_reason
    return values
