"""Personas in the browser: decisions of the people who appear, references, proposed authorities, signed documents"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "persona_decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("render_id", sa.String(length=40), nullable=False),
        sa.Column("persona_id", sa.String(length=40), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persona_decisions")),
        sa.UniqueConstraint(
            "sealed_sha256", "persona_id", "verdict", name=op.f("uq_persona_decisions_sealed_sha256")
        ),
    )
    op.create_index(op.f("ix_persona_decisions_brand_id"), "persona_decisions", ["brand_id"])
    op.create_index(op.f("ix_persona_decisions_render_id"), "persona_decisions", ["render_id"])
    op.create_index("ix_campaigns_persona", "campaigns", ["persona_id", "created_at", "id"])
    op.create_table(
        "documents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob_sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("keep_until", moment, nullable=False),
        sa.Column("uploaded_by", sa.String(length=80), nullable=False),
        sa.Column("deleted_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_documents_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_brand_id"), "documents", ["brand_id"])
    op.create_index(op.f("ix_documents_blob_sha256"), "documents", ["blob_sha256"])
    op.create_index("ix_documents_over", "documents", ["deleted_at", "keep_until"])
    op.create_table(
        "onboardings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("voice", sa.String(length=60), nullable=False),
        sa.Column("reference_sha256", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("material_sha256", sa.String(length=64), nullable=True),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("persona_id", sa.String(length=40), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("hinted_at", sa.Float(), nullable=True),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_onboardings_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_onboardings")),
    )
    op.create_index("ix_onboardings_page", "onboardings", ["brand_id", "created_at", "id"])
    op.create_index("ix_onboardings_waiting", "onboardings", ["state", "lease_until"])
    op.create_table(
        "authority_proposals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("persona_id", sa.String(length=40), nullable=True),
        sa.Column("supersedes", sa.String(length=40), nullable=True),
        sa.Column("onboarding_id", sa.String(length=40), nullable=True),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("document_id", sa.String(length=40), nullable=True),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("authority_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_authority_proposals_brand_id_brands")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_authority_proposals_document_id_documents")
        ),
        sa.ForeignKeyConstraint(
            ["onboarding_id"],
            ["onboardings.id"],
            name=op.f("fk_authority_proposals_onboarding_id_onboardings"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authority_proposals")),
    )
    op.create_index(
        "ix_authority_proposals_brand", "authority_proposals", ["brand_id", "verdict", "created_at", "id"]
    )
    op.create_index("ix_authority_proposals_onboarding", "authority_proposals", ["onboarding_id"])
    op.create_index("ix_authority_proposals_authority", "authority_proposals", ["authority_id"])
    op.create_table(
        "imports",
        sa.Column("render_id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("engine", sa.String(length=100), nullable=False),
        sa.Column("credential", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_imports_brand_id_brands")),
        sa.ForeignKeyConstraint(["render_id"], ["renders.id"], name=op.f("fk_imports_render_id_renders")),
        sa.PrimaryKeyConstraint("render_id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_brand_id"), "imports", ["brand_id"])
