"""What figures are read by."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from callrouter.agencies.scoreboard import FiguresReader
from callrouter.incidents.clocks import Clocked


class FiguresDesk(FiguresReader, Protocol):
    """Reads figures, and the clocks of an incident."""

    async def clocks(self, incident: UUID) -> Clocked | None:
        """Return the clocks of an incident; None where there is none of that id."""
