"""Which shape the database has, and bringing it to the one that this code wants (Alembic)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.resources import resource
from callrouter.storage.engine import Place, migrating_engine, place

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS: Final = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
)
"""All revisions in the order in which they follow each other, as the folder ``migrations`` has them (a test holds
both together). Written here too, so that what only asks needs no Alembic: 10 MB that the service would keep.
"""
_MIGRATE = Bilingual("Jalankan: callrouter migrate.", "Run: callrouter migrate.")
_MIGRATE_SAVED = Bilingual(
    "Jalankan: callrouter migrate (setelah mencadangkan basis data).", "Run: callrouter migrate (after a backup)."
)
_ONE_AT_A_TIME = 0x112
"""Key of PostgreSQL's advisory lock that lets one migration run at a time."""


def alembic_config() -> Config:
    """Return Alembic's configuration, for the migrations of this installation."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config


def wanted_revision() -> str:
    """Return the revision that this code wants."""
    return REVISIONS[-1]


def migrate(url: str) -> str:
    """Bring the database at `url` to the wanted revision, making it where it is missing; return that revision.

    All or nothing, and safe to run twice at once. Raises OperatorError, with nothing changed, for a bad URL, a
    database that cannot be reached or written, and one that is ahead of this code.
    """
    from alembic import command

    where = place(url)
    if where.file is not None:
        try:
            where.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = reason(error)
            raise OperatorError(
                Bilingual(
                    f"Folder untuk basis data {where} tidak dapat dibuat: {why.id}.",
                    f"The folder of the database {where} cannot be made: {why.en}.",
                ),
                Bilingual(
                    "Buat folder itu, atau sebut yang lain di CALLROUTER_STATE atau CALLROUTER_DATABASE_URL.",
                    "Make it, or name another in CALLROUTER_STATE or CALLROUTER_DATABASE_URL.",
                ),
            ) from None
    engine = migrating_engine(where)
    try:
        with engine.begin() as connection:
            if where.file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            _refuse_newer(where, connection)
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise unreachable(where, error) from None
    finally:
        engine.dispose()
    return wanted_revision()


def require_wanted_revision(where: Place, connection: Connection) -> None:
    """Raise OperatorError unless the database has exactly the revision that this code wants."""
    wanted = wanted_revision()
    has = _refuse_newer(where, connection)
    if has == wanted:
        return
    if has is None:
        state = _FOREIGN if inspect(connection).get_table_names() else _EMPTY
        raise OperatorError(
            Bilingual(
                f"Basis data {where} {state.id} (revisi: tidak ada; callrouter ini memerlukan {wanted}).",
                f"The database {where} {state.en} (revision: none; this callrouter wants {wanted}).",
            ),
            _MIGRATE,
        )
    raise OperatorError(
        Bilingual(
            f"Basis data {where} tertinggal: revisinya {has}, callrouter ini memerlukan {wanted}.",
            f"The database {where} is behind: it has revision {has}, this callrouter wants {wanted}.",
        ),
        _MIGRATE_SAVED,
    )


_EMPTY = Bilingual("kosong", "is empty")
_FOREIGN = Bilingual("berisi tabel, tetapi bukan milik callrouter", "has tables, but none of callrouter's")


def missing_file(where: Place) -> OperatorError:
    """Return the error for an SQLite file that is not there."""
    wanted = wanted_revision()
    return OperatorError(
        Bilingual(
            f"Basis data {where} tidak ada (revisi: tidak ada; callrouter ini memerlukan {wanted}).",
            f"There is no database {where} (revision: none; this callrouter wants {wanted}).",
        ),
        _MIGRATE,
    )


def unreachable(where: Place, error: DBAPIError) -> OperatorError:
    """Return the error for a database that cannot be used, with the driver's reason and without the password."""
    said = where.without_secret(str(error.orig)).rstrip(".")
    return OperatorError(
        Bilingual(
            f"Basis data {where} tidak dapat dipakai: {said}.",
            f"The database {where} cannot be used: {said}.",
        ),
        _REACH_POSTGRESQL if where.file is None else _REACH_SQLITE,
    )


def unavailable(error: StorageUnavailable) -> OperatorError:
    """Return the error for a database that was there and then did not do what was asked."""
    said = str(error).rstrip(".")
    return OperatorError(
        Bilingual(f"Basis data tidak dapat dipakai: {said}.", f"The database cannot be used: {said}."),
        Bilingual(
            "Tidak ada yang diubah. Periksa apakah proses lain sedang memakai basis data itu, lalu coba lagi.",
            "Nothing was changed. See whether another process holds the database, and try again.",
        ),
    )


_REACH_POSTGRESQL = Bilingual(
    "Jalankan basis data itu atau buat ia terjangkau, dan periksa host, nama, pengguna, dan kata sandi di "
    "CALLROUTER_DATABASE_URL.",
    "Start it or make it reachable, and check host, name, user and password in CALLROUTER_DATABASE_URL.",
)
_REACH_SQLITE = Bilingual(
    "Pastikan berkas itu sebuah basis data dan pengguna ini boleh menulisnya beserta foldernya.",
    "Check that the file is a database and that this user may write it and its folder.",
)


def _refuse_newer(where: Place, connection: Connection) -> str | None:
    has = _revision(connection)
    wanted = wanted_revision()
    if has is not None and has not in REVISIONS:
        raise OperatorError(
            Bilingual(
                f"Basis data {where} lebih baru daripada callrouter ini: revisinya {has}, sedangkan yang dikenal "
                f"hanya sampai {wanted}.",
                f"The database {where} is ahead: it has revision {has}, this callrouter knows only up to {wanted}.",
            ),
            Bilingual(
                "Pasang callrouter lebih baru yang membuatnya (callrouter migrate tidak pernah mundur).",
                "Install the newer callrouter that made it (callrouter migrate never goes back).",
            ),
        )
    return has


def _revision(connection: Connection) -> str | None:
    """Return the revision that Alembic left in its own table; None where there is no such table, or no row in it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
