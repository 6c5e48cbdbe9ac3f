"""Campaigns: whether one runs, is paused or cancelled, and the lists of recipients on their way in"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "campaign_courses",
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("course", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=40), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_campaign_courses_brand_id_brands")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_courses_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign_courses")),
    )
    op.create_index(op.f("ix_campaign_courses_brand_id"), "campaign_courses", ["brand_id"])
    op.create_index(op.f("ix_campaign_courses_course"), "campaign_courses", ["course"])
    op.create_table(
        "recipient_lists",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("maker_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("form", sa.String(length=10), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("problem", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("file_sha256", sa.String(length=64), nullable=True),
        sa.Column("verdicts_sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("trial", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("entered", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("hinted_at", sa.Float(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_recipient_lists_brand_id_brands")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_recipient_lists_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipient_lists")),
    )
    op.create_index("ix_recipient_lists_campaign", "recipient_lists", ["campaign_id", "created_at", "id"])
    op.create_index("ix_recipient_lists_waiting", "recipient_lists", ["phase", "lease_until"])
    op.create_index("ix_recipient_lists_brand_id", "recipient_lists", ["brand_id"])
    op.create_index(op.f("ix_recipient_lists_file_sha256"), "recipient_lists", ["file_sha256"])
    op.create_index(op.f("ix_recipient_lists_verdicts_sha256"), "recipient_lists", ["verdicts_sha256"])
