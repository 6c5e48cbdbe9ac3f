"""Sending: what stopped by cause, suppression, tags of links, and webhooks with their log"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
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
        "ix_renders_supersedes",
        "renders",
        ["supersedes", "created_at", "id"],
        sqlite_where=named,
        postgresql_where=named,
    )
    _suppressions()
    _tags()
    _webhooks()


def _suppressions() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "suppressions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("added_by", sa.String(length=80), nullable=False),
        sa.Column("removed_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_suppressions_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    there = sa.text("removed_at IS NULL")
    op.create_index(
        "uq_suppressions_key",
        "suppressions",
        ["brand_id", "key_digest"],
        unique=True,
        sqlite_where=there,
        postgresql_where=there,
    )


def _tags() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "campaign_tags",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_campaign_tags_brand_id_brands")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_tags_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_tags")),
    )
    op.create_index(op.f("ix_campaign_tags_brand_id"), "campaign_tags", ["brand_id"])
    op.create_index("ix_campaign_tags_last", "campaign_tags", ["campaign_id", "created_at", "id"])


def _webhooks() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_why", sa.String(length=20), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_webhooks_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_brand", "webhooks", ["brand_id", "ended_at", "created_at"])
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("render_id", sa.String(length=40), nullable=True),
        sa.Column("campaign_id", sa.String(length=40), nullable=True),
        sa.Column("happened_at", moment, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=40), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("tried_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_webhook_messages_brand_id_brands")
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_messages_webhook_id_webhooks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_messages")),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_webhook_messages_due",
        "webhook_messages",
        ["webhook_id", "next_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_webhook_messages_page", "webhook_messages", ["brand_id", "created_at", "id"])
    op.create_index("ix_webhook_messages_old", "webhook_messages", ["created_at"])
    op.create_index("uq_webhook_messages_event", "webhook_messages", ["webhook_id", "entry_id"], unique=True)
    op.create_table(
        "webhook_reads",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_reads")),
    )
