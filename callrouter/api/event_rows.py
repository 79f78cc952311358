"""What an event says, as JSON: the row that the list of such things has, as far as who listens may see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from callrouter.access.model import Principal, Right, Role
from callrouter.api import translate
from callrouter.api.banners import banner_row
from callrouter.api.caller_models import caller_card
from callrouter.api.duty import duty_row
from callrouter.api.posture import posture_now
from callrouter.api.trunk_states import trunk_row
from callrouter.calls.banners import Banner
from callrouter.calls.caller import Card
from callrouter.calls.live import LiveCall
from callrouter.calls.trunks import TrunkState
from callrouter.duty.service import DutyView
from callrouter.incidents.posture import Standing
from callrouter.privacy.masking import Sight, sight_of
from callrouter.stream.feed import Event, Kind
from callrouter.stream.incidents import IncidentNow

_RIGHTS: Final[Mapping[Kind, frozenset[Right]]] = {
    Kind.INCIDENT: frozenset({Right.SEE_CALLS, Right.OWN_INCIDENTS}),
    Kind.CALL: frozenset({Right.SEE_CALLS}),
    Kind.OPERATOR: frozenset({Right.SEE_DUTY}),
    Kind.TRUNK: frozenset({Right.SEE_CALLS}),
    Kind.PICKUP: frozenset({Right.WORK_INCIDENTS}),
    Kind.BANNER: frozenset({Right.SEE_CALLS}),
    Kind.POSTURE: frozenset({Right.SEE_CALLS}),
}
"""One of these lets a role see events of the kind at all."""


@dataclass(frozen=True, slots=True)
class View:
    """What those who are alike see.

    own:   the operator or agency that the token is for, whose own things alone are shown; None: those of all
    sight: whether numbers are masked
    """

    role: Role
    own: str | None
    sight: Sight


def view_of(by: Principal) -> View:
    """Return the view of who listens."""
    return View(by.role, by.subject, sight_of(by))


def seen_by(by: Principal) -> frozenset[Kind]:
    """Return the kinds of events that his role may see."""
    return frozenset(kind for kind, rights in _RIGHTS.items() if any(by.may(right) for right in rights))


def written(event: Event, view: View) -> bytes | None:
    """Return what an event says to this view, as JSON; None: it is not for him."""
    if not _for(event, view):
        return None
    value = None if event.payload is None else _value(event.payload, view.sight)
    # ASCII alone: nothing in a caller's name can end the line, in whatever way a client splits lines.
    said = {"kind": event.kind.value, "key": event.key, "value": value}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=True).encode()


def _for(event: Event, view: View) -> bool:
    if event.kind is Kind.INCIDENT and view.role is Role.AGENCY:
        return isinstance(event.payload, IncidentNow) and view.own in event.payload.agencies
    if event.kind is Kind.PICKUP and view.role is Role.OPERATOR:
        return event.key == view.own
    return True


def _value(payload: object, sight: Sight) -> Mapping[str, Any]:
    if isinstance(payload, Card):
        return caller_card(payload, sight).model_dump(mode="json")
    row = _ROWS[type(payload)](payload) if type(payload) in _ROWS else payload
    if isinstance(row, BaseModel):
        row = row.model_dump(mode="json")
    if not isinstance(row, Mapping):
        raise TypeError(f"{type(payload).__name__} has no row")
    return sight.data(row)


_ROWS: Final[Mapping[type, Callable[[Any], BaseModel]]] = {
    IncidentNow: lambda one: translate.incident_row(one.summary),
    LiveCall: translate.live_call,
    DutyView: duty_row,
    TrunkState: trunk_row,
    Banner: banner_row,
    Standing: posture_now,
}
"""How what a part tells is shown. A part may tell a row or a mapping at once."""
