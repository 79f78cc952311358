"""The feed: what is new of each thing, for listeners who may come, go and come again.

An event holds a thing's whole state, so only the newest one of each thing is kept. All listeners read from that one
store, each with nothing of its own but a place in it: who is slow finds the newest state of each thing when he comes,
and who comes too late is told to fetch everything anew. Memory does not grow with how slow they are.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KEPT: Final = 20_000
"""Things whose newest event is kept: at 100 calls/s what changed in the last minute or more."""
LISTENERS: Final = 256
LISTENERS_OF_ONE: Final = 32
"""Of one token: whoever opens streams without end takes nobody else's place."""
GATHER_S: Final = 0.05
"""How long the first change waits for others. What is urgent waits for nothing."""
AT_ONCE: Final = 16
"""Listeners that are woken together: each takes its time of the loop that serves the calls."""
TAKEN: Final = 100
"""Events that a listener takes at once, for the same reason."""
EPOCH_BYTES: Final = 6


class Kind(StrEnum):
    """What an event is about; its key says which one."""

    INCIDENT = "incident"
    """Key: id of the incident."""
    CALL = "call"
    """Key: id of the call; gone when it has left the PBX."""
    OPERATOR = "operator"
    """Key of the operator: his duty."""
    TRUNK = "trunk"
    """Key of the trunk: whether its other side answers."""
    PICKUP = "pickup"
    """Key of the operator: who calls, while his telephone rings and he talks; gone after it."""
    BANNER = "banner"
    """Id of the banner; gone when callers are told no more."""
    POSTURE = "posture"
    """There is one: `centre`."""


URGENT: Final = frozenset({Kind.PICKUP})


class Reset(StrEnum):
    """Why a listener has to fetch the whole state: he knows nothing yet, or what he missed is not kept any more."""

    NEW = "new"
    """He names no place: he has nothing yet."""
    EPOCH = "epoch"
    """His place is of another life of the service, or of before the feed was begun anew."""
    OLD = "old"
    """His place is older than what is kept."""


class Closed(Exception):
    """The feed is closed: nobody is told anything more."""


class Full(Exception):
    """No more listeners. `of_one`: of this one token; else of all."""

    def __init__(self, *, of_one: bool) -> None:
        super().__init__("of one token" if of_one else "of all")
        self.of_one = of_one


