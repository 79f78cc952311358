"""Suspicion, banners, posture.

Revision: 0009; follows: 0008
"""

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    pass
