"""What the service would give each call, worked out beforehand: the PBX goes on by it while the service is away.

Nothing here decides. For each way in and each span of time in which no decision can change, it is what `hand_over`
gives with neutral facts, written down (``callrouter.asterisk.failsafe_files``) for the constant dialplan to look up
(``dialplan/failsafe.conf``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from callrouter.asterisk.dialplan import packed, variables_of
from callrouter.calls.handover import Snapshot, hand_over, snapshot_of
from callrouter.calls.records import Opened
from callrouter.routing.cells import Cell, Flags, cells, flags_of
from callrouter.routing.decide import unavailable
from callrouter.routing.facts import Origin, origin_of
from callrouter.routing.plan import Plan
from callrouter.routing.table import Route, RoutingTable
from callrouter.routing.values import Language

BEHIND_DAYS: Final = 1
"""Days that the data reach back, for a clock that is set back; and the rest of that day."""
AHEAD_DAYS: Final = 30
"""Days that they reach ahead at the least."""
MAX_LINE_CHARS: Final = 3_500
"""Of one line of the data: the PBX fills 4,096 bytes in at once, and 40 of them are a digest."""
MAX_LINES: Final = 300
"""Of the data for one call. The PBX reads 130 lines in 50 ms; a table of 81 choices in two languages has 10 to 80."""
MAX_CELLS: Final = 4_096
"""Spans of time in the index of one way in: as many as the dialplan's search of 12 steps finds its way in."""
END: Final = "end"
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Door:
    """A way in: who sends the call, and the key of the trunk that it comes by; empty for operators' telephones."""

    origin: Origin
    trunk: str

    @property
    def name(self) -> str:
        """Its file."""
        return f"{self.origin}_{self.trunk}"


@dataclass(frozen=True, slots=True)
class FailsafeData:
    """The data of one table from `begins` until `ends` (s since 1970 UTC).

    name:  tells the version and the content
    by:    by name of the door, its index: lines ``<begin>|<digest>`` in ascending order, the last ``<end>|end``
    texts: by digest, what is set on the channel: lines ``<names>|<values>|``, both as ARRAY() takes them
    """

    name: str
    version: int
    begins: int
    ends: int
    by: dict[str, str]
    texts: dict[str, str]


def doors(table: RoutingTable) -> list[Door]:
    """Return the ways in: each trunk that is enabled, and operators' telephones, which are all treated alike."""
    found = [Door(origin_of(trunk.kind), trunk.key) for trunk in table.directory.trunks if trunk.enabled]
    return [*found, Door(Origin.OPERATOR, "")]


