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
    op.drop_index(op.f("ix_ledger_entries_subject"), "ledger_entries")
    op.create_index("ix_ledger_entries_subject_event", "ledger_entries", ["subject", "event"])
    _accounts(moment)
    op.create_index(op.f("ix_links_brand_id"), "links", ["brand_id"])
    op.create_index(op.f("ix_links_render_id"), "links", ["render_id"])
    _fill()
    if op.get_bind().dialect.name == "sqlite":
        _guard()


def _accounts(moment: core.database.UtcDateTime) -> None:
    op.add_column("accounts", sa.Column("disabled_at", moment, nullable=True))
    op.add_column("accounts", sa.Column("failed_at", moment, nullable=True))
    op.add_column("accounts", sa.Column("salt", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("seal", sa.String(length=64), nullable=False, server_default=""))
    # Sessions end with the upgrade: theirs were digests that a database owner could make.
    op.drop_table("sign_ins")
    op.create_table(
        "sign_ins",
        sa.Column("token_hmac", sa.String(length=64), nullable=False),
        *_of_account("sign_ins", moment),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("fresh_until", moment, nullable=True),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("token_hmac", name=op.f("pk_sign_ins")),
    )
    op.create_table(
        "challenges",
        sa.Column("binding", sa.String(length=64), nullable=False),
        *_of_account("challenges", moment),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("binding", name=op.f("pk_challenges")),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(length=40), nullable=False),
        *_of_account("passkeys", moment),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("last_used_at", moment, nullable=True),
        sa.Column("removed_at", moment, nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    op.create_table(
        "totp_secrets",
        sa.Column("id", sa.String(length=40), nullable=False),
        *_of_account("totp_secrets", moment),
        sa.Column("secret", sa.String(length=200), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.Column("removed_at", moment, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", moment, nullable=True),
        sa.Column("locked_until", moment, nullable=True),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_totp_secrets")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("code_hmac", sa.String(length=64), nullable=False),
        *_of_account("recovery_codes", moment),
        sa.PrimaryKeyConstraint("code_hmac", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "views",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("render_id", sa.String(length=40), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("ranges", sa.JSON(), nullable=False),
        sa.Column("ahead", sa.Double(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("reported_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_views_account_id_accounts")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_views_brand_id_brands")),
        sa.ForeignKeyConstraint(["render_id"], ["renders.id"], name=op.f("fk_views_render_id_renders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_views")),
        sa.UniqueConstraint("account_id", "sealed_sha256", name=op.f("uq_views_account_id")),
    )
    for table in ("sign_ins", "challenges", "passkeys", "totp_secrets", "recovery_codes", "views"):
        op.create_index(op.f(f"ix_{table}_account_id"), table, ["account_id"])
    for table in ("sign_ins", "challenges"):
        op.create_index(op.f(f"ix_{table}_expires_at"), table, ["expires_at"])
    for column in ("brand_id", "render_id"):
        op.create_index(op.f(f"ix_views_{column}"), "views", [column])


def _of_account(table: str, moment: core.database.UtcDateTime) -> list[sa.schema.SchemaItem]:
    """What every table of an account's things has; a fresh object each time, as SQLAlchemy wants."""
    return [
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f(f"fk_{table}_account_id_accounts")
        ),
    ]


def _fill() -> None:
    """Salts, the last day of each authority, and NULL where JSON's null was stored (IS NULL never matched it)."""
    connection = op.get_bind()
    for name in ("accounts", "personas", "renders"):
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
