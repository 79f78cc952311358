"""What leaves the centre for the agencies: notices."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import cache, partial
from typing import Final
from uuid import UUID

import structlog

from callrouter.agencies import wording
from callrouter.agencies.calling import BESIDE_S, LISTEN_S
from callrouter.agencies.mail import MailSender, MailServer
from callrouter.agencies.notices import Channel, Job
from callrouter.agencies.outbox import Dispatcher, Pace
from callrouter.agencies.sending import Sender
from callrouter.agencies.webhook import WebhookSender
from callrouter.asterisk.ami import AmiEvent
from callrouter.asterisk.notice_call import NoticeCalls, Speech
from callrouter.bilingual import Bilingual, reason
from callrouter.calls.journal import JournalReader
from callrouter.calls.records import NoticeRung
from callrouter.clock import now_us
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.metrics import Metrics
from callrouter.privacy.access_log import AccessLog
from callrouter.prompts import espeak
from callrouter.prompts.aloud import STALE_S, Aloud
from callrouter.routing.clips import of_table
from callrouter.settings import Settings
from callrouter.storage.access_log import AccessEntries
from callrouter.storage.database import Database
from callrouter.storage.notice_secrets import NoticeSecrets
from callrouter.storage.notices import Notices
from callrouter.vault import Vault
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.incidents import IncidentLife
from callrouter.wiring.links import Links
from callrouter.wiring.noted import noted_in

log = structlog.get_logger(__name__)

CALLS: Final = 4
"""Calls that speak notices, at once."""


class Outgoing(Group):
    """The outbox of notices, and those who send them."""

    def __init__(
        self, settings: Settings, database: Database, incidents: IncidentLife, links: Links, in_force: InForce
    ) -> None:
        vault = Vault(settings.key_path)
        self._writer = incidents.notices
        self.secrets = NoticeSecrets(database, vault.encrypt, vault.decrypt, vault.chain_key())
        self.notices = Notices(database, incidents.notices, changed=incidents.changes)
        shown = self.shown = noted_in(AccessLog(AccessEntries(database), now_us))
        senders: dict[Channel, Sender] = {
            Channel.WEBHOOK: WebhookSender(settings.notice_networks, self.secrets.secret_of, shown=shown)
        }
        if settings.smtp_host is not None:
            senders[Channel.EMAIL] = senders[Channel.SUPERVISOR] = MailSender(mail_server(settings), shown)
        self._journal: JournalReader | None = None
        aloud = self._aloud = Aloud(settings.pbx_dir / "notices", cache(partial(espeak.find, settings.pbx_root)))
        ring_s = settings.timers.static_ring_s
        spoken = partial(speech, aloud, in_force)
        self.phone = NoticeCalls(links.hands, spoken, aloud.remove, self._wrote, ring_s, shown)
        senders[Channel.PHONE] = self.phone
        # A call that a killed service began counts as lost only when it is over and the journal has told of it.
        call_s = float(ring_s + LISTEN_S + BESIDE_S)
        pace = Pace(workers=CALLS, doubtful=CALLS, try_s=call_s + 30, lost_s=call_s + 60)
        self.dispatcher = Dispatcher(self.notices, senders, paces={Channel.PHONE: pace}, ready=self._ready)
        incidents.changes.follow(self._changed)

    def follow(self, journal: JournalReader) -> None:
        """The journal tells what became of calls that speak notices."""
        self._journal = journal
        journal.rung = self._rung

    def heard(self, event: AmiEvent) -> None:
        """Something happened in the PBX."""
        self.phone.heard(event)

    def sends(self, channel: Channel, sender: Sender) -> None:
        """Have this one send what goes out by a channel."""
        self.dispatcher.senders = {**self.dispatcher.senders, channel: sender}

    def tasks(self) -> Sequence[Task]:
        """Send, and tell the next one where nobody acknowledges; take away what a killed service had spoken."""
        return (("notices", self.dispatcher.run()), ("spoken-notices", self._tidy()))

    def show(self, metrics: Metrics) -> None:
        """Show what waits, what was given up, and what fails."""
        of = self.dispatcher
        metrics.gauge("notices_waiting", "Notices that are not delivered yet.", lambda: of.figures.waiting)
        metrics.gauge("notices_dead", "Notices that were given up.", lambda: of.figures.dead)
        metrics.gauge(
            "notices_untold",
            "Notices that were given up, of agencies that nobody else told and that have not acknowledged.",
            lambda: of.figures.untold,
        )
        metrics.gauge("notice_targets_failing", "Receivers whose last try failed.", lambda: of.doubted)
        metrics.counter("notices_delivered", "Notices that their receivers have.", lambda: of.delivered)
        metrics.counter("notice_failures", "Tries that failed.", lambda: of.failures)
        metrics.counter(
            "notices_escalated", "Acknowledgements that were overdue: the next was told.", lambda: of.escalated
        )
        for channel in of.senders:
            metrics.bound(f"notices_{channel}", partial(of.sending_by, channel), of.pace_of(channel).workers)

    async def close(self) -> None:
        """Close the connections."""
        await self.dispatcher.close()

    async def _tidy(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._aloud.tidy)
            except Exception:
                # No call depends on this: a defect here must not end the service.
                log.exception("notice.not_tidied")
            await asyncio.sleep(STALE_S)

    def _ready(self, channel: Channel) -> bool:
        # What became of a call while we were away is known first: nobody is rung twice for want of reading.
        return channel is not Channel.PHONE or (self._journal is not None and self._journal.caught_up.is_set())

    def _wrote(self) -> None:
        if self._journal is not None:
            self._journal.ring()

    async def _rung(self, rung: NoticeRung) -> None:
        try:
            kept = await self.notices.rung(rung.notice, rung.tries, rung.result, rung.at)
        except StorageUnavailable:
            raise
        except Exception:
            # A line that cannot be stored must keep back no other; this entry of the log tells what it said.
            log.exception("notice.line_refused", notice=str(rung.notice), tries=rung.tries, result=rung.result)
            return
        if kept:
            self.phone.settled(rung.notice, rung.result)
            self.dispatcher.wake()

    def _changed(self, _incidents: Collection[UUID]) -> None:
        if self._writer.fresh:
            self._writer.fresh = False
            self.dispatcher.wake()


def speech(aloud: Aloud, in_force: InForce, job: Job) -> Speech:
    """Speak a notice in the languages of the menu, the first one first. Raises OperatorError, OSError."""
    table, told = in_force.table(), job.told
    area = next((area.name for area in table.routing.areas if area.code == told.area), told.area)
    languages = table.routing.languages
    made = aloud.write(
        f"{job.notice.id}-{job.notice.tries}", {one: wording.spoken(told, area, one) for one in languages}
    )
    about = of_table(table).get(f"category-{told.category}")
    clips = [
        clip
        for one in languages
        for clip in (
            f"{one.value}/cr/notice-intro",
            *([f"{one.value}/cr/{about}"] if about else []),
            str(made[one].with_suffix("")),
            f"{one.value}/cr/notice-press",
        )
    ]
    return Speech(tuple(clips), tuple(made.values()))


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
