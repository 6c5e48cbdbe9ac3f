"""The guard of the released state on PostgreSQL.

The tables belong to one role (``greenroom_owner``, who migrates), the processes work as another (``greenroom_app``).
A trigger refuses `released` unless the same transaction has called ``greenroom_vouch`` for this render and this digest.
That function runs with the owner's rights and looks itself: the render is approved, somebody other than its maker
approved this very file, and nobody rejected it. A second trigger asks the rows for the yes of the person who appears.
What the function notes (``release_vouches``) the other role can neither read nor write, and it can neither change the
functions nor drop the triggers. Under one role for both the guard stands against mistakes and other programs, not
against whoever knows the password.

The functions live in the schema ``public``: their search path is fixed, with temporary tables last, so that nobody can
put a table of their own in place of one that they read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import DDL, text
from sqlalchemy.orm import Session

from pipeline.guard_persona import lacks_yes
from pipeline.guard_sqlite import NOT_ASKED, REFUSAL

# The bodies are put together from our own constants alone.
_VOUCH = f"""
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
        RAISE EXCEPTION '{REFUSAL}: this render is not approved' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO release_vouches VALUES (pg_current_xact_id()::text, vouched, published);
END
"""  # noqa: S608

_GUARD = f"""
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
            RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    RETURN NEW;
END
"""  # noqa: S608

# A trigger of its own, so that a release that is older than this table goes on beside it.
_ASKED = f"""
BEGIN
    IF NEW.state = 'released' AND (
        TG_OP = 'INSERT' OR NEW.state IS DISTINCT FROM OLD.state OR NEW.id IS DISTINCT FROM OLD.id
        OR NEW.sealed_sha256 IS DISTINCT FROM OLD.sealed_sha256 OR NEW.campaign_id IS DISTINCT FROM OLD.campaign_id
        OR NEW.origin IS DISTINCT FROM OLD.origin)
    THEN
        IF {lacks_yes("(a.document ->> 'approval_mode')")} THEN
            RAISE EXCEPTION '{REFUSAL}: {NOT_ASKED}' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    RETURN NEW;
END
"""

_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
FUNCTIONS = {
    "greenroom_vouch": _VOUCH,
    "greenroom_guard_released": _GUARD,
    "greenroom_guard_asked": _ASKED,
}
"""The bodies, by name."""

TRIGGER = "renders_released"
ASKED_TRIGGER = "renders_asked"

STATEMENTS = (
    "CREATE TABLE release_vouches (xact text NOT NULL, render_id text NOT NULL, published_sha256 text NOT NULL)",
    "REVOKE ALL ON release_vouches FROM PUBLIC",
    f"CREATE FUNCTION greenroom_vouch(vouched text, published text) RETURNS void {_DEFINER} AS $${_VOUCH}$$",
    f"CREATE FUNCTION greenroom_guard_released() RETURNS trigger {_DEFINER} AS $${_GUARD}$$",
    f"CREATE TRIGGER {TRIGGER} BEFORE INSERT OR UPDATE ON renders "
    "FOR EACH ROW EXECUTE FUNCTION greenroom_guard_released()",
    f"CREATE FUNCTION greenroom_guard_asked() RETURNS trigger {_DEFINER} AS $${_ASKED}$$",
    f"CREATE TRIGGER {ASKED_TRIGGER} BEFORE INSERT OR UPDATE ON renders "
    "FOR EACH ROW EXECUTE FUNCTION greenroom_guard_asked()",
)
"""Run by migrations and ``create_all``, in this order, after the renders' table is there."""

# A row's trigger (1), before (2), on insert (4) and update (16); without a condition, on every column, and enabled.
_INSTALLED = text(
    """
    SELECT f.proname, f.prosrc, f.prosecdef, f.proconfig
    FROM pg_proc f WHERE f.pronamespace = 'public'::regnamespace AND f.proname IN ('greenroom_vouch')
    UNION ALL
    SELECT f.proname, f.prosrc, f.prosecdef, f.proconfig
    FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE t.tgrelid = 'public.renders'::regclass AND (t.tgname, f.proname) IN (
            ('renders_released', 'greenroom_guard_released'), ('renders_asked', 'greenroom_guard_asked'))
        AND t.tgtype = 23 AND t.tgqual IS NULL AND t.tgattr = '' AND t.tgenabled = 'O'
        AND current_setting('session_replication_role') = 'origin'
    """
)


def ddl(statement: str) -> Any:
    """One of the statements, to be run where the database is this one."""
    return DDL(statement.replace("%", "%%")).execute_if(dialect="postgresql")  # type: ignore[no-untyped-call]


@contextmanager
def vouching(session: Session, render_id: str, published_sha256: str) -> Iterator[None]:
    """From here to the end of the transaction one render may pass. It is locked until then."""
    vouch = text("SELECT greenroom_vouch(:render, :published)")
    session.execute(vouch, {"render": render_id, "published": published_sha256})
    yield


def installed(session: Session) -> bool:
    """Whether the triggers and their functions are there. By their text, for the same reason as on SQLite."""
    found = {
        name: (source.split(), definer, list(path or ()))
        for name, source, definer, path in session.execute(_INSTALLED)
    }
    wanted = {name: (body.split(), True, ["search_path=public, pg_temp"]) for name, body in FUNCTIONS.items()}
    return found == wanted
