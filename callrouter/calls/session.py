"""The session: what the service does for one call while the PBX asks. Then the PBX goes on alone.

Nothing here waits for the database: the table is a snapshot in memory, and what is to be stored is handed over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import structlog

from callrouter.calls.menu import MenuData, menu_data
from callrouter.calls.ports import (
    Arrival,
    CallerGone,
    CallOpened,
    CallRouted,
    Clock,
    DialplanTalk,
    LineFailed,
    MenuResult,
    Writer,
)
from callrouter.incidents.model import incident_id
from callrouter.routing.decide import CompiledTable, compile_table, decide
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import Language, RoutingTable

log = structlog.get_logger(__name__)

NOT_ASKED: Final = MenuResult(choice=Choice.NONE.value, language="")


class Exit(StrEnum):
    """How a session ended. `ERROR` is a defect of ours, and the caller is with the failsafe."""

    ROUTED = "routed"
    CALLER_GONE = "caller_gone"
    LINE_FAILED = "line_failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The table in force, ready to be asked. Replaced whole, never changed."""

    compiled: CompiledTable
    menu: MenuData


def snapshot_of(version: int, table: RoutingTable) -> Snapshot:
    """Return `table` ready to be asked."""
    return Snapshot(compile_table(table, version), menu_data(table))


class Sessions:
    """Serves calls from the snapshot of the moment."""

    def __init__(self, snapshot: Callable[[], Snapshot], writer: Writer, clock: Clock) -> None:
        self._snapshot = snapshot
        self._writer = writer
        self._clock = clock
        self.exits: dict[Exit, int] = dict.fromkeys(Exit, 0)

    async def serve(self, arrival: Arrival, talk: DialplanTalk) -> Exit:
        """Serve one call: menu, decision, plan. Returns how it ended; raises LineFailed, so that the PBX is told."""
        call = arrival.opened.call
        caller = log.bind(call=str(call), incident=str(incident_id(call)))
        outcome = Exit.ERROR
        try:
            self._writer.put(CallOpened(arrival.opened))
            snapshot = self._snapshot()
            facts = await self._ask(snapshot, arrival, talk)
            plan = decide(snapshot.compiled, facts, datetime.now(UTC))
            text = await talk.hand_over(plan)
            outcome = Exit.ROUTED
            self._writer.put(CallRouted(call, self._clock.now_us(), facts, plan, text))
            caller.info("call.routed", route=plan.route, choice=_said(facts), version=plan.version)
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

    async def _ask(self, snapshot: Snapshot, arrival: Arrival, talk: DialplanTalk) -> Facts:
        origin = Origin(arrival.opened.origin)
        result = NOT_ASKED if origin in _NOT_ASKED_ORIGINS else await talk.menu(snapshot.menu)
        trunk = snapshot.compiled.table.trunk(arrival.opened.trunk)
        category = snapshot.menu.meaning.get(result.choice)
        return Facts(
            origin=origin,
            choice=Choice.NONE if category else Choice(result.choice),
            category=category,
            trunk=trunk.key if trunk else None,
            trunk_kind=trunk.kind if trunk else None,
            language=Language(result.language or arrival.language),
        )


_NOT_ASKED_ORIGINS: Final = frozenset({Origin.AGENCY, Origin.NEIGHBOUR})
"""Agencies and neighbouring centres know why they call: they get an operator, not a citizen's menu."""


def _said(facts: Facts) -> str:
    return facts.category or facts.choice.value
