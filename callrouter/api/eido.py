"""Incidents from and to neighbouring centres, over REST: JSON after NENA's EIDO (callrouter.incidents.eido)."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, RootModel

from callrouter.access.model import Right
from callrouter.api import case_problems, eido_problems, party_problems, problems, refusals
from callrouter.api.case_answers import actor_of, detail_of, unknown_name
from callrouter.api.case_answers import refusing as refusing_acts
from callrouter.api.models import Answer, IncidentPath, Moment, NoParameters, Sent
from callrouter.api.needed import needed
from callrouter.api.operation import Asked, Body, Surface
from callrouter.api.operation import Sent as SentRequest
from callrouter.api.parties import asker_of, refusing
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual
from callrouter.incidents.eido import BadEido
from callrouter.incidents.neighbours import Original
from callrouter.neighbours import NothingToSend
from callrouter.privacy.access_log import Seen as Shows
from callrouter.privacy.masking import sight_of
from callrouter.routing.values import Key

surface = Surface()

DOCUMENT_BYTES: Final = 256 * 1024
_ONE: Final = "/api/v1/incidents/{id}"


class EidoDocument(RootModel[dict[str, Any]]):
    """An incident as another centre reads it: members and components as NENA-STA-021.1 names them (`$id`,
    `incidentTrackingIdentifier`, `incidentComponent`, `callComponent`, `callbackComponent`, `agencyComponent`), and
    what it has no name for that we are sure of in `x-callrouter`.
    """


class EidoTaken(Answer):
    """What became of a document."""

    incident: UUID = Field(description="Id of our incident.")
    opened: bool = Field(description="True: this document opened it; false: it was there.", examples=[True])


class EidoOriginal(Answer):
    """A document as it came."""

    received_at: Moment = Field(description="When it came.")
    neighbour: str = Field(description="Key of the centre that sent it.", examples=["kota"])
    external: str = Field(description="The incident's id there.", examples=["urn:emergency:uid:incidentid:4711:kota"])
    received_by: str = Field(description="Whose token it came with.", examples=["kota-1 (agency)"])
    document: dict[str, Any] | None = Field(
        description="The document, unchanged; null: it was erased.", examples=[{"$id": "4711"}]
    )


class EidoOriginals(Answer):
    """The documents by which an incident came."""

    items: list[EidoOriginal] = Field(description="The documents, newest first; none where it did not come so.")


class HandOverOrder(Sent):
    """To which centre an incident is handed over."""

    neighbour: Key = Field(description="Key of the centre: of its agency in the directory.", examples=["kota"])
    text: Annotated[str, Field(max_length=2_000)] = Field(
        default="", description="Why, for the timeline.", examples=["Lokasi di seberang batas"]
    )


class HandOver(Answer):
    """What was begun."""

    notice: UUID | None = Field(
        description="Id of what its system is sent (GET /api/v1/notices); null: it has none in the directory."
    )
    call: UUID | None = Field(description="Id of the call whose caller goes there; null: none does.")


_ID: Final = "8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"
_EXAMPLE: Final[dict[str, Any]] = {
    "$id": f"urn:emergency:uid:incidentid:{_ID}:pbx1",
    "eidoVersion": "1.0",
    "incidentTrackingIdentifier": f"urn:emergency:uid:incidentid:{_ID}:pbx1",
    "incidentComponent": [{"$id": _ID, "incidentTypeInternalCode": "kebakaran"}],
    "x-callrouter": {"category": "kebakaran", "area": "35.07.13", "place": "Jl. Merdeka 12", "people_hurt": 2},
}


@surface.get(
    f"{_ONE}/eido",
    tag="neighbours",
    summary=Bilingual("Laporan sebagai JSON untuk pusat lain", "An incident as JSON for another centre"),
    path_model=IncidentPath,
    query=NoParameters,
    response=EidoDocument,
    example=lambda: EidoDocument(_EXAMPLE),
    right=Right.SEE_CALLS,
    shows=Shows.INCIDENT,
    problems=(problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def read_eido(asked: Asked[IncidentPath, NoParameters]) -> EidoDocument:
    """Returns the incident in the shape of NENA's Emergency Incident Data Object, as it is now. It is no claim of
    conformance: identifiers are not registered, and places are in words.
    """
    desk = needed(asked.services.neighbours)
    return EidoDocument(desk.document(await detail_of(asked, asked.path.id), sight_of(asked.by)))


@surface.get(
    f"{_ONE}/eido/originals",
    tag="neighbours",
    summary=Bilingual("Dokumen asli dari pusat tetangga", "The documents that a neighbour sent"),
    path_model=IncidentPath,
    query=NoParameters,
    response=EidoOriginals,
    example=lambda: EidoOriginals(
        items=[
            EidoOriginal(
                received_at="2026-11-21T13:40:07.125000Z",
                neighbour="kota",
                external="urn:emergency:uid:incidentid:4711:kota",
                received_by="kota-1 (agency)",
                document=_EXAMPLE,
            )
        ]
    ),
    right=Right.SEE_NUMBERS,
    shows=Shows.INCIDENT,
    problems=(problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def list_eido_originals(asked: Asked[IncidentPath, NoParameters]) -> EidoOriginals:
    """Returns, unchanged, the documents by which a neighbouring centre handed the incident over."""
    desk = needed(asked.services.neighbours)
    await detail_of(asked, asked.path.id)
    return EidoOriginals(items=[_original(one) for one in await desk.originals(asked.path.id)])


@surface.send(
    "POST",
    f"{_ONE}/handover",
    tag="neighbours",
    summary=Bilingual("Serahkan laporan kepada pusat tetangga", "Hand an incident over to a neighbouring centre"),
    path_model=IncidentPath,
    query=NoParameters,
    body=Body(HandOverOrder, examples={"city": {"neighbour": "kota"}}),
    response=HandOver,
    example=lambda: HandOver(notice=UUID("3f0c8f5e-30c8-5e62-9a86-1f5a2f0f6112"), call=None),
    right=Right.WORK_INCIDENTS,
    problems=(
        problems.INCIDENT_UNKNOWN,
        case_problems.ILLEGAL,
        eido_problems.NOTHING_TO_SEND,
        party_problems.NOT_YOUR_CALL,
        party_problems.STILL_OTHERS,
        problems.STORAGE_UNAVAILABLE,
    ),
)
async def hand_incident_over(sent: SentRequest[IncidentPath, NoParameters, HandOverOrder]) -> HandOver:
    """Sends the incident to the centre's system (by the outbox, until it is there), and, where somebody talks with
    its caller, passes the caller over the centre's trunk: its INVITE names the incident. Only the operator who talks
    with him does this, or a supervisor. Where nobody answers there he comes back to our operators.
    """
    desk, key = needed(sent.services.neighbours), sent.body.neighbour
    neighbour = desk.neighbour(key)
    if neighbour is None:
        raise unknown_name("/neighbour", key)
    await detail_of(sent, sent.path.id)
    try:
        with refusing(), refusing_acts():
            notice, call = await desk.hand_over(
                sent.path.id, neighbour, sent.body.text, actor_of(sent.by), asker_of(sent.by)
            )
    except NothingToSend:
        raise ApiProblem(Fault(eido_problems.NOTHING_TO_SEND, "/neighbour", {"name": key}, in_body=True)) from None
    return HandOver(notice=notice, call=call)


@surface.send(
    "POST",
    "/api/v1/eido",
    tag="neighbours",
    summary=Bilingual("Serahkan laporan kepada pusat ini", "Hand an incident over to this centre"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(EidoDocument, examples={"fire": _EXAMPLE}, limit=DOCUMENT_BYTES),
    response=EidoTaken,
    example=lambda: EidoTaken(incident=UUID(_ID), opened=True),
    right=Right.OWN_INCIDENTS,
    problems=(eido_problems.NO_NEIGHBOUR, problems.STORAGE_UNAVAILABLE),
)
async def take_eido(sent: SentRequest[NoParameters, NoParameters, EidoDocument]) -> EidoTaken:
    """Opens an incident of origin `neighbour` from a document of the centre whose token it is, and keeps it.
    `incidentTrackingIdentifier` (or `$id`) names the incident there: the same one sent again opens nothing, and what
    is the same changes nothing. A call of that centre's trunk whose INVITE has `X-Callrouter-Incident` with the third
    part of `urn:emergency:uid:incidentid:…:…` (or the whole id) is joined with it, whichever comes first.
    """
    desk = needed(sent.services.neighbours)
    neighbour = desk.neighbour(sent.by.subject or "")
    if neighbour is None:
        raise ApiProblem(Fault(eido_problems.NO_NEIGHBOUR, "/header/Authorization", {"name": sent.by.subject or "-"}))
    try:
        incident, opened = await desk.take_in(sent.body.root, neighbour, actor_of(sent.by))
    except BadEido as error:
        remedy = Bilingual("Perbaiki dokumennya.", "Correct the document.")
        values = {"sentence": error.sentence, "remedy": remedy}
        raise ApiProblem(Fault(refusals.BODY_INVALID, error.pointer, values, in_body=True)) from None
    return EidoTaken(incident=incident, opened=opened)


def _original(one: Original) -> EidoOriginal:
    return EidoOriginal(
        received_at=moment(one.at),
        neighbour=one.neighbour,
        external=one.external,
        received_by=one.by,
        document=None if one.document is None else dict(one.document),
    )
