"""What supervisors have callers told for a while, over REST."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final
from uuid import UUID, uuid4

from callrouter.access.model import Right
from callrouter.api import problems, refusals
from callrouter.api import supervision_problems as kinds
from callrouter.api.case_answers import is_known
from callrouter.api.models import NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.api.supervision_models import BannerList, BannerOrder, BannerPath, BannerRow, BannersQuery
from callrouter.api.translate import maybe, moment, text
from callrouter.bilingual import Bilingual
from callrouter.calls.bannerdesk import NoSuchClip, NothingSaid, TooLong, TooManyBanners
from callrouter.calls.banners import LONGEST_US, MAX_ACTIVE, MAX_S, Banner, Scope
from callrouter.clock import now_us
from callrouter.routing.entries import Kind

surface = Surface()

_ALL: Final = "/api/v1/banners"
_PROBLEMS: Final = (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)
_BEGIN: Final = 1_795_267_207_125_000


@functools.cache
def _example() -> BannerRow:
    return BannerRow(
        id=UUID("5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"),
        scope=Scope.CATEGORY,
        key="banjir",
        clip="banner-5d0c8f5e30c8",
        text_id="Banjir di Kepanjen sudah kami ketahui.",
        text_en="We know of the flood in Kepanjen.",
        reason="Ratusan panggilan tentang banjir yang sama",
        runs=True,
        made_at=moment(_BEGIN),
        made_by="supervisor-1 (supervisor)",
        until=moment(_BEGIN + 3_600_000_000),
        withdrawn_at=None,
        withdrawn_by=None,
    )


_ORDER: Final = {
    "scope": "all",
    "text_id": "Banjir di Kepanjen sudah kami ketahui.",
    "text_en": "We know of the flood in Kepanjen.",
    "until": "2026-11-21T18:00:00Z",
    "reason": "Ratusan panggilan tentang banjir yang sama",
}


def wrong(at: str, sentence: Bilingual, remedy: Bilingual) -> ApiProblem:
    """Return what is wrong with one member of a body."""
    return ApiProblem(Fault(refusals.BODY_INVALID, at, {"sentence": sentence, "remedy": remedy}, in_body=True))


def require_soon(until: int, now: int) -> None:
    """Raise ApiProblem for an end (µs UTC) that has passed or is more than a week away."""
    if not now < until <= now + LONGEST_US:
        raise wrong(
            "/until",
            Bilingual("until harus dalam 7 hari mendatang", "until must be within the next 7 days"),
            Bilingual("Beri waktu UTC yang belum lewat.", "Give a time in UTC that is still to come."),
        )


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except TooManyBanners:
        raise ApiProblem(Fault(kinds.TOO_MANY_BANNERS, "", {"count": str(MAX_ACTIVE)})) from None
    except NoSuchClip as error:
        raise wrong(
            "/clip",
            Bilingual(f"klip {error} tidak ada", f"there is no clip {error}"),
            Bilingual("Sebut nama klip yang ada dalam setiap bahasa.", "Name one that is there in each language."),
        ) from None
    except TooLong as error:
        raise wrong(
            "",
            Bilingual(
                f"panjangnya {error.seconds:.1f} detik, paling lama {MAX_S:g} detik",
                f"it takes {error.seconds:.1f} s and may take {MAX_S:g} s",
            ),
            Bilingual("Persingkat.", "Shorten it."),
        ) from None
    except NothingSaid:
        raise wrong(
            "",
            Bilingual("tidak ada yang dapat diucapkan", "nothing of it can be spoken"),
            Bilingual("Tulis dengan huruf latin.", "Write it in Latin letters."),
        ) from None


def banner_row(one: Banner) -> BannerRow:
    """Return a banner as it is shown."""
    return BannerRow(
        id=one.id,
        scope=one.scope,
        key=text(one.key),
        clip=one.plays,
        text_id=text(one.text_id),
        text_en=text(one.text_en),
        reason=one.reason,
        runs=one.runs(now_us()),
        made_at=moment(one.made_at),
        made_by=one.made_by,
        until=moment(one.until),
        withdrawn_at=maybe(one.withdrawn_at),
        withdrawn_by=text(one.withdrawn_by),
    )


@surface.get(
    _ALL,
    tag="supervision",
    summary=Bilingual("Pengumuman untuk penelepon", "What callers are told"),
    path_model=NoParameters,
    query=BannersQuery,
    response=BannerList,
    example=lambda: BannerList(items=[_example()]),
    right=Right.SEE_CALLS,
    problems=_PROBLEMS,
)
async def list_banners(asked: Asked[NoParameters, BannersQuery]) -> BannerList:
    """Returns what callers are told now, or the newest with those that are over. A caller hears at most one before
    the menu (of his area before one for all), where a digit ends it, and at most one behind it (of his category, or
    of the area that he chose). While the service is away nobody is told anything.
    """
    desk = needed(asked.services.banners)
    found = await desk.newest() if asked.query.all else list(reversed(desk.running()))
    return BannerList(items=[banner_row(one) for one in found])


@surface.send(
    "POST",
    _ALL,
    tag="supervision",
    summary=Bilingual("Umumkan sesuatu kepada penelepon", "Tell callers something"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(BannerOrder, examples={"flood": _ORDER}),
    response=BannerRow,
    example=_example,
    right=Right.SUPERVISE,
    status=HTTPStatus.CREATED,
    problems=(kinds.TOO_MANY_BANNERS, *_PROBLEMS),
    slow=True,
)
async def add_banner(sent: Sent[NoParameters, NoParameters, BannerOrder]) -> Answered[BannerRow]:
    """Has callers told this until its end, from the answer on: those who call then. Words are spoken before it is
    answered, and what takes longer than 15 s is refused. It ends by itself, outlives a restart, and is in the audit.
    """
    order, now = sent.body, now_us()
    require_soon(order.until, now)
    if order.key is not None and not is_known(sent, _KINDS[order.scope], order.key):
        told = Bilingual(f"{order.key} tidak ada di tabel", f"the table has no {order.key}")
        raise wrong("/key", told, refusals.ENTRY_UNKNOWN.remedy)
    new = Banner(
        id=uuid4(),
        scope=order.scope,
        key=order.key or "",
        clip=order.clip or "",
        text_id=order.text_id or "",
        text_en=order.text_en or "",
        reason=order.reason,
        made_at=now,
        made_by="",
        until=order.until,
    )
    with _refusing():
        made = await needed(sent.services.banners).add(new, sent.by)
    return Answered(banner_row(made), location=f"{_ALL}/{made.id}")


@surface.get(
    f"{_ALL}/{{id}}",
    tag="supervision",
    summary=Bilingual("Satu pengumuman", "One banner"),
    path_model=BannerPath,
    query=NoParameters,
    response=BannerRow,
    example=_example,
    right=Right.SEE_CALLS,
    problems=(kinds.BANNER_UNKNOWN, *_PROBLEMS),
)
async def read_banner(asked: Asked[BannerPath, NoParameters]) -> BannerRow:
    """Returns it, over or not."""
    found = await needed(asked.services.banners).get(asked.path.id)
    if found is None:
        raise ApiProblem(Fault(kinds.BANNER_UNKNOWN, pointer("path", "id")))
    return banner_row(found)


@surface.do(
    "DELETE",
    f"{_ALL}/{{id}}",
    tag="supervision",
    summary=Bilingual("Akhiri sebuah pengumuman", "End a banner"),
    path_model=BannerPath,
    query=NoParameters,
    response=BannerRow,
    example=lambda: _example().model_copy(update={"runs": False, "withdrawn_at": moment(_BEGIN + 60_000_000)}),
    right=Right.SUPERVISE,
    problems=(kinds.BANNER_UNKNOWN, *_PROBLEMS),
)
async def end_banner(asked: Asked[BannerPath, NoParameters]) -> BannerRow:
    """Ends it: who calls from now on hears it no more. It stays in the list of all, for timelines name it."""
    ended = await needed(asked.services.banners).withdraw(asked.path.id, asked.by)
    if ended is None:
        raise ApiProblem(Fault(kinds.BANNER_UNKNOWN, pointer("path", "id")))
    return banner_row(ended)


_KINDS: Final = {Scope.AREA: Kind.AREAS, Scope.CATEGORY: Kind.CATEGORIES}
