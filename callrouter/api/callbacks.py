"""Callers who are to be called back, over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import callback_examples as examples
from callrouter.api import problems
from callrouter.api.callback_models import CallbackPage, CallbackQuery, CallbackRow, encode_place
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.translate import maybe, moment, text
from callrouter.bilingual import Bilingual
from callrouter.incidents.callbacks import Callback, CallbackFilter, Place, dialable
from callrouter.privacy.access_log import Seen
from callrouter.privacy.masking import Sight, sight_of

surface = Surface()


@surface.get(
    "/api/v1/callbacks",
    tag="incidents",
    summary=Bilingual("Penelepon yang harus ditelepon balik", "Callers who are to be called back"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=CallbackQuery,
    response=CallbackPage,
    example=examples.page,
    shows=Seen.LIST,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_callbacks(asked: Asked[NoParameters, CallbackQuery]) -> CallbackPage:
    """Returns whom no human has heard, or whose call the PBX cut, page by page: the most urgent category first, and
    of equal ones who has waited longest. There is one entry for each number. A later call of a number that reached a
    human takes its entry off. Filters hold together (and) and choose among the calls, so an entry then counts only
    those. An entry may change its place while you read the pages, when its number calls again.
    """
    query = asked.query
    wanted = CallbackFilter(
        category=query.category,
        reason=None if query.reason is None else query.reason.value,
        since=query.since,
        after=query.after,
        limit=query.limit,
    )
    found = await asked.services.callbacks.page(wanted)
    full = len(found) >= query.limit
    return CallbackPage(
        items=[_row(one, sight_of(asked.by)) for one in found], next=encode_place(_place(found[-1])) if full else None
    )


def _place(one: Callback) -> Place:
    return Place(one.urgency, one.first, one.number_for_people)


def _row(one: Callback, sight: Sight) -> CallbackRow:
    return CallbackRow(
        number=text(sight.number(one.number)),
        incident=one.incident,
        incident_number=one.number_for_people,
        category=text(one.category),
        urgency=one.urgency,
        reason=one.reason,
        stage=text(one.stage),
        origin=text(one.origin),
        trunk=text(one.trunk),
        language=text(one.language),
        recording=text(one.recording),
        opened_at=moment(one.opened),
        human_at=maybe(one.human),
        ended_at=maybe(one.ended),
        calls=one.calls,
        first_at=moment(one.first),
        last_at=moment(one.last),
        callable=bool(one.number) and dialable(one.number) is not None,
        tries=one.tries,
        tried_at=maybe(one.tried_at),
        tried=one.tried,
        held_by=text(one.held_by),
        held_until=maybe(one.held_until),
    )
