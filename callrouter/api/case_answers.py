"""From requests about incidents to what the desk takes, and from what it refuses to problems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from callrouter.access.model import Principal, Right, Role
from callrouter.access.tokens import actor
from callrouter.api import case_problems as kinds
from callrouter.api import problems, refusals, translate
from callrouter.api.case_models import IncidentFields
from callrouter.api.incident_models import Incident
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked
from callrouter.api.preconditions import ANY, IfMatch, moved
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.bilingual import Bilingual, same
from callrouter.incidents import desk
from callrouter.incidents.desk import Actor, IncidentDesk, Seen
from callrouter.incidents.views import IncidentDetail
from callrouter.privacy.masking import sight_of
from callrouter.publishing.errors import NoSuchEntry
from callrouter.routing.entries import Kind

_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,17})(-[0-9]+)?", re.ASCII)


def actor_of(by: Principal) -> Actor:
    """Return who acts, as the desk knows him: an agency's token acts for its agency alone."""
    return Actor(
        name=actor(by),
        supervises=by.may(Right.SUPERVISE),
        agency=by.subject or "" if by.role is Role.AGENCY else None,
    )


def versions_of(seen: IfMatch) -> Seen:
    """Return the versions that If-Match names: an ETag is ``version-when``, and the second does not matter."""
    if ANY in seen.tags:
        return None
    return frozenset(int(found[1]) for tag in seen.tags if (found := _VERSION.fullmatch(tag)))


def desk_of(asked: Asked[Any, Any]) -> IncidentDesk:
    """Return where incidents are worked on. Raises ApiProblem where there is none (tests)."""
    return needed(asked.services.desk)


async def detail_of(asked: Asked[Any, Any], incident: UUID) -> IncidentDetail:
    """Return an incident whole. Raises ApiProblem."""
    detail = await asked.services.incidents.detail(incident)
    if detail is None:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "id")))
    return detail


async def shown(asked: Asked[Any, Any], incident: UUID, *, made: bool = False) -> Answered[Incident]:
    """Return an incident as the answer, with its ETag; `made`: and with where it is."""
    detail = await detail_of(asked, incident)
    return Answered(
        translate.incident(detail, sight_of(asked.by)),
        etag=translate.incident_etag(detail.summary),
        location=f"/api/v1/incidents/{incident}" if made else None,
    )


def require_known(asked: Asked[Any, Any], fields: IncidentFields) -> None:
    """Raise ApiProblem for a category or area that the table has not."""
    for kind, name in ((Kind.CATEGORIES, "category"), (Kind.AREAS, "area")):
        key = getattr(fields, name)
        if key is not None and not is_known(asked, kind, key):
            raise unknown_name(f"/{name}", f"{kind.value}/{key}")


def is_known(asked: Asked[Any, Any], kind: Kind, key: str) -> bool:
    """Return whether directory or draft has such an entry."""
    try:
        asked.management.publishing.entry(kind, key)
    except NoSuchEntry:
        return False
    return True


def unknown_name(at: str, name: str) -> ApiProblem:
    """Return the answer to a body that names, at `at`, what is not there."""
    values = {
        "sentence": Bilingual(f"{name} tidak ada", f"there is no {name}"),
        "remedy": Bilingual("Periksa kuncinya, atau cari di daftar.", "Check its key, or look it up in the list."),
    }
    return ApiProblem(Fault(refusals.BODY_INVALID, at, values, in_body=True))


@contextmanager
def refusing(*, of_agency: bool = False) -> Iterator[None]:
    """Answer what the desk refuses with a problem. of_agency: who asks may not learn of others' incidents."""
    try:
        yield
    except desk.Moved as error:
        raise moved(f"{error.version}-{error.updated_at}") from None
    except desk.NotWithAgency as error:
        if of_agency:
            raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "id"))) from None
        raise ApiProblem(Fault(kinds.NOT_WITH_AGENCY, pointer("path", "agency"), {"name": error.agency})) from None
    except desk.Refused as error:
        raise ApiProblem(_fault(error)) from None


def _fault(error: desk.Refused) -> Fault:  # noqa: PLR0911 (one of many kinds)
    match error:
        case desk.NoSuchIncident():
            return Fault(problems.INCIDENT_UNKNOWN, pointer("path", "id"))
        case desk.Illegal():
            values = {"state": error.state.value, "act": error.act.value, "legal": _listed(error.legal)}
            return Fault(kinds.ILLEGAL, pointer("path", "id"), values | {"goes_on": _goes_on(error.merged_into)})
        case desk.IllegalMove():
            values = {"state": error.state.value, "to": error.to.value, "legal": _listed(error.legal)}
            return Fault(kinds.ILLEGAL_MOVE, "/state", values, in_body=True)
        case desk.IncidentExists():
            return Fault(kinds.INCIDENT_EXISTS, "/id", {"number": str(error.number)}, in_body=True)
        case desk.AlreadyPassed():
            values = {"name": error.agency, "state": error.state.value}
            return Fault(kinds.ALREADY_PASSED, "/agencies", values, in_body=True)
        case desk.TooManyAgencies():
            return Fault(kinds.TOO_MANY_AGENCIES, "/agencies", {"count": str(desk.MAX_AGENCIES)}, in_body=True)
        case desk.NoSuchSubCode():
            return unknown_name("/sub_code", f"{error.disposition}/{error.sub_code}").faults[0]
        case desk.NoDisposition():
            return Fault(kinds.DISPOSITION_MISSING, "/disposition", in_body=True)
        case desk.CannotMerge():
            words = {"state": error.state.value, "goes_on": _goes_on(error.goes_on_in)}
            return Fault(kinds.CANNOT_MERGE, "/into", words, in_body=True)
        case _:
            raise AssertionError(error)


def _listed(legal: tuple[str, ...]) -> str | Bilingual:
    return ", ".join(legal) or Bilingual("tidak ada", "none")


def _goes_on(number: int | None) -> Bilingual:
    if number is None:
        return same("")
    return Bilingual(f" Kelanjutannya di laporan nomor {number}.", f" Its life goes on in incident number {number}.")
