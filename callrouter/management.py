"""What admins, supervisors and operators work on, put together: directory and draft, secrets, duty, tokens, audit."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from callrouter import credentials, heads
from callrouter.access.chain import ChainFault, ChainRow
from callrouter.access.ports import AuditFilter
from callrouter.access.throttle import Throttle
from callrouter.access.tokens import Tokens
from callrouter.asterisk.loader import PbxLoader
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.bilingual import Bilingual, reason
from callrouter.calls.session import Snapshot
from callrouter.credentials import CredentialDesk
from callrouter.duty.ports import PbxAway, Queues
from callrouter.duty.roster import Roster
from callrouter.duty.service import Duty
from callrouter.errors import OperatorError
from callrouter.plane import LivePlane
from callrouter.publishing.ports import PbxRefused
from callrouter.publishing.publication import PublishingOffice
from callrouter.publishing.worker import Worker
from callrouter.settings import Settings
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.desk import DeskTables
from callrouter.storage.duty import DutyTable
from callrouter.storage.secrets import SecretTables
from callrouter.storage.tokens import TokenTable
from callrouter.vault import Vault


def now_us() -> int:
    """Return the wall clock, µs UTC."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database keeps of these things, and what it kept at the start."""

    vault: Vault
    desk: DeskTables
    secrets: SecretTables
    duty: DutyTable
    tokens: TokenTable
    audit: AuditTrail
    credentials: Credentials


async def kept(settings: Settings, database: Database) -> Kept:
    """Return it. Raises OperatorError for a key file that is not there to be had, StorageUnavailable."""
    vault = Vault(settings.key_path)
    key = vault.chain_key()
    store = SecretTables(database, key)
    return Kept(
        vault,
        DeskTables(database, key),
        store,
        DutyTable(database, key),
        TokenTable(database, key),
        AuditTrail(database, key),
        await credentials.kept(store, vault),
    )


class Managed:
    """Everything that changes while the service runs. Implements callrouter.api.ports.Management by its parts.

    go_live: takes the snapshot that calls are to be decided by from now on
    roster:  the roster of the table in force
    """

    def __init__(
        self,
        settings: Settings,
        stores: Kept,
        loader: PbxLoader,
        queues: Queues,
        go_live: Callable[[Snapshot], None],
        roster: Callable[[], Roster],
    ) -> None:
        self._local = settings.cli_token_file
        token = secrets.token_urlsafe(32)
        self.secrets = CredentialDesk(stores.secrets, stores.vault, stores.credentials, self._show, now_us)
        self.plane = LivePlane(settings, loader, lambda: self.secrets.known, go_live, lambda: self.publishing.live[1])
        self.publishing = PublishingOffice(
            stores.desk,
            self.plane,
            settings.trunk_networks,
            worker=Worker(),
            two_person=settings.two_person,
        )
        self.duty = Duty(stores.duty, _Asked(queues), roster, now_us)
        self.tokens = Tokens(stores.tokens, Throttle(time.monotonic), now_us, local=token)
        self.audit = CheckedAudit(stores.audit, settings.audit_heads)
        self._token = token
        self.refused: Bilingual | None = None
        """Why the PBX does not show the table in force; None where it does, or is away."""

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable, OperatorError."""
        await self.publishing.open()

    def let_in(self) -> None:
        """Let the command line of this machine in. Raises OperatorError."""
        try:
            _write_private(self._local, self._token)
        except OSError as error:
            raise OperatorError(
                Bilingual(
                    f"{self._local} tidak dapat ditulis: {reason(error).id}.",
                    f"{self._local} cannot be written: {reason(error).en}.",
                ),
                Bilingual("Berikan folder itu kepada pengguna ini.", "Give this user the folder."),
            ) from None

    async def show(self) -> None:
        """Make the PBX show the table in force: at each login, so that whatever was killed, it shows what counts."""
        try:
            await self.publishing.show()
        except PbxRefused as error:
            self.refused = error.why
        except OperatorError as error:
            self.refused = error.said
        else:
            self.refused = None

    async def close(self) -> None:
        """End what runs beside the loop, and let the command line in no more."""
        await self.publishing.close()
        if self._local.exists() and self._local.read_text() == self._token:
            self._local.unlink()

    async def _show(self, _after: Credentials) -> None:
        await self.publishing.show()


class CheckedAudit:
    """The audit trail with the heads that were written outside. Implements callrouter.api.ports.AuditTrail."""

    def __init__(self, trail: AuditTrail, file: Path) -> None:
        self.trail = trail
        self.file = file

    async def page(self, wanted: AuditFilter) -> Sequence[ChainRow]:
        """Return a page, newest first."""
        return await self.trail.page(wanted)

    async def verify(self) -> Sequence[ChainFault]:
        """Return what is wrong with the chain."""
        return await self.trail.verify(heads.read(self.file))


class _Asked:
    """Queues whose refusal is for duty as if the PBX were away: it is told, and tried again."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    async def members(self) -> dict[str, dict[str, bool]]:
        """Return them."""
        return await self._queues.members()

    async def reachable(self) -> set[str]:
        """Return who can be rung."""
        return await self._queues.reachable()

    async def set_members(self, wanted: Mapping[str, Mapping[str, bool]]) -> None:
        """Set them. Raises PbxAway."""
        try:
            await self._queues.set_members(wanted)
        except PbxRefused as error:
            raise PbxAway(str(error)) from error


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
