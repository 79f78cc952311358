"""What leaves the centre for the agencies: notices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from uuid import UUID

from callrouter.agencies.mail import MailSender, MailServer
from callrouter.agencies.notices import Channel
from callrouter.agencies.outbox import Dispatcher
from callrouter.agencies.sending import Sender
from callrouter.agencies.webhook import WebhookSender
from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.metrics import Metrics
from callrouter.settings import Settings
from callrouter.storage.database import Database
from callrouter.storage.notice_secrets import NoticeSecrets
from callrouter.storage.notices import Notices
from callrouter.vault import Vault
from callrouter.wiring.group import Group, Task
from callrouter.wiring.incidents import IncidentLife


class Outgoing(Group):
    """The outbox of notices, and those who send them."""

    def __init__(self, settings: Settings, database: Database, incidents: IncidentLife) -> None:
        vault = Vault(settings.key_path)
        self._writer = incidents.notices
        self.secrets = NoticeSecrets(database, vault.encrypt, vault.decrypt, vault.chain_key())
        self.notices = Notices(database, incidents.notices, changed=incidents.changes)
        senders: dict[Channel, Sender] = {
            Channel.WEBHOOK: WebhookSender(settings.notice_networks, self.secrets.secret_of)
        }
        if settings.smtp_host is not None:
            senders[Channel.EMAIL] = senders[Channel.SUPERVISOR] = MailSender(mail_server(settings))
        self.dispatcher = Dispatcher(self.notices, senders)
        incidents.changes.follow(self._changed)

    def tasks(self) -> Sequence[Task]:
        """Send, and tell the next one where nobody acknowledges."""
        return (("notices", self.dispatcher.run()),)

    def show(self, metrics: Metrics) -> None:
        """Show what waits, what was given up, and what fails."""
        of = self.dispatcher
        metrics.gauge("notices_waiting", "Notices that are not delivered yet.", lambda: of.figures.waiting)
        metrics.gauge("notices_dead", "Notices that were given up.", lambda: of.figures.dead)
        metrics.gauge("notice_targets_failing", "Receivers whose last try failed.", lambda: of.doubted)
        metrics.counter("notices_delivered", "Notices that their receivers have.", lambda: of.delivered)
        metrics.counter("notice_failures", "Tries that failed.", lambda: of.failures)
        metrics.counter(
            "notices_escalated", "Acknowledgements that were overdue: the next was told.", lambda: of.escalated
        )
        for channel in of.senders:
            metrics.bound(f"notices_{channel}", partial(of.sending_by, channel), of.pace.workers)

    async def close(self) -> None:
        """Close the connections."""
        await self.dispatcher.close()

    def _changed(self, _incidents: Collection[UUID]) -> None:
        if self._writer.fresh:
            self._writer.fresh = False
            self.dispatcher.wake()


def mail_server(settings: Settings) -> MailServer:
    """Return the mail server of the settings. Raises OperatorError for a file of a password that cannot be read."""
    path = settings.smtp_password_file
    try:
        password = None if path is None else path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else Bilingual("bukan teks UTF-8", "it is not UTF-8 text")
        raise OperatorError(
            Bilingual(
                f"CALLROUTER_SMTP_PASSWORD_FILE menyebut {path}, yang tidak dapat dibaca: {why.id}.",
                f"CALLROUTER_SMTP_PASSWORD_FILE names {path}, which cannot be read: {why.en}.",
            ),
            Bilingual("Periksa nama dan izin berkas itu.", "Check its name and permissions."),
        ) from None
    return MailServer(
        host=settings.smtp_host or "",
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=settings.smtp_sender or "",
        user=settings.smtp_user,
        password=password,
    )
