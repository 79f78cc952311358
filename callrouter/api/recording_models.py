"""The shapes of recordings and of the access log."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, RootModel

from callrouter.api.desk_models import MAX_PAGE
from callrouter.api.models import Answer, Moment, Parameters
from callrouter.api.parameters import WHOLE, Cursor, Identifier, When
from callrouter.privacy.access_log import Seen
from callrouter.privacy.recordings import RecordingKind, RecordingState

_ID: Any = "0b2f7d3e-9a43-5d0e-8f58-6b2f6f3c0e61"
_SHA256: Any = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class RecordingPath(Parameters):
    """Which recording."""

    id: Identifier = Field(description="Id of the recording.", examples=[_ID])


class RecordingQuery(Parameters):
    """Whose recordings."""

    incident: Identifier = Field(description="Id of the incident.", examples=["8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"])


class RecordingRow(Answer):
    """What is known of a recording."""

    id: UUID = Field(description="Id of the recording.")
    call: UUID = Field(description="Id of the call that it is of.")
    incident: UUID = Field(description="Id of that call's incident.")
    kind: RecordingKind = Field(
        description="talk: caller and human, from the human's answer on; message: the caller alone.",
        examples=["talk"],
    )
    begun_at: Moment = Field(
        description="When it was begun: when the human was there, of a message when the call ended."
    )
    ended_at: Moment | None = Field(description="When it was last written to; null: not looked at yet.")
    bytes: int | None = Field(description="Size of the file (bytes).", ge=0, examples=[320_044])
    sha256: str | None = Field(description="SHA-256 of the file when it was closed, hexadecimal.", examples=[_SHA256])
    state: RecordingState = Field(
        description="found (its call may last), told (not looked at yet), kept, missing (the PBX could not write it, "
        "or it was taken away) or erased.",
        examples=["kept"],
    )
    why: str | None = Field(
        description="Why it is missing or erased.", examples=["retention: 90 days (no disposition)"]
    )
    keep_until: Moment | None = Field(
        description="When it is erased, as its incident's disposition is now; null: it is gone already."
    )


class RecordingList(Answer):
    """The recordings of an incident."""

    items: list[RecordingRow] = Field(description="Those of all its calls, oldest first.")


class RecordingVerdict(Answer):
    """Whether a recording is what it was."""

    intact: bool = Field(description="True: the file has the hash that it had when it was closed.", examples=[True])
    sha256: str | None = Field(description="The hash that was kept; null: none was yet.", examples=[_SHA256])
    found: str | None = Field(
        description="The hash that the file has now; null: there is no file.", examples=[_SHA256]
    )


class Sound(RootModel[str]):
    """A sound: 8 kHz, 16 bit, one channel (RIFF WAVE)."""


class AccessQuery(Parameters):
    """Which entries."""

    who: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="Only what this one saw: the name of his token.", examples=["pengawas-1"]
    )
    what: Seen | None = Field(default=None, description="Only this kind.", examples=["play"])
    subject: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Only who saw this: the id of an incident, recording or call, or the name of a list.",
        examples=["8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"],
    )
    since: When | None = Field(
        default=None, description="Only entries of this time or later.", examples=["2026-11-21T00:00:00Z"]
    )
    before: When | None = Field(
        default=None, description="Only entries before this time.", examples=["2026-11-22T00:00:00Z"]
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most entries in one answer (count).", examples=["50"]
    )
    after: Cursor | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class AccessEntry(Answer):
    """Somebody saw something. What is looked at again and again is one entry a minute; a play is one each time."""

    at: Moment = Field(description="When; of a minute's entry the first time in it.")
    who: str = Field(description="Name of the token; `local`: this machine's command line.", examples=["pengawas-1"])
    role: str = Field(description="His role.", examples=["supervisor"])
    what: str = Field(description="What he saw.", examples=["play"])
    subject: str = Field(
        description="Which: the id of an incident, recording or call, or the name of the list.",
        examples=["8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"],
    )
    purpose: str | None = Field(description="What for, where he had to say so.", examples=[None])


class AccessPage(Answer):
    """Who saw what."""

    items: list[AccessEntry] = Field(description="The entries, newest first.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=["AQAAAAAAAAQAHsXp"],
    )
