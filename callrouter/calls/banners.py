"""Banners: what a supervisor has callers told for a while. Applied to what `decide` gave, never a part of it.

A caller hears at most one before the menu, where a digit ends it, and at most one before his plan's steps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from callrouter.calls.ports import HandOver, KnownArea
from callrouter.routing.facts import Origin
from callrouter.routing.plan import Announce, Plan

MAX_S: Final = 15.0
"""No banner is longer: a caller is kept for so long at most, before the menu and again before his plan."""
MAX_ACTIVE: Final = 20
LONGEST_US: Final = 7 * 86_400 * 1_000_000
"""A banner ends within a week; what is longer true belongs into the table."""
PREFIX: Final = "banner-"
"""Of the clips that are spoken from a banner's text."""
_KEPT: Final = 256


class Scope(StrEnum):
    """Whom a banner is for."""

    ALL = "all"
    AREA = "area"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Banner:
    """One banner. Times in µs UTC.

    key:  the area's code (those within it too) or the category's key; empty for all
    clip: of the prompts; empty: `text_id` and `text_en` are spoken (one that is empty is said in the other's words)
    withdrawn_at: when a person ended it before its time
    """

    id: UUID
    scope: Scope
    key: str
    clip: str
    text_id: str
    text_en: str
    reason: str
    made_at: int
    made_by: str
    until: int
    withdrawn_at: int | None = None
    withdrawn_by: str = ""

    @property
    def plays(self) -> str:
        """The clip that is played."""
        return self.clip or f"{PREFIX}{self.id.hex[:12]}"

    def runs(self, now: int) -> bool:
        """Return whether callers are told now."""
        return self.withdrawn_at is None and self.made_at <= now < self.until

    def is_of_area(self, code: str) -> bool:
        """Return whether it is for calls from there."""
        return self.scope is Scope.AREA and (code == self.key or code.startswith(self.key + "."))


def before_menu(banners: Iterable[Banner], area: KnownArea | None) -> Banner | None:
    """Return what a caller hears first: of his area (the smallest) before one for all, of these the newest."""
    fit = [one for one in banners if one.scope is Scope.ALL or (area is not None and one.is_of_area(area.code))]
    return max(fit, key=lambda one: (len(one.key), one.made_at, one.id), default=None)


def before_plan(banners: Iterable[Banner], category: str | None, chosen: KnownArea | None) -> Banner | None:
    """Return the one that a caller hears once he has chosen: of the category before that of the area he chose."""
    fit = [
        one
        for one in banners
        if (one.scope is Scope.CATEGORY and one.key == category)
        or (chosen is not None and one.is_of_area(chosen.code))
    ]
    return max(fit, key=lambda one: (one.scope is Scope.CATEGORY, len(one.key), one.made_at, one.id), default=None)


class Banners:
    """Those that run now, and what they make of a hand-over. All of it in memory: no call waits for the database.

    fits: whether the PBX has room for a plan; one that has none for the banner is played without it
    """

    def __init__(self, now_us: Callable[[], int], fits: Callable[[Plan], bool]) -> None:
        self._now_us = now_us
        self._fits = fits
        self._all: tuple[Banner, ...] = ()
        self._made: OrderedDict[tuple[HandOver, tuple[UUID, ...]], HandOver] = OrderedDict()

    def running(self) -> tuple[Banner, ...]:
        """Return those that callers are told now."""
        now = self._now_us()
        return tuple(one for one in self._all if one.runs(now))

    def replace(self, banners: Iterable[Banner]) -> None:
        """Tell callers these from now on, each until its time is over."""
        self._all = tuple(banners)
        self._made.clear()

    def applied(self, given: HandOver, origin: str) -> HandOver:
        """Return what the PBX is given with the banners of the moment; nothing else of it is another.

        Citizens alone hear them: an agency and a neighbouring centre know why they call.
        """
        if not self._all or origin != Origin.CITIZEN:
            return given
        running = self.running()
        if not running:
            return given
        key = (given, tuple(one.id for one in running))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._with(given, running)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return made

    def _with(self, given: HandOver, running: tuple[Banner, ...]) -> HandOver:
        first = before_menu(running, given.area)

        def told(digits: str | None, plan: Plan) -> Plan:
            chosen = given.areas.get(digits) if digits else None
            banner = before_plan(running, plan.category, chosen)
            if banner is None:
                return plan
            longer = replace(plan, steps=(Announce(banner.plays), *plan.steps))
            return longer if self._fits(longer) else plan

        plans = given.plans
        return replace(
            given,
            banner=first.plays if first else "",
            plans=replace(
                plans,
                by_digit={digits: told(digits, plan) for digits, plan in plans.by_digit.items()},
                other=told(None, plans.other),
                in_language={
                    (language, digits): told(digits, plan) for (language, digits), plan in plans.in_language.items()
                },
            ),
        )
