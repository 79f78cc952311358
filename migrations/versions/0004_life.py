"""The life of an incident: what persons do with it, which agencies have it, sub-codes of dispositions.

What was there already gets what follows from it: abandoned calls their disposition, calls with a known area that
area. The agencies that talked to callers of before are not made up: their attempts are kept with the calls.

Revision: 0004; follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_NOT_CLOSED = sa.text("closed_at IS NULL")
_PASSED = sa.text("state = 'passed'")


def upgrade() -> None:
    _extend_incident()
    op.execute("UPDATE incident SET updated_at = opened_at")
    op.execute("UPDATE incident SET disposition = 'abandoned' WHERE state = 'abandoned'")
    _take_areas_over()
    _make_incident_agency()
    op.create_table(
        "sub_code",
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name_id", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("disposition", "key", name="pk_sub_code"),
    )


def _extend_incident() -> None:
    # SQLite makes the table anew: also then its numbers only ever grow.
    with op.batch_alter_table("incident", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.alter_column("opening_call", existing_type=sa.Uuid(), nullable=True)
        batch.add_column(sa.Column("origin", sa.Text(), nullable=False, server_default="call"))
        for name in ("reporter_number", "reporter_name", "area", "area_source", "place", "description",
                     "disposition", "sub_code", "taken_by", "closed_reason"):  # fmt: skip
            batch.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        for name in ("area_by_person", "disposition_by_person"):
            batch.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("people_hurt", sa.Integer(), nullable=True))
        for name in ("taken_at", "acknowledged_at", "en_route_at", "on_scene_at", "resolved_at", "closed_at"):
            batch.add_column(sa.Column(name, sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("updated_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_incident_merged_into", "incident", ["merged_into"])
    op.create_index(
        "ix_incident_closing",
        "incident",
        ["disposition", "updated_at"],
        sqlite_where=_NOT_CLOSED,
        postgresql_where=_NOT_CLOSED,
    )


def _take_areas_over() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    taken = "facts ->> '{}'" if postgresql else "json_extract(facts, '$.{}')"
    for column in ("area", "area_source"):
        value = f"(SELECT {taken.format(column)} FROM call WHERE call.id = incident.opening_call)"  # noqa: S608 (names of ours)
        op.execute(f"UPDATE incident SET {column} = coalesce({value}, '')")  # noqa: S608 (names of ours)


def _make_incident_agency() -> None:
    op.create_table(
        "incident_agency",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident", sa.Uuid(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("passed_at", sa.BigInteger(), nullable=False),
        sa.Column("passed_by", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("en_route_at", sa.BigInteger(), nullable=True),
        sa.Column("on_scene_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name="fk_incident_agency_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_agency"),
        sa.UniqueConstraint("incident", "agency", name="uq_incident_agency_incident_agency"),
    )
    op.create_index("ix_incident_agency_agency_passed_at_id", "incident_agency", ["agency", "passed_at", "id"])
    op.create_index(
        "ix_incident_agency_due", "incident_agency", ["due_at"], sqlite_where=_PASSED, postgresql_where=_PASSED
    )
