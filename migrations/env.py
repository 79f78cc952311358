"""Alembic's entry: runs the migrations on the connection that `callrouter migrate` hands over.

Called by the command `alembic` itself (to write a new revision), it opens the database of the settings.
"""

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from callrouter.settings import load
from callrouter.storage.columns import CleanJson, CleanText, Whole
from callrouter.storage.engine import migrating_engine, place
from callrouter.storage.every_table import metadata, modelled


def _plain(kind: str, item: Any, autogen: AutogenContext) -> Any:
    # A revision stays as it was written, whatever becomes of our column types: it names the database's own.
    if kind == "type" and isinstance(item, CleanJson):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    if kind == "type" and isinstance(item, CleanText):
        return "sa.Text()"
    if kind == "type" and isinstance(item, Whole):
        return "sa.BigInteger()"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=_plain,
        include_name=modelled,
        # SQLite alters a table by making it anew; and it does roll back DDL, once BEGIN is ours (storage/engine.py).
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_given = context.config.attributes.get("connection")
if context.is_offline_mode():
    raise SystemExit("callrouter's migrations need the database at hand; there is no offline mode")
if _given is not None:
    _run(_given)
else:
    with migrating_engine(place(load().database)).begin() as _connection:
        _run(_connection)
