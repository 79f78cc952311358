"""Bearer tokens (RFC 6750): given once, kept as a hash, expiring, revocable.

A token reads ``cr_<id>_<secret>``. The secret has 256 random bits, so one round of SHA-256 is enough to keep it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from callrouter.access.model import LOCAL, AuditNote, Principal, Role
from callrouter.access.ports import TOUCH_EVERY_US, TokenRecord, TokenStore
from callrouter.access.throttle import Throttle
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.routing.values import one_line

MAX_DAYS: Final = 730
MAX_NAME: Final = 60
"""Characters of a token's name."""
FRESH_US: Final = 2_000_000
"""How long a token that was looked up is trusted: one that is revoked elsewhere works no longer than this."""
MAX_CACHED: Final = 1_000
_DAY_US: Final = 86_400_000_000
_TOKEN: Final = re.compile(r"cr_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_BEARER: Final = re.compile(r"[Bb]earer +([!-~]{1,200}) *")


class Unauthenticated(Exception):
    """No token, or none that is right. The message says which, and never repeats the token."""


class Throttled(Exception):
    """Too many wrong tokens from this source."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many wrong tokens: wait {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class BadRequest(Exception):
    """A token that cannot be given; `why` is a part of a sentence."""

    def __init__(self, why: Bilingual) -> None:
        super().__init__(why.en)
        self.why = why


class Tokens:
    """Gives, checks and ends tokens.

    now_us: the wall clock, µs UTC
    local:  secret of the command line on this machine, or None where there is none; it is an admin's
    there:  whether the operator or agency that a token is for is there, and enabled
    """

    def __init__(
        self,
        store: TokenStore,
        throttle: Throttle,
        now_us: Callable[[], int],
        *,
        local: str | None = None,
        there: Callable[[Role, str], bool] = lambda _role, _subject: True,
    ) -> None:
        self._store = store
        self._throttle = throttle
        self._now_us = now_us
        self._local = local
        self._there = there
        self._cached: dict[str, tuple[int, TokenRecord]] = {}

    async def issue(
        self, name: str, role: Role, subject: str | None, days: int, by: Principal
    ) -> tuple[TokenRecord, str]:
        """Give a token; its text is returned this once. Raises BadRequest, StorageUnavailable."""
        _require_good(name, role, subject, days)
        secret, now = secrets.token_urlsafe(32), self._now_us()
        record = TokenRecord(
            id=secrets.token_hex(4),
            name=name,
            role=role,
            subject=subject,
            digest=_digest(secret),
            created_at=now,
            created_by=by.name,
            expires_at=now + days * _DAY_US,
        )
        payload: dict[str, object] = {"name": name, "role": role.value, "subject": subject, "days": days}
        await self._store.add(record, AuditNote(actor(by), "token", f"tokens/{record.id}", payload))
        return record, f"cr_{record.id}_{secret}"

    async def revoke(self, token: str, by: Principal) -> bool:
        """End a token at once; False where there is none of that id. Ending it twice changes nothing."""
        note = AuditNote(actor(by), "revoke", f"tokens/{token}", {})
        self._cached.pop(token, None)
        return await self._store.revoke(token, self._now_us(), note) is not None

    async def list(self) -> list[TokenRecord]:
        """Return every token, newest first."""
        return await self._store.all()

    async def authenticate(self, authorization: str | None, source: str) -> Principal:
        """Return who sends this Authorization header from that address.

        Raises Unauthenticated, Throttled, StorageUnavailable.
        """
        if authorization is None:
            raise Unauthenticated("no token")
        sent = _BEARER.fullmatch(authorization)
        principal = await self._whose(sent[1]) if sent else None
        if principal is not None:
            return principal  # whatever others at that address do: behind one proxy sits a whole city
        if (wait := self._throttle.wait_s(source)) > 0:
            raise Throttled(wait)
        self._throttle.failed(source)
        raise Unauthenticated("the token is wrong, has expired or was revoked")

    async def _whose(self, token: str) -> Principal | None:
        if self._local is not None and hmac.compare_digest(token.encode(), self._local.encode()):
            return Principal(LOCAL, Role.ADMIN)
        parts = _TOKEN.fullmatch(token)
        record = await self._known(parts[1]) if parts else None
        if parts is None or record is None or not hmac.compare_digest(record.digest, _digest(parts[2])):
            return None
        now = self._now_us()
        if not record.valid_at(now) or (record.subject and not self._there(record.role, record.subject)):
            return None
        if now - (record.last_used_at or 0) >= TOUCH_EVERY_US:
            self._cached[record.id] = (now, replace(record, last_used_at=now))
            await self._store.touch(record.id, now)
        return Principal(record.name, record.role, record.subject, record.id)

    async def _known(self, token: str) -> TokenRecord | None:
        now = self._now_us()
        looked, record = self._cached.get(token, (None, None))
        if looked is not None and 0 <= now - looked < FRESH_US:
            return record
        found = await self._store.get(token)
        if found is not None:
            if len(self._cached) >= MAX_CACHED:
                self._cached.clear()
            self._cached[token] = (now, found)
        return found


_FOR_SOMEBODY: Final = (Role.OPERATOR, Role.AGENCY)


def _require_good(name: str, role: Role, subject: str | None, days: int) -> None:
    try:
        one_line(name)
    except RefusedValue as error:
        raise BadRequest(error.reason) from None
    if len(name) > MAX_NAME:
        raise BadRequest(
            Bilingual(f"nama paling panjang {MAX_NAME} karakter", f"a name has {MAX_NAME} characters at most")
        )
    if not 1 <= days <= MAX_DAYS:
        raise BadRequest(Bilingual(f"days adalah 1 sampai {MAX_DAYS}", f"days is 1 to {MAX_DAYS}"))
    if (role in _FOR_SOMEBODY) != (subject is not None):
        raise BadRequest(
            Bilingual(
                "subject (kunci operator atau instansi) disebut untuk peran operator dan agency, dan hanya untuk itu",
                "a subject (key of an operator or agency) is named for the roles operator and agency, and no other",
            )
        )


def actor(by: Principal) -> str:
    """Return who did it, as the audit shows it: ``diskominfo-1 (admin)``."""
    return f"{by.name} ({by.role})"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
