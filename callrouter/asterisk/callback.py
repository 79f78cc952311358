"""Calling a caller back: the operator's telephone rings, then the caller's (context callrouter-callback)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.variables import EVENT_CALLBACK
from callrouter.incidents.callbacks import RING_S, NotRung, Try

CONTEXT: Final = "callrouter-callback"


class Hands(Protocol):
    """The link of the user that may originate calls (callrouter.asterisk.ami.AmiLink)."""

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        """Send an action. Raises AmiUnavailable, AmiRefused."""


class CallbackRinger:
    """Has the PBX ring (callrouter.calls.callingback.Ringer)."""

    def __init__(self, hands: Hands, ring_s: int = RING_S) -> None:
        self._hands = hands
        self._ring_s = ring_s

    async def ring(self, one: Try, ways: Sequence[str], shown: str) -> None:
        """Ring the operator; the PBX does the rest. Returns when it has taken it.

        ways:  keys of the trunks to dial the caller by, in order
        shown: what the operator's telephone shows
        Raises NotRung.
        """
        variables = {
            "CR_BACK": one.id,
            "CR_BACK_OF": one.incident,
            "CR_BACK_NUMBER": one.dialled,
            "CR_BACK_VIA": "&".join(ways),
            "CR_BACK_OP": one.operator,
            "CR_BACK_S": self._ring_s,
        }
        try:
            await self._hands.action(
                "Originate",
                Channel=f"PJSIP/{one.operator}",
                Context=CONTEXT,
                Exten="s",
                Priority="1",
                Timeout=str(self._ring_s * 1_000),
                CallerID=f'"{shown}" <{one.dialled}>',
                Variable=[f"{name}={value}" for name, value in variables.items()],
            )
        except (AmiUnavailable, AmiRefused) as error:
            raise NotRung(str(error)) from error


def is_callback(event: AmiEvent) -> bool:
    """Return whether the PBX says that a line about a call back stands in the journal."""
    return event.name == "UserEvent" and event.fields.get("UserEvent") == EVENT_CALLBACK
