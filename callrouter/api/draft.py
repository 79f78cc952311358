"""The draft as a whole: read, import, discard, compare, verify, approve, publish."""

from __future__ import annotations

import asyncio
from typing import Any

from callrouter.access.model import Right
from callrouter.api import bodies, problems, refusals
from callrouter.api import desk_answers as answers
from callrouter.api import desk_examples as examples
from callrouter.api import desk_models as models
from callrouter.api.desk_answers import refusing
from callrouter.api.models import NoParameters
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem
from callrouter.api.resource_examples import TABLE_DATA
from callrouter.bilingual import Bilingual
from callrouter.publishing.importing import TableError
from callrouter.publishing.model import DraftInfo, Side
from callrouter.routing.consistency import Problem
from callrouter.routing.table import RoutingTable

surface = Surface()


@surface.get(
    "/api/v1/draft",
    tag="draft",
    summary=Bilingual("Draf lengkap", "The whole draft"),
    path_model=NoParameters,
    query=NoParameters,
    response=models.Draft,
    example=examples.draft,
    right=Right.SEE_ROUTING,
    tagged=True,
    slow=True,
)
async def read_draft(asked: Asked[NoParameters, NoParameters]) -> Answered[models.Draft]:
    """Returns the draft, with the directory as it is: `table` can be kept in a file and imported again. The ETag is
    the hash of the draft; publish, approve, discard and import take it in If-Match.
    """
    publishing = asked.management.publishing
    info = publishing.draft()
    table = answers.whole(info.settings.centre, answers.directory_of(publishing), info.routing)
    return Answered(models.Draft.model_construct(**dict(answers.draft_state(info)), table=table), etag=info.sha256)


