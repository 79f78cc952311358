"""What incidents are asked, over REST: for the centre, and for the agency concerned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from callrouter.access.model import Right
from callrouter.api import case_problems, problems, refusals, sop_examples, sop_shapes
from callrouter.api.case_answers import actor_of, refusing, versions_of
from callrouter.api.models import IncidentPath, NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.preconditions import moved
from callrouter.api.sop import unknown
from callrouter.api.sop_models import AnswersOrder, IncidentSop, IncidentSopPath
from callrouter.bilingual import Bilingual
from callrouter.incidents.sop import AnswersMoved, AskedList, BadAnswers, NoSuchList, Subject, SubjectKind, Value
from callrouter.privacy.access_log import Seen as Shows

surface = Surface()

_ONE: Final = "/api/v1/incidents/{id}/sop"
_OWN: Final = "/api/v1/agency/incidents/{id}/sop"
_COMMON: Final[dict[str, Any]] = {
    "query": NoParameters,
    "response": IncidentSop,
    "example": sop_examples.of_incident,
    "shows": Shows.INCIDENT,
}
_PROBLEMS: Final = (problems.INCIDENT_UNKNOWN, problems.STORAGE_UNAVAILABLE)
_ANSWERING: Final = (case_problems.ILLEGAL, refusals.ENTRY_UNKNOWN, *_PROBLEMS)
_BODY: Final = Body(AnswersOrder, examples={"answers": sop_examples.ANSWERS})


@contextmanager
def _refusing(*, of_agency: bool = False) -> Iterator[None]:
    with refusing(of_agency=of_agency):  # what is refused of lists alone is answered before it comes there
        try:
            yield
        except AnswersMoved as error:
            raise moved(str(error.version)) from None
        except BadAnswers as error:
            sop_shapes.require(error.wrong)
        except NoSuchList as error:
            raise unknown(f"sop/{error.subject}", "/path/id" if of_agency else "/path/key") from None


@surface.get(
    _ONE,
    tag="incidents",
    summary=Bilingual("SOP sebuah laporan", "What an incident is asked"),
    path_model=IncidentPath,
    right=Right.SEE_CALLS,
    problems=_PROBLEMS,
    **_COMMON,
)
async def read_incident_sop(asked: Asked[IncidentPath, NoParameters]) -> IncidentSop:
    """Returns the lists of its category and of each of its agencies, the answers, and what is still missing. The
    first look of somebody who works on incidents sets the versions that are asked: later ones change nothing here.
    """
    with _refusing():
        found = await needed(asked.services.sop_answers).look(
            asked.path.id, attach=asked.by.may(Right.WORK_INCIDENTS)
        )
    return sop_shapes.of_incident(asked.path.id, found)


@surface.send(
    "PUT",
    f"{_ONE}/{{kind}}/{{key}}",
    tag="incidents",
    summary=Bilingual("Jawab SOP sebuah laporan", "Answer a list of an incident"),
    path_model=IncidentSopPath,
    body=_BODY,
    right=Right.WORK_INCIDENTS,
    guarded=True,
    tagged=True,
    problems=_ANSWERING,
    **_COMMON,
)
async def answer_incident_sop(sent: Sent[IncidentSopPath, NoParameters, AnswersOrder]) -> Answered[IncidentSop]:
    """Sets the answers to one list, in place of those before; what changed is in the timeline. If-Match names the
    version of its answers (`lists[].version`). Nothing has to be answered before anything else is done.
    """
    subject, incident = Subject(sent.path.kind, sent.path.key), sent.path.id
    with _refusing():
        await needed(sent.services.sop_answers).answer(
            incident, subject, versions_of(sent.seen), given(sent.body), actor_of(sent.by)
        )
        return _answered(incident, subject, await needed(sent.services.sop_answers).look(incident))


@surface.get(
    _OWN,
    tag="agency",
    summary=Bilingual("SOP instansi untuk sebuah laporan", "What the agency is asked of an incident"),
    path_model=IncidentPath,
    right=Right.OWN_INCIDENTS,
    problems=_PROBLEMS,
    **_COMMON,
)
async def read_agency_sop(asked: Asked[IncidentPath, NoParameters]) -> IncidentSop:
    """Returns the agency's own list, and, for as long as it has something to do, what the centre asked the caller."""
    with _refusing(of_agency=True):
        found = await needed(asked.services.sop_answers).look(asked.path.id, agency=asked.by.subject or "")
    return sop_shapes.of_incident(asked.path.id, found)


@surface.send(
    "PUT",
    _OWN,
    tag="agency",
    summary=Bilingual("Jawab SOP instansi", "Answer the agency's own list"),
    path_model=IncidentPath,
    body=_BODY,
    right=Right.OWN_INCIDENTS,
    guarded=True,
    tagged=True,
    problems=_ANSWERING,
    **_COMMON,
)
async def answer_agency_sop(sent: Sent[IncidentPath, NoParameters, AnswersOrder]) -> Answered[IncidentSop]:
    """Sets the answers to the agency's own list, in place of those before."""
    agency, incident = sent.by.subject or "", sent.path.id
    subject = Subject(SubjectKind.AGENCY, agency)
    with _refusing(of_agency=True):
        await needed(sent.services.sop_answers).answer(
            incident, subject, versions_of(sent.seen), given(sent.body), actor_of(sent.by)
        )
        return _answered(incident, subject, await needed(sent.services.sop_answers).look(incident, agency=agency))


def given(order: AnswersOrder) -> dict[str, Value]:
    """Return the answers that are given: null is none."""
    return {key: value for key, value in order.answers.items() if value is not None}


def _answered(incident: UUID, subject: Subject, lists: list[AskedList]) -> Answered[IncidentSop]:
    version = next((one.version for one in lists if one.sop.subject == subject), 0)
    return Answered(sop_shapes.of_incident(incident, lists), etag=str(version))
