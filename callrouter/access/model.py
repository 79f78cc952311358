"""Who asks, and what his role lets him do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What someone is to the centre."""

    VIEWER = "viewer"
    """Sees the board, incidents, routing and duty; changes nothing."""
    OPERATOR = "operator"
    """A call taker: sees the board, incidents and duty, and joins, leaves and pauses himself."""
    AGENCY = "agency"
    """An agency. Its own list of incidents comes with the agencies' part; until then its token opens nothing."""
    SUPERVISOR = "supervisor"
    """Sees everything of the day, and sets the duty of any operator."""
    ADMIN = "admin"
    """Edits directory and routing, publishes, gives tokens."""
    AUDITOR = "auditor"
    """Sees what a viewer sees, and the audit trail, which an admin may not read by REST; changes nothing."""


class Right(StrEnum):
    """What an operation of the API asks of who calls it."""

    SEE_CALLS = "see_calls"
    """Board, incidents, refused calls."""
    SEE_ROUTING = "see_routing"
    """Directory, draft, versions, verify, explain, replay, diff: nothing is changed."""
    SEE_DUTY = "see_duty"
    OWN_DUTY = "own_duty"
    """Join, leave and pause as oneself."""
    ANY_DUTY = "any_duty"
    EDIT = "edit"
    """Directory and draft."""
    PUBLISH = "publish"
    TOKENS = "tokens"
    SEE_AUDIT = "see_audit"


_SEE: Final = frozenset({Right.SEE_CALLS, Right.SEE_ROUTING, Right.SEE_DUTY})
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.VIEWER: _SEE,
    Role.OPERATOR: frozenset({Right.SEE_CALLS, Right.SEE_DUTY, Right.OWN_DUTY}),
    Role.AGENCY: frozenset(),
    Role.SUPERVISOR: _SEE | {Right.OWN_DUTY, Right.ANY_DUTY},
    Role.ADMIN: _SEE | {Right.OWN_DUTY, Right.ANY_DUTY, Right.EDIT, Right.PUBLISH, Right.TOKENS},
    Role.AUDITOR: _SEE | {Right.SEE_AUDIT},
}


LOCAL: Final = "local"
"""Name of the machine's own command line, where it asks the running service."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: proven by a token, or the machine's own command line.

    name:    the token's name, as the audit shows it ("diskominfo-1")
    subject: key of the operator or agency the token is for; None for other roles
    token:   id of the token; empty for the command line
    """

    name: str
    role: Role
    subject: str | None = None
    token: str = ""

    def may(self, right: Right) -> bool:
        """Return whether his role lets him do that."""
        return right in RIGHTS[self.role]


@dataclass(frozen=True, slots=True)
class AuditNote:
    """To be kept for ever: who did what to which thing.

    actor:   Principal.name with its role ("diskominfo-1 (admin)") or "system"
    action:  a word of a closed set: create, replace, delete, import, publish, rollback, approve, secret, token,
             revoke, duty, discard
    subject: what it was done to: "trunks/telco", "draft", "versions/12", "tokens/ab12cd34"
    payload: what changed, JSON-serialisable, never a secret; {"before": …, "after": …} for a change
    """

    actor: str
    action: str
    subject: str
    payload: dict[str, object]
