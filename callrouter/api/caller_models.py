"""The shape of a caller's card."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from callrouter.api.incident_models import Suspicion
from callrouter.api.live_models import LiveCall
from callrouter.api.models import Answer, Moment, Parameters
from callrouter.api.parameters import Identifier
from callrouter.api.translate import live_call, maybe, moment, suspicion, text
from callrouter.calls.caller import LAST_CALLS, NEARBY, Card, OpenIncident, PastCall
from callrouter.privacy.masking import Sight


class CallPath(Parameters):
    """Which call."""

    id: Identifier = Field(description="Id of the call.", examples=["5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"])


class CallerNumber(Answer):
    """A caller's number; all are null when it is withheld."""

    raw: str | None = Field(description="As the caller's side gave it.", examples=["081234567890"])
    e164: str | None = Field(
        description="As it can be rung from anywhere (ITU-T E.164); null where it is no such number.",
        examples=["+6281234567890"],
    )
    shown: str | None = Field(description="As it is read out in Indonesia.", examples=["0812-3456-7890"])
    sent_from: str | None = Field(
        description="What stood in From, where `raw` may be what a trusted trunk asserts (P-Asserted-Identity).",
        examples=["081234567890"],
    )


class PastCallRow(Answer):
    """An earlier call of the same number."""

    call: UUID = Field(description="Id of the call.")
    incident: UUID = Field(description="Id of its incident.")
    incident_number: int = Field(description="Number of its incident, for people.", ge=1, examples=[1024])
    opened_at: Moment = Field(description="When it reached the PBX.")
    human_at: Moment | None = Field(description="When the first human was joined to the caller; null: none was.")
    ended_at: Moment | None = Field(description="When it left the PBX.")
    category: str | None = Field(description="Key of the category of its incident.", examples=["kebakaran"])
    outcome: str | None = Field(description="How it ended for its caller.", examples=["talked"])
    disposition: str | None = Field(description="What its incident turned out to be.", examples=["emergency"])
    state: str = Field(description="Where its incident is in its life.", examples=["closed"])


class OpenIncidentRow(Answer):
    """An incident that is not closed."""

    id: UUID = Field(description="Id of the incident.")
    number: int = Field(description="Number of the incident, for people.", ge=1, examples=[1024])
    opened_at: Moment = Field(description="When it was opened.")
    state: str = Field(description="Where it is in its life.", examples=["with_agency"])
    category: str | None = Field(description="Key of its category.", examples=["kebakaran"])
    area: str | None = Field(description="Where it is (Kemendagri code).", examples=["35.07.13"])
    place: str | None = Field(description="Where it is, in words.", examples=["Jl. Merdeka 12"])


class CallerCard(Answer):
    """Who calls."""

    call: LiveCall = Field(description="The call.")
    number: CallerNumber = Field(description="His number.")
    area: str | None = Field(description="Where he calls from (Kemendagri code).", examples=["35.07.13"])
    complete: bool = Field(
        description="False: the database has not been asked yet; history and incidents follow.", examples=[True]
    )
    earlier_calls: int = Field(description="Calls of this number in the last year (count).", ge=0, examples=[3])
    last_calls: list[PastCallRow] = Field(
        description=f"The newest of them, newest first; at most {LAST_CALLS}.", max_length=LAST_CALLS
    )
    own_incidents: list[OpenIncidentRow] = Field(
        description=f"Open incidents of the same number; at most {NEARBY}.", max_length=NEARBY
    )
    nearby_incidents: list[OpenIncidentRow] = Field(
        description=f"Other open incidents of the same category or area, of the last three hours; at most {NEARBY}.",
        max_length=NEARBY,
    )
    suspicion: Suspicion | None = Field(description="null: not judged.")


def caller_card(card: Card, sight: Sight) -> CallerCard:
    """Return a card as somebody is shown it."""
    phone = card.phone
    live = live_call(card.live)
    number = {name: text(sight.number(getattr(phone, name))) for name in ("raw", "e164", "shown")}
    return CallerCard(
        call=live.model_copy(update={"number": text(sight.number(card.live.number))}),
        number=CallerNumber(**number, sent_from=text(sight.number(card.live.sent_from))),
        area=text(card.area),
        complete=card.complete,
        earlier_calls=card.history.calls,
        last_calls=[_past(past) for past in card.history.last[:LAST_CALLS]],
        own_incidents=[_open(one) for one in card.own],
        nearby_incidents=[_open(one) for one in card.nearby],
        suspicion=None if card.judgement is None else suspicion(card.judgement),
    )


def _past(past: PastCall) -> PastCallRow:
    return PastCallRow(
        call=past.call,
        incident=past.incident,
        incident_number=past.incident_number,
        opened_at=moment(past.opened),
        human_at=maybe(past.human),
        ended_at=maybe(past.ended),
        category=text(past.category),
        outcome=text(past.outcome),
        disposition=text(past.disposition),
        state=past.state,
    )


def _open(one: OpenIncident) -> OpenIncidentRow:
    return OpenIncidentRow(
        id=one.incident,
        number=one.number,
        opened_at=moment(one.opened),
        state=one.state,
        category=text(one.category),
        area=text(one.area),
        place=text(one.place),
    )
