"""Legal: holds, which brands an invitation opens, and the indexes of the record's search"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("lifts", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_holds_brand_id_brands")),
        sa.ForeignKeyConstraint(["lifts"], ["holds.id"], name=op.f("fk_holds_lifts_holds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sa.UniqueConstraint("lifts", name=op.f("uq_holds_lifts")),
    )
    op.create_index(op.f("ix_holds_subject"), "holds", ["subject"])
    _partial("ix_holds_page", "holds", ["brand_id", "created_at", "id"], "lifts IS NULL")
    _invitations(moment)
    op.create_index("ix_authorities_search", "authorities", ["brand_id", "kind", "created_at", "id"])
    op.create_index("ix_approvals_search", "approvals", ["brand_id", "verdict", "created_at", "id"])
    op.create_index(
        "ix_approvals_search_reviewer",
        "approvals",
        ["brand_id", "reviewer_id", "verdict", "created_at", "id"],
    )
    op.create_index("ix_assets_search", "assets", ["brand_id", "role", "created_at", "sha256"])
    recalled = "state = 'recalled'"
    _partial("ix_renders_recalled", "renders", ["brand_id", "changed_at", "id"], recalled)
    _partial("ix_renders_campaign_recalled", "renders", ["campaign_id", "changed_at", "id"], recalled)
    _partial("ix_reports_open", "reports", ["brand_id", "kind", "due_at", "id"], "closed_at IS NULL")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _invitations(moment: core.database.UtcDateTime) -> None:
    """Which brands each invitation opens, by brand: what its JSON says, where an index can find it."""
    opens = op.create_table(
        "invitation_brands",
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("invitation_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.id"], name=op.f("fk_invitation_brands_invitation_id_invitations")
        ),
        sa.PrimaryKeyConstraint("brand_id", "invitation_id", name=op.f("pk_invitation_brands")),
    )
    op.create_index(
        "ix_invitation_brands_page", "invitation_brands", ["brand_id", "created_at", "invitation_id"]
    )
    op.create_index(op.f("ix_invitation_brands_invitation_id"), "invitation_brands", ["invitation_id"])
    made = sa.table(
        "invitations", sa.column("id"), sa.column("brand_ids", sa.JSON()), sa.column("created_at", moment)
    )
    rows = [
        {"brand_id": brand_id, "invitation_id": row.id, "created_at": row.created_at}
        for row in op.get_bind().execute(sa.select(made.c.id, made.c.brand_ids, made.c.created_at))
        for brand_id in row.brand_ids
    ]
    if rows:
        op.bulk_insert(opens, rows)
    # An old process that still runs adds no such row: what it makes is found where it was made.
    op.create_index("ix_invitations_made", "invitations", ["brand_id", "created_at", "id"])
