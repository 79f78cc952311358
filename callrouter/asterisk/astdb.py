"""The PBX's own database (AstDB: logins of telephones, members of queues) before the PBX starts.

Asterisk 22 does not start with one that is no database, and starts with one that is broken inside, to keep nothing
and find nothing. Both are worse than none: what was in it comes back from the service, and from the telephones.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

NAME: Final = "astdb.sqlite3"
BUSY_S: Final = 1.0
_BROKEN: Final = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})


def set_aside_if_broken(pbx_dir: Path) -> Path | None:
    """Give a broken database another name, and return that; None where it is sound, or not there.

    One that cannot be judged (no right to read it, another process holds it) is left as it is.
    """
    file = pbx_dir / "var" / NAME
    if not file.is_file() or not (why := _broken(file)):
        return None
    aside = file.with_name(f"{NAME}.broken")
    try:
        for ending in ("-journal", "-wal", "-shm"):
            file.with_name(f"{NAME}{ending}").unlink(missing_ok=True)
        file.replace(aside)
    except OSError as error:
        log.error("pbx.database_broken", file=str(file), why=why, not_set_aside=str(error))
        return None
    log.error(
        "pbx.database_set_aside", file=str(aside), why=why, note="telephones and queues are told to the PBX anew"
    )
    return aside


def _broken(file: Path) -> str:
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=BUSY_S)) as database:
            said: str = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        # The extended codes of a kind begin with its name (SQLITE_CORRUPT_INDEX).
        return str(error) if getattr(error, "sqlite_errorname", "").startswith(tuple(_BROKEN)) else ""
    return "" if said == "ok" else said
