"""Replay in pages: the worker judges some calls at a time, and what it found is put together here."""

from __future__ import annotations

from collections import Counter
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.publishing.errors import Invalid
from callrouter.publishing.ports import DeskStore
from callrouter.publishing.worker import Jobs
from callrouter.routing.consistency import Problem
from callrouter.routing.replay import MAX_MOVED, MAX_WAYS, Moved, Replay, Way

PAGE: Final = 100
"""Calls judged at once: 2 ms to read and to hand over. No page has more ways than one replay tells (MAX_WAYS)."""
MAX_CALLS: Final = 100_000
"""More calls than these are not looked through at once; a big city has some 3,000 a day."""


async def replay_pages(store: DeskStore, worker: Jobs, text: str, begin: int, end: int) -> Replay:
    """Return which calls with begin <= at < end (µs UTC) would go elsewhere by a table (JSON).

    Raises Invalid where they are too many.
    """
    total = _Total()
    after: str | None = None
    while True:
        page = await store.past_calls(begin, end, after, PAGE)
        if page:
            total.add(await worker.run("replay", text, tuple(page)))
            after = page[-1].call
        if len(page) < PAGE:
            return total.done()
        if total.calls >= MAX_CALLS:
            raise Invalid([_TOO_MANY])


class _Total:
    def __init__(self) -> None:
        self.calls = 0
        self._sums: Counter[str] = Counter()
        self._ways: Counter[tuple[str, str]] = Counter()
        self._examples: list[Moved] = []

    def add(self, found: Replay) -> None:
        self.calls += found.calls
        self._sums.update({name: getattr(found, name) for name in _COUNTED})
        self._ways.update({(way.from_where, way.to_where): way.calls for way in found.ways})
        self._examples += found.examples[: MAX_MOVED - len(self._examples)]

    def done(self) -> Replay:
        ways = tuple(Way(*way, calls) for way, calls in self._ways.most_common(MAX_WAYS))
        return Replay(calls=self.calls, **self._sums, ways=ways, examples=tuple(self._examples))


_COUNTED: Final = ("same", "moved", "newly_unoffered", "unknown_category", "unreadable")
_TOO_MANY: Final = Problem(
    "/to",
    Bilingual(f"masa itu memiliki lebih dari {MAX_CALLS} panggilan", f"there are more than {MAX_CALLS:,} calls"),
    Bilingual("Sebut masa yang lebih pendek.", "Name a shorter period."),
)
