"""Which shape the database has, and bringing it to the one that this code wants (Alembic)."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from callrouter.errors import OperatorError
from callrouter.resources import resource
from callrouter.storage.engine import Place, migrating_engine, place

_MIGRATE = "Run: callrouter migrate"
_ONE_AT_A_TIME = 0x112
"""Key of PostgreSQL's advisory lock that lets one migration run at a time."""


def alembic_config() -> Config:
    """Return Alembic's configuration, for the migrations of this installation."""
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    return config


def wanted_revision() -> str:
    """Return the revision that this code wants."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise FileNotFoundError("callrouter was installed without its migrations; install it again")
    return head


def migrate(url: str) -> str:
    """Bring the database at `url` to the wanted revision, making it where it is missing; return that revision.

    All or nothing, and safe to run twice at once. Raises OperatorError, with nothing changed, for a bad URL, a
    database that cannot be reached or written, and one that is ahead of this code.
    """
    where = place(url)
    if where.file is not None:
        try:
            where.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OperatorError(
                f"The folder of the database {where} cannot be made: {error.strerror}.",
                "Make it, or name another in CALLROUTER_STATE or CALLROUTER_DATABASE_URL.",
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
        state = "has tables, but none of callrouter's" if inspect(connection).get_table_names() else "is empty"
        raise OperatorError(
            f"The database {where} {state} (revision: none; this callrouter wants {wanted}).", f"{_MIGRATE}."
        )
    raise OperatorError(
        f"The database {where} is behind: it has revision {has}, this callrouter wants {wanted}.",
        f"{_MIGRATE} (after a backup).",
    )


def missing_file(where: Place) -> OperatorError:
    """Return the error for an SQLite file that is not there."""
    return OperatorError(
        f"There is no database {where} (revision: none; this callrouter wants {wanted_revision()}).", f"{_MIGRATE}."
    )


def unreachable(where: Place, error: DBAPIError) -> OperatorError:
    """Return the error for a database that cannot be used, with the driver's reason and without the password."""
    reason = where.without_secret(str(error.orig))
    remedy = (
        "Start it or make it reachable, and check host, name, user and password in CALLROUTER_DATABASE_URL."
        if where.file is None
        else "Check that the file is a database and that this user may write it and its folder."
    )
    return OperatorError(f"The database {where} cannot be used: {reason.rstrip('.')}.", remedy)


def _refuse_newer(where: Place, connection: Connection) -> str | None:
    has = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if has is not None and has not in known:
        raise OperatorError(
            f"The database {where} is ahead: it has revision {has}, this callrouter knows only up to "
            f"{wanted_revision()}.",
            "Install the newer callrouter that made it (callrouter migrate never goes back).",
        )
    return has
