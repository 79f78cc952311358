"""The audit trail over REST: to read and to check, never to change."""

from __future__ import annotations

import json

from callrouter.access.chain import ChainRow
from callrouter.access.model import Right
from callrouter.access.ports import AuditFilter
from callrouter.api import access_examples as examples
from callrouter.api import cursor, problems
from callrouter.api.access_models import AuditFault, AuditPage, AuditQuery, AuditRow, AuditVerdict
from callrouter.api.language import say
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual

surface = Surface()

_PROBLEMS = (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)


@surface.get(
    "/api/v1/audit",
    tag="audit",
    summary=Bilingual("Jejak audit", "The audit trail"),
    path_model=NoParameters,
    query=AuditQuery,
    response=AuditPage,
    example=examples.audit,
    right=Right.SEE_AUDIT,
    problems=_PROBLEMS,
)
async def list_audit(asked: Asked[NoParameters, AuditQuery]) -> AuditPage:
    """Returns who did what to which thing, newest first, page by page. Filters hold together (and)."""
    query = asked.query
    wanted = AuditFilter(
        before=query.after,
        actor=query.actor,
        action=query.action,
        subject=query.subject,
        begin=query.since,
        end=query.before,
        limit=query.limit,
    )
    rows = await asked.management.audit.page(wanted)
    full = len(rows) >= query.limit
    return AuditPage(items=[_row(row) for row in rows], next=cursor.encode(rows[-1].seq) if full else None)


@surface.get(
    "/api/v1/audit/verify",
    tag="audit",
    summary=Bilingual("Periksa jejak audit", "Check the audit trail"),
    path_model=NoParameters,
    query=NoParameters,
    response=AuditVerdict,
    example=lambda: AuditVerdict(intact=True, faults=[]),
    right=Right.SEE_AUDIT,
    slow=True,
    problems=_PROBLEMS,
)
async def verify_audit(asked: Asked[NoParameters, NoParameters]) -> AuditVerdict:
    """Follows the chain of keyed hashes from the first row to the last, and compares it with the heads that were
    written outside of the database: finds rows that were changed, removed, or cut off.
    """
    faults = await asked.management.audit.verify()
    return AuditVerdict(
        intact=not faults,
        faults=[AuditFault(kind=f.kind, seq=f.seq, sentence=say(f.sentence, asked.language)) for f in faults],
    )


def _row(row: ChainRow) -> AuditRow:
    return AuditRow(
        seq=row.seq,
        at=moment(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        payload=None if row.payload is None else json.loads(row.payload),
        mac=row.mac,
    )
