"""Taking away clips that no table says any more, a while after the last one that did was replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from callrouter.prompts.texts import needed
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language

UNNEEDED: Final = ".unneeded.json"
KEPT_S: Final = 7 * 86_400
"""How long a clip is kept that is not needed: calls still play it, and a roll-back needs it again."""

log = structlog.get_logger(__name__)


def tidy(tables: Iterable[RoutingTable], out: Path, now: float) -> list[Path]:
    """Remove the clips that none of `tables` has needed for 7 days, by the runs of this function; return them.

    tables: those in force. Never call it for a draft: what its publication replaces is still being said.
    now:    s since 1970 UTC
    A file that cannot be read or removed is left, and logged: it takes nothing but room.
    """
    wanted = {clip.file for table in tables for clip in needed(table)}
    there = {path.relative_to(out) for language in Language for path in (out / language.value).glob("*.wav")}
    since = _since(out)
    removed = []
    waiting: dict[str, float] = {}
    for path in sorted(there - wanted):
        # A clock that was set back must not keep it for ever.
        begun = min(since.get(str(path), now), now)
        if now - begun >= KEPT_S and _removed(out / path):
            removed.append(path)
        else:
            waiting[str(path)] = begun
    if waiting != since:
        _note(out, waiting)
    return removed


def _since(out: Path) -> dict[str, float]:
    try:
        found = json.loads((out / UNNEEDED).read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {path: at for path, at in found.items() if isinstance(at, int | float)}


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        log.warning("prompts.not_removed", path=str(path), error=str(error))
        return False
    log.info("prompts.removed", path=str(path))
    return True


def _note(out: Path, waiting: dict[str, float]) -> None:
    new = out / f"{UNNEEDED}.new"
    try:
        new.write_text(json.dumps(waiting, indent=0, sort_keys=True))
        new.replace(out / UNNEEDED)
    except OSError as error:
        log.warning("prompts.not_noted", path=str(new), error=str(error))
