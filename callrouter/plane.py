"""Makes a table live: prompts, the running PBX, what the service decides by, and what the PBX alone goes on by.

Implements publishing's Plane.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from callrouter.asterisk.failsafe_keeper import FailsafeKeeper
from callrouter.asterisk.fits import require_fits
from callrouter.asterisk.loader import PbxLoader
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.calls.session import Snapshot, snapshot_of
from callrouter.errors import OperatorError
from callrouter.prompts import build as prompts
from callrouter.prompts.tidy import tidy
from callrouter.publishing.errors import Invalid
from callrouter.routing.consistency import Problem
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings

log = structlog.get_logger(__name__)


def require_carried(table: RoutingTable, settings: Settings) -> None:
    """Raise Invalid where the PBX beside this service cannot carry `table`, whoever entered it."""
    try:
        require_fits(table, settings)
    except OperatorError as error:
        raise Invalid((Problem("", error.said, error.told),)) from None


class LivePlane:
    """The plane of a running service.

    credentials: what phones and trunks log in with now
    live:        the table in force
    failsafe:    what the PBX goes on by while this service is away
    go_live:     takes a snapshot: from then on each new call is decided by it. Does not fail.
    """

    def __init__(
        self,
        settings: Settings,
        loader: PbxLoader,
        credentials: Callable[[], Credentials],
        go_live: Callable[[Snapshot], None],
        live: Callable[[], RoutingTable],
        failsafe: FailsafeKeeper,
    ) -> None:
        self._settings = settings
        self._loader = loader
        self._credentials = credentials
        self._go_live = go_live
        self._live = live
        self._failsafe = failsafe
        self._next: Snapshot | None = None
        self.shown = False
        """True while the PBX is known to show what it was last to show; False at first, and after each of its logins
        until somebody has looked."""

    async def prepare(self, table: RoutingTable, version: int) -> None:
        """Make the clips that are missing and the failsafe's data, load the PBX and read it back.

        Calls get the old plans still, from the service and without it.

        Raises Invalid where this PBX cannot carry the table, PbxRefused, OperatorError, with everything as before.
        """
        await asyncio.to_thread(require_carried, table, self._settings)
        await asyncio.to_thread(self._speak, table)
        snapshot = await asyncio.to_thread(snapshot_of, version, table)
        await self._failsafe.prepare(table, version)
        await self._load(table, version)
        self._next = snapshot

    def swap(self, table: RoutingTable, version: int) -> None:
        """Let each new call be decided by `table`, and without the service go by its data."""
        ready, self._next = self._next, None
        if ready is None or ready.compiled.table is not table or ready.compiled.version != version:
            ready = snapshot_of(version, table)
        self._go_live(ready)
        self._failsafe.swap(table, version)
        log.info("table.in_force", version=version, routes=len(table.routing.routes))

    async def undo(self, table: RoutingTable, version: int) -> None:
        """Make the PBX show the table in force again. Clips that nobody needs do no harm."""
        self._next = None
        self._failsafe.drop()
        await self._load(table, version)

    async def _load(self, table: RoutingTable, version: int) -> None:
        shown = False
        try:
            shown = (await self._loader.load(table, version, self._credentials())).live
        finally:
            self.shown = shown

    def _speak(self, table: RoutingTable) -> None:
        tidy((self._live(), table), self._settings.prompts_dir, time.time())
        prompts.build(
            table,
            self._settings.prompts_dir,
            pbx_root=self._settings.pbx_root,
            recorded=self._settings.state.resolve() / "recorded",
            report=lambda line: log.info("prompts", told=line.en),
        )
