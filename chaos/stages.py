"""How a caller comes to each stage. All waits are for events of the PBX, with a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from chaos.citizen import THINKS_S, Citizen
from chaos.house import House
from chaos.matrix import RINGS, UNTAKEN, Cell, Side, Stage
from chaos.table import BAD_AGENCY, FIRE, OPERATOR, POLICE
from demo.softphone import Answer, RingOnly, SoftphoneError

SOON_S: Final = 10.0
AGENCY_S: Final = 25.0
ANSWERS_S: Final = 1.0
"""Whoever rings when the fault strikes answers after this."""


class NotThere(Exception):
    """The stage was not reached: nothing can be said of the cell."""


def digit_of(cell: Cell) -> str:
    """Return what the callers of a cell press."""
    if cell.stage in (Stage.OPERATOR_RINGS, Stage.OPERATOR_TALKS):
        return OPERATOR
    return POLICE if cell.fault.side is Side.AGENCY and cell.stage is not Stage.AGENCY_TALKS else FIRE


async def prepare(house: House, cell: Cell) -> None:
    """Let the telephones ring that shall be ringing when the fault strikes."""
    if cell.stage is Stage.AGENCY_RINGS:
        await house.agencies["damkar"].behave(RingOnly())
    if cell.stage is Stage.OPERATOR_RINGS:
        for phone in house.operators.values():
            await phone.behave(RingOnly())


async def reach(house: House, citizen: Citizen, cell: Cell) -> None:
    """Bring one caller to the stage. Raises NotThere."""
    try:
        await citizen.dial(house.centre.number)
        for step in _STEPS[cell.stage]:
            await step(house, citizen)
    except (TimeoutError, SoftphoneError) as error:
        raise NotThere(f"{citizen.number} did not come to “{cell.stage}”: {str(error)[:400]}") from None


async def answer_what_rings(house: House, cell: Cell) -> None:
    """After the fault: people take up the telephones that ring, and from now on as ever.

    Where what rings is to be left untaken, the agency never answers, and operators only what rings from now on.
    """
    if cell.stage not in RINGS:
        return
    await asyncio.sleep(ANSWERS_S)
    untaken = cell.fault.key == UNTAKEN
    for name, phone in house.humans.items():
        if untaken and name == "damkar":
            continue
        try:
            await phone.behave(Answer(ANSWERS_S))
            if untaken:
                continue
            for call in phone.calls:
                if not call.ended and call.report().answered_s is None:
                    await call.answer()
                    if name in house.operators:
                        break  # one person, one call
        except SoftphoneError:
            continue  # its fault is that it is gone


_CHOSE: Final = frozenset({"choice", "dials", "operator"})
"""What the PBX tells first of a caller who has chosen: a plan that begins with a dial tells that alone."""


# ---------------------------------------------------------------------- steps
async def _opened(house: House, citizen: Citizen) -> None:
    await house.observer.until(citizen.number, lambda seen: seen.what == "opened", SOON_S)


async def _menu(house: House, citizen: Citizen) -> None:
    await house.observer.until(citizen.number, lambda seen: seen.what == "menu", SOON_S)
    assert citizen.call is not None
    await citizen.call.until_hears_speech(within=SOON_S)


async def _choice(house: House, citizen: Citizen) -> None:
    await asyncio.sleep(THINKS_S)
    await citizen.press()
    await house.observer.until(citizen.number, lambda seen: seen.what in _CHOSE, SOON_S)


async def _agency_rings(house: House, citizen: Citizen) -> None:
    bad = citizen.digit == POLICE
    channel = f"trunk-{BAD_AGENCY if bad else 'damkar'}-"
    await house.observer.until(citizen.number, lambda seen: seen.what == "dials" and channel in seen.detail, SOON_S)
    await _until(
        lambda: house.peer.rings_for(citizen.number) if bad else bool(citizen.calls_at(house.agencies["damkar"])),
        f"no telephone of the agency rings for {citizen.number}",
    )


async def _operator_rings(house: House, citizen: Citizen) -> None:
    """The second caller waits until an operator is free: all of them ring for the first one."""
    await house.observer.until(citizen.number, lambda seen: seen.what == "operator", SOON_S)
    await _until(
        lambda: any(phone.calls for phone in house.operators.values()), "no operator's telephone rings for anybody"
    )


async def _talks(_house: House, citizen: Citizen) -> None:
    await _until(lambda: bool(citizen.human(0.0)), f"{citizen.number} and his human do not hear each other", AGENCY_S)


async def _leaves(house: House, citizen: Citizen) -> None:
    assert citizen.call is not None
    await citizen.call.hangup()
    await house.observer.until(citizen.number, lambda seen: seen.what in {"leaves", "doorbell"}, SOON_S)


async def _until(test: Callable[[], bool], otherwise: str, within: float = SOON_S) -> None:
    try:
        async with asyncio.timeout(within):
            while not test():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(otherwise) from None


_Step = Callable[[House, Citizen], Awaitable[None]]
_TALKS: Final = (_menu, _choice, _talks)
_STEPS: Final[dict[Stage, tuple[_Step, ...]]] = {
    Stage.ANSWERED: (_opened,),
    Stage.MENU: (_menu,),
    Stage.DIGIT: (_menu, _choice),
    Stage.AGENCY_RINGS: (_menu, _choice, _agency_rings),
    Stage.OPERATOR_RINGS: (_menu, _choice, _operator_rings),
    Stage.AGENCY_TALKS: _TALKS,
    Stage.OPERATOR_TALKS: _TALKS,
    Stage.HANGING_UP: (*_TALKS, _leaves),
}
