"""The live board: which calls are up, where each is, and who rings or talks.

It is told by events and can be set anew from a whole picture of the PBX. It is shown to people and used to free a
callee whose caller has gone; no call is ever routed by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from uuid import UUID

from callrouter.calls.live import LiveCall, Stage
from callrouter.incidents.model import incident_id

MAX_CALLS: Final = 5_000
"""More are not shown; they are served all the same."""
MAX_OVER: Final = 1_000
"""Calls whose end is remembered: a picture of the PBX that still has them is older than it by moments only."""
SLICE: Final = 5
"""Calls that are told of in one go after a look at the PBX: a follower may need 0.3 ms for one."""
_RINGS: Final = frozenset({Stage.AGENCY, Stage.OPERATOR})
"""Stages in which callees ring."""
_UNDECIDED: Final = frozenset({Stage.OPENED, Stage.MENU})
"""Stages before the caller's choice."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an event or a look at the PBX tells of one call."""

    call: UUID
    channel: str
    linkedid: str
    stage: Stage
    opened: int
    origin: str
    trunk: str
    number: str
    language: str
    category: str = ""
    with_whom: str = ""
    sent_from: str = ""
    cannot_speak: bool = False


@dataclass(frozen=True, slots=True)
class Contradictions:
    """What the board and the PBX said differently; the PBX is right.

    unknown: calls that the PBX has and the board did not show
    gone:    calls that the board showed and the PBX has not
    moved:   calls that are at another stage: the board's, then the PBX's
    """

    unknown: tuple[Seen, ...] = ()
    gone: tuple[Seen, ...] = ()
    moved: tuple[tuple[Seen, Seen], ...] = ()

    def __bool__(self) -> bool:
        """True where there is any."""
        return bool(self.unknown or self.gone or self.moved)


class Follower(Protocol):
    """Is told at once what happens on the board. Must return at once, and never raise."""

    def moved(self, live: LiveCall) -> None:
        """A call is new, or something of it is another."""

    def gone(self, call: UUID) -> None:
        """A call has left the PBX."""


@dataclass(slots=True)
class _Entry:
    seen: Seen
    incident: UUID
    talking: str = ""
    choice_known: bool = False
    """What the caller chose was told, or was asked for."""
    parties: dict[str, str] = field(default_factory=dict)
    """Who was added to the talk: id and endpoint."""
    ringing: dict[str, str] = field(default_factory=dict)
    """Channel of each leg that rings or hears an announcement, to its endpoint."""