def failsafe_data(table: RoutingTable, version: int, now: datetime) -> FailsafeData:
    """Return the data of `table`, which is version `version`, around `now` (aware).

    Neutral facts: of the groups everybody is on duty, of the agencies those can be had that the directory says can,
    and no location came with the call. It begins and ends at midnight UTC, so that what is made anew on the same
    day is the same. Pure; takes seconds of CPU for the table of a city.
    Raises ValueError, and PlanTooLong, for what the PBX could not carry.
    """
    begins = (now.astimezone(UTC) - timedelta(days=BEHIND_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    days = BEHIND_DAYS + AHEAD_DAYS + 1
    snapshot = snapshot_of(version, table)
    limited = [route for route in table.routing.routes if not route.locked]
    asked = {key for route in limited for key in route.when.schedule}
    schedules = [schedule for schedule in table.routing.schedules if schedule.key in asked]
    flags = flags_of(schedules, limited)
    spans = list(cells(flags, schedules, limited, table.centre.timezone, begins, days))
    masks = _masks(snapshot, flags)
    texts: dict[str, str] = {}
    by: dict[str, str] = {}
    ends = int(begins.timestamp()) + days * 86_400
    reached = ends
    for door in doors(table):
        of_door = _Given(snapshot, door, masks, texts)
        lines = _merged((math.ceil(cell.at), of_door.digest(cell)) for cell in spans)
        until = lines[MAX_CELLS - 1][0] if len(lines) >= MAX_CELLS else ends
        reached = min(reached, until)
        kept = [*lines[: MAX_CELLS - 1], (until, END)]
        by[door.name] = "".join(f"{at}|{digest}\n" for at, digest in kept)
    told = hashlib.sha256("\n".join(f"{name}\n{by[name]}" for name in sorted(by)).encode()).hexdigest()
    return FailsafeData(f"v{version}-{told[:16]}", version, int(begins.timestamp()), reached, by, texts)


def text_of(values: dict[str, str]) -> tuple[str, str]:
    """Return these variables as the text that the dialplan reads, and its digest.

    The digest is taken line by line, each with the one before: so the dialplan can reckon it while it reads.
    Raises ValueError for what it could not read.
    """
    lines: list[str] = []
    for names, texts in packed(values, MAX_LINE_CHARS):
        if len(names) == 1 and len(names[0]) + len(texts[0]) > MAX_LINE_CHARS - len("|||,,"):
            raise ValueError(f"the value of {names[0]} has {len(values[names[0]])} characters")
        lines.append(f"{','.join(names)}|{','.join(texts)}|\n")
    if len(lines) > MAX_LINES:
        raise ValueError(f"{len(lines)} lines for one call, {MAX_LINES} are possible")
    digest = ""
    for line in lines:
        digest = hashlib.sha1((digest + line).encode(), usedforsecurity=False).hexdigest()
    return "".join(lines), digest


class _Given:
    """What one door is given in each cell. A plan is decided once for each truth that its routes ask for."""

    def __init__(self, snapshot: Snapshot, door: Door, masks: dict[str | None, int], texts: dict[str, str]) -> None:
        self._snapshot = snapshot
        self._opened = Opened(_NOBODY, 0, "", door.origin.value, door.trunk, "", "", "", "")
        self._away = unavailable(snapshot.compiled, lambda _group: True)
        self._masks = masks
        self._texts = texts
        self._plans: dict[tuple[str | None, Language, int], Plan] = {}
        self._digests: dict[int, str] = {}
        self._same: dict[tuple[int, ...], str] = {}

    def digest(self, cell: Cell) -> str:
        """Return the digest of what is given in `cell`; its text is kept."""
        known = self._digests.get(cell.flags)
        if known is None:
            known = self._digests[cell.flags] = self._made(cell)
        return known

    def _made(self, cell: Cell) -> str:
        asked: list[int] = []

        def once(digits: str | None, language: Language, category: str, made: Callable[[], Plan]) -> Plan:
            key = digits, language, cell.flags & self._masks.get(category or None, 0)
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = made()
            asked.append(id(plan))
            return plan

        now = datetime.fromtimestamp(cell.at, UTC)
        given = hand_over(self._snapshot, self._opened, self._away, now, once=once)
        plans = tuple(asked)  # kept in self._plans, so no id is another's
        if plans not in self._same:
            text, digest = text_of(variables_of(given))
            self._texts[digest] = text
            self._same[plans] = digest
        return self._same[plans]


def _masks(snapshot: Snapshot, flags: Flags) -> dict[str | None, int]:
    """Return, for each category, the bits that its routes ask for."""

    def bits(route: Route) -> int:
        found = flags.routes.get(route.key, 0)
        for key in route.when.schedule:
            found |= flags.schedules[key]
        return found

    of_route = {
        candidate.route.key: bits(candidate.route)
        for candidates in snapshot.compiled.by_category.values()
        for candidate in candidates
    }
    masks: dict[str | None, int] = {}
    for category, candidates in snapshot.compiled.by_category.items():
        masks[category] = 0
        for candidate in candidates:
            masks[category] |= of_route[candidate.route.key]
    return masks


def _merged(found: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Leave out what says the same as what is before it, and what lasts less than a second."""
    lines: list[tuple[int, str]] = []
    for at, digest in found:
        if lines and lines[-1][0] == at:
            lines.pop()
        if not lines or lines[-1][1] != digest:
            lines.append((at, digest))
    return lines
