"""Calls that the PBX refused before the dialplan saw them, as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

MAX_NEWEST: Final = 100
"""Refusals shown one by one."""
MAX_COUNTS: Final = 200
"""Counts shown: the greatest of them."""


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """How many calls were refused alike; `last` is the time of the newest, µs UTC. See `RefusedCall`."""

    status: int
    reason: str
    trunk: str
    source: str
    count: int
    last: int


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """One refused call: the fields of callrouter.calls.ports.CallRefused."""

    at: int
    node: str
    status: int
    reason: str
    trunk: str
    source: str
    number: str


@dataclass(frozen=True, slots=True)
class RefusedCalls:
    """`total` refusals, their counts (greatest first, at most MAX_COUNTS) and the newest (at most MAX_NEWEST)."""

    total: int
    counts: tuple[RefusedCount, ...]
    newest: tuple[RefusedCall, ...]


class RefusedReader(Protocol):
    """Reads refused calls from the database. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def since(self, at: int | None) -> RefusedCalls:
        """Return the calls refused at `at` (µs UTC) or later; None: all of them."""
