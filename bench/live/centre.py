"""A centre whose PBX is played by a scripted peer: everything else of it is real, the service above all."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any, Final, Self

import aiohttp

from bench.live.manager import HANDS, KEEPER
from bench.live.peer import LINE, Order
from bench.live.shown import shown
from bench.live.table import DIGIT, TRUNK
from callrouter import prepare, settings
from callrouter.asterisk.files import AsteriskFiles
from callrouter.asterisk.pbx_secrets import read_secrets
from callrouter.asterisk.render import Rendered, render
from callrouter.credentials import kept
from callrouter.publishing.importing import read_table
from callrouter.state import migrate_database
from callrouter.storage.database import Database
from callrouter.storage.secrets import SecretTables
from callrouter.vault import Vault
from demo.addresses import Addresses
from demo.centre import Centre
from demo.softphone import NET_S

SAID_S: Final = 120.0
"""For one command of the peer's, besides the time that its calls take."""


class PeerFailed(RuntimeError):
    """The process that plays the PBX has ended, or did not answer in time."""


class ScriptedCentre(Centre):
    """An async context manager, as Centre; its clips must be recorded (demo.clips), for no PBX brings a voice."""

    _peer: Process | None = None

    async def __aenter__(self) -> Self:
        """Prepare and start everything; on failure what was started is stopped again."""
        self.addresses = Addresses()
        try:
            self._write_table()
            self.settings = settings.load(**self._overrides())
            await self._play(await self._prepared())
            self._http = aiohttp.ClientSession(
                f"http://127.0.0.1:{self.settings.api_port}", timeout=aiohttp.ClientTimeout(total=NET_S)
            )
            await self.start_service()
        except BaseException:
            await self._close()
            raise
        return self

    async def peer(self, do: str, *, within: float = SAID_S, **how: float) -> dict[str, Any]:
        """Have the peer do something, and return what it says then (bench.live.peer). Raises PeerFailed."""
        if self._peer is None or self._peer.stdin is None:
            raise PeerFailed("it does not run")
        self._peer.stdin.write(json.dumps({"do": do, **how}).encode() + b"\n")
        return await self._said(within + how.get("calls", 0) / how.get("rate", 1))

    # ------------------------------------------------------------------ set-up
    async def _prepared(self) -> Rendered:
        """Do what `prepare.prepare` does, without an Asterisk: its folder is written, and nobody runs in it."""
        own = self.settings
        await migrate_database(own)
        await prepare.make_prompts(own, read_table(self.table_file), self._say)
        await prepare.publish_file(own, self.table_file)
        version, self.table = await prepare.table_in_force(own)
        self.accounts = await prepare.make_accounts(own, self.table)
        self.keys = read_secrets(own.secrets_dir)
        database = Database(own.database)
        try:
            vault = Vault(own.key_path)
            known = await kept(SecretTables(database, vault.chain_key()), vault)
        finally:
            await database.close()
        nobody = AsteriskFiles(self._folder / "modules", self._folder / "documentation")
        rendered = render(own, self.table, version, self.keys, known, nobody)
        await prepare.write_failsafe(own, self.table, version)
        return rendered

    async def _play(self, rendered: Rendered) -> None:
        own = self.settings
        order = Order(
            ami=(own.ami_host, own.ami_port),
            agi=(own.agi_host, own.agi_port),
            secrets={HANDS: self.keys.hands, KEEPER: self.keys.keeper},
            agi_secret=self.keys.agi,
            node=own.node,
            trunk=TRUNK,
            digit=DIGIT,
            journal=own.journal_dir,
            shown=shown(rendered),
        )
        self._peer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.live.peer", stdin=PIPE, stdout=PIPE, limit=LINE
        )
        assert self._peer.stdin is not None  # noqa: S101 (it was asked for)
        self._peer.stdin.write(order.as_json().encode() + b"\n")
        await self._said(NET_S)

    async def _said(self, within: float) -> dict[str, Any]:
        if self._peer is None or self._peer.stdout is None:
            raise PeerFailed("it does not run")
        try:
            line = await asyncio.wait_for(self._peer.stdout.readline(), within)
        except TimeoutError:
            raise PeerFailed(f"no answer within {within:g} s") from None
        if not line:
            raise PeerFailed("it has ended")
        said: dict[str, Any] = json.loads(line)
        return said

    async def _close(self) -> None:
        try:
            await super()._close()
        finally:
            await self._end_peer()

    async def _end_peer(self) -> None:
        if self._peer is None or self._peer.stdin is None:
            return
        self._peer.stdin.close()
        try:
            await asyncio.wait_for(self._peer.wait(), NET_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._peer.kill()
            await self._peer.wait()
