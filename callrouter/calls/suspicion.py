"""What is known of numbers, in memory: so that a caller is judged at once, whatever becomes of the database.

It is filled from the database at the start, and follows what changes there; a call is known as soon as it is opened.
It is read anew every hour: what was erased is forgotten then, and what was missed is made good.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.calls.records import Opened
from callrouter.incidents.suspicion import KEPT_US, RECENT_US, UNKNOWN, WITHHELD, Earlier, Judgement, judged
from callrouter.incidents.views import StorageUnavailable
from callrouter.privacy.numbers import NoNumber, spellings
from callrouter.routing.facts import Origin

log = structlog.get_logger(__name__)

MOST_CALLS: Final = 50_000
"""Calls that are remembered, some 650 bytes each; then the oldest are forgotten."""
OF_NUMBER: Final = 200
"""Calls of one number that count: the newest."""
MEASURED: Final = 5_000
"""Judgements of calls that are kept at hand, as many as calls on the board."""
WAITING: Final = 20_000
"""Incidents that wait to be read; beyond it everything is read anew."""
AT_ONCE: Final = 50
PUT_AT_ONCE: Final = 100
"""Calls that are put into the memory before others of the loop have their turn."""
GATHER_S: Final = 0.25
PAUSE_S: Final = 2.0
LATELY: Final = 5_000
NOT_STORED_US: Final = 600_000_000
"""Calls that are younger than this may not be stored yet; of them the last LATELY are kept at hand."""
ANEW_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """A call and its number as it came, for the memory."""

    call: UUID
    number: str
    earlier: Earlier


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind this incident, oldest first."""

    opened: int
    number: int


class PastNumbers(Protocol):
    """Reads from the database. Raises StorageUnavailable."""

    async def telling(self, recent: int, after: Place) -> tuple[list[Remembered], Place | None]:
        """Return a page of the calls behind `after` that say something, oldest first: those opened at `recent` (µs
        UTC) or later, and the telling ones of before; and where the next page begins, None: there is none.
        """

    async def of_incidents(self, incidents: Sequence[UUID]) -> list[Remembered]:
        """Return the calls of these incidents."""


def identity(number: str) -> str:
    """Return the one name of a number, however a carrier writes it. Raises NoNumber."""
    written = spellings(number)
    international = [one for one in written if one.startswith("+")]
    if international:
        return international[0]
    return f"+{written[0][2:]}" if written[0].startswith("00") else written[0]


class Memory:
    """The calls that say something of their numbers, bounded."""

    def __init__(self, most: int = MOST_CALLS) -> None:
        self.most = most
        self.forgotten = 0
        self._calls: OrderedDict[UUID, str] = OrderedDict()
        self._of: dict[str, dict[UUID, Earlier]] = {}

    def __len__(self) -> int:
        """Return how many calls are remembered."""
        return len(self._calls)

    def put(self, one: Remembered) -> None:
        """Remember a call, in place of what was known of it. A number that is none is nobody's."""
        try:
            number = identity(one.number)
        except NoNumber:
            return
        self.forget(one.call)
        self._calls[one.call] = number
        theirs = self._of.setdefault(number, {})
        theirs[one.call] = one.earlier
        if len(theirs) > OF_NUMBER:
            self.forget(min(theirs, key=lambda call: (theirs[call].at, call)))
        if len(self._calls) > self.most:
            self.forgotten += 1
            self.forget(next(iter(self._calls)))

    def forget(self, call: UUID) -> None:
        """Forget a call."""
        number = self._calls.pop(call, None)
        if number is not None:
            theirs = self._of[number]
            del theirs[call]
            if not theirs:
                del self._of[number]

    def of(self, number: str, but: UUID) -> list[Earlier]:
        """Return what is remembered of a number, without the call `but`. Raises NoNumber."""
        return [earlier for call, earlier in self._of.get(identity(number), {}).items() if call != but]

    def since(self, at: int) -> list[Remembered]:
        """Return the calls opened at `at` (µs UTC) or later that were remembered last."""
        found: list[Remembered] = []
        for call in islice(reversed(self._calls), LATELY):
            number = self._calls[call]
            earlier = self._of[number][call]
            if earlier.at >= at:
                found.append(Remembered(call, number, earlier))
        return found[::-1]