@dataclass(frozen=True, slots=True)
class Event:
    """The newest state of one thing.

    seq:     grows with every event of the epoch
    payload: what it is now; None: it is gone. Never changed after it was told.
    """

    seq: int
    kind: Kind
    key: str
    payload: object | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What a listener has to be told.

    place:  his place after it, as text (``epoch-seq``)
    reset:  why he has to fetch the whole state; then `events` is empty
    events: in the order of their seq
    """

    place: str
    reset: Reset | None
    events: tuple[Event, ...]

    @property
    def more(self) -> bool:
        """True: there may be more already."""
        return self.reset is not None or len(self.events) == TAKEN


class Feed:
    """Takes what is new by `tell`, from the running loop, and wakes who listens.

    kept: things whose newest event is kept; listeners, of_one: how many may listen, of all and of one token

    For the gauges: `told` events, `resets` of listeners and `refused` ones, since the start.
    """

    def __init__(
        self,
        *,
        kept: int = KEPT,
        listeners: int = LISTENERS,
        of_one: int = LISTENERS_OF_ONE,
        gather_s: float = GATHER_S,
    ) -> None:
        self.limit = kept
        self.most = listeners
        self.most_of_one = of_one
        self._gather_s = gather_s
        self._events: OrderedDict[tuple[Kind, str], Event] = OrderedDict()
        self._listeners: dict[Listener, None] = {}
        self.heard = asyncio.Event()
        """Set while somebody listens: what is dear to find out is found out then."""
        self._whose: Counter[str] = Counter()
        self._epoch = secrets.token_hex(EPOCH_BYTES)
        self._seq = 0
        self._floor = 0
        self._timer: asyncio.TimerHandle | None = None
        self._to_wake: deque[Listener] = deque()
        self._again = False
        self._closed = False
        self.told = 0
        self.resets: Counter[Reset] = Counter()
        self.refused = 0

    def __len__(self) -> int:
        """Return how many things' newest events are kept."""
        return len(self._events)

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def place(self) -> str:
        """The place of who has everything."""
        return f"{self._epoch}-{self._seq}"

    # ------------------------------------------------------------------ telling
    def tell(self, kind: Kind, key: str, payload: object | None) -> None:
        """Say what a thing is now; None: it is gone. What is as it was told before is not told again.

        Returns at once and never raises for a slow listener. Takes microseconds; call it after the commit.
        """
        name = (kind, key)
        known = self._events.get(name)
        if known is not None and known.payload == payload:
            return
        self._seq += 1
        self.told += 1
        self._events[name] = Event(self._seq, kind, key, payload)
        self._events.move_to_end(name)
        if len(self._events) > self.limit:
            _, oldest = self._events.popitem(last=False)
            self._floor = oldest.seq
        if self._listeners:
            self._wake_in(0 if kind in URGENT else self._gather_s)

    def renew(self) -> None:
        """Begin anew: every listener is told to fetch everything. For a source that could not tell all it had to."""
        self._events.clear()
        self._epoch, self._floor = secrets.token_hex(EPOCH_BYTES), self._seq
        if self._listeners:
            self._wake_in(0)

    def close(self) -> None:
        """Let every listener go; nobody listens any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for listener in list(self._listeners):
            listener.wake()

    # ------------------------------------------------------------------ listening
    def listen(self, who: str, kinds: Collection[Kind], after: str | None = None) -> Listener:
        """Return a new listener for `who` (of whom only LISTENERS_OF_ONE may be). Close it at the end.

        after: the place up to which he has everything; None: he has nothing
        Raises Full.
        """
        of_one = self._whose[who] >= self.most_of_one
        if of_one or len(self._listeners) >= self.most:
            self.refused += 1
            raise Full(of_one=of_one)
        listener = Listener(self, who, frozenset(kinds), after)
        self._listeners[listener] = None
        self._whose[who] += 1
        self.heard.set()
        return listener

    def left(self, listener: Listener) -> None:
        """Forget a listener; twice is as good as once."""
        if listener in self._listeners:
            del self._listeners[listener]
            self._whose[listener.who] -= 1
            if not self._whose[listener.who]:
                del self._whose[listener.who]
        if not self._listeners:
            self.heard.clear()

    @property
    def closed(self) -> bool:
        """True: nothing more is told to anybody."""
        return self._closed

    def begin(self, after: str | None) -> Reset | int:
        """Return the seq of a place, or why nobody can go on from there."""
        if after is None:
            return Reset.NEW
        epoch, _, seq = after.partition("-")
        if epoch != self._epoch or not (seq.isascii() and seq.isdigit()) or len(seq) > 18 or int(seq) > self._seq:
            return Reset.EPOCH
        return int(seq)

    def since(self, epoch: str, seq: int, kinds: Collection[Kind]) -> Reset | tuple[list[Event], int]:
        """Return the first TAKEN events of `kinds` after a place and the seq to go on from; or why it cannot be."""
        if epoch != self._epoch:
            return Reset.EPOCH
        if seq < self._floor:
            return Reset.OLD
        found: list[Event] = []
        for event in reversed(self._events.values()):
            if event.seq <= seq:
                break
            if event.kind in kinds:
                found.append(event)
        found.reverse()
        if len(found) > TAKEN:
            return found[:TAKEN], found[TAKEN - 1].seq
        return found, self._seq

    @property
    def now(self) -> tuple[str, int]:
        """The epoch and the newest seq."""
        return self._epoch, self._seq

    # ------------------------------------------------------------------ waking
    def _wake_in(self, seconds: float) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._begin_waking)

    def _begin_waking(self) -> None:
        self._timer = None
        if self._to_wake:
            self._again = True  # those at the end of the row come first: nobody waits for ever
            return
        self._to_wake.extend(self._listeners)
        self._wake_some()

    def _wake_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._to_wake))):
            self._to_wake.popleft().wake()
        if not self._to_wake and self._again:
            self._again = False
            self._to_wake.extend(self._listeners)
        if self._to_wake:
            # Not in this turn of the loop: what came for a call meanwhile goes first.
            asyncio.get_running_loop().call_soon(self._wake_some)


class Listener:
    """One who listens: a place in the feed, and nothing else. Made by Feed.listen."""

    def __init__(self, feed: Feed, who: str, kinds: frozenset[Kind], after: str | None) -> None:
        self.who = who
        self.kinds = kinds
        self._feed = feed
        self._news = asyncio.Event()
        self._news.set()
        begun = feed.begin(after)
        self._reset = begun if isinstance(begun, Reset) else None
        self._epoch, self._seq = feed.now
        if not isinstance(begun, Reset):
            self._seq = begun

    @property
    def place(self) -> str:
        """His place, as text."""
        return f"{self._epoch}-{self._seq}"

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def close(self) -> None:
        """Listen no more; may be called at any time, and twice."""
        self._feed.left(self)
        self._news.set()

    async def next(self, within_s: float) -> Batch | None:
        """Return what he has to be told next, as soon as there is anything; None: nothing came within that time.

        Raises Closed.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    await self._news.wait()
                    if self._feed.closed:
                        raise Closed
                    self._news.clear()
                    if (batch := self._take()) is not None:
                        return batch
        except TimeoutError:
            return None

    def _take(self) -> Batch | None:
        if self._reset is None:
            found = self._feed.since(self._epoch, self._seq, self.kinds)
            if not isinstance(found, Reset):
                events, self._seq = found
                if len(events) == TAKEN:
                    self._news.set()  # there may be more
                return Batch(self.place, None, tuple(events)) if events else None
            self._reset = found
        reset, self._reset = self._reset, None
        self._feed.resets[reset] += 1
        self._epoch, self._seq = self._feed.now
        return Batch(self.place, reset, ())
