"""The session: what the service does for one call while the PBX asks. Then the PBX goes on alone.

Nothing here waits for the database: the table is a snapshot in memory, and what is to be stored is handed over.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import structlog

from callrouter.calls.handover import HandOvers, Snapshot, facts_of, snapshot_of
from callrouter.calls.location import CivicAddress
from callrouter.calls.ports import (
    CallerGone,
    CallJudged,
    CallOpened,
    CallRouted,
    Chosen,
    Clock,
    DialplanTalk,
    HandOver,
    LineFailed,
    Writer,
)
from callrouter.calls.records import Opened
from callrouter.incidents.model import incident_id
from callrouter.incidents.suspicion import Judgement
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Posture

__all__ = ["Exit", "Sessions", "Snapshot", "snapshot_of"]

log = structlog.get_logger(__name__)

VERSIONS_KEPT: Final = 8
"""Versions whose calls may still be told of: a caller listens to a menu for a minute at the longest."""


class Exit(StrEnum):
    """How a session ended. `ERROR` is a defect of ours, and the caller is with the failsafe."""

    HANDED_OVER = "handed_over"
    CALLER_GONE = "caller_gone"
    LINE_FAILED = "line_failed"
    ERROR = "error"


class Sessions:
    """Serves calls from the snapshot of the moment.

    staffed: whether somebody of a ring group is on duty, for routes that ask for it
    judge: how suspect a caller is, told at once and never by the database; None: he is not judged
    posture: how threatened the centre is
    told: gives what is handed over to a caller of that origin with the banners of the moment in it
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        writer: Writer,
        clock: Clock,
        staffed: Callable[[str], bool] = lambda _group: True,
        judge: Callable[[Opened], Judgement | None] = lambda _opened: None,
        posture: Callable[[], Posture] = lambda: Posture.GREEN,
        told: Callable[[HandOver, str], HandOver] = lambda given, _origin: given,
    ) -> None:
        self._snapshot = snapshot
        self._writer = writer
        self._clock = clock
        self._staffed = staffed
        self._judge = judge
        self._posture = posture
        self._told = told
        self._hand_overs: HandOvers | None = None
        self._tables: OrderedDict[int, RoutingTable] = OrderedDict()
        self.exits: dict[Exit, int] = dict.fromkeys(Exit, 0)

    async def serve(
        self, opened: Opened, talk: DialplanTalk, located: Awaitable[CivicAddress | None] | None = None
    ) -> Exit:
        """Serve one call: decide for whatever its caller may choose, and hand that over.

        located: gives the civic address in its INVITE, soon; None where none came with it
        Returns how it ended; raises LineFailed, so that the PBX is told.
        """
        call = opened.call
        caller = log.bind(call=str(call), incident=str(incident_id(call)))
        outcome = Exit.ERROR
        try:
            self._writer.put(CallOpened(opened))
            given = await self._hand_over(opened, talk, located, self._suspicion(opened))
            outcome = Exit.HANDED_OVER
            caller.info(
                "call.handed_over",
                version=given.plans.other.version,
                trunk=opened.trunk,
                area=given.area.code if given.area else None,
            )
        except CallerGone:
            outcome = Exit.CALLER_GONE
            caller.info("call.caller_left_during_session")
        except LineFailed as failure:
            outcome = Exit.LINE_FAILED
            caller.error("call.left_to_the_pbx", why=str(failure))
            raise
        finally:
            self.exits[outcome] += 1
        return outcome

    async def rehearse(self, opened: Opened, talk: DialplanTalk) -> None:
        """Do for nobody what `serve` does for a caller, and note nothing.

        Raises CallerGone, LineFailed, and ValueError for words that are not ours.
        """
        await self._hand_over(opened, talk, None, 0)

    async def _hand_over(
        self, opened: Opened, talk: DialplanTalk, located: Awaitable[CivicAddress | None] | None, suspicion: int
    ) -> HandOver:
        address = await located if located is not None else None
        of_all = self._of_the_moment().of(opened, datetime.now(UTC), address, suspicion, self._posture())
        given = self._with_banners(of_all, opened.origin)
        await talk.hand_over(given, suspicion)
        return given

    def _with_banners(self, given: HandOver, origin: str) -> HandOver:
        try:
            return self._told(given, origin)
        except Exception:
            # What callers are told besides must cost nobody his call.
            log.exception("call.banners_left_out")
            return given

    def _suspicion(self, opened: Opened) -> int:
        try:
            judgement = self._judge(opened)
        except Exception:
            # A defect here must cost nobody his call: he is served as one of whom nothing is known.
            log.exception("call.not_judged", call=str(opened.call))
            return 0
        if judgement is None:
            return 0
        self._writer.put(CallJudged(opened.call, opened.at, judgement))
        return judgement.score

    def chosen(self, chosen: Chosen) -> None:
        """Note what a caller chose and which plan the PBX took for it. Raises ValueError for words not ours."""
        facts = facts_of(
            self._table_of(chosen.version),
            chosen.origin,
            chosen.trunk,
            chosen.choice,
            chosen.category,
            chosen.language,
            area=chosen.area,
            away=chosen.away,
            suspicion=chosen.suspicion,
            posture=chosen.posture,
        )
        self._writer.put(
            CallRouted(
                chosen.call,
                self._clock.now_us() if chosen.at is None else chosen.at,
                facts,
                chosen.route,
                chosen.version,
                chosen.plan_text,
            )
        )
        log.info(
            "call.routed",
            call=str(chosen.call),
            incident=str(incident_id(chosen.call)),
            route=chosen.route,
            choice=facts.category or facts.choice.value,
            version=chosen.version,
        )

    def _of_the_moment(self) -> HandOvers:
        snapshot = self._snapshot()
        if self._hand_overs is None or self._hand_overs.snapshot is not snapshot:
            self._hand_overs = HandOvers(snapshot, self._staffed)
            self._tables[snapshot.compiled.version] = snapshot.compiled.table
            self._tables.move_to_end(snapshot.compiled.version)
            if len(self._tables) > VERSIONS_KEPT:
                self._tables.popitem(last=False)
        return self._hand_overs

    def _table_of(self, version: int) -> RoutingTable:
        """The table that decided; the present one where it is not known any more (we were started meanwhile)."""
        table = self._tables.get(version)
        return table if table is not None else self._snapshot().compiled.table