class Suspicions:
    """Judges each caller when his call is opened, and keeps that at hand while it is up (calls.caller.Judge)."""

    def __init__(self, past: PastNumbers, now_us: Callable[[], int], *, most: int = MOST_CALLS) -> None:
        self._past = past
        self._now_us = now_us
        self.memory = Memory(most)
        self.loads = 0
        """How often everything was read."""
        self._filling: Memory | None = None
        self._measured: OrderedDict[UUID, Judgement] = OrderedDict()
        self._waiting: dict[UUID, None] = {}
        self._reading = 0
        self._came = asyncio.Event()
        self._due = 0.0

    @property
    def waiting(self) -> int:
        """Incidents that wait to be read."""
        return len(self._waiting) + self._reading

    @property
    def measured(self) -> int:
        """Judgements that are at hand."""
        return len(self._measured)

    # ------------------------------------------------------------------ on the call's way: memory alone
    def opened(self, opened: Opened) -> Judgement | None:
        """Return how suspect the caller is, as of now, and remember his call; None: he is no citizen. At once."""
        if opened.origin != Origin.CITIZEN:
            return None
        try:
            calls = self.memory.of(opened.number, but=opened.call)
        except NoNumber:
            found = WITHHELD
        else:
            found = judged(calls, opened.at) if calls else UNKNOWN
            self._remember(Remembered(opened.call, opened.number, Earlier(opened.at)))
        self._measured[opened.call] = found
        if len(self._measured) > MEASURED:
            self._measured.popitem(last=False)
        return found

    def judge(self, call: UUID) -> Judgement | None:
        """Return what was measured when a call was opened; None: it is not at hand."""
        return self._measured.get(call)

    # ------------------------------------------------------------------ behind it
    def changed(self, incidents: Collection[UUID]) -> None:
        """These incidents have changed, and the change is committed. Returns at once and never raises."""
        if self.waiting + len(incidents) > WAITING:
            self._waiting.clear()
            self._due = 0.0
        else:
            self._waiting.update(dict.fromkeys(incidents))
        self._came.set()

    async def run(self) -> None:
        """Read what is known of numbers, and follow what changes, for ever."""
        failing = False
        while True:
            try:
                await self.once()
                failing = False
            except StorageUnavailable as error:
                if not failing:
                    log.warning("suspicion.not_read", why=str(error))
                failing = True
                await asyncio.sleep(PAUSE_S)
            except Exception:
                # Callers are judged by what is known: a defect here must not end the service.
                log.exception("suspicion.error")
                await asyncio.sleep(PAUSE_S)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, self._due - asyncio.get_running_loop().time())):
                        await self._came.wait()
                        await asyncio.sleep(GATHER_S)

    async def once(self) -> None:
        """Read what is due. Raises StorageUnavailable."""
        now = asyncio.get_running_loop().time()
        if now >= self._due:
            self._due = now + ANEW_S  # before it: too many changes meanwhile make it due again
            try:
                await self._load()
            except BaseException:
                self._due = 0.0
                raise
        self._came.clear()
        while self._waiting:
            some = list(islice(self._waiting, AT_ONCE))
            # Before they are read: one that changes meanwhile waits to be read again.
            for incident in some:
                del self._waiting[incident]
            self._reading = len(some)
            try:
                found = await self._past.of_incidents(some)
            except BaseException:
                self._reading = 0
                self.changed(some)
                raise
            self._reading = 0
            for one in found:
                self._remember(one)

    async def _load(self) -> None:
        filling = self._filling = Memory(self.memory.most)
        now = self._now_us()
        try:
            place: Place | None = Place(now - KEPT_US, 0)
            while place is not None:
                page, place = await self._past.telling(now - RECENT_US, place)
                for one in page:
                    filling.put(one)
                await asyncio.sleep(0)
            # What is not stored yet. No more: what was erased is to be forgotten.
            for n, one in enumerate(self.memory.since(now - NOT_STORED_US), 1):
                filling.put(one)
                if n % PUT_AT_ONCE == 0:
                    await asyncio.sleep(0)
            self.memory = filling
            self.loads += 1
            log.info("suspicion.read", calls=len(filling))
        finally:
            self._filling = None

    def _remember(self, one: Remembered) -> None:
        self.memory.put(one)
        if self._filling is not None:
            self._filling.put(one)
