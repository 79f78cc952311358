"""What an incident's timeline says of it: what persons and agencies did can be read back from it alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from callrouter.incidents.model import EventKind

_NO_FIELDS: Final = frozenset({"state", "agency_state"})
"""Pairs of what was and what is that are no fields of the incident: its derived state, and an agency's."""


@dataclass(slots=True)
class Replayed:
    """What follows from a timeline.

    fields:   what persons set, by the column's name
    agencies: state of each agency that a person or the agency itself spoke of
    remarks:  the last remark of each agency that made one
    merged_into: number of the incident that it was merged into and is still
    """

    fields: dict[str, Any] = field(default_factory=dict)
    agencies: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    merged_into: int | None = None


def replay(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> Replayed:
    """Return what `entries` (kind and data, in the order in which they were written) come to."""
    result = Replayed()
    for kind, data in entries:
        match kind:
            case EventKind.OPENED | EventKind.ROUTED | EventKind.JOINED | EventKind.ENDED:
                continue
            case EventKind.MERGED:
                result.merged_into = data["number"]
            case EventKind.UNMERGED:
                result.merged_into = None
            case EventKind.PASSED | EventKind.AGENCY:
                result.agencies[data["agency"]] = data["agency_state"][1]
            case EventKind.REMARK:
                result.remarks[data["agency"]] = data["text"]
        for name, pair in data.items():
            if isinstance(pair, list) and name not in _NO_FIELDS:
                result.fields[name] = pair[1]
    return result
