"""Banners: whom they are for, what they make of a hand-over, and that they cost nobody his plan."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from callrouter.access.model import Principal, Role
from callrouter.bilingual import Bilingual
from callrouter.calls.bannerdesk import BannerDesk, NoSuchClip, TooLong
from callrouter.calls.banners import Banner, Banners, Scope, before_menu, before_plan
from callrouter.calls.ports import HandOver, KnownArea, Plans
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.facts import AreaSource
from callrouter.routing.plan import Announce, Plan, Record, Ring
from callrouter.routing.values import Language

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
BY = Principal("sup-1", Role.SUPERVISOR)


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def banner(scope: Scope = Scope.ALL, key: str = "", **changes: object) -> Banner:
    made = Banner(uuid4(), scope, key, "", "Banjir.", "", "", NOW, "", NOW + 60 * SECOND)
    return replace(made, **changes)  # type: ignore[arg-type]


def area(code: str) -> KnownArea:
    return KnownArea(code, AreaSource.TRUNK)


def plan(category: str | None = None) -> Plan:
    return Plan((Ring("operators", 90, 10, last=True), Record(60)), None, 5, 1, category=category)


def given(known: KnownArea | None = None, **areas: str) -> HandOver:
    by_digit = {"1": plan("fire"), "2": plan("flood"), "31": plan("village")}
    plans = Plans(by_digit, plan(), {(Language.EN, "1"): plan("fire")})
    return HandOver(Language.ID, None, plans, known, {digits[1:]: area(code) for digits, code in areas.items()})


def told(one: Plan) -> list[str]:
    return [step.prompt for step in one.steps if isinstance(step, Announce)]


def test_the_most_particular_is_heard_first_and_of_equal_ones_the_newest() -> None:
    everybody, newer = banner(), banner(made_at=NOW + 1)
    regency, village = banner(Scope.AREA, "35.07"), banner(Scope.AREA, "35.07.13")
    category = banner(Scope.CATEGORY, "fire")
    every = [everybody, newer, regency, village, category]
    assert before_menu(every, None) is newer
    assert before_menu(every, area("35.07.13.2001")) is village
    assert before_menu(every, area("35.07.2")) is regency
    assert before_menu(every, area("35.071")) is newer
    assert before_menu([category], area("35.07")) is None
    assert before_plan(every, "fire", area("35.07")) is category
    assert before_plan(every, "flood", area("35.07.13")) is village
    assert before_plan(every, "flood", None) is None
    assert before_plan(every, None, None) is None


def test_banner_of_a_category_stands_before_the_steps_of_its_plans_alone() -> None:
    banners = Banners(Time(), lambda _plan: True)
    one = banner(Scope.CATEGORY, "fire")
    banners.replace([one])
    before = given()
    made = banners.applied(before, "citizen")
    assert told(made.plans.by_digit["1"]) == [one.plays] == told(made.plans.in_language[Language.EN, "1"])
    assert made.plans.by_digit["1"].steps[1:] == before.plans.by_digit["1"].steps
    assert made.plans.by_digit["2"] == before.plans.by_digit["2"]
    assert (made.plans.other, made.banner) == (before.plans.other, "")
    assert banners.applied(before, "citizen") is made


def test_area_that_the_menu_tells_is_told_behind_it_and_one_that_is_known_before_it() -> None:
    banners = Banners(Time(), lambda _plan: True)
    one = banner(Scope.AREA, "35.07")
    banners.replace([one])
    chosen = banners.applied(given(d31="35.07.13"), "citizen")
    assert (told(chosen.plans.by_digit["31"]), told(chosen.plans.by_digit["1"]), chosen.banner) == (
        [one.plays],
        [],
        "",
    )
    known = banners.applied(given(area("35.07.13")), "citizen")
    assert (known.banner, told(known.plans.by_digit["31"])) == (one.plays, [])


@pytest.mark.parametrize("scope", [Scope.ALL, Scope.CATEGORY])
def test_who_cannot_speak_keeps_his_way_and_is_told_nothing(scope: Scope) -> None:
    banners = Banners(Time(), lambda _plan: True)
    banners.replace([banner() if scope is Scope.ALL else banner(scope, "fire")])
    before = given()
    ways = {Language.ID: plan("fire")}
    before = replace(before, plans=replace(before.plans, cannot_speak=ways))
    assert banners.applied(before, "citizen").plans.cannot_speak == ways


@pytest.mark.parametrize("origin", ["agency", "neighbour", "operator"])
def test_who_knows_why_he_calls_is_told_nothing(origin: str) -> None:
    banners = Banners(Time(), lambda _plan: True)
    banners.replace([banner()])
    before = given()
    assert banners.applied(before, origin) is before


def test_plan_that_has_no_room_goes_without_the_banner() -> None:
    banners = Banners(Time(), lambda _plan: False)
    banners.replace([banner(Scope.CATEGORY, "fire")])
    before = given()
    assert banners.applied(before, "citizen").plans.by_digit == before.plans.by_digit


def test_it_ends_at_its_time_without_anybody_doing_anything() -> None:
    clock = Time()
    banners = Banners(clock, lambda _plan: True)
    banners.replace([banner()])
    before = given()
    assert banners.applied(before, "citizen").banner
    clock.now += 60 * SECOND
    assert banners.applied(before, "citizen") is before
    assert banners.running() == ()


class Rows:
    """A BannerStore in memory."""

    def __init__(self, clock: Time) -> None:
        self.kept: dict[UUID, Banner] = {}
        self.clock = clock
        self.away = False
        self.slow: asyncio.Event | None = None
        self.read = asyncio.Event()
        self.at_once = self.most_at_once = 0

    async def running(self) -> list[Banner]:
        if self.away:
            raise StorageUnavailable("away")
        found = [one for one in self.kept.values() if one.runs(self.clock.now)]
        self.read.set()
        if self.slow is not None:  # one read that takes longer than those behind it
            slow, self.slow = self.slow, None
            await slow.wait()
        return found

    async def get(self, id_: UUID) -> Banner | None:
        return self.kept.get(id_)

    async def newest(self) -> list[Banner]:
        return list(self.kept.values())

    async def add(self, new: Banner, by: Principal) -> Banner:  # noqa: ARG002
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.kept[new.id] = new
        return new

    async def withdraw(self, id_: UUID, by: Principal) -> Banner | None:
        if id_ not in self.kept:
            return None
        self.kept[id_] = replace(self.kept[id_], withdrawn_at=self.clock.now, withdrawn_by=by.name)
        return self.kept[id_]


class Mouth:
    """Says everything in so many seconds, or cannot."""

    def __init__(self) -> None:
        self.seconds = 3.0
        self.wrong: Exception | None = None
        self.said: list[UUID] = []
        self.pace: asyncio.Event | None = None

    async def say(self, one: Banner) -> float:
        if self.wrong is not None:
            raise self.wrong
        if self.pace is not None:
            await self.pace.wait()
        self.said.append(one.id)
        return self.seconds

    async def there(self, one: Banner) -> bool:
        return one.id in self.said


def desk() -> tuple[BannerDesk, Rows, Mouth, Banners, list[tuple[str, bool]]]:
    clock, mouth = Time(), Mouth()
    rows, banners = Rows(clock), Banners(clock, lambda _plan: True)
    made = BannerDesk(rows, banners, mouth.say, mouth.there, clock)
    heard: list[tuple[str, bool]] = []
    made.follow(lambda id_, one: heard.append((id_, one is not None)))
    return made, rows, mouth, banners, heard


async def test_banner_is_told_to_callers_and_listeners_once_it_can_be_played_and_is_kept() -> None:
    made, _, _, banners, heard = desk()
    one = await made.add(banner(), BY)
    assert banners.running() == (one,)
    assert await made.withdraw(one.id, BY) is not None
    assert banners.running() == ()
    assert heard == [(str(one.id), True), (str(one.id), False)]
    assert await made.withdraw(uuid4(), BY) is None


async def test_what_cannot_be_said_or_is_too_long_is_not_kept() -> None:
    made, rows, mouth, _, heard = desk()
    mouth.seconds = 15.1
    with pytest.raises(TooLong):
        await made.add(banner(), BY)
    mouth.wrong = NoSuchClip("x")
    with pytest.raises(NoSuchClip):
        await made.add(banner(), BY)
    assert (rows.kept, heard) == ({}, [])


@contextlib.asynccontextmanager
async def running(made: BannerDesk) -> AsyncIterator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_after_a_restart_those_whose_sound_is_there_are_told_at_once_and_the_others_once_it_is_made() -> None:
    made, rows, mouth, banners, heard = desk()
    one, silent = await rows.add(banner(), BY), await rows.add(banner(), BY)
    mouth.said.append(one.id)
    mouth.pace = asyncio.Event()
    await made.open()
    assert (banners.running(), mouth.said) == ((one,), [one.id]), "the service does not start by speaking"
    async with running(made):
        assert await made.withdraw(one.id, BY) is not None, "nobody waits for what is being spoken"
        assert banners.running() == ()
        mouth.pace.set()
        await until(lambda: banners.running() == (silent,))
    assert heard[-1] == (str(silent.id), True)


async def test_banner_that_cannot_be_played_is_told_to_nobody_and_ends_nothing() -> None:
    made, rows, mouth, banners, _ = desk()
    await rows.add(banner(), BY)
    mouth.wrong = OperatorError(Bilingual("bisu", "mute"), Bilingual("pasang", "install"))
    await made.open()
    async with running(made):
        await until(rows.read.is_set)
        await made.withdraw(uuid4(), BY)
    assert banners.running() == ()


async def test_what_was_read_before_a_withdrawal_is_not_shown_after_it() -> None:
    made, rows, _, banners, heard = desk()
    one = await made.add(banner(), BY)
    slow = rows.slow = asyncio.Event()
    rows.read.clear()
    async with running(made):
        await until(rows.read.is_set)
        withdrawn = asyncio.create_task(made.withdraw(one.id, BY))
        for _ in range(5):
            await asyncio.sleep(0)
        slow.set()
        await withdrawn
        for _ in range(5):
            await asyncio.sleep(0)
        assert banners.running() == ()
    assert heard[-1] == (str(one.id), False)


async def test_listeners_are_told_of_the_end_also_while_the_database_is_away() -> None:
    made, rows, _, _, heard = desk()
    one = await made.add(banner(until=NOW + SECOND // 20), BY)
    rows.away = True
    running = asyncio.create_task(made.run())
    rows.clock.now += SECOND
    async with asyncio.timeout(30):
        while heard[-1] != (str(one.id), False):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_banners_are_kept_one_at_a_time_since_they_are_counted_before() -> None:
    made, rows, _, _, _ = desk()
    await asyncio.gather(*(made.add(banner(), BY) for _ in range(3)))
    assert (len(rows.kept), rows.most_at_once) == (3, 1)
