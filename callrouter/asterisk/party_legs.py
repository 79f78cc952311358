"""Channels of agencies in a talk: whom the PBX lists, and what one is dialled with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from callrouter.asterisk.ami import AmiAnswer, AmiEvent
from callrouter.calls.parties import NoSuchTarget
from callrouter.routing.directory import Agency, Contact, Directory
from callrouter.routing.plan import Target

VARIABLES: Final = ("CR_PARTY_ID", "CR_PARTY_CALL", "CR_PARTY_TO", "CR_P")
"""Asked of every channel at a login."""
READ_AT_ONCE: Final = 50
"""Channels of the list that are read before others of the loop have their turn."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A channel of a party, as the PBX lists it."""

    party: UUID
    call: UUID
    to: str
    channel: str
    rings: bool


class Hands(Protocol):
    """The link of the user that moves calls (callrouter.asterisk.ami.AmiLink)."""

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        """Send an action. Raises AmiUnavailable, AmiRefused."""


async def listed(hands: Hands) -> dict[UUID, Leg]:
    """Return the parties that the PBX has, each with the channel that is to be hung up. Raises AmiUnavailable,
    AmiRefused.
    """
    status = await hands.action("Status", listing="StatusComplete", Variables=",".join(VARIABLES))
    found: dict[UUID, Leg] = {}
    for n, event in enumerate(status.events, 1):
        if (leg := _leg_of(event)) is not None and (leg.party not in found or not leg.rings):
            found[leg.party] = leg
        if n % READ_AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


def target_of(directory: Directory, agency: str, contact: str | None) -> Target:
    """Return an agency's contact, or the first of its that can be rung. Raises NoSuchTarget."""
    found = next((one for one in directory.agencies if one.key == agency and one.enabled), None)
    point = None if found is None else _contact(found, contact, directory)
    if point is None:
        raise NoSuchTarget(f"{agency}/{contact}" if contact else agency)
    return Target(agency, point.key, point.trunk, point.number, point.confirm, point.max_calls)


def _contact(agency: Agency, wanted: str | None, directory: Directory) -> Contact | None:
    trunks = {trunk.key for trunk in directory.trunks if trunk.usable}
    return next(
        (
            one
            for one in agency.contacts
            if one.enabled and one.trunk in trunks and (wanted is None or one.key == wanted)
        ),
        None,
    )


def dialled(number: str) -> str:
    """Return of a caller's number what can be dialled: the agency sees whose call it is, as in any other."""
    return "".join(c for c in number if c in "+0123456789")[:32]


def digits(text: str) -> str:
    """Return what a channel says of the centres that its call went through, as a number of two digits at most."""
    return "".join(c for c in text if c in "0123456789")[:2] or "0"


def _leg_of(event: AmiEvent) -> Leg | None:
    """Return the party whose channel a line of the PBX's list tells of; None: it is no party's."""
    values = dict(text.partition("=")[::2] for text in event.all("Variable"))
    if not values.get("CR_P", "").isdigit():  # the half that only joins has none
        return None
    channel = event.fields.get("Channel", "")
    try:
        return Leg(
            UUID(values["CR_PARTY_ID"]),
            UUID(values["CR_PARTY_CALL"]),
            values["CR_PARTY_TO"],
            channel,
            rings=channel.startswith("Local/") or event.fields.get("ChannelStateDesc") != "Up",
        )
    except (KeyError, ValueError):
        return None
