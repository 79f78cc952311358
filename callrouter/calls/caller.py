"""Who calls, for the one who picks up: found while the caller is still in the menu, told when the telephone rings.

The card of a call is made when the call is first seen, and what the database knows of its caller is asked for at
once. A telephone that rings gets what is known by then, and the rest as soon as it is there: a slow database delays
what is in a card, never the card.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.calls.live import LiveCall, Stage
from callrouter.incidents.numbers import Phone, phone
from callrouter.incidents.suspicion import Judgement
from callrouter.incidents.views import StorageUnavailable
from callrouter.privacy.numbers import NoNumber, spellings

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.25
"""How long the first caller waits for others: they are looked up together, and the menu takes seconds."""
AT_ONCE: Final = 20
"""Callers looked up together."""
LAST_CALLS: Final = 5
NEARBY: Final = 10
NEARBY_US: Final = 3 * 3_600_000_000
"""Incidents opened longer ago than this are shown to nobody as nearby."""
FRESH_S: Final = 2.0
"""How old the list of open incidents may be, which all cards share."""
PAUSE_S: Final = 1.0
CARDS: Final = 5_000
"""As many as calls on the board."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """An earlier call of the same number. Times in µs UTC; human: when he reached one, None: he did not."""

    call: UUID
    incident: UUID
    incident_number: int
    opened: int
    human: int | None
    ended: int | None
    category: str
    outcome: str
    disposition: str
    state: str


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a number. calls: how many earlier ones in a year; last: the newest of them, newest first."""

    calls: int = 0
    last: tuple[PastCall, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that is not closed, which the call may be about, too."""

    incident: UUID
    number: int
    opened: int
    state: str
    category: str
    area: str
    place: str


class Judge(Protocol):
    """Has judged callers when their calls were opened. Never waits."""

    def judge(self, call: UUID) -> Judgement | None:
        """Return the judgement; None: it is not at hand."""


class NoJudge:
    """Has judged nobody."""

    def judge(self, call: UUID) -> Judgement | None:  # noqa: ARG002
        """Return None."""
        return None


class CallerBook(Protocol):
    """What the database knows. Raises StorageUnavailable."""

    async def histories(self, numbers: Mapping[str, Sequence[str]], but: Collection[UUID]) -> dict[str, History]:
        """Return what is known of each number; `numbers`: all spellings of each. The calls `but` do not count."""

    async def open_incidents(self) -> list[OpenIncident]:
        """Return the incidents of the last NEARBY_US that are neither closed nor merged, newest first; bounded."""

    async def judgements(self, calls: Collection[UUID]) -> dict[UUID, Judgement]:
        """Return how suspect the callers of these calls were when they were opened; bounded by AT_ONCE calls."""

    async def past(self, call: UUID) -> LiveCall | None:
        """Return a call that may have ended, as the board would have shown it; None: there is none."""


@dataclass(frozen=True, slots=True)
class Card:
    """Who calls.

    live:     the call as the board has it
    phone:    its number, as it came and as it is read out
    area:     where he calls from (Kemendagri code); empty while unknown
    complete: the database was asked; False: history and incidents may be missing yet
    own:      open incidents of the same number; nearby: others of the same category or area
    """

    live: LiveCall
    phone: Phone
    area: str = ""
    complete: bool = False
    history: History = field(default_factory=History)
    own: tuple[OpenIncident, ...] = ()
    nearby: tuple[OpenIncident, ...] = ()
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a card is made of, when it is told: most calls ring no operator."""

    live: LiveCall
    area: str = ""
    complete: bool = False
    history: History = field(default_factory=History)
    judgement: Judgement | None = None


class Callers:
    """Keeps a card for each call that is up, and says when an operator's telephone rings for it.

    tell:      takes an operator's key and his card, None: there is none any more. Called at once, without waiting
    operators: the keys of the operators, of the table in force
    """

    def __init__(
        self,
        book: CallerBook,
        tell: Callable[[str, Card | None], None],
        operators: Callable[[], Collection[str]],
        judge: Judge | None = None,
    ) -> None:
        self._book = book
        self._tell = tell
        self._operators = operators
        self._judge = judge or NoJudge()
        self._known: dict[UUID, _Known] = {}
        self._at: dict[str, UUID] = {}
        self._wanted: dict[UUID, None] = {}
        self._came = asyncio.Event()
        self._open: list[OpenIncident] = []
        self._open_as_of: float | None = None
        self.overflow = 0

    def __len__(self) -> int:
        """Return how many cards are kept."""
        return len(self._known)

    # ------------------------------------------------------------------ what the board says
    def moved(self, live: LiveCall) -> None:
        """A call is here, or something of it is another. Returns at once."""
        known = self._known.get(live.call)
        if known is None:
            if len(self._known) >= CARDS:
                self.overflow += 1
                return
            known = _Known(live, judgement=self._judge.judge(live.call))
            self._wanted[live.call] = None
            self._came.set()
        else:
            known = replace(known, live=live, judgement=known.judgement or self._judge.judge(live.call))
        self._keep(known)

    def located(self, call: UUID, area: str) -> None:
        """The area of a caller is known. Returns at once."""
        known = self._known.get(call)
        if known is not None and known.area != area:
            self._keep(replace(known, area=area))

    def gone(self, call: UUID) -> None:
        """A call has left the PBX."""
        self._known.pop(call, None)
        self._wanted.pop(call, None)
        for operator in [o for o, at in self._at.items() if at == call]:
            del self._at[operator]
            self._tell(operator, None)

    def card(self, call: UUID) -> Card | None:
        """Return the card of a call that is up; None: it is not."""
        known = self._known.get(call)
        return None if known is None else self._card(known)

    async def look_up(self, call: UUID) -> Card | None:
        """Return the card of any call; None: there is none. Raises StorageUnavailable."""
        card = self.card(call)
        if card is not None:
            return card
        live = await self._book.past(call)
        if live is None:
            return None
        found = await self._histories([live])
        judged = await self._judgements([live])
        history = found.get(live.number, History())
        return Card(live, phone(live.number), complete=True, history=history, judgement=judged.get(call))

    # ------------------------------------------------------------------ what the database knows
    async def run(self) -> None:
        """Look callers up, for ever."""
        failing = False
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER_S)
            some = [self._known[c].live for c, _ in zip(self._wanted, range(AT_ONCE), strict=False)]
            try:
                await self._refresh_open()
                found = await self._histories(some)
                judged = await self._judgements(some)
            except StorageUnavailable as error:
                if not failing:
                    log.warning("callers.not_looked_up", why=str(error))
                failing = True
                await asyncio.sleep(PAUSE_S)
                continue
            except Exception:
                # An operator is rung without it: a defect here must not end the service.
                log.exception("callers.error")
                found, judged = {}, {}
            failing = False
            for live in some:
                self._take(live, found.get(live.number, History()), judged.get(live.call))
            if not self._wanted:
                self._came.clear()

    def _take(self, live: LiveCall, history: History, judgement: Judgement | None) -> None:
        self._wanted.pop(live.call, None)
        known = self._known.get(live.call)
        if known is not None:
            self._keep(replace(known, complete=True, history=history, judgement=judgement))

    async def _histories(self, calls: Sequence[LiveCall]) -> dict[str, History]:
        numbers: dict[str, Sequence[str]] = {}
        for live in calls:
            try:
                numbers[live.number] = spellings(live.number)
            except NoNumber:
                if live.number:
                    numbers[live.number] = (live.number,)
        return await self._book.histories(numbers, [live.call for live in calls]) if numbers else {}

    async def _judgements(self, calls: Sequence[LiveCall]) -> dict[UUID, Judgement]:
        """Return what was measured when they were opened; the database is asked for what is not at hand."""
        at_hand = {live.call: self._judge.judge(live.call) for live in calls}
        missing = [call for call, judgement in at_hand.items() if judgement is None]
        stored = await self._book.judgements(missing) if missing else {}
        return {call: judgement for call, judgement in at_hand.items() if judgement is not None} | stored

    async def _refresh_open(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._open_as_of is None or now - self._open_as_of >= FRESH_S:
            self._open = await self._book.open_incidents()
            self._open_as_of = now

    # ------------------------------------------------------------------ the card
    def _card(self, known: _Known) -> Card:
        live, area = known.live, known.area
        of_number = {past.incident for past in known.history.last}
        own: list[OpenIncident] = []
        nearby: list[OpenIncident] = []
        for one in self._open:
            if one.incident == live.incident or one.opened < live.since - NEARBY_US:
                continue
            if one.incident in of_number:
                own.append(one)
            elif (one.category and one.category == live.category) or (area and one.area == area):
                nearby.append(one)
        return Card(
            live,
            phone(live.number),
            area,
            known.complete,
            known.history,
            tuple(own[:NEARBY]),
            tuple(nearby[:NEARBY]),
            known.judgement,
        )

    def _keep(self, known: _Known) -> None:
        call, stage = known.live.call, known.live.stage
        self._known[call] = known
        there = set(known.live.with_whom) & set(self._operators()) if stage in _WITH_OPERATORS else set()
        for operator in [o for o, at in self._at.items() if at == call and o not in there]:
            del self._at[operator]
            self._tell(operator, None)
        if there:
            card = self._card(known)
            for operator in there:
                self._at[operator] = call
                self._tell(operator, card)


_WITH_OPERATORS: Final = frozenset({Stage.OPERATOR, Stage.TALKING, Stage.AGENCY})
