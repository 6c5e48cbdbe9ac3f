"""Whether a brand's videos are blurred and muted in the console until somebody plays them"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "brand_veils",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("veiled", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_brand_veils_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brand_veils")),
    )
    op.create_index("ix_brand_veils_last", "brand_veils", ["brand_id", "created_at", "id"])
