"""Which calls the PBX has a channel of, by its own list of channels (the answer to AMI's Status)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from callrouter.asterisk import variables as v
from callrouter.asterisk.ami import AmiAnswer, AmiEvent
from callrouter.calls.reconcile import Unseen

_SET = f"{v.CALL}="
NOTHING = frozenset(("", "(null)"))
"""What the PBX tells of a variable that a channel does not have: in some answers the one, in others the other."""


def variables_in(event: AmiEvent) -> dict[str, str]:
    """Return the variables of a channel in an answer to Status, by name; empty where it does not have one."""
    told = (text.partition("=") for text in event.all("Variable"))
    return {name: "" if value in NOTHING else value for name, _, value in told}


def living_calls(status: AmiAnswer) -> frozenset[UUID]:
    """Return every call that has a channel. Raises Unseen where one channel's call cannot be read.

    A call is judged dead because it is not here, so nothing else of a channel needs to be well.
    """
    living: set[UUID] = set()
    for event in status.events:
        for text in event.all("Variable"):
            if text.startswith(_SET) and (value := text.removeprefix(_SET)) not in NOTHING:
                try:
                    living.add(UUID(value))
                except ValueError:
                    channel = event.fields.get("Channel", "?")
                    raise Unseen(f"the call of channel {channel[:80]} cannot be read") from None
    return frozenset(living)


def ringing_legs(status: AmiAnswer) -> Mapping[str, tuple[str, ...]]:
    """Return the channels of callees by the linkedid of their call: those that have a linkedid and no call."""
    legs: dict[str, list[str]] = {}
    for event in status.events:
        linkedid, channel = event.fields.get("Linkedid"), event.fields.get("Channel")
        if linkedid and channel and not _has_call(event):
            legs.setdefault(linkedid, []).append(channel)
    return {linkedid: tuple(channels) for linkedid, channels in legs.items()}


def _has_call(event: AmiEvent) -> bool:
    return any(text.startswith(_SET) and text.removeprefix(_SET) not in NOTHING for text in event.all("Variable"))
