"""What the API asks of the other parts, where these have no port of their own for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callrouter.access.chain import ChainFault, ChainRow
from callrouter.access.model import Principal, Role
from callrouter.access.ports import AuditFilter, TokenRecord
from callrouter.calls.caller import Card
from callrouter.duty.model import Act
from callrouter.duty.service import DutyView
from callrouter.publishing.ports import Publishing


class Authenticator(Protocol):
    """Knows tokens."""

    async def authenticate(self, authorization: str | None, source: str) -> Principal:
        """Return who sends this Authorization header from that address.

        Raises Unauthenticated, Throttled (callrouter.access.tokens), StorageUnavailable.
        """


class CallerDesk(Protocol):
    """Knows callers (callrouter.calls.caller.Callers)."""

    async def look_up(self, call: UUID) -> Card | None:
        """Return the card of any call; None: there is none. Raises StorageUnavailable."""


class NoCallers:
    """Knows none."""

    async def look_up(self, call: UUID) -> Card | None:  # noqa: ARG002
        """Return None."""
        return None


class DutyDesk(Protocol):
    """Who is rung now (callrouter.duty.service.Duty)."""

    def overview(self) -> list[DutyView]:
        """Return the duty of every enabled operator, by key."""

    async def act(self, operator: str, act: Act, by: Principal) -> DutyView:
        """Do it. Raises NoSuchOperator, InNoGroup (callrouter.duty.service), StorageUnavailable."""


class TokenDesk(Authenticator, Protocol):
    """Bearer tokens (callrouter.access.tokens.Tokens)."""

    async def issue(
        self, name: str, role: Role, subject: str | None, days: int, by: Principal
    ) -> tuple[TokenRecord, str]:
        """Give one; its text is returned this once. Raises StorageUnavailable."""

    async def revoke(self, token: str, by: Principal) -> bool:
        """End one; False where none of that id is alive. Raises StorageUnavailable."""

    async def list(self) -> list[TokenRecord]:
        """Return every token, newest first. Raises StorageUnavailable."""


class AuditTrail(Protocol):
    """The audit, to read. Raises StorageUnavailable."""

    async def page(self, wanted: AuditFilter) -> Sequence[ChainRow]:
        """Return at most `wanted.limit` rows, newest first."""

    async def verify(self) -> Sequence[ChainFault]:
        """Return what is wrong with the chain, by the heads written outside of the database; empty: nothing."""


class SecretDesk(Protocol):
    """What operators and trunks log in with; the PBX has it when the call returns.

    Raises StorageUnavailable, and PbxRefused (callrouter.publishing.errors) with everything as before. That there is
    such an operator or trunk was looked up before.
    """

    async def new_operator_secret(self, operator: str, by: Principal) -> str:
        """Make a new secret and return it, this once; the old one is void."""

    async def set_trunk_password(self, trunk: str, password: str, by: Principal) -> None:
        """Keep a trunk's password, encrypted."""

    async def clear_trunk_password(self, trunk: str, by: Principal) -> bool:
        """Remove it; False where there is none."""


@dataclass(frozen=True, slots=True)
class Management:
    """What admins and operators work on."""

    publishing: Publishing
    secrets: SecretDesk
    duty: DutyDesk
    tokens: TokenDesk
    audit: AuditTrail
