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
    """A call taker: sees the board, incidents and duty, works on incidents, and joins, leaves and pauses himself."""
    AGENCY = "agency"
    """An agency: its own list of incidents, and how far it has come with each. Nothing else."""
    SUPERVISOR = "supervisor"
    """Sees everything of the day, sets the duty of any operator, and merges and closes any incident."""
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
    LISTEN = "listen"
    """The stream of events: of them those that the other rights let one see."""
    WORK_INCIDENTS = "work_incidents"
    """Open, change, pass on, dispose of and close incidents."""
    OWN_INCIDENTS = "own_incidents"
    """See the incidents of one's own agency, and say how far it has come with each."""
    SUPERVISE = "supervise"
    """Merge incidents, close any, set banners and posture, replay notices."""
    SEE_FIGURES = "see_figures"
    """Scoreboard, clocks, reports."""
    HEAR_RECORDINGS = "hear_recordings"
    SEE_NUMBERS = "see_numbers"
    """Callers' numbers as they are; without it they are masked."""
    SEE_ACCESS_LOG = "see_access_log"
    """Who saw or heard which person's data."""


_SEE: Final = frozenset({Right.SEE_CALLS, Right.SEE_ROUTING, Right.SEE_DUTY, Right.LISTEN})
_WORK: Final = frozenset({Right.WORK_INCIDENTS, Right.OWN_DUTY, Right.LISTEN})
_SUPERVISE: Final = _WORK | {Right.SUPERVISE, Right.ANY_DUTY, Right.SEE_FIGURES}
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.VIEWER: _SEE | {Right.SEE_FIGURES},
    Role.OPERATOR: _WORK | {Right.SEE_CALLS, Right.SEE_DUTY, Right.SEE_NUMBERS},
    Role.AGENCY: frozenset({Right.OWN_INCIDENTS, Right.LISTEN}),
    Role.SUPERVISOR: _SEE | _SUPERVISE | {Right.HEAR_RECORDINGS, Right.SEE_NUMBERS},
    Role.ADMIN: _SEE | _SUPERVISE | {Right.EDIT, Right.PUBLISH, Right.TOKENS},
    Role.AUDITOR: _SEE | {Right.SEE_AUDIT, Right.SEE_FIGURES, Right.HEAR_RECORDINGS, Right.SEE_ACCESS_LOG},
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
