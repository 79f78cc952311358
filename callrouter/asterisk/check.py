"""Is the PBX the one we wrote: are all its parts there that our dialplan uses?"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from callrouter.asterisk.ami import AmiLink, AmiRefused
from callrouter.asterisk.variables import CONTEXTS, MODULES
from callrouter.errors import OperatorError

log = structlog.get_logger(__name__)

START_S: Final = 3.0
"""How long a start waits for the PBX's answer. A PBX that is away does not keep the service from serving."""


class PbxCheck:
    """Asks over the keeper's AMI link, at each login, for every module and context that a call may need.

    A caller who is sent to an application that is absent is hung up; so the service does not start to serve such a
    PBX, and says it is not ready when one comes back like that.
    """

    def __init__(self, keeper: AmiLink) -> None:
        self._keeper = keeper
        self._answered = asyncio.Event()
        self.missing: tuple[str, ...] | None = None
        """What is not there; None until the PBX was asked."""

    async def run(self) -> None:
        """Ask the PBX. Raises AmiUnavailable if it goes away meanwhile."""
        missing = [f"module {name}" for name in MODULES if not await self._there("ModuleCheck", Module=name)]
        missing += [
            f"context {context}"
            for context in CONTEXTS
            if not await self._there("ShowDialPlan", "ShowDialPlanComplete", Context=context)
        ]
        self.missing = tuple(missing)
        self._answered.set()
        if missing:
            log.error("pbx.incomplete", missing=missing)

    async def at_start(self) -> None:
        """Wait a moment for the PBX's answer. Raises OperatorError if parts are missing or the login is refused."""
        try:
            async with asyncio.timeout(START_S):
                await self._answered.wait()
        except TimeoutError:
            if self._keeper.counters.refused:
                raise OperatorError(
                    "The PBX refuses our AMI login.",
                    "Render its configuration with the secrets of this state folder (callrouter pbx render) and "
                    "restart it.",
                ) from None
            log.error("pbx.away_at_start", note="serving all the same; calls need AGI only")
            return
        if self.missing:
            raise OperatorError(
                f"The PBX lacks what our dialplan uses: {', '.join(self.missing)}.",
                "Run it with the configuration of `callrouter pbx render`.",
            )

    async def _there(self, action: str, listing: str | None = None, **fields: object) -> bool:
        try:
            await self._keeper.action(action, within_s=5.0, listing=listing, **fields)
        except AmiRefused:
            return False
        return True
