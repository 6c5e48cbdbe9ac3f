"""Jobs outlive the process that took them: what was asked, and a lease"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_jobs") as table:
        table.add_column(sa.Column("asked", sa.Text(), nullable=True))
        table.add_column(sa.Column("file_sha256", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("lease_until", sa.Float(), nullable=True))
    op.create_index("ix_api_jobs_working", "api_jobs", ["state", "lease_until"])
