"""Around released videos: a brand's words on their pages, and the cases that people open about them"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "brand_pages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_brand_pages_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brand_pages")),
    )
    op.create_index("ix_brand_pages_last", "brand_pages", ["brand_id", "created_at", "id"])
    op.create_table(
        "reports",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("render_id", sa.String(length=40), nullable=False),
        sa.Column("link_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("contact", sa.String(length=254), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.Column("closed_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_reports_brand_id_brands")),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_reports_link_id_links")),
        sa.ForeignKeyConstraint(["render_id"], ["renders.id"], name=op.f("fk_reports_render_id_renders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
    )
    op.create_index("ix_reports_brand", "reports", ["brand_id", "closed_at", "due_at", "id"])
    op.create_index("ix_reports_due", "reports", ["closed_at", "due_at"])
    op.create_index("ix_reports_link", "reports", ["link_id", "closed_at"])
