"""The state folder and the database, made before anything else is. `callrouter migrate` needs no more than this."""

from __future__ import annotations

import asyncio

from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.settings import Settings
from callrouter.storage.revisions import migrate


def make_state(settings: Settings) -> None:
    """Make the state folder. Raises OperatorError if that is not possible."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(
                f"Folder data {settings.state} tidak dapat dibuat: {why.id}.",
                f"The state folder {settings.state} cannot be made: {why.en}.",
            ),
            Bilingual(
                "Atur CALLROUTER_STATE ke folder yang boleh ditulis oleh pengguna ini.",
                "Set CALLROUTER_STATE to a folder this user may write.",
            ),
        ) from None


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the revision of this code and return it."""
    if settings.database_url is None:
        make_state(settings)
    return await asyncio.to_thread(migrate, settings.database)
