"""What incidents are searched by: an index for each filter of the list, and their words.

Revision: 0007; follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    for column in ("state", "category", "callback"):
        op.drop_index(f"ix_incident_{column}_number", "incident")
    for column in ("state", "category", "callback", "area", "disposition"):
        name = f"ix_incident_{column}_opened_at_number"
        op.create_index(name, "incident", [column, "opened_at", "number"])
    op.create_index("ix_incident_opened_at_number", "incident", ["opened_at", "number"])
    op.create_index("ix_incident_updated_at_number", "incident", ["updated_at", "number"])
    _partial("ix_incident_reporter_number", "incident", ["reporter_number"], "reporter_number != ''")
    op.create_index("ix_call_number_opened_at", "call", ["number", "opened_at"])
    op.create_index("ix_call_outcome_opened_at", "call", ["outcome", "opened_at"])
    _partial("ix_call_joined_by_opened_at", "call", ["joined_by", "opened_at"], "joined_by != ''")
    op.add_column("incident_agency", sa.Column("opened_at", sa.BigInteger(), nullable=True))
    opened = "SELECT opened_at FROM incident WHERE incident.id = incident_agency.incident"
    op.execute(f"UPDATE incident_agency SET opened_at = ({opened})")  # noqa: S608 (no word of others)
    op.create_index("ix_incident_agency_agency_opened_at", "incident_agency", ["agency", "opened_at"])
    _make_words()


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _make_words() -> None:
    op.create_table(
        "incident_text",
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_incident_text_incident"),
        sa.PrimaryKeyConstraint("incident", name="pk_incident_text"),
    )
    op.create_index("ix_incident_text_opened_at", "incident_text", ["opened_at"])
    # What is there already: names, as the callers' sides gave them. Nobody has written anything yet.
    op.execute(
        "INSERT INTO incident_text (incident, opened_at, words) "
        "SELECT incident.id, incident.opened_at, call.name FROM incident "
        "JOIN call ON call.id = incident.opening_call WHERE call.name <> ''"
    )
    if op.get_bind().dialect.name == "postgresql":
        lexemes = "tsvector GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED"
        op.execute(f"ALTER TABLE incident_text ADD COLUMN lexemes {lexemes}")
        op.execute("CREATE INDEX ix_incident_text_words ON incident_text USING gin (lexemes)")
        return
    # FTS5 over the same text, kept by triggers (https://www.sqlite.org/fts5.html, section 4.4.3).
    op.execute(
        "CREATE VIRTUAL TABLE incident_words USING fts5("
        "words, content='incident_text', content_rowid='rowid', tokenize='unicode61 remove_diacritics 0')"
    )
    op.execute("INSERT INTO incident_words (incident_words) VALUES ('rebuild')")
    add = "INSERT INTO incident_words (rowid, words) VALUES (new.rowid, new.words);"
    drop = "INSERT INTO incident_words (incident_words, rowid, words) VALUES ('delete', old.rowid, old.words);"
    op.execute(f"CREATE TRIGGER incident_text_added AFTER INSERT ON incident_text BEGIN {add} END")
    op.execute(f"CREATE TRIGGER incident_text_gone AFTER DELETE ON incident_text BEGIN {drop} END")
    op.execute(f"CREATE TRIGGER incident_text_changed AFTER UPDATE ON incident_text BEGIN {drop} {add} END")
