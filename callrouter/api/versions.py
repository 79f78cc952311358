"""Published versions: list, read, compare, roll back."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from callrouter.access.model import Right
from callrouter.api import bodies, cursor, problems, refusals
from callrouter.api import desk_answers as answers
from callrouter.api import desk_examples as examples
from callrouter.api import desk_models as models
from callrouter.api.desk_answers import refusing
from callrouter.api.draft import given_table, seen, side
from callrouter.api.models import NoParameters
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.resource_examples import TABLE_DATA
from callrouter.bilingual import Bilingual
from callrouter.routing.table import RoutingTable

surface = Surface()

_UNKNOWN: Final = refusals.VERSION_UNKNOWN


@surface.get(
    "/api/v1/versions",
    tag="versions",
    summary=Bilingual("Daftar versi", "Versions, newest first"),
    path_model=NoParameters,
    query=models.VersionsQuery,
    response=models.VersionPage,
    example=examples.versions,
    right=Right.SEE_ROUTING,
    problems=problems.OF_STORE,
)
async def list_versions(asked: Asked[NoParameters, models.VersionsQuery]) -> models.VersionPage:
    """Returns the published versions, page by page: who published them, when and why."""
    found = await asked.management.publishing.versions(asked.query.after, asked.query.limit)
    full = len(found) >= asked.query.limit
    return models.VersionPage(
        items=[answers.version_row(info) for info in found], next=cursor.encode(found[-1].number) if full else None
    )


@surface.send(
    "POST",
    "/api/v1/versions",
    tag="versions",
    summary=Bilingual("Impor dan terbitkan tabel lengkap", "Import and publish a whole table"),
    path_model=NoParameters,
    query=models.WhyQuery,
    body=Body(models.WholeTable, examples={"table": TABLE_DATA}, limit=bodies.TABLE_BYTES, described=RoutingTable),
    response=models.PublishedVersion,
    example=examples.published,
    right=Right.PUBLISH,
    status=HTTPStatus.CREATED,
    guarded=True,
    slow=True,
    problems=(refusals.NOT_VERIFIED, refusals.NEEDS_APPROVAL, refusals.PBX_REFUSED, *problems.OF_STORE),
)
async def import_and_publish(
    sent: Sent[NoParameters, models.WhyQuery, models.WholeTable],
) -> Answered[models.PublishedVersion]:
    """Replaces directory and draft by those of a whole table and publishes it: all of it, or nothing. If-Match names
    the draft that is replaced. Where two persons are asked for, the table must be the draft that the other approved.
    """
    etag = seen(sent)
    table = await given_table(sent)
    with refusing(sent, at="/body"):
        done = await sent.management.publishing.import_and_publish(table, etag, sent.query.why, sent.by)
    return Answered(answers.published(done), location=f"/api/v1/versions/{done.number}")


@surface.get(
    "/api/v1/versions/{number}",
    tag="versions",
    summary=Bilingual("Satu versi lengkap", "One version whole"),
    path_model=models.VersionPath,
    query=NoParameters,
    response=models.VersionWhole,
    example=examples.version,
    right=Right.SEE_ROUTING,
    tagged=True,
    slow=True,
    problems=(_UNKNOWN, *problems.OF_STORE),
)
async def read_version(asked: Asked[models.VersionPath, NoParameters]) -> Answered[models.VersionWhole]:
    """Returns a version as it was published; it never changes (but for `in_force`). Its directory is that of then."""
    number = asked.path.number
    with refusing(asked, str(number), unknown=_UNKNOWN, at="/path/number"):
        found = await asked.management.publishing.version(number)
    row = dict(answers.version_row(found.info))
    table = answers.whole(found.centre, found.directory, found.routing)
    etag = f"{found.info.sha256}-{int(found.info.in_force)}"
    return Answered(models.VersionWhole.model_construct(**row, table=table), etag=etag)


@surface.get(
    "/api/v1/versions/{number}/diff",
    tag="versions",
    summary=Bilingual("Perbedaan sebuah versi", "In what a version differs"),
    path_model=models.VersionPath,
    query=models.AgainstQuery,
    response=models.Differences,
    example=examples.differences,
    right=Right.SEE_ROUTING,
    slow=True,
    problems=(_UNKNOWN, *problems.OF_STORE),
)
async def read_version_diff(asked: Asked[models.VersionPath, models.AgainstQuery]) -> models.Differences:
    """Returns in what the routing of a version differs from that of another."""
    number = asked.path.number
    with refusing(asked, f"{number}, {asked.query.against}", unknown=_UNKNOWN, at="/path/number"):
        found = await asked.management.publishing.diff(side(asked.query.against), number)
    return await asyncio.to_thread(answers.differences, found, asked.language)


@surface.send(
    "POST",
    "/api/v1/versions/{number}/rollback",
    tag="versions",
    summary=Bilingual("Kembali ke sebuah versi", "Roll back to a version"),
    path_model=models.VersionPath,
    query=NoParameters,
    body=Body(models.Why, examples={"example": {"why": "PMI is back"}}),
    response=models.PublishedVersion,
    example=examples.published,
    right=Right.PUBLISH,
    slow=True,
    problems=(_UNKNOWN, refusals.NOT_VERIFIED, refusals.PBX_REFUSED, *problems.OF_STORE),
)
async def roll_back(sent: Sent[models.VersionPath, NoParameters, models.Why]) -> models.PublishedVersion:
    """Publishes what a version had as a new version, with the directory of today. Secrets, duty and the draft are
    left alone.
    """
    number = sent.path.number
    with refusing(sent, str(number), unknown=_UNKNOWN, at="/path/number"):
        return answers.published(await sent.management.publishing.rollback(number, sent.body.why, sent.by))
