"""What phones and trunks log in with: made, kept as digests or encrypted, and brought to the PBX at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from callrouter.access.model import AuditNote, Principal
from callrouter.access.ports import OperatorSecret, SecretStore, TrunkSecret
from callrouter.access.tokens import actor
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.directory import Directory
from callrouter.vault import Digests, Vault, checked_password, digests, new_operator_secret

log = structlog.get_logger(__name__)


async def kept(store: SecretStore, vault: Vault) -> Credentials:
    """Return what is kept. Raises StorageUnavailable, and OperatorError where the key file is not the right one."""
    operators = {key: Digests(s.md5, s.sha256) for key, s in (await store.operators()).items()}
    trunks = {key: vault.decrypt(s.ciphertext) for key, s in (await store.trunks()).items()}
    return Credentials(operators, trunks)


class CredentialDesk:
    """Changes credentials, one at a time: the PBX first, then the database; what fails is taken back.

    show:   makes the PBX show these; raises PbxRefused with everything as before
    now_us: the wall clock, µs UTC
    """

    def __init__(
        self,
        store: SecretStore,
        vault: Vault,
        known: Credentials,
        show: Callable[[Credentials], Awaitable[None]],
        now_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._vault = vault
        self._show = show
        self._now_us = now_us
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self.known = known
        """What the PBX is shown from now on."""

    async def new_operator_secret(self, operator: str, by: Principal) -> str:
        """Make a new secret and return it, this once; the old one is void. Raises PbxRefused, StorageUnavailable."""
        secret = new_operator_secret()
        made = digests(operator, secret)
        kept_as = OperatorSecret(operator, made.md5, made.sha256, self._now_us(), by.name)
        note = AuditNote(actor(by), "secret", f"operators/{operator}", {"secret": "new"})
        await self._change(
            lambda known: replace(known, operators={**known.operators, operator: made}),
            lambda: self._store.put_operator(kept_as, note),
        )
        return secret

    async def set_trunk_password(self, trunk: str, password: str, by: Principal) -> None:
        """Keep a trunk's password, encrypted. Raises RefusedValue, PbxRefused, StorageUnavailable."""
        kept_as = TrunkSecret(trunk, self._vault.encrypt(checked_password(password)), self._now_us(), by.name)
        note = AuditNote(actor(by), "secret", f"trunks/{trunk}", {"password": "set"})
        await self._change(
            lambda known: replace(known, trunks={**known.trunks, trunk: password}),
            lambda: self._store.put_trunk(kept_as, note),
        )

    async def clear_trunk_password(self, trunk: str, by: Principal) -> bool:
        """Remove it; False where there is none. Raises PbxRefused, StorageUnavailable."""
        note = AuditNote(actor(by), "secret", f"trunks/{trunk}", {"password": "removed"})
        if trunk not in self.known.trunks:
            return False
        await self._change(
            lambda known: replace(known, trunks={k: v for k, v in known.trunks.items() if k != trunk}),
            lambda: self._store.delete_trunk(trunk, note),
        )
        return True

    def only_of(self, directory: Directory) -> None:
        """Forget what belongs to operators and trunks that the directory has no more: a namesake starts anew."""
        operators = {o.key for o in directory.operators}
        trunks = {t.key for t in directory.trunks}
        self.known = Credentials(
            {key: kept for key, kept in self.known.operators.items() if key in operators},
            {key: password for key, password in self.known.trunks.items() if key in trunks},
        )

    async def _change(
        self, change: Callable[[Credentials], Credentials], write: Callable[[], Awaitable[object]]
    ) -> None:
        # Once begun it goes on to its end, also where nobody waits for it any more: PBX and database stay together.
        task = asyncio.create_task(self._changed(change, write))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _changed(
        self, change: Callable[[Credentials], Credentials], write: Callable[[], Awaitable[object]]
    ) -> None:
        async with self._one_at_a_time:
            before = self.known
            self.known = change(before)
            try:
                await self._show(self.known)
            except BaseException:
                self.known = before
                raise
            try:
                await write()
            except BaseException:
                await self._back_to(before)
                raise

    async def _back_to(self, before: Credentials) -> None:
        """Show what is stored: a write whose answer was lost may have been carried out."""
        try:
            self.known = await kept(self._store, self._vault)
        except StorageUnavailable:
            self.known = before
        try:
            await self._show(self.known)
        except Exception:
            log.exception("credentials.not_taken_back")
