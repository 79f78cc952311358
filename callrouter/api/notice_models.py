"""The shapes of notices to agencies."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from callrouter.agencies.notices import MAX_PAGE, Channel, NoticeState
from callrouter.api import cursor
from callrouter.api.models import Answer, Moment, Parameters, Sent
from callrouter.api.parameters import WHOLE, Identifier, Place
from callrouter.routing.values import Key

_ID: Any = "3f0c8f5e-30c8-5e62-9a86-1f5a2f0f6112"
_INCIDENT: Any = "8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"
SORT = "created"


class NoticePath(Parameters):
    """Which notice."""

    id: Identifier = Field(description="Id of the notice.", examples=[_ID])


class ContactPath(Parameters):
    """Which contact point of which agency."""

    key: Key = Field(description="Key of the agency.", examples=["damkar"])
    contact: Key = Field(description="Key of its contact point for notices.", examples=["sistem"])


class NoticeQuery(Parameters):
    """Which notices."""

    state: NoticeState | None = Field(default=None, description="Only those in this state.", examples=["dead"])
    agency: Key | None = Field(default=None, description="Only those to this agency.", examples=["damkar"])
    incident: Identifier | None = Field(
        default=None, description="Only those about this incident.", examples=[_INCIDENT]
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most notices in one answer (count).", examples=["50"]
    )
    after: Place | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before.",
        examples=[cursor.encode_place(SORT, 1, _ID)],
    )


class NoticeRow(Answer):
    """A notice: that an incident was passed to an agency, or that nobody there acknowledged it."""

    id: UUID = Field(description="Id of the notice, which its receiver sees in each try.")
    incident: UUID = Field(description="Id of the incident.")
    agency: str = Field(description="Key of the agency.", examples=["damkar"])
    contact: str | None = Field(
        description="Key of the agency's contact point; null: the supervisor.", examples=["sistem"]
    )
    channel: Channel = Field(description="How it goes out.", examples=["webhook"])
    target: str | None = Field(
        description="Where to: a URL, an address, or number@trunk; null: it is in the timeline and the stream of "
        "events alone.",
        examples=["https://10.1.2.3/112"],
    )
    state: NoticeState = Field(
        description="queued, sending, delivered (the receiver's system has it, or who was called has heard it), dead "
        "(given up), or needless (the agency acknowledged before it was rung).",
        examples=["delivered"],
    )
    tries: int = Field(description="How often it was tried (count).", ge=0, examples=[1])
    created_at: Moment = Field(description="When it was written.")
    next_at: Moment | None = Field(description="When it is tried next; null: it is not waiting.")
    settled_at: Moment | None = Field(description="When it was delivered or given up.")
    last_error: str | None = Field(description="Why the last try failed.", examples=[None])


class NoticePage(Answer):
    """Notices."""

    items: list[NoticeRow] = Field(description="The notices, newest first.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=[cursor.encode_place(SORT, 1, _ID)],
    )


class SecretOrder(Sent):
    """What notices to a contact point are signed with. It can be written and never read."""

    secret: str = Field(
        pattern="^whsec_[A-Za-z0-9+/]{32,86}={0,2}$",
        description="`whsec_` and 24 to 64 random bytes in base64, as the Standard Webhooks specification has it.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
