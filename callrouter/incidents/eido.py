"""An incident as JSON for another centre, after NENA's Emergency Incident Data Object; and such a one read. Pure.

Names of components and members are those of the samples and the schema that NENA publishes with NENA-STA-021.1
(github.com/NENA911/EIDO-JSON). What we have no name for that we are sure of stands in one member of our own,
``x-callrouter``. No claim of conformance: identifiers are not registered, there is no PIDF-LO, nothing is conveyed by
WebSocket (NENA-STA-024).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

from callrouter.bilingual import Bilingual
from callrouter.clock import moment
from callrouter.incidents.numbers import bare
from callrouter.incidents.views import CallView, IncidentDetail
from callrouter.routing.values import KEY_PATTERN

VERSION: Final = "1.0"
OURS: Final = "x-callrouter"
MAX_ID: Final = 200
MAX_TAIL: Final = 64
"""Of what names an incident in a SIP header."""
MAX_COMPONENTS: Final = 200
MAX_TEXT: Final = 4_000
MAX_PLACE: Final = 500
MAX_HURT: Final = 100_000
_RECEIVED: Final = UUID("c4b6f0a2-9d0c-5c1e-8a4e-5c6f1f0f6112")
_URN: Final = re.compile(r"urn:emergency:uid:incidentid:([A-Za-z0-9-]{1,64}):[^:]{1,120}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_NUMBER: Final = re.compile(r"(?:tel|sips?):([+0-9][0-9.()-]{0,30})", re.ASCII)
_AREA: Final = re.compile(r"[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?", re.ASCII)


class BadEido(ValueError):
    """A document that is none. pointer: into it; sentence: what is wrong there."""

    def __init__(self, pointer: str, sentence: Bilingual) -> None:
        super().__init__(sentence.en)
        self.pointer = pointer
        self.sentence = sentence


class Sight(Protocol):
    """What of a person is told (callrouter.privacy.masking.Sight)."""

    def number(self, number: str) -> str:
        """Return a number as it is told."""

    def name(self, name: str) -> str:
        """Return a name as it is told."""


@dataclass(frozen=True, slots=True)
class Received:
    """What is taken of a document of another centre.

    external: the incident's id there; tail: what of it a SIP header carries; empty where none can
    fields:   as an incident is opened with them (callrouter.incidents.desk.CHANGEABLE)
    """

    external: str
    tail: str
    fields: Mapping[str, str | int | None]
    document: Mapping[str, Any] = field(hash=False)


def incident_of(neighbour: str, external: str) -> UUID:
    """Return the id of our incident for that of a neighbour: the same however often it is sent."""
    return uuid5(_RECEIVED, f"{neighbour} {external}")


def urn(kind: str, id_: UUID, element: str) -> str:
    """Return an identifier: kind is incidentid or callid, element names the sender."""
    return f"urn:emergency:uid:{kind}:{id_}:{element}"


# ---------------------------------------------------------------- ours, for others
def document(detail: IncidentDetail, centre: str, element: str, sight: Sight, now: int) -> dict[str, Any]:
    """Return an incident for another centre.

    centre: our name; element: of this machine, in identifiers; sight: what of numbers and names is told; now: µs UTC
    """
    summary = detail.summary
    stamp = {
        "lastUpdateTimeStamp": moment(max(summary.updated, summary.opened)),
        "updatedByAgencyReference": {"$ref": element},
    }
    callbacks = {number: f"callback-{n}" for n, number in enumerate(_numbers(detail), start=1)}
    return {
        "$id": urn("incidentid", summary.id, element),
        **stamp,
        "lastUpdateTimeStamp": moment(now),
        "eidoVersion": VERSION,
        "issuingElementIdentification": element,
        "incidentTrackingIdentifier": urn("incidentid", summary.id, element),
        "incidentComponent": [_incident(detail) | stamp],
        "callComponent": [_call(call, element, callbacks) | stamp for call in detail.calls],
        "callbackComponent": [
            {"$id": id_, "callBackInformationUri": [f"tel:{sight.number(number)}"]} | stamp
            for number, id_ in callbacks.items()
        ],
        "agencyComponent": [
            {"$id": element, "agencyType": ["psap"], "agencyRoleDescriptionRegistryText": ["CallReceiving"]} | stamp,
            *({"$id": part.agency, "agencyType": [part.agency]} | stamp for part in detail.agencies),
        ],
        OURS: _ours(detail, centre, sight),
    }


def _incident(detail: IncidentDetail) -> dict[str, Any]:
    summary = detail.summary
    return {
        "$id": str(summary.id),
        "incidentTypeInternalCode": summary.category or "unknown",
        "incidentStatusInternalText": [summary.state],
        "internalIncidentId": str(summary.number),
    }


def _call(call: CallView, element: str, callbacks: Mapping[str, str]) -> dict[str, Any]:
    state = "callEnded" if call.ended else "callAnswered" if call.human else "callStarted"
    found: dict[str, Any] = {
        "$id": urn("callid", call.id, element),
        "direction": "incoming",
        "standardPrimaryCallType": "emergency",
        "callStartTimestamp": moment(call.opened),
        "callStateRegistryText": state,
    }
    if call.human is not None:
        found["answerDate"] = moment(call.human)
    if call.number in callbacks:
        found["callBackReference"] = {"$ref": callbacks[call.number]}
    return found


def _ours(detail: IncidentDetail, centre: str, sight: Sight) -> dict[str, Any]:
    summary, case = detail.summary, detail.case
    return {
        "incident": str(summary.id),
        "number": summary.number,
        "centre": centre,
        "category": summary.category or None,
        "area": summary.area or None,
        "place": summary.place or None,
        "description": case.description or None,
        "people_hurt": case.people_hurt,
        "reporter_number": sight.number(case.reporter_number or summary.caller_number) or None,
        "reporter_name": sight.name(case.reporter_name) or None,
        "opened_at": moment(summary.opened),
        "agencies": [{"agency": part.agency, "state": str(part.state)} for part in detail.agencies],
    }


def _numbers(detail: IncidentDetail) -> list[str]:
    numbers = [call.number for call in detail.calls] + [detail.case.reporter_number]
    return [number for number in dict.fromkeys(numbers) if number]


# ---------------------------------------------------------------- another's, for us
def received(sent: Mapping[str, Any], categories: frozenset[str], areas: frozenset[str]) -> Received:
    """Read another centre's document. Raises BadEido.

    categories, areas: those that we have; of others the words go into the description
    What we do not know is kept with the document, and stops nothing.
    """
    external = _external(sent)
    for name, value in sent.items():
        if name.endswith("Component"):
            _components(name, value)
    ours = sent.get(OURS)
    ours = ours if isinstance(ours, Mapping) else {}
    incident = next(iter(_components("incidentComponent", sent.get("incidentComponent", []))), {})
    kind = _text(ours.get("category")) or _text(incident.get("incidentTypeInternalCode"))
    area = _text(ours.get("area"))
    unknown = [
        _text(incident.get("incidentTypeInternalText")) or _text(incident.get("incidentTypeCommonRegistryText")),
        "" if kind in categories else kind,
        "" if area in areas else area,
    ]
    words = [_text(ours.get("description")), *dict.fromkeys(unknown)]
    found: dict[str, str | int | None] = {
        "category": kind if kind in categories and re.fullmatch(KEY_PATTERN, kind) else None,
        "area": area if area in areas and _AREA.fullmatch(area) else None,
        "place": _text(ours.get("place"))[:MAX_PLACE],
        "description": "\n".join(one for one in words if one)[:MAX_TEXT],
        "people_hurt": _hurt(ours.get("people_hurt")),
        "reporter_number": bare(_text(ours.get("reporter_number"))[:64] or _callback(sent)),
        "reporter_name": _text(ours.get("reporter_name"))[:200],
    }
    return Received(external, _tail(external), {k: v for k, v in found.items() if v not in {None, ""}}, sent)


def _external(sent: Mapping[str, Any]) -> str:
    for name in ("incidentTrackingIdentifier", "$id"):
        value = sent.get(name)
        if value is None:
            continue
        if isinstance(value, str) and 0 < len(value) <= MAX_ID and value.isprintable() and value.strip() == value:
            return value
        raise BadEido(
            f"/{name}",
            Bilingual(f"harus teks, 1 sampai {MAX_ID} huruf", f"must be a text of 1 to {MAX_ID} characters"),
        )
    raise BadEido("/$id", Bilingual("wajib ada: id kejadian di pusat Anda", "is needed: the incident's id with you"))


def _tail(external: str) -> str:
    if found := _URN.fullmatch(external):
        return found[1]
    return external if _PLAIN.fullmatch(external) else ""


def _components(name: str, value: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list) or len(value) > MAX_COMPONENTS or not all(isinstance(x, Mapping) for x in value):
        raise BadEido(
            f"/{name}",
            Bilingual(
                f"harus daftar paling banyak {MAX_COMPONENTS} objek",
                f"must be a list of at most {MAX_COMPONENTS} objects",
            ),
        )
    return value


def _text(value: Any) -> str:
    return value.strip()[:MAX_TEXT] if isinstance(value, str) else ""


def _hurt(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_HURT else None


def _callback(sent: Mapping[str, Any]) -> str:
    for one in _components("callbackComponent", sent.get("callbackComponent", [])):
        uris = one.get("callBackInformationUri")
        for uri in uris[:10] if isinstance(uris, list) else ():
            if isinstance(uri, str) and (found := _NUMBER.match(uri)):
                return found[1]
    return ""
