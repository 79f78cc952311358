"""The shapes of what is about people: duty, tokens, the audit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from callrouter.access.chain import FaultKind
from callrouter.access.model import Role
from callrouter.access.tokens import MAX_DAYS, MAX_NAME
from callrouter.api.desk_models import MAX_PAGE
from callrouter.api.models import Answer, Moment, Parameters, Sent
from callrouter.api.parameters import WHOLE, Cursor, When
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.duty.model import Act, PauseReason, Presence
from callrouter.routing.values import Key, one_line

FOR_SOMEBODY = (Role.OPERATOR, Role.AGENCY)
"""Roles whose tokens are for one operator or agency."""


class DutyPath(Parameters):
    """Whose duty."""

    operator: Key = Field(description="Key of the operator.", examples=["op1"])


class DutyOrder(Sent):
    """What is to be done to an operator's duty."""

    act: Act = Field(description="join, leave, pause or resume.", examples=["pause"])


class DutyRow(Answer):
    """The duty of one operator."""

    operator: str = Field(description="Key of the operator.", examples=["op1"])
    name: str = Field(description="His name.", examples=["Operator 1"])
    groups: list[str] = Field(description="Ring groups that name him.", examples=[["operators"]])
    rostered: bool = Field(description="True: on by the roster alone.", examples=[True])
    on_duty: bool = Field(description="True: he counts as there.", examples=[True])
    rung: bool = Field(description="True: he is there and not paused: his phone rings.", examples=[True])
    last_of: list[str] = Field(description="Groups in which he is the last who is rung.", examples=[[]])
    presence: Presence = Field(description="What he, or a supervisor, has said.", examples=["roster"])
    until: Moment | None = Field(description="When his presence by hand ends; null: not before he changes it.")
    paused: PauseReason | None = Field(description="Why he is not rung though on duty; null: he is not paused.")
    missed: int = Field(description="Rings that he let go by, one after another (count).", ge=0, examples=[0])
    changed_at: Moment | None = Field(description="When this last changed by hand; null: never.")
    changed_by: str | None = Field(description="Who changed it.", examples=["op1 (operator)"])


class DutyBoard(Answer):
    """Who is rung now."""

    items: list[DutyRow] = Field(description="Every enabled operator, by key.")


class TokenPath(Parameters):
    """Which token."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{8}$")] = Field(description="Id of the token.", examples=["ab12cd34"])


class TokenOrder(Sent):
    """A token to be given."""

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME,
        description="Whose it is, as the audit will show it.",
        examples=["diskominfo-1"],
    )
    role: Role = Field(description="What it may do.", examples=["viewer"])
    subject: Key | None = Field(
        default=None, description="Key of the operator or agency it is for; none for other roles.", examples=[None]
    )
    days: int = Field(ge=1, le=MAX_DAYS, description="How long it is valid (days).", examples=[90])

    _line = field_validator("name")(one_line)

    @model_validator(mode="after")
    def _for_somebody(self) -> TokenOrder:
        if (self.role in FOR_SOMEBODY) != (self.subject is not None):
            raise RefusedValue(
                Bilingual(
                    "subject disebut untuk peran operator dan agency, dan hanya untuk itu",
                    "a subject is named for the roles operator and agency, and for no other",
                )
            )
        return self


class TokenRow(Answer):
    """A token, without its secret."""

    id: str = Field(description="Its id; it stands in the token too.", examples=["ab12cd34"])
    name: str = Field(description="Whose it is, as the audit shows it.", examples=["diskominfo-1"])
    role: Role = Field(description="What it may do.", examples=["viewer"])
    subject: str | None = Field(description="Key of the operator or agency it is for.", examples=["op1"])
    created_at: Moment = Field(description="When it was given.")
    created_by: str = Field(description="Who gave it.", examples=["local"])
    expires_at: Moment = Field(description="When it ends.")
    revoked_at: Moment | None = Field(description="When it was revoked; null: it was not.")
    last_used_at: Moment | None = Field(description="When it was last used, to the minute; null: never.")


class TokenList(Answer):
    """Every token."""

    items: list[TokenRow] = Field(description="The tokens, newest first; those that ended too.")


class IssuedToken(TokenRow):
    """A token with its secret, shown this once."""

    token: str = Field(description="What goes behind Bearer.", examples=["cr_ab12cd34_" + "x" * 43])


class AuditQuery(Parameters):
    """Which rows of the audit."""

    actor: str | None = Field(
        default=None, max_length=100, description="Only what he did.", examples=["diskominfo-1 (admin)"]
    )
    action: str | None = Field(
        default=None,
        pattern="^[a-z_]{1,30}$",
        description="Only this: create, replace, delete, import, publish, rollback, approve, secret, token, revoke, "
        "duty, discard.",
        examples=["publish"],
    )
    subject: str | None = Field(
        default=None,
        max_length=100,
        description="Only what was done to subjects that begin so.",
        examples=["trunks/"],
    )
    since: When | None = Field(default=None, description="Only from this time on.", examples=["2026-11-21T00:00:00Z"])
    before: When | None = Field(default=None, description="Only before this time.", examples=["2026-11-22T00:00:00Z"])
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most rows in one answer (count).", examples=["50"]
    )
    after: Cursor | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class AuditRow(Answer):
    """Who did what to which thing."""

    seq: int = Field(description="Its number; counts up without gaps.", ge=1, examples=[17])
    at: Moment = Field(description="When.")
    actor: str = Field(description="Who, with his role; or system.", examples=["diskominfo-1 (admin)"])
    action: str = Field(description="What was done.", examples=["create"])
    subject: str = Field(description="To what.", examples=["trunks/damkar"])
    payload: Any = Field(
        description="What changed, never a secret; null where it was blanked.",
        examples=[{"before": None, "after": {}}],
    )
    mac: str = Field(description="Its keyed hash, which covers the row before.", examples=["5d0c8f5e" * 8])


class AuditPage(Answer):
    """Rows of the audit, newest first."""

    items: list[AuditRow] = Field(description="The rows of this page.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class AuditFault(Answer):
    """One thing that is wrong with the audit."""

    kind: FaultKind = Field(description="What kind of fault it is.", examples=["changed"])
    seq: int = Field(description="The row where it shows.", examples=[17])
    sentence: str = Field(
        description="What is wrong, in the language of the answer.", examples=["Row 17 was changed."]
    )


class AuditVerdict(Answer):
    """Whether the audit is whole."""

    intact: bool = Field(description="True: no row was changed, removed or cut off.", examples=[True])
    faults: list[AuditFault] = Field(description="Everything that is wrong, at most 100 of it.")
