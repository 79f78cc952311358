"""Sends incidents to neighbouring centres: as webhooks are sent, with the incident as JSON after NENA's EIDO."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from callrouter.agencies.notices import Job
from callrouter.agencies.sending import NotSent, Shown
from callrouter.agencies.webhook import SecretOf, WebhookSender
from callrouter.incidents.views import IncidentDetail

MAX_TOKEN: Final = 500

DetailOf = Callable[[UUID], Awaitable[IncidentDetail | None]]
DocumentOf = Callable[[IncidentDetail], dict[str, Any]]


class NeighbourSender(WebhookSender):
    """Implements callrouter.agencies.sending.Sender for incidents that are handed over.

    detail_of: gives an incident; document_of: makes its document, as it is when it goes out
    tokens:    folder with ``<key>.token``: what the centre of that key gave us to log in with there
    shown:     told of each try before anything of it goes out; where it raises, nothing does
    """

    def __init__(
        self,
        networks: Sequence[str],
        secret_of: SecretOf,
        detail_of: DetailOf,
        document_of: DocumentOf,
        tokens: Path,
        shown: Shown,
    ) -> None:
        super().__init__(networks, secret_of, shown=shown)
        self._detail_of = detail_of
        self._document_of = document_of
        self._tokens = tokens

    async def made(self, job: Job) -> tuple[bytes, dict[str, str]]:
        """Return the document, and the proof who we are where the centre gave us a token. Raises NotSent."""
        detail = await self._detail_of(job.notice.incident)
        if detail is None:
            raise NotSent("its incident is gone", final=True)
        body = json.dumps(self._document_of(detail), ensure_ascii=False).encode()
        token = await asyncio.to_thread(_token, self._tokens / f"{job.notice.agency}.token")
        return body, {"Authorization": f"Bearer {token}"} if token else {}


def _token(file: Path) -> str:
    """Return what a file holds, where it is there and can stand in a header."""
    try:
        with file.open(encoding="ascii") as opened:
            text = opened.read(MAX_TOKEN + 1).strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise NotSent("the token that it gave us cannot be read", certain=True) from None
    if len(text) > MAX_TOKEN or not text.isprintable():
        raise NotSent("the token that it gave us is none", certain=True)
    return text
