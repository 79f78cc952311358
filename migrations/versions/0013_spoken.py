"""What stood in From, beside the number that a trunk asserts.

Revision: 0013; follows: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

_SENT = sa.text("sent_from != ''")
_PERSON = sa.text("(number <> '' OR name <> '' OR sent_from <> '')")


def upgrade() -> None:
    op.add_column("call", sa.Column("sent_from", sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "ix_call_sent_from_opened_at",
        "call",
        ["sent_from", "opened_at"],
        sqlite_where=_SENT,
        postgresql_where=_SENT,
    )
    op.drop_index("ix_call_with_person", "call")
    op.create_index("ix_call_with_person", "call", ["opened_at"], sqlite_where=_PERSON, postgresql_where=_PERSON)
