"""What was counted of days that are over, and the marks of days that changed since.

Revision: 0014; follows: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

_WHOLE = sa.BigInteger()
_NUMBERS = postgresql.ARRAY(sa.BigInteger()).with_variant(sa.JSON(), "sqlite")
_CLOCKS = ("clock_1", "clock_2", "clock_3", "clock_4")

# numeric: the moment of a hostile line is held at the limit of bigint, and its row must be stored all the same.
_MARK = """
CREATE FUNCTION mark_figure_day(moments bigint[]) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO figure_mark (day) SELECT day FROM figure_day
    WHERE day IN (SELECT floor((at::numeric + 25200000000) / 86400000000)::bigint FROM unnest(moments) AS at)
$$
"""
# Of each table: which moments a row of it counts at. A call counts at its own; it is also part of what is counted of
# its incident, and an incident is part of what is counted of its calls.
_MOMENTS = {
    "call": ("ARRAY[{row}.opened_at] || ARRAY(SELECT i.opened_at FROM incident i WHERE i.id = {row}.incident)"),
    "incident": "ARRAY[{row}.opened_at] || ARRAY(SELECT c.opened_at FROM call c WHERE c.incident = {row}.id)",
    "incident_agency": "ARRAY(SELECT i.opened_at FROM incident i WHERE i.id = {row}.incident)",
    "attempt": "ARRAY(SELECT c.opened_at FROM call c WHERE c.id = {row}.call)",
    "call_ring": "ARRAY(SELECT c.opened_at FROM call c WHERE c.id = {row}.call)",
}


def upgrade() -> None:
    op.create_table(
        "figure_day",
        sa.Column("day", _WHOLE, autoincrement=False, nullable=False),
        sa.Column("marked_from", _WHOLE, nullable=True),
        sa.Column("made_at", _WHOLE, nullable=True),
        sa.Column("form", _WHOLE, nullable=True),
        sa.Column("first_at", _WHOLE, nullable=True),
        sa.Column("last_at", _WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("day", name="pk_figure_day"),
    )
    op.create_table(
        "figure_mark",
        sa.Column("id", _WHOLE.with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("day", _WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_figure_mark"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_figure_mark_day", "figure_mark", ["day"])
    op.create_table(
        "figure_cell",
        sa.Column("day", _WHOLE, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("counts", _NUMBERS, nullable=False),
        *(sa.Column(name, _NUMBERS, nullable=True) for name in _CLOCKS),
        sa.PrimaryKeyConstraint("day", "kind", "key", name="pk_figure_cell"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _triggers()


def _triggers() -> None:
    # To unpack what is compressed takes longer than to read it.
    for name in _CLOCKS:
        op.execute(f"ALTER TABLE figure_cell ALTER COLUMN {name} SET STORAGE EXTERNAL")
    op.execute(_MARK)
    for table, moments in _MOMENTS.items():
        # Volatile, so that each of its queries sees what was committed up to now, not up to the statement's begin.
        op.execute(
            f"""
            CREATE FUNCTION mark_figures_of_{table}() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
            BEGIN
                IF TG_OP <> 'INSERT' THEN PERFORM mark_figure_day({moments.format(row="OLD")}); END IF;
                IF TG_OP <> 'DELETE' THEN PERFORM mark_figure_day({moments.format(row="NEW")}); END IF;
                RETURN NULL;
            END $$
            """
        )
        op.execute(
            f'CREATE TRIGGER mark_figures AFTER INSERT OR UPDATE OR DELETE ON "{table}" '
            f"FOR EACH ROW EXECUTE FUNCTION mark_figures_of_{table}()"
        )
