"""Who saw or heard which person's data, over REST: to read, never to change."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import cursor, problems
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.recording_models import AccessEntry, AccessPage, AccessQuery
from callrouter.api.translate import moment, text
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import AccessFilter, AccessRow

surface = Surface()


@surface.get(
    "/api/v1/access-log",
    tag="audit",
    summary=Bilingual("Siapa melihat data pribadi", "Who saw personal data"),
    path_model=NoParameters,
    right=Right.SEE_ACCESS_LOG,
    query=AccessQuery,
    response=AccessPage,
    example=lambda: AccessPage(
        items=[
            AccessEntry(
                at="2026-11-21T13:40:07.125000Z",
                who="pengawas-1",
                role="supervisor",
                what="play",
                subject="0b2f7d3e-9a43-5d0e-8f58-6b2f6f3c0e61",
                purpose=None,
            )
        ],
        next=None,
    ),
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_accesses(asked: Asked[NoParameters, AccessQuery]) -> AccessPage:
    """Returns who was shown incidents, callers, lists with numbers, and recordings, and who played one, newest first,
    page by page. Filters hold together (and). Masked answers count too: who asked is what counts.
    """
    query = asked.query
    wanted = AccessFilter(
        before=query.after,
        who=query.who,
        what=None if query.what is None else query.what.value,
        subject=query.subject,
        begin=query.since,
        end=query.before,
        limit=query.limit,
    )
    rows = await asked.services.access_log.page(wanted)
    full = len(rows) >= query.limit
    return AccessPage(items=[_entry(row) for row in rows], next=cursor.encode(rows[-1].id) if full else None)


def _entry(row: AccessRow) -> AccessEntry:
    return AccessEntry(
        at=moment(row.at), who=row.who, role=row.role, what=row.what, subject=row.subject, purpose=text(row.purpose)
    )
