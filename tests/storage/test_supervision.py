"""Banners and the posture as rows: each act in the audit, what is over is over, and what was usual."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from callrouter.access.model import Principal, Role
from callrouter.access.ports import AuditFilter
from callrouter.calls.bannerdesk import TooManyBanners
from callrouter.calls.banners import MAX_ACTIVE, Banner, Scope
from callrouter.incidents.posture import ByRate, hour_of_week
from callrouter.routing.values import Posture
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.supervision import BannerRows, PostureRows
from tests.storage.given import AT, SECOND, given_opened, store
from tests.storage.test_callback_tries import Time

KEY = b"k" * 32
BY = Principal("sup-1", Role.SUPERVISOR)
WHO = "sup-1 (supervisor)"
HOUR = 3_600 * SECOND


@pytest.fixture
def clock() -> Time:
    return Time()


def given(clock: Time, **changes: object) -> Banner:
    new = Banner(
        uuid4(), Scope.AREA, "35.07", "", "Banjir.", "Flood.", "banjir", clock.now, "", clock.now + 60 * SECOND
    )
    return replace(new, **changes)  # type: ignore[arg-type]


async def actions(database: Database) -> list[tuple[str, str, str]]:
    rows = await AuditTrail(database, KEY).page(AuditFilter(limit=100))
    return [(row.actor, row.action, row.subject) for row in reversed(rows)]


async def test_banner_is_kept_whole_and_noted(database: Database, clock: Time) -> None:
    rows = BannerRows(database, KEY, clock)
    made = await rows.add(given(clock), BY)
    assert made.made_by == WHO
    assert await rows.running() == [made] == await rows.newest() == [await rows.get(made.id)]
    assert await rows.get(uuid4()) is None
    ended = await rows.withdraw(made.id, BY)
    assert ended == replace(made, withdrawn_at=clock.now, withdrawn_by=WHO)
    assert await rows.running() == []
    assert await rows.newest() == [ended] == [await rows.withdraw(made.id, BY)]
    assert await rows.withdraw(uuid4(), BY) is None
    subject = f"banners/{made.id}"
    assert await actions(database) == [(WHO, "create", subject), (WHO, "delete", subject)]


async def test_banner_is_over_at_its_time(database: Database, clock: Time) -> None:
    rows = BannerRows(database, KEY, clock)
    made = await rows.add(given(clock), BY)
    clock.now = made.until
    assert await rows.running() == []


async def test_banners_are_so_many_at_once(database: Database, clock: Time) -> None:
    rows = BannerRows(database, KEY, clock)
    for _ in range(MAX_ACTIVE):
        await rows.add(given(clock), BY)
    with pytest.raises(TooManyBanners):
        await rows.add(given(clock), BY)
    clock.now += 60 * SECOND
    await rows.add(given(clock), BY)
    assert len(await rows.running()) == 1


async def test_posture_is_as_it_was_said_last_and_noted(database: Database, clock: Time) -> None:
    rows = PostureRows(database, KEY, clock)
    assert await rows.load() == (ByRate(), None)
    await rows.by_rate(Posture.ORANGE, 40, 2.5)
    hand = await rows.by_hand(Posture.RED, clock.now + 60 * SECOND, "gempa", BY)
    assert await rows.load() == (ByRate(Posture.ORANGE), hand)
    assert (hand.by, hand.reason, hand.at) == (WHO, "gempa", clock.now)
    await rows.withdraw(BY)
    assert await rows.load() == (ByRate(Posture.ORANGE), None)
    again = await rows.by_hand(Posture.GREEN, clock.now + 60 * SECOND, "tenang", BY)
    assert (await rows.load())[1] == again
    clock.now = again.until
    assert (await rows.load())[1] is None
    assert [one[:2] for one in await actions(database)] == [
        ("system", "replace"),
        (WHO, "replace"),
        (WHO, "delete"),
        (WHO, "replace"),
    ]


async def test_usual_is_what_citizens_called_in_that_hour_of_the_last_weeks(database: Database, clock: Time) -> None:
    clock.now = AT // HOUR * HOUR + 200 * HOUR
    hours = {1: 2, 169: 1, 150: 1}
    for ago, calls in hours.items():
        for n in range(calls):
            await store(database, given_opened(at=clock.now - ago * HOUR + n * SECOND))
    await store(database, given_opened(at=clock.now - HOUR, origin="agency"))
    await store(database, given_opened(at=clock.now + SECOND))
    usual = await PostureRows(database, KEY, clock).usual(2)
    assert usual.of_hour[hour_of_week(clock.now - HOUR)] == 1.5
    assert usual.of_hour[hour_of_week(clock.now - 150 * HOUR)] == 0.5
    assert sum(usual.of_hour) == 2.0
