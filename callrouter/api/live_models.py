"""Calls that are up, and calls that the PBX refused, as they are shown."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from callrouter.api.models import Answer, Moment, Parameters
from callrouter.api.parameters import When
from callrouter.calls.live import Stage
from callrouter.calls.refused import MAX_COUNTS, MAX_NEWEST

MAX_LIVE = 500
"""Calls shown on the live board: to show these takes 3.5 ms, and more than 5 would be felt by the calls."""


class LiveCall(Answer):
    """A call that is up."""

    call: UUID = Field(description="Id of the call.")
    incident: UUID = Field(description="Id of its incident.")
    number: str | None = Field(
        description="Number as the caller's side gave it; null when withheld.", examples=["+622000000112"]
    )
    origin: str = Field(description="citizen, agency, neighbour or operator.", examples=["citizen"])
    trunk: str | None = Field(
        description="Key of the trunk it came in by, or of the operator whose phone it is.", examples=["telkom"]
    )
    since: Moment = Field(description="When it reached the PBX.")
    stage: Stage = Field(description="Where the call is.", examples=["agency"])
    with_whom: list[str] = Field(description="Endpoints that ring or talk.", examples=[["damkar"]])
    cannot_speak: bool = Field(
        default=False, description="True: he pressed 1 because he cannot speak.", examples=[False]
    )
    category: str | None = Field(description="Key of the category that was chosen.", examples=["kebakaran"])
    language: str | None = Field(description="Language spoken to the caller (ISO 639-1).", examples=["id"])


class LiveBoard(Answer):
    """The calls that are up at this moment."""

    at: Moment = Field(description="When the board was read, by the service's clock.")
    total: int = Field(description="How many calls are up (count).", ge=0, examples=[1])
    items: list[LiveCall] = Field(
        description=f"The calls, oldest first; the first {MAX_LIVE} of them.", max_length=MAX_LIVE
    )


class RefusedQuery(Parameters):
    """Which refused calls."""

    since: When | None = Field(
        default=None,
        description="Only calls refused at this time or later.",
        examples=["2026-11-21T00:00:00Z"],
    )


class RefusedAlike(Answer):
    """Why calls were refused, and from where they came."""

    status: int = Field(description="SIP status of the refusal.", ge=400, le=699, examples=[488])
    reason: str | None = Field(description="The words beside the status.", examples=["Not Acceptable Here"])
    trunk: str | None = Field(
        description="Key of the trunk whose address the call came from; null: of none (an operator's phone).",
        examples=["telkom"],
    )
    source: str = Field(description="IP address that the call came from.", examples=["192.0.2.10"])


class RefusedCount(RefusedAlike):
    """How many calls were refused alike."""

    count: int = Field(description="How many (count).", ge=1, examples=[3])
    last_at: Moment = Field(description="When the newest of them was refused.")


class RefusedCall(RefusedAlike):
    """One refused call."""

    at: Moment = Field(description="When it was refused, by the PBX's clock.")
    node: str = Field(description="Name of the PBX that refused it.", examples=["pbx1"])
    number: str | None = Field(
        description="Number as the caller's side gave it; null when withheld.", examples=["+622000000112"]
    )


class RefusedCalls(Answer):
    """Calls that the PBX refused before any menu or incident."""

    total: int = Field(description="How many calls were refused (count).", ge=0, examples=[3])
    counts: list[RefusedCount] = Field(
        description=f"The same by reason and source, greatest count first; the first {MAX_COUNTS} of them.",
        max_length=MAX_COUNTS,
    )
    newest: list[RefusedCall] = Field(
        description=f"The newest {MAX_NEWEST} refusals, newest first.", max_length=MAX_NEWEST
    )
