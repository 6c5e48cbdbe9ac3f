"""Notes on a place of the picture, and what the reviewer's queue is narrowed by"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# What stands in review already. A render that an earlier release brings into review meanwhile has no flags: the list
# is whole without the filter.
FLAGS = """
INSERT INTO review_flags (render_id, gate, brand_id, campaign_id, created_at)
SELECT DISTINCT renders.id, receipts.gate, renders.brand_id, renders.campaign_id, renders.created_at
FROM renders JOIN receipts ON receipts.essence = renders.essence
WHERE renders.state = 'in_review' AND receipts.verdict <> 'pass' AND receipts.gate <> 'authenticity' AND receipts.brand_id = renders.brand_id
AND receipts.gate_set_sha256 = renders.gate_set_sha256 AND receipts.brief_sha256 = COALESCE(renders.brief_sha256, '')
"""


def upgrade() -> None:
    op.add_column("annotations", sa.Column("region", sa.JSON(), nullable=True))
    op.add_column("views", sa.Column("proxy_sha256", sa.String(length=64), nullable=True))
    op.create_table(
        "review_flags",
        sa.Column("render_id", sa.String(length=40), nullable=False),
        sa.Column("gate", sa.String(length=60), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_review_flags_brand_id_brands")),
        sa.ForeignKeyConstraint(
            ["render_id"], ["renders.id"], name=op.f("fk_review_flags_render_id_renders")
        ),
        sa.PrimaryKeyConstraint("render_id", "gate", name=op.f("pk_review_flags")),
    )
    op.create_index("ix_review_flags_brand", "review_flags", ["brand_id", "gate", "created_at", "render_id"])
    op.create_index(
        "ix_review_flags_campaign", "review_flags", ["campaign_id", "gate", "created_at", "render_id"]
    )
    op.create_index(op.f("ix_review_leases_until"), "review_leases", ["until"])
    op.create_index(
        "ix_render_counts_held",
        "render_counts",
        ["brand_id", "state", "campaign_id"],
        sqlite_where=sa.text("number <> 0"),
        postgresql_where=sa.text("number <> 0"),
    )
    op.execute(sa.text(FLAGS))
