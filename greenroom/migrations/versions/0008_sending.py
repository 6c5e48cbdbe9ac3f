"""Sending: what stopped by cause, suppression, tags of links, and webhooks with their log"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

CAUSES = {
    "sqlite": "UPDATE renders SET cause = substr(coalesce(json_extract(reason, '$.code'), ''), 1, 60) WHERE reason IS NOT NULL",
    "postgresql": "UPDATE renders SET cause = substr(coalesce(reason ->> 'code', ''), 1, 60) WHERE reason IS NOT NULL",
}


def upgrade() -> None:
    op.add_column("renders", sa.Column("cause", sa.String(length=60), nullable=False, server_default=""))
    op.execute(CAUSES[op.get_bind().dialect.name])
    stopped = sa.text("state IN ('failed', 'blocked', 'rejected')")
    op.create_index(
        "ix_renders_cause",
        "renders",
        ["campaign_id", "state", "cause", "created_at", "id"],
        sqlite_where=stopped,
        postgresql_where=stopped,
    )
    named = sa.text("supersedes IS NOT NULL")
    op.create_index(
        "ix_renders_supersedes", "renders", ["supersedes"], sqlite_where=named, postgresql_where=named
    )
