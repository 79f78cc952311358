"""Nothing: a step that was reserved. What it was for is made by 0015, since databases have gone past it without.

Revision: 0009; follows: 0008
"""

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    pass
