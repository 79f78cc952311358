"""What duty needs from storage and from the PBX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from callrouter.access.model import AuditNote
from callrouter.duty.model import DutyState


class DutyStore(Protocol):
    """Keeps what operators have said. Raises StorageUnavailable."""

    async def load(self) -> dict[str, DutyState]:
        """Return the state of each operator who has one, by key."""

    async def save(self, states: Sequence[DutyState], note: AuditNote | None) -> None:
        """Store these states; with a note: append it to the audit, in the same transaction."""


class Queues(Protocol):
    """The PBX's queues: the truth of who rings."""

    async def reachable(self) -> set[str]:
        """Return the members of any group whose telephone can be rung: it is registered, as far as the PBX knows.

        Raises PbxAway.
        """

    async def set_members(self, wanted: Mapping[str, Mapping[str, bool]], still: Callable[[], bool]) -> None:
        """Make these the members of each group (both of its queues), paused where True; read back and compared.

        still: whether that is what is wanted; asked before each change, for who acts by phone is before us in the PBX
        A group that is not named is emptied when nobody can come there any more. Raises WantedElse where it is not
        any more; PbxAway, also where the PBX shows something else afterwards: it is tried again.
        """


class WantedElse(Exception):
    """What was to be brought to the PBX is not wanted any more: bring what is."""


class PbxAway(Exception):
    """The PBX does not answer; what is wanted is brought to it when it is back."""
