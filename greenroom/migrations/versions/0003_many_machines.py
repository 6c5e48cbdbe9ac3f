"""Many machines: PostgreSQL's guard of the released state, counts of renders, indexes of pages, what machines agree on"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
VOUCH = """
DECLARE
    render renders%ROWTYPE;
BEGIN
    SELECT * INTO render FROM renders WHERE id = vouched FOR NO KEY UPDATE;
    IF render.state IS DISTINCT FROM 'approved' OR published IS NULL
        OR NOT EXISTS (
            SELECT FROM approvals
            WHERE render_id = vouched AND sealed_sha256 = render.sealed_sha256 AND verdict = 'approve'
                AND reviewer_id <> render.maker_id)
        OR EXISTS (SELECT FROM approvals
            WHERE render_id = vouched AND sealed_sha256 = render.sealed_sha256 AND verdict = 'reject')
    THEN
        RAISE EXCEPTION 'only the release writes the released state: this render is not approved' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO release_vouches VALUES (pg_current_xact_id()::text, vouched, published);
END
"""
GUARD = """
BEGIN
    IF NEW.state = 'released' AND (
        TG_OP = 'INSERT' OR NEW.state IS DISTINCT FROM OLD.state OR NEW.id IS DISTINCT FROM OLD.id
        OR NEW.published_sha256 IS DISTINCT FROM OLD.published_sha256
        OR NEW.sealed_sha256 IS DISTINCT FROM OLD.sealed_sha256 OR NEW.essence IS DISTINCT FROM OLD.essence)
    THEN
        -- Used up: one vouch is for one change.
        DELETE FROM release_vouches
            WHERE xact = pg_current_xact_id()::text AND render_id = NEW.id AND published_sha256 = NEW.published_sha256;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'only the release writes the released state' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    RETURN NEW;
END
"""


COUNTING = {
    "sqlite": [
        """CREATE TRIGGER renders_counted_insert AFTER INSERT ON renders
        BEGIN INSERT INTO render_count_changes (brand_id, campaign_id, state, change) VALUES (NEW.brand_id, NEW.campaign_id, NEW.state, 1); END""",
        """CREATE TRIGGER renders_counted_delete AFTER DELETE ON renders
        BEGIN INSERT INTO render_count_changes (brand_id, campaign_id, state, change) VALUES (OLD.brand_id, OLD.campaign_id, OLD.state, -1); END""",
        """CREATE TRIGGER renders_counted_move AFTER UPDATE OF brand_id, campaign_id, state ON renders
        WHEN OLD.brand_id IS NOT NEW.brand_id OR OLD.campaign_id IS NOT NEW.campaign_id OR OLD.state IS NOT NEW.state
        BEGIN INSERT INTO render_count_changes (brand_id, campaign_id, state, change) VALUES (OLD.brand_id, OLD.campaign_id, OLD.state, -1); INSERT INTO render_count_changes (brand_id, campaign_id, state, change) VALUES (NEW.brand_id, NEW.campaign_id, NEW.state, 1); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION greenroom_count_render() RETURNS trigger
        LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN INSERT INTO render_count_changes (brand_id, campaign_id, state, change) VALUES (OLD.brand_id, OLD.campaign_id, OLD.state, -1); END IF;
            IF TG_OP <> 'DELETE' THEN INSERT INTO render_count_changes (brand_id, campaign_id, state, change) VALUES (NEW.brand_id, NEW.campaign_id, NEW.state, 1); END IF;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER renders_counted AFTER INSERT OR DELETE ON renders
        FOR EACH ROW EXECUTE FUNCTION greenroom_count_render()""",
        """CREATE TRIGGER renders_counted_move AFTER UPDATE OF brand_id, campaign_id, state ON renders
        FOR EACH ROW WHEN (OLD.brand_id IS DISTINCT FROM NEW.brand_id OR OLD.campaign_id IS DISTINCT FROM NEW.campaign_id OR OLD.state IS DISTINCT FROM NEW.state)
        EXECUTE FUNCTION greenroom_count_render()""",
    ],
}


def upgrade() -> None:
    moment = core.database.UtcDateTime(timezone=True)
    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    _counts()
    _indexes()
    if op.get_bind().dialect.name == "postgresql":
        _guard()


def _counts() -> None:
    """How many renders are in each state: what there is now, and triggers that note each change from here on."""
    op.create_table(
        "render_counts",
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "campaign_id", "state", name=op.f("pk_render_counts")),
    )
    op.create_index("ix_render_counts_campaign_id", "render_counts", ["campaign_id"])
    op.create_table(
        "render_count_changes",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_render_count_changes")),
    )
    op.create_index(op.f("ix_render_count_changes_brand_id"), "render_count_changes", ["brand_id"])
    op.create_index(op.f("ix_render_count_changes_campaign_id"), "render_count_changes", ["campaign_id"])
    for statement in COUNTING[op.get_bind().dialect.name]:
        op.execute(statement)
    op.execute(
        "INSERT INTO render_counts (brand_id, campaign_id, state, number) "
        "SELECT brand_id, campaign_id, state, count(*) FROM renders GROUP BY brand_id, campaign_id, state"
    )
    op.execute(
        "INSERT INTO render_counts (brand_id, campaign_id, state, number) "
        "SELECT brand_id, '', state, count(*) FROM renders GROUP BY brand_id, state"
    )


def _indexes() -> None:
    for name, table in (
        ("ix_campaigns_brand_id", "campaigns"),
        ("ix_personas_brand_id", "personas"),
        ("ix_renders_brand_id", "renders"),
        ("ix_renders_campaign_id", "renders"),
        ("ix_renders_queue", "renders"),
    ):
        op.drop_index(name, table)
    op.create_index(op.f("ix_authorities_supersedes"), "authorities", ["supersedes"])
    op.create_index("ix_campaigns_page", "campaigns", ["brand_id", "created_at", "id"])
    op.create_index(op.f("ix_campaigns_persona_id"), "campaigns", ["persona_id"])
    op.create_index("ix_personas_authority_id", "personas", ["authority_id"])
    op.create_index("ix_personas_page", "personas", ["brand_id", "created_at", "id"])
    op.create_index("ix_renders_queue", "renders", ["brand_id", "state", "created_at", "id"])
    op.create_index("ix_renders_campaign", "renders", ["campaign_id", "state", "created_at", "id"])
    for name, columns, where in (
        ("ix_renders_gravest", ["brand_id", "verdict", "created_at", "id"], "state = 'in_review'"),
        (
            "ix_renders_campaign_gravest",
            ["campaign_id", "verdict", "created_at", "id"],
            "state = 'in_review'",
        ),
        ("ix_renders_ended", ["campaign_id", "changed_at", "state"], "state IN ('recalled', 'blocked')"),
    ):
        op.create_index(
            name, "renders", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )


def _guard() -> None:
    op.execute(
        "CREATE TABLE release_vouches (xact text NOT NULL, render_id text NOT NULL, published_sha256 text NOT NULL)"
    )
    op.execute("REVOKE ALL ON release_vouches FROM PUBLIC")
    op.execute(
        f"CREATE FUNCTION greenroom_vouch(vouched text, published text) RETURNS void {DEFINER} AS $${VOUCH}$$"
    )
    op.execute(f"CREATE FUNCTION greenroom_guard_released() RETURNS trigger {DEFINER} AS $${GUARD}$$")
    op.execute(
        "CREATE TRIGGER renders_released BEFORE INSERT OR UPDATE ON renders "
        "FOR EACH ROW EXECUTE FUNCTION greenroom_guard_released()"
    )
