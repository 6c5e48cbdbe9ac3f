"""What the doors read: links, signed decisions, salts, tries and pauses, and the guard of the released state"""

import secrets

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VOUCHES = "greenroom_vouches"
CHANGES = (
    "NEW.state IS NOT OLD.state OR NEW.published_sha256 IS NOT OLD.published_sha256 OR NEW.id IS NOT OLD.id "
    "OR NEW.sealed_sha256 IS NOT OLD.sealed_sha256 OR NEW.essence IS NOT OLD.essence"
)
REFUSES = "BEGIN SELECT RAISE(ABORT, 'only the release writes the released state'); END"


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    # Plain ALTERs: a batch would copy the table, and drop what refers to it.
    op.add_column("approvals", sa.Column("document", sa.Text(), nullable=True))
    op.add_column("approvals", sa.Column("key_id", sa.String(length=16), nullable=True))
    op.add_column("approvals", sa.Column("signature", sa.String(length=128), nullable=True))
    op.add_column("authorities", sa.Column("not_after", moment, nullable=True))
    op.create_index(op.f("ix_authorities_not_after"), "authorities", ["not_after"])
    op.add_column("renders", sa.Column("waits", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("renders", sa.Column("retry_at", sa.Float(), nullable=True))
    op.add_column("renders", sa.Column("hinted_at", sa.Float(), nullable=True))
    for table in ("personas", "renders"):
        op.add_column(table, sa.Column("salt", sa.String(length=32), nullable=False, server_default=""))
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("render_id", sa.String(length=40), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_links_brand_id_brands")),
        sa.ForeignKeyConstraint(["render_id"], ["renders.id"], name=op.f("fk_links_render_id_renders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_brand_id"), "links", ["brand_id"])
    op.create_index(op.f("ix_links_render_id"), "links", ["render_id"])
    _fill()
    if op.get_bind().dialect.name == "sqlite":
        _guard()


def _fill() -> None:
    """Salts, the last day of each authority, and NULL where JSON's null was stored (IS NULL never matched it)."""
    connection = op.get_bind()
    for name in ("personas", "renders"):
        rows = sa.table(name, sa.column("id"), sa.column("salt"))
        for (key,) in connection.execute(sa.select(rows.c.id)).all():
            connection.execute(rows.update().where(rows.c.id == key).values(salt=secrets.token_hex(16)))
    moment = core.database.UtcDateTime(timezone=True)
    authorities = sa.table(
        "authorities", sa.column("id"), sa.column("document", sa.JSON()), sa.column("not_after", moment)
    )
    for key, document in connection.execute(sa.select(authorities.c.id, authorities.c.document)).all():
        ends = document["scope"].get("not_after")
        if ends is not None:
            last = core.database.moment_of(ends)
            connection.execute(authorities.update().where(authorities.c.id == key).values(not_after=last))
    renders = sa.table("renders", sa.column("reason", sa.JSON()))
    text = sa.cast(renders.c.reason, sa.String())
    connection.execute(renders.update().where(text == "null").values(reason=sa.null()))


def _guard() -> None:
    op.execute(
        f"CREATE TRIGGER renders_released_insert BEFORE INSERT ON renders WHEN NEW.state = 'released' "
        f"AND {VOUCHES}(NEW.id, NEW.published_sha256) IS NOT 1 {REFUSES}"
    )
    op.execute(
        f"CREATE TRIGGER renders_released_update BEFORE UPDATE OF id, state, published_sha256, sealed_sha256, essence "
        f"ON renders WHEN NEW.state = 'released' AND ({CHANGES}) "
        f"AND {VOUCHES}(NEW.id, NEW.published_sha256) IS NOT 1 {REFUSES}"
    )
