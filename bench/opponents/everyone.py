"""All opponents side by side: one centre gives addresses, clips and configuration, the others are made from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench.opponents import agi, ari, bare, fastagi, ours
from bench.opponents.beside import RTP
from bench.opponents.hall import hall_of
from bench.opponents.model import Hall, Opponent
from bench.opponents.ours import Say
from demo.centre import Centre

KEYS: Final = (bare.KEY, ours.SQLITE, ours.POSTGRESQL, agi.KEY, fastagi.KEY, ari.KEY)
"""In the order in which they are shown."""
DIGIT: Final = "1"


@asynccontextmanager
async def everyone(
    folder: Path, table: Mapping[str, Any], say: Say, *, digit: str = DIGIT, only: Collection[str] = KEYS
) -> AsyncIterator[tuple[Hall, list[Opponent]]]:
    """Run a centre with this table, from which all are made; yield what they share, and those of `only`.

    None of them runs yet, but callrouter with SQLite, which is that centre. ValueError for a key that there is not.
    """
    if unknown := set(only) - set(KEYS):
        raise ValueError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(KEYS)}")
    async with Centre(folder / "centre", table, say=say, extra=RTP) as centre:
        hall = hall_of(centre, digit)
        yield hall, [one for one in all_opponents(centre, hall, table, say) if one.key in only]


def all_opponents(centre: Centre, hall: Hall, table: Mapping[str, Any], say: Say) -> list[Opponent]:
    """Return every opponent beside `centre`, which runs with `table`, in the order of KEYS."""
    return [
        bare.bare(centre, hall),
        ours.with_sqlite(centre),
        ours.with_postgresql(centre, table, say),
        agi.agi(centre, hall),
        fastagi.fastagi(centre, hall),
        ari.ari(centre, hall),
    ]
