"""The head of the audit's chain, written outside the database each hour: rows cut off at the end are found by it.

The file only grows, a line an hour. Whoever wants more than this machine's word copies it elsewhere; the same line
goes to the log.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import structlog

from callrouter.access.chain import Head, parse_head
from callrouter.access.ports import Audit
from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable

log = structlog.get_logger(__name__)

EVERY_S: Final = 3600.0
RETRY_S: Final = 30.0


def read(path: Path) -> list[Head]:
    """Return every head in the file, oldest first; none where there is no file. Raises OperatorError."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
    except OSError as error:
        raise OperatorError(
            Bilingual(
                f"{path} tidak dapat dibaca: {reason(error).id}.", f"{path} cannot be read: {reason(error).en}."
            ),
            Bilingual("Periksa izinnya.", "Check its permissions."),
        ) from None
    return [head for line in lines if (head := parse_head(line)) is not None]


def append(path: Path, head: Head) -> None:
    """Add a head, and see it onto the disk. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(head.line() + "\n")
        file.flush()
        os.fsync(file.fileno())


async def keep(audit: Audit, path: Path) -> None:
    """Write the head now and each hour, for ever; where nothing has changed, nothing is written.

    What cannot be read or written is tried again: no file of evidence may end the service.
    """
    last: list[Head] | None = None
    while True:
        try:
            if last is None:
                last = (await asyncio.to_thread(read, path))[-1:]
            head = await audit.head()
            if head is not None and [head] != last:
                await asyncio.to_thread(append, path, head)
                last = [head]
                log.info("audit.head", seq=head.seq, mac=head.mac)
            wait_s = EVERY_S
        except (StorageUnavailable, OperatorError, OSError) as error:
            log.error("audit.head_not_written", why=str(error), file=str(path))
            wait_s = RETRY_S
        await asyncio.sleep(wait_s)
