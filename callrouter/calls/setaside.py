"""Lines of the journal that could not be taken, as they are read: set aside, never dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

MAX_NEWEST: Final = 100
"""Lines shown one by one."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """One line. at: when it was set aside, µs UTC; file: of the journal; position: the byte at which it begins."""

    at: int
    node: str
    file: str
    position: int
    reason: str
    line: bytes


@dataclass(frozen=True, slots=True)
class SetAsides:
    """`total` lines were set aside; `newest` are at most MAX_NEWEST of them, newest first."""

    total: int
    newest: tuple[SetAside, ...]


class SetAsideReader(Protocol):
    """Reads them from the database. Raises StorageUnavailable (callrouter.incidents.views)."""

    async def since(self, at: int | None) -> SetAsides:
        """Return the lines set aside at `at` (µs UTC) or later; None: all of them."""
