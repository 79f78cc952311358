"""The shapes of what persons and agencies do with incidents."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, field_validator

from callrouter.api.incident_models import IncidentAgency
from callrouter.api.models import Answer, IncidentPath, Moment, Parameters, Sent
from callrouter.api.parameters import WHOLE, Flag, Place
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.incidents.desk import MAX_AGENCIES
from callrouter.incidents.model import AgencyState, Disposition, IncidentState
from callrouter.incidents.numbers import bare
from callrouter.incidents.views import MAX_PAGE
from callrouter.routing.values import AreaCode, Key, one_line

MAX_HURT = 100_000
MAX_TEXT = 4_000

Line = Annotated[str, Field(max_length=200)]
Words = Annotated[str, Field(min_length=1, max_length=2_000)]
Id4 = Annotated[
    UUID,
    Field(json_schema_extra={"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}),
]


def _visible(value: str | None) -> str | None:
    return None if value is None else one_line(value)


def _bare(value: str | None) -> str | None:
    return None if value is None else bare(value)


class IncidentFields(Sent):
    """What persons write of an incident."""

    category: Key | None = Field(
        default=None, description="Key of its category; null: what the caller chose.", examples=["kebakaran"]
    )
    area: AreaCode | None = Field(
        default=None,
        description="Code of its area (Kemendagri); null: what the call tells.",
        examples=["35.07.13"],
    )
    place: Annotated[str, Field(max_length=500)] | None = Field(
        default=None, description="Where it is, in words.", examples=["Jl. Merdeka 12, depan balai desa"]
    )
    description: Annotated[str, Field(max_length=MAX_TEXT)] | None = Field(
        default=None, description="What happened, in words.", examples=["Atap rumah terbakar"]
    )
    people_hurt: Annotated[int, Field(ge=0, le=MAX_HURT)] | None = Field(
        default=None, description="How many are hurt (count); null: not known.", examples=[2]
    )
    reporter_number: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Number to call back, where it is not the caller's.", examples=["+622000000112"]
    )
    reporter_name: Line | None = Field(default=None, description="Who reports it.", examples=["Siti"])

    _lines = field_validator("reporter_number", "reporter_name")(_visible)
    _number = field_validator("reporter_number")(_bare)


class IncidentChange(IncidentFields):
    """What can be changed of an incident."""

    callback: Literal[False] | None = Field(
        default=None,
        description="false: the caller need not be called back any more; null: what the call tells. Only a call puts "
        "a caller on the list.",
        examples=[False],
    )


class NewIncidentOrder(IncidentFields):
    """An incident that came without a call: by radio, at the counter, in a message."""

    id: Id4 | None = Field(
        default=None,
        description="Id that its sender made up (a random UUID, version 4): sent again, it opens no second one.",
        examples=["0f6e8a0f-5d0c-4f5e-9a86-1f5a2f0f6112"],
    )

    @field_validator("id")
    @classmethod
    def _random(cls, value: UUID | None) -> UUID | None:
        if value is not None and value.version != 4:  # those of other versions are of calls
            raise RefusedValue(Bilingual("harus UUID acak (versi 4)", "must be a random UUID (version 4)"))
        return value


class VerdictOrder(Sent):
    """What an incident turned out to be."""

    disposition: Disposition | None = Field(
        description="What it was; null: what its call tells (abandoned, or not known).", examples=["prank"]
    )
    sub_code: Key | None = Field(default=None, description="Finer kind, of that disposition.", examples=["anak"])


class CloseOrder(Sent):
    """Why an incident is closed, and what it was."""

    reason: Line | None = Field(default=None, description="Why; one line.", examples=["Api padam"])
    disposition: Disposition | None = Field(
        default=None,
        description="What it was; null: as it is. One must be known before it is closed.",
        examples=["emergency"],
    )
    sub_code: Key | None = Field(default=None, description="Finer kind, of that disposition.", examples=["rumah"])

    _lines = field_validator("reason")(_visible)


class ReopenOrder(Sent):
    """Why an incident is opened again."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Why; one line.", examples=["Api menyala lagi"]
    )

    _lines = field_validator("reason")(one_line)


class PassOrder(Sent):
    """To which agencies an incident is passed."""

    agencies: Annotated[tuple[Key, ...], Field(min_length=1, max_length=MAX_AGENCIES)] = Field(
        description="Their keys.", examples=[["damkar", "pmi"]]
    )
    text: Annotated[str, Field(max_length=2_000)] = Field(
        default="", description="What they are told beside the incident.", examples=["Bawa masker"]
    )


