"""What access needs from storage. Every method raises StorageUnavailable (callrouter.incidents.views)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from callrouter.access.chain import ChainFault, ChainRow, Head
from callrouter.access.model import AuditNote, Role

TOUCH_EVERY_US: Final = 60_000_000
"""`last_used_at` of a token is exact to this."""
MAX_AUDIT_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A bearer token as it is kept: never the token itself. Times in µs UTC.

    id:      stands in the token too, so that it is found without a search
    name:    as the audit shows it
    subject: key of the operator or agency it is for; None for other roles
    digest:  SHA-256 of the secret part, in hexadecimal (the secret is random: a slow hash would add nothing)
    """

    id: str
    name: str
    role: Role
    subject: str | None
    digest: str
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int | None = None
    last_used_at: int | None = None

    def valid_at(self, at: int) -> bool:
        """Return whether it opens anything at `at`."""
        return self.revoked_at is None and at < self.expires_at

    def revoked(self, at: int) -> TokenRecord:
        """Return it as revoked at `at`; one that was revoked before stays so."""
        return self if self.revoked_at is not None else replace(self, revoked_at=at)


class TokenStore(Protocol):
    """Keeps tokens."""

    async def add(self, record: TokenRecord, note: AuditNote) -> None:
        """Store a new one, with the note, in one transaction. Raises ValueError where the id is taken."""

    async def get(self, id_: str) -> TokenRecord | None:
        """Return the token of that id, revoked and expired ones too; or None."""

    async def all(self) -> list[TokenRecord]:
        """Return every token, newest first."""

    async def revoke(self, id_: str, at: int, note: AuditNote) -> TokenRecord | None:
        """Revoke it, with the note, in one transaction; return it as it then is, or None where there is none.

        One that was revoked before stays as it is, and no note is written.
        """

    async def touch(self, id_: str, at: int) -> None:
        """Note that it was used; written at most once in TOUCH_EVERY_US."""


@dataclass(frozen=True, slots=True)
class OperatorSecret:
    """Digests of an operator's SIP secret (RFC 8760: HA1 by MD5 and by SHA-256). `created_at` in µs UTC."""

    operator: str
    md5: str
    sha256: str
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True)
class TrunkSecret:
    """A trunk's password, encrypted. `created_at` in µs UTC."""

    trunk: str
    ciphertext: str
    created_at: int
    created_by: str


class SecretStore(Protocol):
    """Keeps secrets as digests and ciphertexts. A note says that there is a new one, never what it is."""

    async def put_operator(self, secret: OperatorSecret, note: AuditNote) -> None:
        """Store it, replacing an older one, with the note, in one transaction."""

    async def operators(self) -> dict[str, OperatorSecret]:
        """Return all, by operator."""

    async def put_trunk(self, secret: TrunkSecret, note: AuditNote) -> None:
        """Store it, replacing an older one, with the note, in one transaction."""

    async def delete_trunk(self, trunk: str, note: AuditNote) -> bool:
        """Remove a trunk's, with the note; False, and no note, where there is none."""

    async def trunks(self) -> dict[str, TrunkSecret]:
        """Return all, by trunk."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows of the audit a page shows, newest first; `before` is the seq to go on below (a cursor).

    subject: the beginning of the subject: ``trunks/`` or ``versions/12``
    begin, end: begin <= at < end (µs UTC)
    """

    before: int | None = None
    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    begin: int | None = None
    end: int | None = None
    limit: int = 50


class Audit(Protocol):
    """The audit trail."""

    async def append(self, note: AuditNote) -> Head:
        """Append a note by itself (a change has its own in its transaction); return the new head."""

    async def page(self, wanted: AuditFilter) -> list[ChainRow]:
        """Return at most `wanted.limit` (never more than MAX_AUDIT_PAGE) rows, newest first."""

    def rows(self) -> AsyncIterator[ChainRow]:
        """Yield every row in the order of the chain, as of one moment."""

    async def head(self) -> Head | None:
        """Return the newest row's seq and mac; None before the first."""

    async def verify(self, heads: Sequence[Head]) -> list[ChainFault]:
        """Return what is wrong with the chain, by the heads that were written outside; empty where nothing is."""
