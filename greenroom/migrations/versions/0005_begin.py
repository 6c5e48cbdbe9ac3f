"""Begin: the organisation, brands with a territory of their own, memberships and invitations"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.add_column("brands", sa.Column("territory", sa.String(length=20), nullable=False, server_default=""))
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "memberships",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("persona_id", sa.String(length=40), nullable=True),
        sa.Column("left_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_memberships_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_memberships_brand_id_brands")),
        sa.ForeignKeyConstraint(
            ["persona_id"], ["personas.id"], name=op.f("fk_memberships_persona_id_personas")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("account_id", "brand_id", name=op.f("uq_memberships_account_id")),
    )
    op.create_index(op.f("ix_memberships_account_id"), "memberships", ["account_id"])
    op.create_index(op.f("ix_memberships_brand_id"), "memberships", ["brand_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("brand_ids", sa.JSON(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("persona_id", sa.String(length=40), nullable=True),
        sa.Column("token_hmac", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_invitations_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_invitations_brand_id_brands")),
        sa.ForeignKeyConstraint(
            ["persona_id"], ["personas.id"], name=op.f("fk_invitations_persona_id_personas")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hmac", name=op.f("uq_invitations_token_hmac")),
    )
    op.create_index(op.f("ix_invitations_brand_id"), "invitations", ["brand_id"])
    op.create_index(op.f("ix_invitations_expires_at"), "invitations", ["expires_at"])
