"""A table that has no story of its own: each digit of its menus is called once, and whoever is offered it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.calls.menu import menu_data
from callrouter.duty.roster import Roster
from callrouter.errors import OperatorError
from callrouter.routing.conditions import Calendar
from callrouter.routing.directory import TrunkKind
from callrouter.routing.table import DialStep, RoutingTable
from demo.show import Lane, Phase, Scenario, Show, Times
from demo.softphone import Answer, PhoneCall, Softphone
from demo.stage import ANSWERS, CALLER_HZ, MOST_PHONES, Cast, Stage, WentWrong

MOST_OPERATORS: Final = 4
AHEAD_S: Final = 900.0
"""Whose shift begins within this time has a telephone too: the walk may last until then."""
SOMEBODY_S: Final = 60.0
LANES: Final = 2
CONFIRMS: Final = Answer(0.4, digits=((1.0, "1"), (4.0, "1")))
"""A mobile telephone: who answers presses 1; again, should the first have come before he was asked."""

Joined = tuple[PhoneCall, Softphone, float]
"""The caller's call, who talks with him, and since when the caller hears him (monotonic s)."""
Play = Callable[[Stage, str, str], Awaitable[Joined]]


def walk(table: RoutingTable) -> Show:
    """Return a show in which each digit is called once. Raises OperatorError for a table that nobody can call."""
    caller = _callers_trunk(table)
    operators = _operators(table)
    wanted = _trunks(table, caller)
    agencies = dict(list(wanted.items())[: MOST_PHONES - len(operators)])
    data = menu_data(table)
    calls: list[tuple[str, Scenario]] = [
        (f"{digits}: {category}", _scenario(digits, category, _pressed if data.asks else _passed_on, agencies))
        for digits, category in data.meaning.items()
    ]
    if data.asks:
        calls.append(("0: an operator", _scenario("0", None, _pressed, agencies)))
    lanes: tuple[Lane, ...] = tuple(tuple(calls[n::LANES]) for n in range(min(LANES, len(calls))))
    cast = Cast(caller, agencies, dict.fromkeys(operators, ANSWERS))
    return Show(cast, (Phase("each digit once", lanes, on_duty=operators),))


def _scenario(digits: str, category: str | None, play: Play, agencies: dict[str, Answer]) -> Scenario:
    async def scenario(stage: Stage, number: str) -> Times:
        call, who, human = await play(stage, number, digits)
        await call.hangup()
        incident = await stage.incident(number, category=category, outcome="talked")
        contacts = {f"{a.key}/{c.key}": c.trunk for a in stage.centre.table.directory.agencies for c in a.contacts}
        for attempt in incident["calls"][0]["attempts"]:
            rung = {contacts.get(label) for label in (attempt["label"] or "").split("+")}
            if attempt["kind"] == "dial" and attempt["result"] != "talked" and rung <= agencies.keys():
                raise WentWrong(f"{attempt['label']} has a telephone that answers, but was {attempt['result']}")
        return Times.of(call, human, f"{who.name} answers")

    return scenario


async def _pressed(stage: Stage, number: str, digits: str) -> Joined:
    """The caller presses the digits."""
    call = await stage.ring_112(number, digits)
    phone, _, human = await _somebody(stage, call, number, since=call.report().invited_s)
    return call, phone, human


async def _passed_on(stage: Stage, number: str, digits: str) -> Joined:
    """Nobody asks the caller: an operator takes the call and passes it on by the digits."""
    call = await stage.dial(number, "dials 112")
    operator, theirs, human = await _somebody(stage, call, number, since=call.report().invited_s)
    await theirs.digits("*2")
    await theirs.until_hears_speech()
    await theirs.digits(digits)
    stage.tell(operator.name, f"passes on with *2 and {digits}")
    phone, _, _ = await _somebody(stage, call, number, since=time.monotonic())
    return call, phone, human


async def _somebody(
    stage: Stage, call: PhoneCall, number: str, *, since: float
) -> tuple[Softphone, PhoneCall, float]:
    """Wait until the caller and some telephone hear each other after `since` (monotonic s)."""
    try:
        async with asyncio.timeout(SOMEBODY_S):
            while (found := next(_talking(stage, call, number, since), None)) is None:
                for phone in stage.phones.values():
                    if (incoming := stage.unmet(phone, number)) is not None:
                        stage.tell(phone.name, f"rings for {number}")
                        await stage.freeze(phone, incoming)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise WentWrong(f"nobody talks with {number} within {SOMEBODY_S:g} s") from None
    phone, theirs = found
    return phone, theirs, await stage.talk(call, theirs, phone, since=since)


def _talking(stage: Stage, call: PhoneCall, number: str, since: float) -> Iterator[tuple[Softphone, PhoneCall]]:
    for phone in stage.phones.values():
        for theirs in phone.calls:
            report = theirs.report()
            ours = report.direction == "in" and theirs.remote.number == number and not theirs.ended
            if ours and report.invited_s >= since and phone.tone_hz in call.hearing and CALLER_HZ in theirs.hearing:
                yield phone, theirs


# ---------------------------------------------------------------- whose telephones
def _callers_trunk(table: RoutingTable) -> str:
    carriers = [t.key for t in table.directory.trunks if t.kind is TrunkKind.CARRIER and t.enabled]
    if not carriers:
        raise OperatorError(
            Bilingual("Tabel ini tidak punya trunk operator seluler.", "The table has no trunk of a carrier."),
            Bilingual("Tambahkan trunk dengan kind: carrier.", "Add a trunk with kind: carrier."),
        )
    return carriers[0]


def _operators(table: RoutingTable) -> tuple[str, ...]:
    """Those who are on duty now or soon: one of each ring group, then the second of each, and so on."""
    roster = Roster(table, Calendar(table.routing.schedules, table.centre.timezone))
    now, enabled = time.time(), roster.operators()
    on = [
        sorted(roster.rostered(group, at) & set(enabled), key=enabled.index)
        for group in table.routing.ring_groups
        for at in (now, now + AHEAD_S)
    ]
    in_turn = [there[n] for n in range(max(map(len, on), default=0)) for there in on if n < len(there)]
    return tuple(dict.fromkeys(in_turn))[:MOST_OPERATORS]


def _trunks(table: RoutingTable, caller: str) -> dict[str, Answer]:
    """The trunks that routes dial out on, those of the most urgent routes first; what their telephones do."""
    contacts = {f"{a.key}/{c.key}": c for a in table.directory.agencies for c in a.contacts}
    found: dict[str, Answer] = {}
    for route in sorted(table.routing.routes, key=lambda r: -r.priority):
        for step in route.steps:
            for contact in (contacts[name] for name in step.targets) if isinstance(step, DialStep) else ():
                if contact.trunk != caller and found.get(contact.trunk) is not CONFIRMS:
                    found[contact.trunk] = CONFIRMS if contact.confirm else ANSWERS
    return found
