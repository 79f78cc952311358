"""Who takes part in a talk, over REST: agencies are added and taken out, and callers passed on."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from pydantic import Field, model_validator

from callrouter.access.model import Principal, Right, Role
from callrouter.api import party_problems as kinds
from callrouter.api import problems, translate
from callrouter.api.caller_models import CallPath
from callrouter.api.case_answers import unknown_name
from callrouter.api.models import Answer, Moment, NoParameters, Sent
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Surface
from callrouter.api.operation import Sent as SentRequest
from callrouter.api.parameters import Identifier
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual, RefusedValue, same
from callrouter.calls import parties as calls
from callrouter.calls.parties import Asker, Party, PartyState
from callrouter.routing.values import Key

surface = Surface()

_ALL: Final = "/api/v1/calls/{id}/parties"


class PartyPath(CallPath):
    """Which party of which call."""

    party: Identifier = Field(
        description="Id of the party, as it was answered when it was added.",
        examples=["3f0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"],
    )


class PartyOrder(Sent):
    """Which agency is to take part."""

    agency: Key = Field(description="Its key.", examples=["damkar"])
    contact: Key | None = Field(
        default=None,
        description="Key of the contact that is rung; null: its first one that can be.",
        examples=["piket"],
    )


class PartyRow(Answer):
    """An agency that was added to a talk."""

    id: UUID = Field(description="Id of the party.")
    agency: str = Field(description="Key of the agency.", examples=["damkar"])
    contact: str = Field(description="Key of the contact that is rung.", examples=["piket"])
    state: PartyState = Field(description="Whether it rings or talks.", examples=["ringing"])
    since: Moment = Field(description="Since when, by the service's clock.")


class PartyList(Answer):
    """Who was added to a talk, and is there."""

    items: list[PartyRow] = Field(description="The agencies, in the order in which they were added.")


class PassOnOrder(Sent):
    """To whom the caller is passed: exactly one of the two."""

    agency: Key | None = Field(default=None, description="Key of an agency.", examples=["damkar"])
    operator: Key | None = Field(default=None, description="Key of an operator.", examples=["op2"])

    @model_validator(mode="after")
    def _one_of_them(self) -> PassOnOrder:
        if (self.agency is None) is (self.operator is None):
            raise RefusedValue(Bilingual("beri agency, atau operator", "give either agency or operator"))
        return self


@functools.cache
def _row_example() -> PartyRow:
    return PartyRow(
        id=UUID("3f0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"),
        agency="damkar",
        contact="piket",
        state=PartyState.RINGING,
        since="2026-11-21T13:40:07.125000Z",
    )


_OF_CALL: Final = (
    problems.CALL_UNKNOWN,
    kinds.NOT_TALKING,
    kinds.NOT_YOUR_CALL,
    kinds.PBX_AWAY,
)
_ACT: Final[dict[str, Any]] = {"tag": "calls", "query": NoParameters, "right": Right.WORK_INCIDENTS}
_KINDS: Final[dict[type[calls.PartyRefused], tuple[Any, str]]] = {
    calls.NoSuchCall: (problems.CALL_UNKNOWN, "/path/id"),
    calls.NotTalking: (kinds.NOT_TALKING, "/path/id"),
    calls.NotYours: (kinds.NOT_YOUR_CALL, "/path/id"),
    calls.NoSuchParty: (kinds.PARTY_UNKNOWN, "/path/party"),
    calls.PartyThere: (kinds.PARTY_THERE, "/path/id"),
    calls.TooManyParties: (kinds.TOO_MANY_PARTIES, "/path/id"),
    calls.StillOthers: (kinds.STILL_OTHERS, "/path/id"),
}


def asker_of(by: Principal) -> Asker:
    """Return who asks, as the talk knows him."""
    return Asker(by.subject or "" if by.role is Role.OPERATOR else "", by.may(Right.SUPERVISE))


@contextmanager
def refusing(at: str = "/agency") -> Iterator[None]:
    """Answer what cannot be done with a problem. at: the member of the body that names whom to ring."""
    try:
        yield
    except calls.PbxAway as error:
        raise ApiProblem(Fault(kinds.PBX_AWAY, "", {"said": same(str(error))})) from None
    except calls.NoSuchTarget as error:
        raise unknown_name(at, error.name) from None
    except calls.PartyRefused as error:
        kind, where = _KINDS[type(error)]
        raise ApiProblem(Fault(kind, where)) from None


@surface.get(
    _ALL,
    tag="calls",
    summary=Bilingual("Instansi yang ikut berbicara", "Agencies in a talk"),
    path_model=CallPath,
    query=NoParameters,
    response=PartyList,
    example=lambda: PartyList(items=[_row_example()]),
    right=Right.SEE_CALLS,
    problems=(problems.CALL_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def list_parties(asked: Asked[CallPath, NoParameters]) -> PartyList:
    """Returns the agencies that were added to the talk and that ring or talk now. Who had the caller first is on the
    live board. Needs no database.
    """
    with refusing():
        return PartyList(items=[_row(one) for one in needed(asked.services.parties).of(asked.path.id)])


@surface.send(
    "POST",
    _ALL,
    summary=Bilingual("Tambahkan instansi ke percakapan", "Add an agency to a talk"),
    path_model=CallPath,
    body=Body(PartyOrder, examples={"fire": {"agency": "damkar"}}),
    response=PartyRow,
    example=_row_example,
    status=HTTPStatus.CREATED,
    problems=(kinds.PARTY_THERE, kinds.TOO_MANY_PARTIES, problems.STORAGE_UNAVAILABLE, *_OF_CALL),
    **_ACT,
)
async def add_party(sent: SentRequest[CallPath, NoParameters, PartyOrder]) -> Answered[PartyRow]:
    """Has an agency rung; once a human of it answers, caller, operator and agency hear each other. Until then the two
    talk on. The operator may hang up then: caller and agency talk on (a warm pass). Where the agency hangs up, caller
    and operator go on; the caller's end ends it for all.
    """
    call = sent.path.id
    with refusing():
        made = await needed(sent.services.parties).add(call, sent.body.agency, sent.body.contact, asker_of(sent.by))
    return Answered(_row(made), location=f"/api/v1/calls/{call}/parties/{made.id}")


@surface.do(
    "DELETE",
    f"{_ALL}/{{party}}",
    summary=Bilingual("Keluarkan instansi dari percakapan", "Take an agency out of a talk"),
    path_model=PartyPath,
    response=None,
    example=None,
    status=HTTPStatus.NO_CONTENT,
    problems=(kinds.PARTY_UNKNOWN, problems.STORAGE_UNAVAILABLE, *_OF_CALL),
    **_ACT,
)
async def remove_party(asked: Asked[PartyPath, NoParameters]) -> None:
    """Ends its ringing, or hangs it up; the others talk on."""
    with refusing():
        await needed(asked.services.parties).remove(asked.path.id, asked.path.party, asker_of(asked.by))


@surface.send(
    "POST",
    "/api/v1/calls/{id}/pass",
    summary=Bilingual("Teruskan penelepon", "Pass a caller on"),
    path_model=CallPath,
    body=Body(PassOnOrder, examples={"agency": {"agency": "damkar"}, "colleague": {"operator": "op2"}}),
    response=None,
    example=None,
    status=HTTPStatus.NO_CONTENT,
    problems=(kinds.STILL_OTHERS, problems.STORAGE_UNAVAILABLE, *_OF_CALL),
    **_ACT,
)
async def pass_caller_on(sent: SentRequest[CallPath, NoParameters, PassOnOrder]) -> None:
    """Takes the caller from who talks with him to an agency or another operator, as the transfer key of a telephone
    does (a cold pass): he hears music meanwhile, and where nobody answers he comes back to the operators. The body
    names exactly one of the two; none or both is refused (422, `body_invalid`).
    """
    agency, operator = sent.body.agency, sent.body.operator
    with refusing("/agency" if agency else "/operator"):
        await needed(sent.services.parties).pass_on(
            sent.path.id, asker_of(sent.by), agency=agency or "", operator=operator or ""
        )


def _row(party: Party) -> PartyRow:
    return PartyRow(
        id=party.id,
        agency=party.agency,
        contact=party.contact,
        state=party.state,
        since=translate.moment(party.since),
    )
