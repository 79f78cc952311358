"""`callrouter probe` on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.prepare import table_in_force
from callrouter.probe import Wanted, probe
from callrouter.probe_judge import table
from callrouter.probe_record import Probed, Result, save
from callrouter.selfcheck import rehearsed_trunk
from callrouter.settings import Settings

TABLE_S: Final = 3.0
"""How long the database may take to say which trunk citizens call by; the probe does not need it."""


async def run_probe(
    settings: Settings, press: str, trunk: str | None, as_json: bool, say: Callable[[str], None], language: str
) -> bool:
    """Probe, keep what was found, and say it. Return whether a caller would have been served.

    press: digits for the menu, empty for the first with a plan; trunk: a key, None for one of citizens
    Raises OperatorError where it could not be tried.
    """
    wanted = Wanted(press, await _trunk(settings) if trunk is None else trunk)
    probed = await probe(settings, wanted)
    save(settings.probe_file, probed)
    if as_json:
        say(json.dumps(probed.as_json(), ensure_ascii=False, indent=2))
    else:
        for line in (*table(probed.stages, language), _verdict(probed).said(language)):
            say(line)
    return probed.ok


async def _trunk(settings: Settings) -> str:
    try:
        async with asyncio.timeout(TABLE_S):
            _version, in_force = await table_in_force(settings)
    except (StorageUnavailable, OperatorError, TimeoutError):
        return ""
    return rehearsed_trunk(in_force)


def _verdict(probed: Probed) -> Bilingual:
    failed, warnings = len(probed.of(Result.FAILED)), len(probed.of(Result.WARNING))
    if failed:
        return Bilingual(
            f"GAGAL: {failed} tahap. Penelepon dapat mengalami hal yang sama.",
            f"FAILED: {failed} stages. Callers may meet the same.",
        )
    if warnings:
        return Bilingual(f"Baik, dengan {warnings} peringatan.", f"Well, with {warnings} warnings.")
    return Bilingual("Baik.", "Well.")
