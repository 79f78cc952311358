"""Sends notices by e-mail (RFC 5321, RFC 5322)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal

from callrouter.agencies.notices import Job
from callrouter.agencies.sending import NotSent, Shown, unnoted
from callrouter.agencies.wording import letter, subject

REFUSED_FOR_GOOD: Final = 500
"""SMTP answers from here on will not change by themselves (RFC 5321, 4.2.1)."""

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes e-mail for us. within_s: deadline of each of its answers (s)."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    within_s: float = 8.0


class MailSender:
    """Implements callrouter.agencies.sending.Sender for e-mail. shown: told of each try before it goes out."""

    def __init__(self, server: MailServer, shown: Shown = unnoted) -> None:
        self._server = server
        self._shown = shown

    async def send(self, job: Job) -> None:
        """Hand it to the server. Raises NotSent, StorageUnavailable."""
        # 12 MB, which a centre that sends no e-mail is spared.
        import aiosmtplib  # noqa: PLC0415

        server = self._server
        await self._shown(job)
        try:
            await aiosmtplib.send(
                message(job, server.sender),
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                timeout=server.within_s,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = sorted(one.code for one in error.recipients)
            raise NotSent(f"the mail server refused the address ({codes[0]})", certain=_lasts(codes[0])) from None
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(f"the mail server answered {error.code}", certain=_lasts(error.code)) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotSent(f"the mail server cannot be used ({type(error).__name__})") from None

    async def close(self) -> None:
        """Nothing is kept open."""


def message(job: Job, sender: str) -> EmailMessage:
    """Return the e-mail. Its Message-ID is the same in every try, so that who receives two can tell."""
    notice = job.notice
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = notice.target
    mail["Subject"] = subject(job)
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.created_at / 1e6, UTC))
    mail["Message-ID"] = f"<{notice.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    mail.set_content(letter(job))
    return mail


def _lasts(code: int) -> bool:
    return code >= REFUSED_FOR_GOOD
