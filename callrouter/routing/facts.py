"""What is known of a call when it is routed."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from callrouter.routing.directory import TrunkKind
from callrouter.routing.values import AreaCode, Key, Language, Posture, Value


class Choice(StrEnum):
    """How the menu ended, where it did not end in a category."""

    OPERATOR = "operator"
    SILENT = "silent"
    WRONG = "wrong"
    NONE = "none"
    """The caller was not asked: no citizen is calling, or operators take every call first."""
    CANNOT_SPEAK = "cannot_speak"
    """He said nothing, was asked to press 1 if he cannot speak, and did: an emergency."""


class Origin(StrEnum):
    """Who sent the INVITE."""

    CITIZEN = "citizen"
    AGENCY = "agency"
    NEIGHBOUR = "neighbour"
    OPERATOR = "operator"


def origin_of(kind: TrunkKind) -> Origin:
    """Return who sends the calls that come in by a trunk of that kind."""
    return Origin.CITIZEN if kind is TrunkKind.CARRIER else Origin(kind.value)


class AreaSource(StrEnum):
    """How the area of a call is known. The first that is known counts, in this order."""

    LOCATION = "location"
    """The location object in the INVITE (PIDF-LO, RFC 4119; RFC 6442)."""
    TRUNK = "trunk"
    MENU = "menu"
    OPERATOR = "operator"


class Facts(Value):
    """The facts of one call. They are stored with it, so that the decision can be explained later."""

    origin: Origin
    choice: Choice
    category: Key | None = None
    """The category's key where the caller chose one; `choice` is then NONE."""
    area: AreaCode | None = None
    area_source: AreaSource | None = None
    trunk: Key | None = None
    """The trunk it came in by; None for an operator's phone."""
    trunk_kind: TrunkKind | None = None
    language: Language = Language.ID
    suspicion: int = Field(default=0, ge=0, le=100)
    """As it was when the call was opened (callrouter.incidents.suspicion)."""
    posture: Posture = Posture.GREEN
    unavailable: tuple[str, ...] = ()
    """Of the agencies and groups that the table asks about, those that could not be offered a call: ``agency/bpbd``,
    ``group/operators``; sorted."""