class MergeOrder(Sent):
    """Into which incident another is merged."""

    into: UUID = Field(
        description="Id of the incident in which its life goes on.", examples=["8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"]
    )


class NoteOrder(Sent):
    """A note for the timeline."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] = Field(
        description="The note.", examples=["Penelepon: anaknya masih di dalam"]
    )


class AgencyMove(Sent):
    """How far an agency has come."""

    state: AgencyState = Field(
        description="Its state now. withdrawn is said by the centre only.", examples=["acknowledged"]
    )
    text: Annotated[str, Field(max_length=2_000)] = Field(
        default="", description="More about it, for the timeline.", examples=["Satu unit berangkat"]
    )


class RemarkOrder(Sent):
    """An agency's own words about its part."""

    remark: Annotated[str, Field(max_length=2_000)] = Field(
        description="The remark, in place of the one before; empty: none.", examples=["Jalan ditutup"]
    )


class AgencyPartPath(IncidentPath):
    """Which agency's part in which incident."""

    agency: Key = Field(description="Key of the agency.", examples=["damkar"])


class AgencyQuery(Parameters):
    """Which of the agency's incidents, and how many."""

    open: Flag | None = Field(
        default=None,
        description="true: only those that it is not done with; false: only those that it is.",
        examples=["true"],
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most incidents in one answer (count).", examples=["50"]
    )
    after: Place | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before.",
        examples=["AlsicGFzc2VkIiwxLCJhIl3X_y8"],
    )


class AgencyIncidentRow(Answer):
    """An incident as an agency sees it."""

    id: UUID = Field(description="Id of the incident.")
    number: int = Field(description="Number of the incident, for people.", ge=1, examples=[1024])
    state: IncidentState = Field(description="Where the incident as a whole is.", examples=["with_agency"])
    category: str | None = Field(description="Key of the category.", examples=["kebakaran"])
    opened_at: Moment = Field(description="When the centre came to know of it.")
    area: str | None = Field(description="Code of its area (Kemendagri).", examples=["35.07.13"])
    place: str | None = Field(description="Where it is, in words.", examples=["Jl. Merdeka 12"])
    description: str | None = Field(description="What happened, in words.", examples=["Atap rumah terbakar"])
    people_hurt: int | None = Field(description="How many are hurt (count); null: not known.", ge=0, examples=[2])
    caller_number: str | None = Field(
        description="Number to call back; masked once the agency is done.", examples=["+622000000112"]
    )
    caller_name: str | None = Field(description="Who reports it; masked alike.", examples=["Siti"])
    part: IncidentAgency = Field(description="The agency's own part in it.")


class AgencyIncidentPage(Answer):
    """An agency's incidents, those that it got last first."""

    items: list[AgencyIncidentRow] = Field(description="The incidents of this page.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=["AlsicGFzc2VkIiwxLCJhIl3X_y8"],
    )


# ------------------------------------------------------------------------------------------------ sub-codes
class SubCodeName(Answer):
    """A name in both languages."""

    id: str = Field(description="In Indonesian.", examples=["anak-anak"])
    en: str = Field(description="In English.", examples=["children"])


class SubCodeRow(Answer):
    """A finer kind of a disposition."""

    key: str = Field(description="What names it within its disposition.", examples=["anak"])
    name: SubCodeName = Field(description="What people call it.")
    enabled: bool = Field(description="False: it is not given any more.", examples=[True])
    version: int = Field(description="Its ETag.", ge=1, examples=[1])


class DispositionRow(Answer):
    """What an incident can turn out to be."""

    disposition: Disposition = Field(description="The word of the national report.", examples=["prank"])
    name: SubCodeName = Field(description="What people call it.")
    sub_codes: list[SubCodeRow] = Field(description="Its finer kinds, as this centre has them.")


class DispositionList(Answer):
    """Every disposition with its sub-codes."""

    items: list[DispositionRow] = Field(description="The seven dispositions.")


class SubCodePath(Parameters):
    """Which sub-code."""

    disposition: Disposition = Field(description="The disposition.", examples=["prank"])
    key: Key = Field(description="Key of the sub-code.", examples=["anak"])


class NameOrder(Sent):
    """A name in both languages."""

    id: Annotated[str, Field(min_length=1, max_length=60)] = Field(
        description="In Indonesian.", examples=["anak-anak"]
    )
    en: Annotated[str, Field(min_length=1, max_length=60)] = Field(description="In English.", examples=["children"])

    _lines = field_validator("id", "en")(one_line)


class SubCodeOrder(Sent):
    """A sub-code as it is to be."""

    name: NameOrder = Field(description="What people call it.")
    enabled: bool = Field(default=True, description="False: it is not given any more.", examples=[True])
