"""Is the PBX the one we wrote: are all its parts there that our dialplan uses?"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from callrouter.asterisk.ami import AmiLink, AmiRefused
from callrouter.asterisk.variables import CONTEXTS, MODULES
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError

log = structlog.get_logger(__name__)

START_S: Final = 3.0
"""How long a start waits for the PBX's answer. A PBX that is away does not keep the service from serving."""
_LOOK_S: Final = 0.05


def login_refused(where: str, user: str) -> OperatorError:
    """Return the error for an AMI user whom the PBX at `where` does not let in."""
    return OperatorError(
        Bilingual(
            f"PBX di {where} menolak login AMI pengguna {user}: kata sandinya salah, atau alamat layanan ini tidak "
            "termasuk CALLROUTER_AMI_PEERS.",
            f"The PBX at {where} refuses the AMI login of the user {user}: its password is wrong, or this service's "
            "address is not among CALLROUTER_AMI_PEERS.",
        ),
        Bilingual(
            "Jalankan `callrouter pbx render` dengan CALLROUTER_STATE yang sama seperti layanan ini, lalu mulai "
            "ulang PBX.",
            "Run `callrouter pbx render` with the same CALLROUTER_STATE as this service, and restart the PBX.",
        ),
    )


class PbxCheck:
    """Asks over the keeper's AMI link, at each login, for every module and context that a call may need.

    A caller who is sent to an application that is absent is hung up; so the service does not start to serve such a
    PBX, and says it is not ready when one comes back like that.
    """

    def __init__(self, keeper: AmiLink, hands: AmiLink, where: str) -> None:
        self._keeper = keeper
        self._links = (keeper, hands)
        self._where = where
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
        """Wait a moment for the PBX's answer. Raises OperatorError if parts are missing or a login is refused."""
        try:
            async with asyncio.timeout(START_S):
                while not (self._answered.is_set() and all(link.counters.logins for link in self._links)):
                    for link in self._links:
                        if link.counters.refused:
                            raise login_refused(self._where, link.name)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            log.error("pbx.away_at_start", note="serving all the same; calls need AGI only")
        if self.missing:
            lacking = ", ".join(self.missing)
            raise OperatorError(
                Bilingual(
                    f"PBX di {self._where} tidak memiliki bagian yang dipakai dialplan kita: {lacking}.",
                    f"The PBX at {self._where} lacks what our dialplan uses: {lacking}.",
                ),
                Bilingual(
                    "Jalankan `callrouter pbx render` dan mulai PBX dengan konfigurasi itu.",
                    "Run `callrouter pbx render`, and start the PBX with that configuration.",
                ),
            )

    async def _there(self, action: str, listing: str | None = None, **fields: object) -> bool:
        try:
            await self._keeper.action(action, within_s=5.0, listing=listing, **fields)
        except AmiRefused:
            return False
        return True
