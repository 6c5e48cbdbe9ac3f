"""Many machines: PostgreSQL's guard of the released state"""

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


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _guard()


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
