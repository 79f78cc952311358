"""What admins, supervisors and operators work on, put together: directory and draft, secrets, duty, tokens, audit."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from callrouter import credentials, heads
from callrouter.access.chain import ChainFault, ChainRow
from callrouter.access.model import Role
from callrouter.access.ports import AuditFilter
from callrouter.access.throttle import Throttle
from callrouter.access.tokens import Tokens
from callrouter.asterisk import files
from callrouter.asterisk.failsafe_keeper import FailsafeKeeper
from callrouter.asterisk.loader import PbxLoader
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.asterisk.queues import AmiQueues
from callrouter.bilingual import Bilingual, reason
from callrouter.calls.session import Snapshot
from callrouter.clock import now_us
from callrouter.credentials import CredentialDesk
from callrouter.duty.ports import PbxAway
from callrouter.duty.roster import Roster
from callrouter.duty.service import Duty
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.plane import LivePlane
from callrouter.publishing.errors import PbxRefused
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

log = structlog.get_logger(__name__)

AGAIN_S: Final = 3.0
"""How soon a PBX that is not known to show the table in force is brought it again; then after twice as long each."""
AGAIN_AT_MOST_S: Final = 60.0
CLOSE_S: Final = 10.0
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_NOT_KNOWN_YET: Final = Bilingual(
    "Belum diketahui apakah PBX menampilkan tabel yang berlaku; layanan sedang memuatnya.",
    "Whether the PBX shows the table in force is not known yet; the service is loading it.",
)


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
    live:    the snapshot that calls are decided by now
    """

    def __init__(
        self,
        settings: Settings,
        stores: Kept,
        loader: PbxLoader,
        queues: AmiQueues,
        go_live: Callable[[Snapshot], None],
        roster: Callable[[], Roster],
        live: Callable[[], Snapshot],
    ) -> None:
        self._local = settings.cli_token_file
        self._loader = loader
        self._look = asyncio.Event()
        token = secrets.token_urlsafe(32)
        self.secrets = CredentialDesk(stores.secrets, stores.vault, stores.credentials, self._show, now_us)
        self.failsafe = FailsafeKeeper(settings.failsafe_dir, live)
        self.plane = LivePlane(
            settings,
            loader,
            lambda: self.secrets.known,
            go_live,
            lambda: self.publishing.live[1],
            self.failsafe,
        )
        self.publishing = PublishingOffice(
            stores.desk,
            self.plane,
            settings.trunk_networks,
            worker=Worker(),
            two_person=settings.two_person,
        )
        self.duty = Duty(stores.duty, _Asked(queues, roster), roster, now_us)
        self._throttle = Throttle(time.monotonic)
        self.tokens = Tokens(stores.tokens, self._throttle, now_us, local=token, there=self._there)
        self.audit = CheckedAudit(stores.audit, settings.audit_heads)
        self._token = token
        self.refused: Bilingual | None = None
        """Why the PBX did not take the table in force when it was last brought to it; None where it did."""

    @property
    def throttled(self) -> int:
        """Addresses from which tokens were guessed of late."""
        return len(self._throttle)

    def _there(self, role: Role, subject: str) -> bool:
        """Whether whom a token is for is still there: who has left sees nothing more."""
        directory = self.publishing.live[1].directory
        people = directory.operators if role is Role.OPERATOR else directory.agencies
        return any(one.key == subject and one.enabled for one in people)

    async def open(self) -> None:
        """Read what is kept. Raises StorageUnavailable, OperatorError."""
        await self.publishing.open()

    def let_in(self) -> None:
        """Let the command line of this machine in. Raises OperatorError.

        A disk that is full or broken keeps out the command line alone: calls are served without it.
        """
        try:
            self._local.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write(self._local.parent, {self._local.name: self._token})
        except OSError as error:
            if error.errno in _DISK:
                log.warning("cli_token.not_written", file=str(self._local), why=reason(error).en)
                return
            raise OperatorError(
                Bilingual(
                    f"{self._local} tidak dapat ditulis: {reason(error).id}.",
                    f"{self._local} cannot be written: {reason(error).en}.",
                ),
                Bilingual("Berikan folder itu kepada pengguna ini.", "Give this user the folder."),
            ) from None

    def logged_in(self) -> None:
        """The PBX was logged in to: what it shows is not known any more. `run` brings it what counts, at once."""
        self.plane.shown = False
        self._look.set()

    async def run(self) -> None:
        """Keep the PBX showing the table in force, for ever: at each login, and again while it is not known to.

        Whatever was killed, and whichever link was lost in the middle of a publication, it shows what counts.
        """
        pause = AGAIN_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()
            logged_in = self._look.is_set()
            self._look.clear()
            await self._settle()
            if not self._loader.connected or (self.plane.shown and not logged_in):
                pause = AGAIN_S
                continue
            try:
                await self.show()
            except Exception:
                # Calls are served without it: a defect here must not end the service.
                log.exception("table.show_error")
            pause = AGAIN_S if self.plane.shown or logged_in else min(2 * pause, AGAIN_AT_MOST_S)

    async def _settle(self) -> None:
        """A commit whose answer was lost is made live as soon as the database tells of it, not at the next edit."""
        try:
            await self.publishing.settle()
        except StorageUnavailable:
            pass  # it is told by the health of the database, and asked again
        except PbxRefused as error:
            log.warning("table.not_settled", why=error.why.en)
        except OperatorError as error:
            log.warning("table.not_settled", why=error.said.en)
        except Exception:
            # Calls are served without it: a defect here must not end the service.
            log.exception("table.settle_error")

    def not_shown(self) -> Bilingual | None:
        """Return why a PBX that can be reached is not known to show the table in force; None: it is, or away."""
        if self.plane.shown or not self._loader.connected:
            return None
        return self.refused or _NOT_KNOWN_YET

    async def show(self) -> None:
        """Make the PBX show the table in force. What speaks against it is in `refused`."""
        try:
            await self.publishing.show()
        except PbxRefused as error:
            self.refused = error.why
        except OperatorError as error:
            self.refused = error.said
        else:
            self.refused = None

    async def close(self) -> None:
        """End what runs beside the loop, and let the command line in no more. Takes at most CLOSE_S.

        What is not done by then is cancelled with the loop: an edit is written whole or not at all, and the PBX is
        shown what counts at the next start.
        """
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(self.publishing.close(), self.failsafe.close())
        except TimeoutError:
            log.warning("publishing.not_done", within_s=CLOSE_S)
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
    """Queues as duty asks for them.

    A refusal is for duty as if the PBX were away: it is told, and tried again. In groups that the table in force has
    no more, its last resort's group rings while somebody may still come there.
    """

    def __init__(self, queues: AmiQueues, roster: Callable[[], Roster]) -> None:
        self._queues = queues
        self._roster = roster

    async def reachable(self) -> set[str]:
        """Return who can be rung."""
        return await self._queues.reachable()

    async def set_members(self, wanted: Mapping[str, Mapping[str, bool]], still: Callable[[], bool]) -> None:
        """Set them. Raises PbxAway, WantedElse."""
        try:
            last_resort = self._roster().table.routing.last_resort.group
            await self._queues.set_members(wanted, wanted.get(last_resort or "", {}), still)
        except PbxRefused as error:
            raise PbxAway(str(error)) from error