class Board:
    """Implements callrouter.calls.live.LiveCalls."""

    def __init__(self) -> None:
        self._calls: dict[UUID, _Entry] = {}
        self._by_linkedid: dict[str, UUID] = {}
        self._followers: list[Follower] = []
        self._untold: dict[UUID, None] = {}
        self._over: dict[UUID, None] = {}
        self.overflow = 0

    def follow(self, follower: Follower) -> None:
        """Tell this one from now on what happens."""
        self._followers.append(follower)

    def live(self) -> list[LiveCall]:
        """Return the calls that are up, oldest first."""
        entries = sorted(self._calls.values(), key=lambda e: e.seen.opened)
        return [_shown(entry) for entry in entries]

    def __len__(self) -> int:
        """Return how many calls are up."""
        return len(self._calls)

    def one(self, call: UUID) -> LiveCall | None:
        """Return a call that is up; None: it is not."""
        entry = self._calls.get(call)
        return _shown(entry) if entry else None

    def channel_of(self, call: UUID) -> str:
        """Return the caller's channel; empty for a call that is not up."""
        entry = self._calls.get(call)
        return entry.seen.channel if entry else ""

    def takes_part(self, call: UUID, party: str, endpoint: str) -> None:
        """Somebody was added to the talk."""
        if entry := self._calls.get(call):
            entry.parties[party] = endpoint
            self._tell(entry)

    def takes_part_no_more(self, call: UUID, party: str) -> None:
        """He has left the talk."""
        if (entry := self._calls.get(call)) and entry.parties.pop(party, None) is not None:
            self._tell(entry)

    def known(self, call: UUID) -> bool:
        """Return whether this call is on the board."""
        return call in self._calls

    def moved(self, seen: Seen) -> None:
        """A call came to another stage (or was first seen)."""
        entry = self._take(seen) if seen.call not in self._over else None
        if entry is not None:
            self._tell(entry)

    def _take(self, seen: Seen) -> _Entry | None:
        """Return the call as it is now; None where there is no room for it."""
        entry = self._calls.get(seen.call)
        if entry is None:
            if len(self._calls) >= MAX_CALLS:
                self.overflow += 1
                return None
            entry = self._calls[seen.call] = _Entry(seen, incident_id(seen.call), seen.with_whom)
            self._by_linkedid[seen.linkedid] = seen.call
            return entry
        if seen.linkedid != entry.seen.linkedid:
            self._by_linkedid.pop(entry.seen.linkedid, None)
            self._by_linkedid[seen.linkedid] = seen.call
        now = replace(
            seen,
            category=seen.category or entry.seen.category,
            cannot_speak=seen.cannot_speak or entry.seen.cannot_speak,
        )
        if now != entry.seen:  # what is as it was stays the same object: a look at the PBX brings them by thousands
            entry.seen = now
        entry.talking = seen.with_whom
        if seen.stage not in _RINGS:
            entry.ringing.clear()
        return entry

    def chose(self, call: UUID, category: str, *, cannot_speak: bool = False) -> None:
        """The PBX took the plan of what the caller chose; `category` is empty where he chose none."""
        if entry := self._calls.get(call):
            entry.seen = replace(
                entry.seen,
                stage=Stage.PLAN,
                category=category,
                cannot_speak=cannot_speak or entry.seen.cannot_speak,
            )
            entry.talking = ""  # an operator who passed him on talks with him no more
            entry.choice_known = True
            self._tell(entry)

    def learned(self, call: UUID, category: str, language: str, *, cannot_speak: bool) -> None:
        """What the caller chose, told when his call had gone on by it: it stays where it is."""
        if entry := self._calls.get(call):
            entry.seen = replace(
                entry.seen,
                category=category or entry.seen.category,
                language=language or entry.seen.language,
                cannot_speak=cannot_speak or entry.seen.cannot_speak,
            )
            self._tell(entry)

    def wonders(self, call: UUID) -> bool:
        """Return, once for each call, whether it has gone on by a choice that nobody has told of."""
        entry = self._calls.get(call)
        if entry is None or entry.choice_known or entry.seen.stage in _UNDECIDED:
            return False
        entry.choice_known = True
        return True

    def rings(self, linkedid: str, channel: str, endpoint: str, *, caller: str = "") -> UUID | None:
        """A leg of the call begins to ring; one without an endpoint of its own (`endpoint` empty) is not shown.

        caller: his channel, where this is the first sign that his call has come to an agency
        Returns the call; None for a leg of none that is shown.
        """
        call = self._by_linkedid.get(linkedid)
        entry = self._calls.get(call) if call else None
        if entry is None:
            return None
        if caller:
            entry.seen = replace(entry.seen, stage=Stage.AGENCY, channel=caller)
            entry.talking = ""
        entry.ringing[channel] = endpoint
        self._tell(entry)
        return call

    def leg_gone(self, linkedid: str, channel: str) -> None:
        """A leg of the call has ended."""
        call = self._by_linkedid.get(linkedid)
        entry = self._calls.get(call) if call else None
        if entry is not None and entry.ringing.pop(channel, None) is not None:
            self._tell(entry)

    def joined(self, call: UUID, by: str) -> None:
        """A human is on the line with the caller."""
        if entry := self._calls.get(call):
            entry.talking = by
            entry.seen = replace(entry.seen, stage=Stage.TALKING)
            self._tell(entry)

    def ended(self, call: UUID) -> None:
        """The PBX says that the call has left it: no picture that was taken before brings it back."""
        self._over[call] = None
        if len(self._over) > MAX_OVER:
            del self._over[next(iter(self._over))]
        self._remove(call)

    def _remove(self, call: UUID) -> None:
        entry = self._calls.pop(call, None)
        self._untold.pop(call, None)
        if entry is not None:
            self._by_linkedid.pop(entry.seen.linkedid, None)
            for follower in self._followers:
                follower.gone(call)

    def legs_to_free(self, channel: str, linkedid: str) -> tuple[str, ...]:
        """Return the channels that still ring, or are being told, for a caller who has just hung up.

        `channel` is the one whose side hung up: empty answer where it is not a caller's.
        Dial notices a caller's end only when the callee's announcement is over; until then the callee would talk to
        nobody.
        """
        call = self._by_linkedid.get(linkedid)
        entry = self._calls.get(call) if call else None
        if entry is None or entry.seen.channel != channel or entry.talking:
            return ()
        return tuple(entry.ringing)

    def reset(self, seen: Iterable[Seen], ringing: Mapping[str, Mapping[str, str]] | None = None) -> Contradictions:
        """Take a whole picture of the PBX; return how it differed from what was known.

        Followers are told of what differs, of SLICE calls at once: of more when the loop has served others.
        ringing: by a call's linkedid, the channels of its callees and their endpoints
        """
        picture = {one.call: one for one in seen if one.call not in self._over}
        gone = [entry.seen for call, entry in self._calls.items() if call not in picture]
        for one in gone:
            self._remove(one.call)
        new = [one for call, one in picture.items() if call not in self._calls]
        moved = [
            (entry.seen, one)
            for call, one in picture.items()
            if (entry := self._calls.get(call)) is not None and entry.seen.stage is not one.stage
        ]
        for one in picture.values():
            before = _state(known := self._calls.get(one.call))
            entry = self._take(one)
            if entry is None:
                continue
            if known is None:  # a choice made before we came was told to who was here then, or the record tells it
                entry.choice_known = one.stage not in _UNDECIDED
            if ringing is not None and one.stage in _RINGS:
                entry.ringing = dict(ringing.get(one.linkedid, {}))
            if _state(entry) != before:
                self._untold[one.call] = None
        self._tell_some()
        return Contradictions(tuple(new), tuple(gone), tuple(moved))

    def _tell_some(self) -> None:
        """Tell of what is not told yet as it is by now."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        while self._untold:
            for call in list(self._untold)[:SLICE]:
                self._tell(self._calls[call])
            if loop is not None and self._untold:
                loop.call_soon(self._tell_some)
                return

    def _tell(self, entry: _Entry) -> None:
        self._untold.pop(entry.seen.call, None)
        if self._followers:
            live = _shown(entry)
            for follower in self._followers:
                follower.moved(live)


def _state(entry: _Entry | None) -> tuple[Seen, str, frozenset[str]] | None:
    """Return what of a call a look at the PBX may change; cheaper than what is shown."""
    return None if entry is None else (entry.seen, entry.talking, frozenset(entry.ringing.values()))


def _shown(entry: _Entry) -> LiveCall:
    seen = entry.seen
    if entry.talking:
        others = (entry.talking, *sorted(set(entry.parties.values()) - {entry.talking}))
    else:
        others = tuple(sorted(set(entry.ringing.values()) - {""}))
    return LiveCall(
        call=seen.call,
        incident=entry.incident,
        number=seen.number,
        origin=seen.origin,
        trunk=seen.trunk,
        since=seen.opened,
        stage=seen.stage,
        with_whom=others,
        category=seen.category,
        language=seen.language,
        sent_from=seen.sent_from,
        cannot_speak=seen.cannot_speak,
    )