@surface.send(
    "PUT",
    "/api/v1/draft",
    tag="draft",
    summary=Bilingual("Impor tabel lengkap", "Import a whole table"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(
        models.WholeTable,
        examples={"table": TABLE_DATA},
        limit=bodies.TABLE_BYTES,
        described=RoutingTable,
    ),
    response=models.DraftState,
    example=examples.state,
    right=Right.EDIT,
    tagged=True,
    guarded=True,
    slow=True,
    problems=(refusals.IN_USE, refusals.PBX_REFUSED, *problems.OF_STORE),
)
async def import_draft(sent: Sent[NoParameters, NoParameters, models.WholeTable]) -> Answered[models.DraftState]:
    """Replaces directory and draft by those of a whole table: all of it, or nothing. The directory takes effect at
    once; the routing half is a draft until published. A name that the version in force uses cannot be taken away.
    """
    etag = seen(sent)
    table = await given_table(sent)
    with refusing(sent, at="/body"):
        return _state(await sent.management.publishing.import_table(table, etag, sent.by))


async def given_table(sent: Sent[Any, Any, models.WholeTable]) -> RoutingTable:
    """Return the table that a request's body is. Raises ApiProblem with all that is wrong with it."""
    try:
        return await sent.management.publishing.read_table(sent.raw)
    except TableError as error:
        found = (Problem(p.pointer, p.sentence, p.remedy) for p in error.problems)
        raise ApiProblem(*bodies.told(found)) from None


@surface.do(
    "POST",
    "/api/v1/draft/discard",
    tag="draft",
    summary=Bilingual("Buang perubahan draf", "Discard the changes of the draft"),
    path_model=NoParameters,
    query=NoParameters,
    response=models.DraftState,
    example=examples.state,
    right=Right.EDIT,
    tagged=True,
    guarded=True,
    problems=(refusals.VERSION_UNKNOWN, *problems.OF_STORE),
)
async def discard_draft(asked: Asked[NoParameters, NoParameters]) -> Answered[models.DraftState]:
    """Makes the draft the version in force again. The directory stays as it is."""
    etag = seen(asked)
    with refusing(asked, "in_force", unknown=refusals.VERSION_UNKNOWN, at=""):
        return _state(await asked.management.publishing.discard(etag, asked.by))


@surface.get(
    "/api/v1/draft/diff",
    tag="draft",
    summary=Bilingual("Perbedaan draf", "In what the draft differs"),
    path_model=NoParameters,
    query=models.AgainstQuery,
    response=models.Differences,
    example=examples.differences,
    right=Right.SEE_ROUTING,
    slow=True,
    problems=(refusals.VERSION_UNKNOWN, *problems.OF_STORE),
)
async def read_draft_diff(asked: Asked[NoParameters, models.AgainstQuery]) -> models.Differences:
    """Returns in what the routing of the draft differs from that of a version."""
    against = asked.query.against
    with refusing(asked, str(against), unknown=refusals.VERSION_UNKNOWN, at="/query/against"):
        found = await asked.management.publishing.diff(side(against), "draft")
    return await asyncio.to_thread(answers.differences, found, asked.language)


def side(against: str) -> Side:
    """Return which table a query means."""
    return "in_force" if against == "in_force" else int(against)


@surface.do(
    "POST",
    "/api/v1/draft/verify",
    tag="draft",
    summary=Bilingual("Periksa draf", "Verify the draft"),
    path_model=NoParameters,
    query=NoParameters,
    response=models.VerifyReport,
    example=examples.report,
    right=Right.SEE_ROUTING,
    slow=True,
    problems=problems.OF_STORE,
)
async def verify_draft(asked: Asked[NoParameters, NoParameters]) -> models.VerifyReport:
    """Looks at every kind of call that can come in the next 400 days, and says whether the draft leaves any without
    a human. Changes nothing. Each finding has a rule, a place, and where a call shows it, that call: `explain` takes
    it as it is.
    """
    with refusing(asked):
        found = await asked.management.publishing.verify("draft")
    return await asyncio.to_thread(answers.report, found, asked.language)


@surface.do(
    "POST",
    "/api/v1/draft/approve",
    tag="draft",
    summary=Bilingual("Setujui draf", "Approve the draft"),
    path_model=NoParameters,
    query=NoParameters,
    response=models.DraftState,
    example=examples.state,
    right=Right.PUBLISH,
    tagged=True,
    guarded=True,
    problems=problems.OF_STORE,
)
async def approve_draft(asked: Asked[NoParameters, NoParameters]) -> Answered[models.DraftState]:
    """Approves the draft as it is, for the rule of two persons: who publishes must be another. Any edit voids it."""
    etag = seen(asked)
    with refusing(asked):
        return _state(await asked.management.publishing.approve(etag, asked.by))


@surface.send(
    "POST",
    "/api/v1/draft/publish",
    tag="draft",
    summary=Bilingual("Terbitkan draf", "Publish the draft"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(models.Why, examples={"example": {"why": "PMI joins"}}),
    response=models.PublishedVersion,
    example=examples.published,
    right=Right.PUBLISH,
    guarded=True,
    slow=True,
    problems=(refusals.NOT_VERIFIED, refusals.NEEDS_APPROVAL, refusals.PBX_REFUSED, *problems.OF_STORE),
)
async def publish_draft(sent: Sent[NoParameters, NoParameters, models.Why]) -> models.PublishedVersion:
    """Verifies the draft, loads it into the PBX, and makes it the version in force. The answer comes when service and
    PBX have it: the next call is routed by it. Calls that are up keep the plan they have. Where anything stands
    against it, everything is as before.
    """
    etag = seen(sent)
    with refusing(sent):
        return answers.published(await sent.management.publishing.publish(etag, sent.body.why, sent.by))


def seen(asked: Asked[Any, Any]) -> str:
    """Return the hash of the draft, where the request says that it has seen that. Raises ApiProblem (412)."""
    return asked.seen.seen(asked.management.publishing.draft().sha256)


def _state(info: DraftInfo) -> Answered[models.DraftState]:
    return Answered(answers.draft_state(info), etag=info.sha256)
