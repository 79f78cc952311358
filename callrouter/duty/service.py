"""Keeps duty: takes what people do, remembers it, and brings the PBX's queues to what is wanted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from callrouter.access.model import AuditNote, Principal
from callrouter.access.tokens import actor
from callrouter.duty.model import Act, DutyState
from callrouter.duty.ports import DutyStore, PbxAway, Queues, WantedElse
from callrouter.duty.roster import (
    Members,
    Roster,
    acted,
    expired,
    groups_by_operator,
    last_of,
    missed,
    paused_for_missed,
    wanted,
)
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

RETRY_S: Final = 1.0
"""How soon queues that could not be set are tried again."""
CHANGES: Final = 20
"""How often duty may change while the queues are being set, before they are tried again later."""
LONGEST_WAIT_S: Final = 60.0
"""The roster is looked at no less often than this: wall clocks are set."""


class NoSuchOperator(Exception):
    """The directory has no such operator, or he is not enabled."""


class InNoGroup(Exception):
    """No ring group names him: he cannot be rung, whatever he does."""


@dataclass(frozen=True, slots=True)
class DutyView:
    """The duty of one operator, as it is shown.

    rostered: by the roster alone; on_duty: he counts as there; rung: he is there and not paused
    last_of:  the groups in which he is the last who is rung
    """

    operator: str
    name: str
    groups: tuple[str, ...]
    rostered: bool
    on_duty: bool
    rung: bool
    last_of: tuple[str, ...]
    state: DutyState


class Duty:
    """Who is rung now.

    roster: the roster of the table in force; now_us: the wall clock, µs UTC
    """

    def __init__(
        self, store: DutyStore, queues: Queues, roster: Callable[[], Roster], now_us: Callable[[], int]
    ) -> None:
        self._store = store
        self._queues = queues
        self._roster = roster
        self._now_us = now_us
        self._states: dict[str, DutyState] = {}
        self._changes = 0
        self._acting = asyncio.Lock()
        self._bringing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._unsaved: dict[str, DutyState] = {}
        self._missing: dict[str, None] = {}
        self._by_phone: dict[str, DutyState] = {}
        """What was done by phone and is not saved yet."""
        self._staffed: frozenset[str] = frozenset()
        self._followers: list[Callable[[], None]] = []
        self.in_step = False
        """True while the queues of the PBX are known to be as wanted."""

    def follow(self, follower: Callable[[], None]) -> None:
        """Call this whenever somebody's duty may be another. It must return at once."""
        self._followers.append(follower)

    async def start(self) -> None:
        """Load what was kept. Raises StorageUnavailable."""
        self._states = await self._store.load()
        self._count()

    # ------------------------------------------------------------------ what is asked
    def members(self) -> Members:
        """Return who is on duty in each group now, and whether he is paused."""
        return wanted(self._roster(), self._states, self._now_us() / 1e6)

    def staffed(self, group: str) -> bool:
        """Return whether anybody of the group is rung now. Cheap: asked for each call."""
        return group in self._staffed

    def overview(self) -> list[DutyView]:
        """Return the duty of every enabled operator, by key."""
        roster, members = self._roster(), self.members()
        groups = groups_by_operator(roster.table)
        at = self._now_us() / 1e6
        rostered = {o for g in roster.table.routing.ring_groups for o in roster.rostered(g, at)}
        return [
            DutyView(
                operator=o.key,
                name=o.name,
                groups=groups.get(o.key, ()),
                rostered=o.key in rostered,
                on_duty=any(o.key in there for there in members.values()),
                rung=any(there.get(o.key) is False for there in members.values()),
                last_of=last_of(o.key, members),
                state=self._states.get(o.key, DutyState(o.key)),
            )
            for o in sorted(roster.table.directory.operators, key=lambda o: o.key)
            if o.enabled
        ]

    # ------------------------------------------------------------------ what people do
    async def act(self, operator: str, act: Act, by: Principal) -> DutyView:
        """Do it, remember it, tell the PBX. Raises NoSuchOperator, InNoGroup, StorageUnavailable (nothing changed).

        A PBX that is away gets it when it is back.
        """
        roster = self._roster()
        if operator not in roster.operators():
            raise NoSuchOperator(operator)
        if act is Act.JOIN and not roster.groups_of(operator):
            raise InNoGroup(operator)
        own = by.subject == operator
        async with self._acting:
            state = self._after(operator, act, self._now_us(), actor(by), own=own)
            note = AuditNote(actor(by), "duty", f"operators/{operator}", {"act": act.value})
            await self._store.save([state], note)
            self._take([state])
        await self._bring()
        self._wake.set()
        return next(view for view in self.overview() if view.operator == operator)

    async def by_phone(self, operator: str, act: Act, at: int) -> None:
        """Take what an operator did with a feature code of his phone: the PBX did it already, at `at` (µs UTC).

        Raises StorageUnavailable: it must not be lost, so who brings it brings it again. What is older than the
        last change is left.
        """
        self.seen_by_phone(operator, act, at)
        async with self._acting:
            state = self._by_phone.get(operator)
            if state is None or state.changed_at != at:
                return
            note = AuditNote(f"{operator} (phone)", "duty", f"operators/{operator}", {"act": act.value})
            await self._store.save([self._states.get(operator, state)], note)
            self._by_phone.pop(operator, None)

    def seen_by_phone(self, operator: str, act: Act, at: int) -> None:
        """Take at once what an operator did by phone; its record comes by the journal (`by_phone`) and is saved then.

        Else a database that is away would make us undo in the PBX what the operator did there.
        """
        known = self._states.get(operator)
        if operator in self._roster().operators() and (known is None or known.changed_at < at):
            state = self._after(operator, act, at, f"{operator} (phone)", own=True)
            self._by_phone[operator] = state
            self._take([state])
        self._wake.set()

    def missed(self, operator: str) -> None:
        """The operator's phone rang, and nobody took the call there nor elsewhere."""
        if operator in self._roster().operators():
            self._take_unsaved([missed(self._states.get(operator, DutyState(operator)))])
            self._missing[operator] = None
            self._wake.set()

    def answered(self, operator: str) -> None:
        """The operator took a call: earlier rings are forgiven."""
        state = self._states.get(operator)
        if state is not None and state.missed:
            self._take_unsaved([replace(state, missed=0)])
            self._wake.set()

    def table_changed(self) -> None:
        """The table in force, or the PBX, is another: bring the queues to what is wanted, soon."""
        there = {o.key for o in self._roster().table.directory.operators}
        self._states = {key: state for key, state in self._states.items() if key in there}
        self._changes += 1
        self._count()
        self._wake.set()

    # ------------------------------------------------------------------ keeping it so
    async def run(self) -> None:
        """Follow the roster for ever."""
        while True:
            self._wake.clear()
            async with self._acting:
                self._take_unsaved(expired(self._states, self._now_us()))
                await self._pause_who_missed()
            await self._bring()
            async with self._acting:
                await self._save()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next()):
                    await self._wake.wait()

    async def _pause_who_missed(self) -> None:
        missing, self._missing = self._missing, {}
        if not missing:
            return
        try:
            reachable = await self._queues.reachable()
        except PbxAway:
            return  # not known whether he is the last: his next ring asks again
        for operator in missing:
            before, now = self._states.get(operator, DutyState(operator)), self._now_us()
            after = paused_for_missed(before, self.members(), reachable, at=now, until=self._ends(operator, now))
            if after is not before:
                self._take_unsaved([after])
                log.warning("duty.paused_after_missed_rings", operator=operator, rings=after.missed)

    def _until_next(self) -> float:
        if not self.in_step or self._unsaved:
            return RETRY_S
        now = self._now_us() / 1e6
        edges = [self._roster().next_change(now)]
        edges += [s.until / 1e6 for s in self._states.values() if s.until is not None]
        return max(0.0, min([e - now for e in edges if e is not None] + [LONGEST_WAIT_S]))

    async def _bring(self) -> None:
        self._count()
        try:
            async with self._bringing:
                await self._bring_what_is_wanted()
        except PbxAway as why:
            if self.in_step:
                log.warning("duty.queues_not_set", why=str(why))
            self.in_step = False
        else:
            self.in_step = True

    async def _bring_what_is_wanted(self) -> None:
        """Bring the queues to it. Raises PbxAway, also where it is another again and again."""
        for _ in range(CHANGES):
            changes = self._changes
            try:
                await self._queues.set_members(self.members(), lambda at=changes: self._changes == at)  # type: ignore[misc]
            except WantedElse:
                continue
            return
        raise PbxAway("what is wanted changes all the time")

    async def _save(self) -> None:
        unsaved = dict(self._unsaved)
        if not unsaved:
            return
        try:
            await self._store.save(list(unsaved.values()), None)
        except StorageUnavailable as why:
            log.warning("duty.not_saved", why=str(why))
            return
        for operator, state in unsaved.items():
            if self._unsaved.get(operator) is state:
                del self._unsaved[operator]

    def _after(self, operator: str, act: Act, at: int, by: str, *, own: bool) -> DutyState:
        state = self._states.get(operator, DutyState(operator))
        return acted(state, act, at=at, by=by, until=self._ends(operator, at), own=own)

    def _ends(self, operator: str, at: int) -> int | None:
        edge = self._roster().next_edge(operator, at / 1e6)
        return None if edge is None else int(edge * 1e6)

    def _take_unsaved(self, states: list[DutyState]) -> None:
        self._unsaved.update({s.operator: s for s in states})
        self._take(states)

    def _take(self, states: list[DutyState]) -> None:
        self._changes += bool(states)
        self._states = self._states | {s.operator: s for s in states}
        self._count()

    def _count(self) -> None:
        self._staffed = frozenset(
            group for group, there in self.members().items() if any(not paused for paused in there.values())
        )
        for follower in self._followers:
            follower()
