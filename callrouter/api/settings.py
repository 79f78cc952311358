"""What the draft has only once: the centre, the main menu, the last resort, the static numbers."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import bodies, problems, resource_examples
from callrouter.api.desk_answers import refusing
from callrouter.api.desk_models import MergePatch
from callrouter.api.models import NoParameters
from callrouter.api.operation import MERGE_PATCH, Answered, Asked, Body, Sent, Surface
from callrouter.bilingual import Bilingual
from callrouter.publishing.model import DraftInfo, DraftSettings

surface = Surface()

_PATH = "/api/v1/settings"
_PROBLEMS = (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)


@surface.get(
    _PATH,
    tag="draft",
    summary=Bilingual("Pengaturan draf", "Settings of the draft"),
    path_model=NoParameters,
    query=NoParameters,
    response=DraftSettings,
    example=resource_examples.settings,
    right=Right.SEE_ROUTING,
    tagged=True,
)
async def read_settings(asked: Asked[NoParameters, NoParameters]) -> Answered[DraftSettings]:
    """Returns what a table has only once; its ETag is what a change must name in If-Match."""
    return _shown(asked.management.publishing.draft())


@surface.send(
    "PUT",
    _PATH,
    tag="draft",
    summary=Bilingual("Ganti pengaturan draf", "Replace the settings of the draft"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(DraftSettings, examples={"example": resource_examples.SETTINGS_DATA}),
    response=DraftSettings,
    example=resource_examples.settings,
    right=Right.EDIT,
    tagged=True,
    guarded=True,
    problems=_PROBLEMS,
)
async def replace_settings(sent: Sent[NoParameters, NoParameters, DraftSettings]) -> Answered[DraftSettings]:
    """Replaces the settings as a whole; what is left out gets its default. Changes the draft; no call meets it before
    it is published.
    """
    return await _replaced(sent, sent.body, _revision(sent))


@surface.send(
    "PATCH",
    _PATH,
    tag="draft",
    summary=Bilingual("Ubah pengaturan draf", "Change the settings of the draft"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(
        MergePatch,
        examples={"example": {"last_resort": {"seconds": 60}}},
        media_type=MERGE_PATCH,
        patches=DraftSettings,
    ),
    response=DraftSettings,
    example=resource_examples.settings,
    right=Right.EDIT,
    tagged=True,
    guarded=True,
    problems=_PROBLEMS,
)
async def patch_settings(sent: Sent[NoParameters, NoParameters, MergePatch]) -> Answered[DraftSettings]:
    """Changes members of the settings (RFC 7396): null takes a member back to its default, a list is replaced as a
    whole. Pointers of problems are into the result.
    """
    revision = _revision(sent)
    now = sent.management.publishing.draft().settings
    return await _replaced(sent, bodies.patched(now, sent.body.root), revision)


def _revision(asked: Asked[NoParameters, NoParameters]) -> int:
    revision = asked.management.publishing.draft().settings_revision
    asked.seen.seen(str(revision))
    return revision


async def _replaced(
    asked: Asked[NoParameters, NoParameters], settings: DraftSettings, revision: int
) -> Answered[DraftSettings]:
    with refusing(asked):
        return _shown(await asked.management.publishing.set_settings(settings, revision, asked.by))


def _shown(info: DraftInfo) -> Answered[DraftSettings]:
    return Answered(info.settings, etag=str(info.settings_revision))
