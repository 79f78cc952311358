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
    Chosen,
    Clock,
    DialplanTalk,
    LineFailed,
    Plans,
    Writer,
)
from callrouter.incidents.model import incident_id
from callrouter.routing.decide import CompiledTable, compile_table, decide
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.plan import Plan
from callrouter.routing.table import Language, RoutingTable

log = structlog.get_logger(__name__)


class Exit(StrEnum):
    """How a session ended. `ERROR` is a defect of ours, and the caller is with the failsafe."""

    HANDED_OVER = "handed_over"
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
        """Serve one call: decide for whatever its caller may choose, and hand that over.

        Returns how it ended; raises LineFailed, so that the PBX is told.
        """
        call = arrival.opened.call
        caller = log.bind(call=str(call), incident=str(incident_id(call)))
        outcome = Exit.ERROR
        try:
            self._writer.put(CallOpened(arrival.opened))
            snapshot = self._snapshot()
            asked = Origin(arrival.opened.origin) not in _NOT_ASKED
            await talk.hand_over(snapshot.menu if asked else None, plans_for(snapshot, arrival, asked=asked))
            outcome = Exit.HANDED_OVER
            caller.info("call.handed_over", version=snapshot.compiled.version, trunk=arrival.opened.trunk)
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

    def chosen(self, chosen: Chosen) -> None:
        """Note what a caller chose and which plan the PBX took for it. Raises ValueError for words not ours."""
        facts = facts_of(
            self._snapshot().compiled.table,
            chosen.origin,
            chosen.trunk,
            chosen.choice,
            chosen.category,
            chosen.language,
        )
        self._writer.put(
            CallRouted(chosen.call, self._clock.now_us(), facts, chosen.route, chosen.version, chosen.plan_text)
        )
        log.info(
            "call.routed",
            call=str(chosen.call),
            incident=str(incident_id(chosen.call)),
            route=chosen.route,
            choice=facts.category or facts.choice.value,
            version=chosen.version,
        )


_NOT_ASKED: Final = frozenset({Origin.AGENCY, Origin.NEIGHBOUR})
"""Agencies and neighbouring centres know why they call: they get an operator, not a citizen's menu."""


def plans_for(snapshot: Snapshot, arrival: Arrival, *, asked: bool) -> Plans:
    """Return the plan of every choice that the caller of `arrival` has; of one that is not asked: of none.

    Another language's plans are among them only where they differ.
    """
    now = datetime.now(UTC)
    opened = arrival.opened
    first = Language(arrival.language)

    def plan(digit: str | None, language: Language) -> Plan:
        choice = digit or (Choice.OPERATOR if asked else Choice.NONE).value
        category = snapshot.menu.meaning[digit] if digit else ""
        facts = facts_of(snapshot.compiled.table, opened.origin, opened.trunk, choice, category, language)
        return decide(snapshot.compiled, facts, now)

    digits = tuple(snapshot.menu.meaning) if asked else ()
    by_digit = {digit: plan(digit, first) for digit in digits}
    other = plan(None, first)
    in_language = {
        (language, digit): theirs
        for language in (snapshot.menu.languages if asked and snapshot.compiled.by_language else ())
        if language is not first
        for digit in (*digits, None)
        if (theirs := plan(digit, language)) != (by_digit[digit] if digit else other)
    }
    return Plans(by_digit, other, in_language)


def facts_of(table: RoutingTable, origin: str, trunk: str, choice: str, category: str, language: str) -> Facts:
    """Return the facts of a call, from the words of the dialplan. Raises ValueError for words that are not ours."""
    known = table.trunk(trunk)
    return Facts(
        origin=Origin(origin),
        choice=Choice.NONE if category else Choice(choice),
        category=category or None,
        trunk=known.key if known else None,
        trunk_kind=known.kind if known else None,
        language=Language(language),
    )
