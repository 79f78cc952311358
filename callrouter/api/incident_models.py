"""Incidents, their calls and their parts, as they are shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from callrouter.api.models import Answer, Moment
from callrouter.incidents.model import (
    AgencyState,
    Disposition,
    EventKind,
    IncidentOrigin,
    IncidentState,
    Outcome,
    PassedHow,
)
from callrouter.incidents.suspicion import MOST


class IncidentRow(Answer):
    """An incident in a list."""

    id: UUID = Field(description="Id of the incident, for machines.")
    number: int = Field(description="Number of the incident, for people; counts up.", ge=1, examples=[1024])
    state: IncidentState = Field(description="Where the incident is in its life.", examples=["with_agency"])
    category: str | None = Field(
        description="Key of the category; null where the caller chose none.", examples=["kebakaran"]
    )
    opened_at: Moment = Field(description="When its first call reached the PBX.")
    callback: bool = Field(description="True: no human has heard the caller; call back.", examples=[False])
    caller_number: str | None = Field(
        description="Number of the caller as the carrier gave it; null when withheld.", examples=["+622000000112"]
    )
    outcome: Outcome | None = Field(
        description="How the call ended for its caller; null while it lasts, and where there is none.",
        examples=["talked"],
    )
    origin: IncidentOrigin = Field(description="How the centre came to know of it.", examples=["call"])
    area: str | None = Field(
        description="Code of its area (Kemendagri); null where it is not known.", examples=["35.07.13"]
    )
    place: str | None = Field(description="Where it is, in words.", examples=["Jl. Merdeka 12, depan balai desa"])
    disposition: Disposition | None = Field(
        description="What it turned out to be; null: not known yet.", examples=["emergency"]
    )
    sub_code: str | None = Field(description="Finer kind of its disposition.", examples=["rumah"])
    merged_into: UUID | None = Field(
        description="Id of the incident in which its life goes on; null where it was not merged."
    )
    version: int = Field(
        description="Grows with what persons of the centre do; the part of the ETag before the dash.",
        ge=1,
        examples=[3],
    )
    updated_at: Moment = Field(description="When anything of it last changed.")
    cannot_speak: bool = Field(
        default=False, description="True: its caller pressed 1 because he cannot speak.", examples=[False]
    )


class IncidentPage(Answer):
    """Incidents, newest first."""

    items: list[IncidentRow] = Field(description="The incidents of this page, those opened last first.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class Attempt(Answer):
    """One target tried for one call."""

    n: int = Field(description="Place in the order of attempts, from 1.", ge=1, examples=[1])
    kind: str = Field(description="dial, ringgroup, announce, record or static.", examples=["dial"])
    label: str | None = Field(
        description="What was tried: `agency/contact` joined by `+`, a ring group or a clip.",
        examples=["damkar/posko"],
    )
    begun_at: Moment = Field(description="When the attempt began.")
    pickup_at: Moment | None = Field(description="When a device answered; null: none did.")
    human_at: Moment | None = Field(description="When a person was proven to be there; null: never.")
    ended_at: Moment | None = Field(description="When the attempt ended; null while it lasts.")
    by: str | None = Field(description="Endpoint that answered.", examples=["damkar"])
    result: str | None = Field(
        description=(
            "talked, short, busy, congestion, unavailable, noanswer, declined, dropped, mute (no sound), "
            "full, nobody, timeout, left, recorded, nothing, done, or began (the caller left, or the PBX ended, "
            "while it ran)."
        ),
        examples=["talked"],
    )
    cause: str | None = Field(description="SIP status of the last leg.", examples=["SIP 486 Busy Here"])


class Words(Answer):
    """A text in both languages."""

    id: str = Field(description="In Indonesian.", examples=["2 panggilan dalam 6 jam terakhir"])
    en: str = Field(description="In English.", examples=["2 calls in the last 6 hours"])


class ScoreTerm(Answer):
    """One reason of a score."""

    key: str = Field(description="Which reason.", examples=["repeats"])
    points: int = Field(description="What it adds to the score, or takes from it.", examples=[12])
    reason: Words = Field(description="The reason, in words.")


class Suspicion(Answer):
    """How suspect a caller was when his call was opened. It is shown to whoever takes the call; nobody is blocked by
    it.
    """

    score: int = Field(description="The sum of its terms, exactly.", ge=0, le=MOST, examples=[12])
    terms: list[ScoreTerm] = Field(description="Why.")


class Call(Answer):
    """One call of an incident, from INVITE to hang-up."""

    id: UUID = Field(description="Id of the call.")
    node: str = Field(description="Name of the PBX that served it.", examples=["pbx1"])
    origin: str = Field(description="citizen, agency, neighbour or operator.", examples=["citizen"])
    trunk: str | None = Field(
        description="Key of the trunk it came in by, or of the operator whose phone it is.", examples=["telkom"]
    )
    number: str | None = Field(
        description="Number as the caller's side gave it; null when withheld.", examples=["+622000000112"]
    )
    name: str | None = Field(description="Name as the caller's side gave it.", examples=["CALLER"])
    sent_from: str | None = Field(
        description="What stood in From, where the trunk is trusted and `number` may be what it asserts "
        "(P-Asserted-Identity); null on other trunks.",
        examples=["+622000000112"],
    )
    opened_at: Moment = Field(description="When the INVITE reached the dialplan: the clock starts here.")
    answered_at: Moment | None = Field(description="When the PBX answered the caller; that is not yet a human.")
    chosen_at: Moment | None = Field(description="When the menu ended.")
    human_at: Moment | None = Field(description="When the first human was joined to the caller.")
    ended_at: Moment | None = Field(description="When the call left the PBX; null while it is up.")
    choice: str | None = Field(
        description="The digit that was pressed, or operator, silent, cannot_speak, wrong, none.", examples=["1"]
    )
    category: str | None = Field(description="Key of the category that was chosen.", examples=["kebakaran"])
    language: str | None = Field(description="Language spoken to the caller (ISO 639-1).", examples=["id"])
    stage: str | None = Field(
        description="Where the call is, or was when it ended: opened, menu, plan, agency, operator, talking, "
        "message, after.",
        examples=["talking"],
    )
    path: str | None = Field(
        description="service, or failsafe: the PBX decided alone, from the published plans.", examples=["service"]
    )
    route: str | None = Field(description="Key of the route that won.", examples=["kebakaran-damkar"])
    version: int | None = Field(description="Version of the routing table that decided.", examples=[1])
    outcome: Outcome | None = Field(
        description="How it ended for its caller; null while it lasts.", examples=["talked"]
    )
    recording: str | None = Field(
        description="Name of the recorded message.", examples=["5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112.wav"]
    )
    cause: str | None = Field(description="Why the call was hung up, as the PBX names it.", examples=["16"])
    facts: dict[str, Any] | None = Field(
        description="What was known of the call when it was routed; the decision can be explained from it.",
        examples=[{"origin": "citizen", "choice": "none", "category": "kebakaran", "language": "id"}],
    )
    plan: str | None = Field(
        description="The steps as they were handed to the PBX.",
        examples=["dial:damkar/posko:20"],
    )
    attempts: list[Attempt] = Field(description="What was tried, in order.")
    cannot_speak: bool = Field(
        default=False, description="True: the caller pressed 1 because he cannot speak.", examples=[False]
    )
    suspicion: Suspicion | None = Field(
        default=None, description="How suspect the caller was when the call was opened; null: not judged."
    )


class TimelineEntry(Answer):
    """One thing that happened to an incident."""

    at: Moment = Field(description="When it happened.")
    kind: EventKind = Field(description="What happened.", examples=["routed"])
    actor: str | None = Field(description="Who or what did it; null: the system.", examples=["pbx1"])
    data: dict[str, Any] = Field(
        description="More about it; the members depend on `kind`.", examples=[{"route": "kebakaran-damkar"}]
    )


class IncidentName(Answer):
    """Another incident."""

    id: UUID = Field(description="Id of the incident.")
    number: int = Field(description="Its number, for people.", ge=1, examples=[1023])


class IncidentAgency(Answer):
    """What one agency has to do with one incident."""

    agency: str = Field(description="Key of the agency.", examples=["damkar"])
    state: AgencyState = Field(description="How far it has come.", examples=["acknowledged"])
    how: PassedHow = Field(description="How it came to know of it.", examples=["notice"])
    passed_at: Moment = Field(description="When it got it.")
    passed_by: str | None = Field(
        description="Who passed it on; null: the call itself.", examples=["siti (operator)"]
    )
    answered_at: Moment | None = Field(description="When its human took the caller, by a call.")
    acknowledged_at: Moment | None = Field(description="When it acknowledged.")
    acknowledged_by: str | None = Field(description="Who acknowledged.", examples=["damkar-1 (agency)"])
    en_route_at: Moment | None = Field(description="When it set out.")
    on_scene_at: Moment | None = Field(description="When it arrived.")
    resolved_at: Moment | None = Field(description="When it was done.")
    due_at: Moment | None = Field(description="When its acknowledgement is due; null: none is waited for.")
    remark: str | None = Field(description="The agency's own words about its part.", examples=["Road closed"])
    version: int = Field(
        description="Grows with every act on this part; the part of its ETag before the dash.", ge=1, examples=[2]
    )
    updated_at: Moment = Field(description="When it last changed.")


class Incident(IncidentRow):
    """An incident with everything known of it."""

    reporter_number: str | None = Field(
        description="Number that its reporter gave, where it is not the caller's.", examples=["+622000000112"]
    )
    reporter_name: str | None = Field(description="Name that its reporter gave.", examples=["Siti"])
    area_source: str | None = Field(
        description="How its area is known: location, trunk, menu, operator; person: set here.", examples=["trunk"]
    )
    description: str | None = Field(description="What happened, in words.", examples=["Roof on fire, two houses"])
    people_hurt: int | None = Field(description="How many are hurt (count); null: not known.", ge=0, examples=[2])
    taken_at: Moment | None = Field(description="When an operator took it into his hands.")
    taken_by: str | None = Field(description="Which operator.", examples=["siti (operator)"])
    acknowledged_at: Moment | None = Field(description="When the first agency acknowledged.")
    en_route_at: Moment | None = Field(description="When the first agency set out.")
    on_scene_at: Moment | None = Field(description="When the first agency arrived.")
    resolved_at: Moment | None = Field(description="When the last agency was done; null while one is not.")
    closed_at: Moment | None = Field(description="When it was closed.")
    closed_reason: str | None = Field(description="Why it was closed.", examples=["Fire is out"])
    merged_into_number: int | None = Field(
        description="Number of the incident in which its life goes on.", ge=1, examples=[1023]
    )
    merged: list[IncidentName] = Field(description="Those that were merged into it.")
    agencies: list[IncidentAgency] = Field(description="Agencies that have it, the earliest first.")
    calls: list[Call] = Field(description="Its calls, oldest first.")
    timeline: list[TimelineEntry] = Field(description="What happened, oldest first.")
