"""How often a list of recipients was taken since it last got on: it is done in slices"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recipient_lists", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
