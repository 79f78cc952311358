"""Notices to agencies over REST: what became of them, what is sent anew, and what they are signed with."""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import Any
from uuid import UUID

from callrouter.access.model import Right
from callrouter.agencies.notices import Channel, NotDead, Notice, NoticeFilter, NoticeGone, NoticeState
from callrouter.api import cursor, notice_problems, problems, refusals
from callrouter.api.case_answers import actor_of
from callrouter.api.desk_answers import named, refusing
from callrouter.api.models import NoParameters
from callrouter.api.needed import needed
from callrouter.api.notice_models import (
    SORT,
    ContactPath,
    NoticePage,
    NoticePath,
    NoticeQuery,
    NoticeRow,
    SecretOrder,
)
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.api.translate import maybe, moment, text
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.routing.directory import Agency
from callrouter.routing.entries import Kind

surface = Surface()

_WAITING = frozenset({NoticeState.QUEUED, NoticeState.SENDING})
_SECRET = "/api/v1/agencies/{key}/notices/{contact}/secret"  # noqa: S105 (a path)


@functools.cache
def _row_example() -> NoticeRow:
    return NoticeRow(
        id=UUID("3f0c8f5e-30c8-5e62-9a86-1f5a2f0f6112"),
        incident=UUID("8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"),
        agency="damkar",
        contact="sistem",
        channel=Channel.WEBHOOK,
        target="https://10.1.2.3/112",
        state=NoticeState.QUEUED,
        tries=0,
        created_at="2026-11-21T13:40:07.125000Z",
        next_at="2026-11-21T13:40:07.125000Z",
        settled_at=None,
        last_error=None,
    )


@surface.get(
    "/api/v1/notices",
    tag="notices",
    summary=Bilingual("Pemberitahuan kepada instansi", "Notices to agencies"),
    path_model=NoParameters,
    query=NoticeQuery,
    response=NoticePage,
    example=lambda: NoticePage(items=[_row_example()], next=cursor.encode_place(SORT, 1, str(_row_example().id))),
    right=Right.WORK_INCIDENTS,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_notices(asked: Asked[NoParameters, NoticeQuery]) -> NoticePage:
    """Returns the notices that agencies and supervisors were sent, newest first; `state=dead` those that could not be
    delivered within the time that is set. They hold nothing of the caller.
    """
    query = asked.query
    wanted = NoticeFilter(query.state, query.agency, query.incident, query.limit, _place(query))
    found = await needed(asked.services.notices).page(wanted)
    last = found[-1] if len(found) >= query.limit else None
    return NoticePage(
        items=[row(notice) for notice in found],
        next=None if last is None else cursor.encode_place(SORT, last.created_at, str(last.id)),
    )


@surface.do(
    "POST",
    "/api/v1/notices/{id}/replay",
    tag="notices",
    summary=Bilingual("Kirim lagi pemberitahuan", "Send a notice anew"),
    path_model=NoticePath,
    query=NoParameters,
    response=NoticeRow,
    example=_row_example,
    right=Right.SUPERVISE,
    problems=(notice_problems.NOTICE_UNKNOWN, notice_problems.NOTICE_NOT_DEAD, problems.STORAGE_UNAVAILABLE),
)
async def replay_notice(asked: Asked[NoticePath, NoParameters]) -> NoticeRow:
    """Puts a notice that was given up back into the outbox, under the same id, so that a receiver that has it after
    all can tell; who did so is in the incident's timeline.
    """
    at = pointer("path", "id")
    try:
        return row(await needed(asked.services.notices).replay(asked.path.id, actor_of(asked.by)))
    except NoticeGone:
        raise ApiProblem(Fault(notice_problems.NOTICE_UNKNOWN, at)) from None
    except NotDead as error:
        raise ApiProblem(Fault(notice_problems.NOTICE_NOT_DEAD, at, {"state": error.state.value})) from None


@surface.send(
    "PUT",
    _SECRET,
    tag="notices",
    summary=Bilingual("Atur rahasia webhook instansi", "Set the secret of an agency's webhook"),
    path_model=ContactPath,
    query=NoParameters,
    body=Body(
        SecretOrder,
        examples={"example": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
        secret=True,
    ),
    response=None,
    example=None,
    right=Right.EDIT,
    status=HTTPStatus.NO_CONTENT,
    slow=True,
    problems=(refusals.ENTRY_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def set_notice_secret(sent: Sent[ContactPath, NoParameters, SecretOrder]) -> None:
    """Keeps, encrypted, what notices to this contact point are signed with. It cannot be read again. Without one
    nothing is sent to a webhook.
    """
    _require(sent)
    path = sent.path
    try:
        await needed(sent.services.notice_secrets).put(path.key, path.contact, sent.body.secret, sent.by)
    except RefusedValue as error:
        remedy = Bilingual("Buat 32 byte acak dalam base64.", "Make 32 random bytes in base64.")
        values = {"sentence": error.reason, "remedy": remedy}
        raise ApiProblem(Fault(refusals.BODY_INVALID, "/secret", values, in_body=True)) from None


@surface.do(
    "DELETE",
    _SECRET,
    tag="notices",
    summary=Bilingual("Hapus rahasia webhook instansi", "Remove the secret of an agency's webhook"),
    path_model=ContactPath,
    query=NoParameters,
    response=None,
    example=None,
    right=Right.EDIT,
    status=HTTPStatus.NO_CONTENT,
    slow=True,
    problems=(refusals.ENTRY_UNKNOWN, problems.STORAGE_UNAVAILABLE),
)
async def clear_notice_secret(asked: Asked[ContactPath, NoParameters]) -> Answered[NoticeRow]:
    """Removes it, also of a contact point that is gone from the directory; 404 where there is none."""
    path = asked.path
    if not await needed(asked.services.notice_secrets).delete(path.key, path.contact, asked.by):
        name = f"{named(Kind.AGENCIES, path.key)}/notices/{path.contact}/secret"
        raise ApiProblem(Fault(refusals.ENTRY_UNKNOWN, "/path/contact", {"name": name}))
    return Answered()


def row(notice: Notice) -> NoticeRow:
    """Return a notice as it is shown."""
    return NoticeRow(
        id=notice.id,
        incident=notice.incident,
        agency=notice.agency,
        contact=text(notice.contact),
        channel=notice.channel,
        target=text(notice.target),
        state=notice.state,
        tries=notice.tries,
        created_at=moment(notice.created_at),
        next_at=moment(notice.next_at) if notice.state in _WAITING else None,
        settled_at=maybe(notice.settled_at),
        last_error=text(notice.last_error),
    )


def _require(asked: Asked[ContactPath, Any]) -> None:
    """Raise ApiProblem where the directory has no such contact point."""
    key, contact = asked.path.key, asked.path.contact
    with refusing(asked, named(Kind.AGENCIES, key)):
        agency = asked.management.publishing.entry(Kind.AGENCIES, key).value
    if not isinstance(agency, Agency) or contact not in {point.key for point in agency.notices}:
        name = f"{named(Kind.AGENCIES, key)}/notices/{contact}"
        raise ApiProblem(Fault(refusals.ENTRY_UNKNOWN, "/path/contact", {"name": name}))


def _place(query: NoticeQuery) -> tuple[int, UUID] | None:
    if query.after is None:
        return None
    sort, at, id_ = query.after
    try:
        if sort != SORT or not isinstance(at, int):
            raise ValueError
        return at, UUID(id_)
    except ValueError:
        raise ApiProblem(Fault(problems.CURSOR_INVALID, "/query/after", {"name": "after"})) from None
