"""What is known of a call when it is routed."""

from __future__ import annotations

from enum import StrEnum

from callrouter.routing.table import Key, Language, TrunkKind, Value


class Choice(StrEnum):
    """How the menu ended, where it did not end in a category."""

    OPERATOR = "operator"
    SILENT = "silent"
    WRONG = "wrong"
    NONE = "none"
    """The caller was not asked: an agency, a neighbouring centre or an operator is calling."""


class Origin(StrEnum):
    """Who sent the INVITE."""

    CITIZEN = "citizen"
    AGENCY = "agency"
    NEIGHBOUR = "neighbour"
    OPERATOR = "operator"


class Facts(Value):
    """The facts of one call. They are stored with it, so that the decision can be explained later."""

    origin: Origin
    choice: Choice
    category: Key | None = None
    """The category's key where the caller chose one; `choice` is then NONE."""
    trunk: Key | None = None
    """The trunk it came in by; None for an operator's phone."""
    trunk_kind: TrunkKind | None = None
    language: Language = Language.ID
