"""What a caller chose, where the PBX does not tell it of itself.

It does so (CRChoice), but not where a plan begins with a dial, as nearly all do: an event that is written out for its
listeners just when the INVITE is to go keeps that INVITE back (docs/bench-missed.md). There the extension that dials
is called after the choice, so the PBX's own DialBegin names it, and what it means follows from what was handed over.
Where that is not known (we were started meanwhile, nobody could be dialled) the PBX is asked for the caller's
variables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.asterisk import variables as v
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.handed import Handed
from callrouter.asterisk.living import variables_in

log = structlog.get_logger(__name__)

TOGETHER_S: Final = 0.05
"""So long those who are asked for are gathered: a question wakes the PBX and us, once for all of them."""
AT_ONCE: Final = 20
MAX_ASKED: Final = 2_000
"""For more nothing is asked, and nobody is told before their end what they chose."""
VARIABLES: Final = {
    v.CALL: "Call",
    "CR_PATH": "Path",
    "CR_CHOICE": "Choice",
    v.CATEGORY: "Category",
    v.LANGUAGE: "Lang",
    v.ORIGIN: "Origin",
    v.TRUNK: "Trunk",
    v.WHERE: "Area",
    v.AWAY: "Away",
    v.POSTURE: "Posture",
    v.SUSPICION: "Suspicion",
    v.SPEECHLESS: "Speechless",
    "CR_VERSION": "Version",
    "CR_ROUTE": "Route",
    "CR_PASSED": "By",
    "CR_PLAN": "Plan",
    "CR_CHOSEN": "At",
}
"""What is asked for, and what the dialplan's own event calls it, but for when he chose, which that does not tell. The
plan is no code here, but its text."""
CUT: Final = 511
"""So much of a variable the answer holds (manager.c, generate_status): what is so long may be a part."""
_ASKED: Final = ",".join(VARIABLES)

Take = Callable[[UUID, Mapping[str, str]], None]


class Hands(Protocol):
    """What is needed of AmiLink, of the user that sees calls."""

    async def action(
        self, name: str, *, within_s: float = 5.0, listing: str | None = None, **fields: object
    ) -> AmiAnswer:
        """Run an action. Raises AmiUnavailable, AmiRefused."""


class Choices:
    """Knows or asks for them. handed: what the calls were handed"""

    def __init__(self, hands: Hands, handed: Handed) -> None:
        self._hands = hands
        self._handed = handed
        self._wanted: dict[UUID, str] = {}
        self._asked: set[UUID] = set()
        self._some = asyncio.Event()
        self.left_out = 0
        """How many were not asked for, being too many at once."""

    def __len__(self) -> int:
        """How many are still to be asked for."""
        return len(self._wanted)

    def known(self, call: UUID, choice: str, language: str) -> Mapping[str, str] | None:
        """Return what that choice means, under the names of the dialplan's event; None: it has to be asked for."""
        return self._handed.chosen(call, choice, language)

    def over(self, call: UUID) -> None:
        """The call has ended, or was told of in another way: nothing of it is to be known any more."""
        self._handed.forget(call)
        self._wanted.pop(call, None)
        self._asked.discard(call)

    def ask(self, call: UUID, channel: str) -> None:
        """Ask soon for what the caller on this channel chose."""
        if len(self._wanted) >= MAX_ASKED:
            self.left_out += 1
            return
        self._wanted[call] = channel
        self._some.set()

    async def run(self, take: Take) -> None:
        """Ask until cancelled. take: told a call and what is known of it, under the names of the dialplan's event."""
        while True:
            await self._some.wait()
            await asyncio.sleep(TOGETHER_S)
            while self._wanted:
                now = [(call, self._wanted.pop(call)) for call in list(self._wanted)[:AT_ONCE]]
                await asyncio.gather(*(self._one(call, channel, take) for call, channel in now))
            self._some.clear()

    async def _one(self, call: UUID, channel: str, take: Take) -> None:
        self._asked.add(call)
        try:
            status = await self._hands.action("Status", listing="StatusComplete", Channel=channel, Variables=_ASKED)
            for known in map(known_of, status.events):
                if known.get("Call") == str(call) and call in self._asked and not any(map(_cut, known.values())):
                    take(call, known)
        except (AmiUnavailable, AmiRefused) as error:
            # He has hung up, or the link is down: his record tells it when he has gone.
            log.info("call.choice_not_asked", call=str(call), why=str(error))
        except Exception:
            # One call that cannot be understood must not keep the others from being.
            log.exception("call.choice_not_understood", call=str(call))
        finally:
            self._asked.discard(call)


def known_of(event: AmiEvent) -> dict[str, str]:
    """Return what a channel's answer to Status with VARIABLES tells, under the names of the dialplan's event."""
    return {VARIABLES[name]: value for name, value in variables_in(event).items() if name in VARIABLES}


def _cut(value: str) -> bool:
    return len(value.encode()) >= CUT
