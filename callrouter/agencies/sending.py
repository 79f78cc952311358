"""What the outbox asks of storage and of those who send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callrouter.agencies.notices import Channel, Job


class NotSent(Exception):
    """A try failed; `str()` says why, in words for a person, and has nothing that the receiver said.

    certain: it will fail until a person acts
    final:   the receiver wants no more of it
    """

    def __init__(self, why: str, *, certain: bool = False, final: bool = False) -> None:
        super().__init__(why)
        self.certain = certain or final
        self.final = final


class Settled(Exception):
    """A try is over, and what became of the notice was kept by whoever learned of it; `str()` says what.

    delivered: the receiver has it
    """

    def __init__(self, what: str, *, delivered: bool) -> None:
        super().__init__(what)
        self.delivered = delivered


Shown = Callable[[Job], Awaitable[None]]
"""Told of each try before anything of it goes out; where it raises (StorageUnavailable), nothing does."""


async def unnoted(job: Job) -> None:
    """Note nothing: where there is no access log (tests of what is sent)."""


class Sender(Protocol):
    """Sends notices of one channel."""

    async def send(self, job: Job) -> None:
        """Send it: returns once the receiver has it. Whoever calls sets the deadline.

        Raises NotSent, Settled; StorageUnavailable where it could not be noted who is sent it, and so it was not.
        """

    async def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many notices there are of those that are not done.

    untold: dead ones where no contact point has it and the agency has not acknowledged, in incidents that are open
            (of a neighbouring centre, which acknowledges nothing to us: where its system has it by no notice)
    """

    waiting: int = 0
    dead: int = 0
    oldest: int | None = None
    """When the oldest that waits was written (µs UTC)."""
    untold: int = 0


class Outbox(Protocol):
    """Keeps notices. Every method raises StorageUnavailable (callrouter.incidents.views). Times in µs UTC."""

    async def claim(
        self, channel: Channel, now: int, lost_at: int, limit: int, without: Collection[str]
    ) -> list[Job]:
        """Take at most `limit` of a channel that are due: one for each target, none for those in `without`.

        Whoever takes them has until `lost_at`; then they are due again.
        """

    async def delivered(self, notice: UUID, now: int) -> None:
        """The receiver has it."""

    async def failed(self, notice: UUID, tries: int, why: str, again_at: int | None, *, hopeless: bool) -> None:
        """The try number `tries` failed. again_at None: it is dead; hopeless: the next contact point is told."""

    async def escalate(self, now: int) -> int:
        """Tell the next contact point, or the supervisor, where an acknowledgement is overdue; return how many."""

    async def figures(self) -> Figures:
        """Return what is not done."""
