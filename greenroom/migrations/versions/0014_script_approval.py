"""Scripts that the person who appears approves, and their yes before the database lets a video be released"""

import core.database
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ON_SQLITE = [
    """
        CREATE TRIGGER renders_asked_insert BEFORE INSERT ON renders
        WHEN NEW.state = 'released' AND NOT COALESCE((
            SELECT CASE json_extract(a.document, '$.approval_mode')
                WHEN 'none' THEN 1 = 1
                WHEN 'final_cut' THEN (EXISTS (SELECT 1 FROM persona_decisions d WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id AND d.verdict = 'approve') AND NOT EXISTS (SELECT 1 FROM persona_decisions d WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id AND d.verdict = 'refuse'))
                WHEN 'script' THEN CASE
                    WHEN NEW.origin = 'made' AND (SELECT d.verdict FROM script_decisions d WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL ORDER BY d.created_at DESC, d.id DESC LIMIT 1) = 'approve' THEN 1 = 1
                    WHEN NEW.origin <> 'made' OR (SELECT d.verdict FROM script_decisions d WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL ORDER BY d.created_at DESC, d.id DESC LIMIT 1) = 'each' THEN (EXISTS (SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script AND d.verdict = 'approve') AND NOT EXISTS (SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script AND d.verdict = 'refuse'))
                END
            END
            FROM campaigns c
            JOIN personas p ON p.id = c.persona_id
            JOIN authorities enrolled ON enrolled.id = p.authority_id
            JOIN authorities a ON a.record_id = enrolled.record_id
            WHERE c.id = NEW.campaign_id
            ORDER BY a.version DESC LIMIT 1), 1 = 0)
        BEGIN SELECT RAISE(ABORT, 'only the release writes the released state: the person who appears has not said yes to it'); END""",
    """
        CREATE TRIGGER renders_asked_update BEFORE UPDATE OF id, state, sealed_sha256, campaign_id, origin ON renders
        WHEN NEW.state = 'released' AND (NEW.state IS NOT OLD.state OR NEW.id IS NOT OLD.id OR NEW.sealed_sha256 IS NOT OLD.sealed_sha256 OR NEW.campaign_id IS NOT OLD.campaign_id OR NEW.origin IS NOT OLD.origin) AND NOT COALESCE((
            SELECT CASE json_extract(a.document, '$.approval_mode')
                WHEN 'none' THEN 1 = 1
                WHEN 'final_cut' THEN (EXISTS (SELECT 1 FROM persona_decisions d WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id AND d.verdict = 'approve') AND NOT EXISTS (SELECT 1 FROM persona_decisions d WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id AND d.verdict = 'refuse'))
                WHEN 'script' THEN CASE
                    WHEN NEW.origin = 'made' AND (SELECT d.verdict FROM script_decisions d WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL ORDER BY d.created_at DESC, d.id DESC LIMIT 1) = 'approve' THEN 1 = 1
                    WHEN NEW.origin <> 'made' OR (SELECT d.verdict FROM script_decisions d WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL ORDER BY d.created_at DESC, d.id DESC LIMIT 1) = 'each' THEN (EXISTS (SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script AND d.verdict = 'approve') AND NOT EXISTS (SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script AND d.verdict = 'refuse'))
                END
            END
            FROM campaigns c
            JOIN personas p ON p.id = c.persona_id
            JOIN authorities enrolled ON enrolled.id = p.authority_id
            JOIN authorities a ON a.record_id = enrolled.record_id
            WHERE c.id = NEW.campaign_id
            ORDER BY a.version DESC LIMIT 1), 1 = 0)
        BEGIN SELECT RAISE(ABORT, 'only the release writes the released state: the person who appears has not said yes to it'); END""",
]
ASKED = """
BEGIN
    IF NEW.state = 'released' AND (
        TG_OP = 'INSERT' OR NEW.state IS DISTINCT FROM OLD.state OR NEW.id IS DISTINCT FROM OLD.id
        OR NEW.sealed_sha256 IS DISTINCT FROM OLD.sealed_sha256 OR NEW.campaign_id IS DISTINCT FROM OLD.campaign_id
        OR NEW.origin IS DISTINCT FROM OLD.origin)
    THEN
        IF NOT COALESCE((
            SELECT CASE (a.document ->> 'approval_mode')
                WHEN 'none' THEN 1 = 1
                WHEN 'final_cut' THEN (EXISTS (SELECT 1 FROM persona_decisions d WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id AND d.verdict = 'approve') AND NOT EXISTS (SELECT 1 FROM persona_decisions d WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id AND d.verdict = 'refuse'))
                WHEN 'script' THEN CASE
                    WHEN NEW.origin = 'made' AND (SELECT d.verdict FROM script_decisions d WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL ORDER BY d.created_at DESC, d.id DESC LIMIT 1) = 'approve' THEN 1 = 1
                    WHEN NEW.origin <> 'made' OR (SELECT d.verdict FROM script_decisions d WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL ORDER BY d.created_at DESC, d.id DESC LIMIT 1) = 'each' THEN (EXISTS (SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script AND d.verdict = 'approve') AND NOT EXISTS (SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script AND d.verdict = 'refuse'))
                END
            END
            FROM campaigns c
            JOIN personas p ON p.id = c.persona_id
            JOIN authorities enrolled ON enrolled.id = p.authority_id
            JOIN authorities a ON a.record_id = enrolled.record_id
            WHERE c.id = NEW.campaign_id
            ORDER BY a.version DESC LIMIT 1), 1 = 0) THEN
            RAISE EXCEPTION 'only the release writes the released state: the person who appears has not said yes to it' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    RETURN NEW;
END
"""
DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"


def upgrade() -> None:
    op.create_table(
        "script_decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("brand_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=40), nullable=False),
        sa.Column("render_id", sa.String(length=40), nullable=True),
        sa.Column("persona_id", sa.String(length=40), nullable=False),
        sa.Column("script_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_decisions")),
    )
    op.create_index(op.f("ix_script_decisions_brand_id"), "script_decisions", ["brand_id"])
    op.create_index(op.f("ix_script_decisions_render_id"), "script_decisions", ["render_id"])
    op.create_index("ix_script_decisions_script", "script_decisions", ["campaign_id", "script_sha256"])
    op.create_index("ix_script_decisions_persona", "script_decisions", ["persona_id", "created_at", "id"])
    # Beside the triggers that guard `released` already: a process of an earlier release finds those as they were.
    if op.get_bind().dialect.name == "sqlite":
        for statement in ON_SQLITE:
            op.execute(statement)
        return
    op.execute(f"CREATE FUNCTION greenroom_guard_asked() RETURNS trigger {DEFINER} AS $${ASKED}$$")
    op.execute(
        "CREATE TRIGGER renders_asked BEFORE INSERT OR UPDATE ON renders "
        "FOR EACH ROW EXECUTE FUNCTION greenroom_guard_asked()"
    )
