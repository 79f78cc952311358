"""Standard operating procedures, over REST: the lists, as admins keep them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from callrouter.access.model import Right
from callrouter.api import cursor, problems, refusals, sop_examples, sop_shapes
from callrouter.api.case_answers import is_known, versions_of
from callrouter.api.models import NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.preconditions import moved
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.sop_models import (
    Sop,
    SopFile,
    SopOrder,
    SopPage,
    SopPath,
    SopRows,
    SopVersionPath,
    SopVersionsQuery,
)
from callrouter.bilingual import Bilingual
from callrouter.incidents.desk import Moved
from callrouter.incidents.sop import SopVersion, Subject, Wrong
from callrouter.routing.entries import Kind

surface = Surface()

FILE_BYTES: Final = 512 * 1024
_ALL: Final = "/api/v1/sop"
_ONE: Final = f"{_ALL}/{{kind}}/{{key}}"
_READ: Final[dict[str, Any]] = {"tag": "sop", "right": Right.SEE_CALLS}
_EDIT: Final[dict[str, Any]] = {"tag": "sop", "right": Right.EDIT, "query": NoParameters}
_STORE: Final = (problems.STORAGE_UNAVAILABLE,)
_TWICE: Final = Bilingual("daftar ini ada dua kali", "this list stands twice")
_ONCE: Final = Bilingual("Hapus salah satunya.", "Remove one of them.")


def subject_of(path: SopPath) -> Subject:
    """Return which list is meant."""
    return Subject(path.kind, path.key)


def unknown(name: object, at: str = "/path/key") -> ApiProblem:
    """Return the answer to who asks for what is not there."""
    return ApiProblem(Fault(refusals.ENTRY_UNKNOWN, at, {"name": str(name)}))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Moved as error:
        raise moved(str(error.version)) from None


def _found(subject: Subject, version: SopVersion | None) -> SopVersion:
    if version is None or version.withdrawn:
        raise unknown(f"sop/{subject}")
    return version


@surface.get(
    _ALL,
    summary=Bilingual("SOP yang berlaku", "The SOPs in force"),
    path_model=NoParameters,
    query=NoParameters,
    response=SopRows,
    example=sop_examples.rows,
    problems=_STORE,
    **_READ,
)
async def list_sops(asked: Asked[NoParameters, NoParameters]) -> SopRows:
    """Returns every list that is in force: which category or agency it is for, and how long it is."""
    return SopRows(items=[sop_shapes.row(one) for one in await needed(asked.services.sop).in_force()])


@surface.get(
    _ONE,
    summary=Bilingual("Satu SOP yang berlaku", "One SOP in force"),
    path_model=SopPath,
    query=NoParameters,
    response=Sop,
    example=sop_examples.sop,
    tagged=True,
    problems=(refusals.ENTRY_UNKNOWN, *_STORE),
    **_READ,
)
async def read_sop(asked: Asked[SopPath, NoParameters]) -> Answered[Sop]:
    """Returns the version in force; its number is the ETag that a new version must name in If-Match."""
    subject = subject_of(asked.path)
    found = _found(subject, await needed(asked.services.sop).newest(subject))
    return Answered(sop_shapes.whole(found), etag=str(found.version))


@surface.get(
    f"{_ONE}/versions",
    summary=Bilingual("Versi sebuah SOP", "Versions of an SOP"),
    path_model=SopPath,
    query=SopVersionsQuery,
    response=SopPage,
    example=sop_examples.page,
    problems=_STORE,
    **_READ,
)
async def list_sop_versions(asked: Asked[SopPath, SopVersionsQuery]) -> SopPage:
    """Returns its versions, newest first, page by page: who made them, and when. One without items withdrew it."""
    query = asked.query
    found = await needed(asked.services.sop).versions(subject_of(asked.path), query.after, query.limit)
    full = len(found) >= query.limit
    return SopPage(
        items=[sop_shapes.whole(one) for one in found], next=cursor.encode(found[-1].version) if full else None
    )


@surface.get(
    f"{_ONE}/versions/{{version}}",
    summary=Bilingual("Satu versi sebuah SOP", "One version of an SOP"),
    path_model=SopVersionPath,
    query=NoParameters,
    response=Sop,
    example=sop_examples.sop,
    problems=(refusals.ENTRY_UNKNOWN, *_STORE),
    **_READ,
)
async def read_sop_version(asked: Asked[SopVersionPath, NoParameters]) -> Sop:
    """Returns one version, also one that is in force no more. It never changes."""
    subject = subject_of(asked.path)
    found = await needed(asked.services.sop).version(subject, asked.path.version)
    if found is None:
        raise unknown(f"sop/{subject}/versions/{asked.path.version}", "/path/version")
    return sop_shapes.whole(found)


@surface.send(
    "PUT",
    _ONE,
    summary=Bilingual("Buat versi baru sebuah SOP", "Make a new version of an SOP"),
    path_model=SopPath,
    body=Body(SopOrder, examples={"fire": sop_examples.ORDER}),
    response=Sop,
    example=sop_examples.sop,
    guarded=True,
    tagged=True,
    problems=(refusals.ENTRY_UNKNOWN, *_STORE),
    **_EDIT,
)
async def put_sop(sent: Sent[SopPath, NoParameters, SopOrder]) -> Answered[Sop]:
    """Makes a version that is in force from now on; If-Match names the newest one ("0": there was none yet, or *).
    Incidents that were looked at before keep the version that they were asked. What is the same makes no version.
    """
    subject = subject_of(sent.path)
    if not is_known(sent, Kind(subject.kind.value), subject.key):
        raise unknown(subject)
    new = sop_shapes.version_of(subject, sent.body)
    with _refusing():
        made = await needed(sent.services.sop).put(new, versions_of(sent.seen), sent.by)
    return Answered(sop_shapes.whole(made), etag=str(made.version))


@surface.do(
    "DELETE",
    _ONE,
    summary=Bilingual("Cabut sebuah SOP", "Withdraw an SOP"),
    path_model=SopPath,
    response=None,
    example=None,
    status=HTTPStatus.NO_CONTENT,
    guarded=True,
    problems=(refusals.ENTRY_UNKNOWN, *_STORE),
    **_EDIT,
)
async def withdraw_sop(asked: Asked[SopPath, NoParameters]) -> None:
    """Asks it of no further incident: a version without items. Those that were asked keep theirs."""
    subject = subject_of(asked.path)
    with _refusing():
        if not await needed(asked.services.sop).withdraw(subject, versions_of(asked.seen), asked.by):
            raise unknown(f"sop/{subject}")


@surface.send(
    "POST",
    f"{_ALL}/import",
    summary=Bilingual("Muat banyak SOP sekaligus", "Load many SOPs at once"),
    path_model=NoParameters,
    body=Body(SopFile, examples={"file": sop_examples.FILE}, limit=FILE_BYTES),
    response=SopRows,
    example=sop_examples.rows,
    problems=_STORE,
    **_EDIT,
)
async def import_sops(sent: Sent[NoParameters, NoParameters, SopFile]) -> SopRows:
    """Makes a new version of each list in the body, whatever is in force: all or none. A list that is the same as
    the one in force makes none; lists that the body does not name stay. `examples/sop.json` is such a body.
    """
    wrong: list[Wrong] = []
    seen: set[Subject] = set()
    lists: list[SopVersion] = []
    for n, order in enumerate(sent.body.sop):
        subject = Subject(order.kind, order.key)
        if subject in seen:
            wrong.append(Wrong(f"/sop/{n}/key", _TWICE, _ONCE))
        elif not is_known(sent, Kind(subject.kind.value), subject.key):
            told = Bilingual(f"{subject} tidak ada", f"there is no {subject}")
            wrong.append(Wrong(f"/sop/{n}/key", told, refusals.ENTRY_UNKNOWN.remedy))
        seen.add(subject)
        lists.append(sop_shapes.version_of(subject, order, f"/sop/{n}"))
    sop_shapes.require(wrong)
    with _refusing():
        made = await needed(sent.services.sop).put_all(lists, sent.by)
    return SopRows(items=[sop_shapes.row(one) for one in made])
