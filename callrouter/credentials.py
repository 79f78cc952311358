"""What phones and trunks log in with: made, kept as digests or encrypted, and brought to the PBX at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from callrouter.access.model import AuditNote, Principal
from callrouter.access.ports import OperatorSecret, SecretStore, TrunkSecret
from callrouter.access.tokens import actor
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.vault import Digests, Vault, checked_password, digests, new_operator_secret


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
        self.known = known
        """What the PBX shows, or will at its start."""

    async def new_operator_secret(self, operator: str, by: Principal) -> str:
        """Make a new secret and return it, this once; the old one is void. Raises PbxRefused, StorageUnavailable."""
        secret = new_operator_secret()
        made = digests(operator, secret)
        kept_as = OperatorSecret(operator, made.md5, made.sha256, self._now_us(), by.name)
        note = AuditNote(actor(by), "secret", f"operators/{operator}", {"secret": "new"})
        async with self._one_at_a_time:
            after = replace(self.known, operators={**self.known.operators, operator: made})
            await self._change(after, lambda: self._store.put_operator(kept_as, note))
        return secret

    async def set_trunk_password(self, trunk: str, password: str, by: Principal) -> None:
        """Keep a trunk's password, encrypted. Raises RefusedValue, PbxRefused, StorageUnavailable."""
        kept_as = TrunkSecret(trunk, self._vault.encrypt(checked_password(password)), self._now_us(), by.name)
        note = AuditNote(actor(by), "secret", f"trunks/{trunk}", {"password": "set"})
        async with self._one_at_a_time:
            after = replace(self.known, trunks={**self.known.trunks, trunk: password})
            await self._change(after, lambda: self._store.put_trunk(kept_as, note))

    async def clear_trunk_password(self, trunk: str, by: Principal) -> bool:
        """Remove it; False where there is none. Raises PbxRefused, StorageUnavailable."""
        note = AuditNote(actor(by), "secret", f"trunks/{trunk}", {"password": "removed"})
        async with self._one_at_a_time:
            if trunk not in self.known.trunks:
                return False
            after = replace(self.known, trunks={k: v for k, v in self.known.trunks.items() if k != trunk})
            await self._change(after, lambda: self._store.delete_trunk(trunk, note))
        return True

    async def _change(self, after: Credentials, write: Callable[[], Awaitable[object]]) -> None:
        before, self.known = self.known, after
        try:
            await self._show(after)
        except BaseException:
            self.known = before
            raise
        try:
            await write()
        except BaseException:
            self.known = before
            await self._show(before)
            raise
