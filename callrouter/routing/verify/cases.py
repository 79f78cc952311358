"""Counter-examples: a call as `explain` takes it, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from callrouter.bilingual import Bilingual, joined, same
from callrouter.routing.decide import decide
from callrouter.routing.facts import Facts
from callrouter.routing.run import run
from callrouter.routing.verify.report import CounterExample
from callrouter.routing.verify.space import TIME, TRUNK, Space, facts_of
from callrouter.routing.verify.vectors import Seen, flat


@dataclass(frozen=True, slots=True)
class Cases:
    """Makes counter-examples of what was seen."""

    space: Space

    def call(self, seen: Seen) -> tuple[Facts, datetime]:
        """Return the first call of `seen`."""
        return self._call(seen.category, flat(seen.given))

    def example(self, seen: Seen) -> CounterExample:
        """Return the first call of `seen`, with every step failing at its slowest."""
        return self._failing(*self.call(seen))

    def any_at(self, seconds: float) -> CounterExample:
        """Return a call at that time (s since 1970 UTC), of a caller of whom nothing is known."""
        return self._failing(*self._call(None, [(TIME, seconds), (TRUNK, self.space.trunks[0].trunk)]))

    def _call(self, category: str | None, given: list[tuple[str, Any]]) -> tuple[Facts, datetime]:
        facts, seconds = facts_of(self.space.compiled, category, given)
        return facts, datetime.fromtimestamp(seconds, UTC)

    def _failing(self, facts: Facts, at: datetime) -> CounterExample:
        walk = run(decide(self.space.compiled, facts, at))
        return CounterExample(facts, at, tuple(outcome for _, outcome in walk.steps))

    def said(self, example: CounterExample) -> Bilingual:
        """Return in words what call it is: category, trunk, area, time."""
        facts = example.facts
        told = [
            Bilingual(f"kategori {facts.category}", f"category {facts.category}")
            if facts.category
            else Bilingual("tanpa kategori", "no category")
        ]
        told.append(
            Bilingual(f"lewat trunk {facts.trunk}", f"in by trunk {facts.trunk}")
            if facts.trunk
            else Bilingual("dari telepon operator", "from an operator's phone")
        )
        if facts.area:
            told.append(Bilingual(f"wilayah {facts.area}", f"area {facts.area}"))
        if facts.unavailable:
            gone = ", ".join(facts.unavailable)
            told.append(Bilingual(f"tidak tersedia: {gone}", f"unavailable: {gone}"))
        told.append(same(self.clock(example.at)))
        return joined(", ", told)

    def clock(self, at: datetime) -> str:
        """Return a time as the centre's clock shows it."""
        local = at.astimezone(ZoneInfo(self.space.compiled.table.centre.timezone))
        return f"{local:%Y-%m-%d %H:%M %Z}"


_FEW = 5


def few(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" (+{len(names) - _FEW})" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
