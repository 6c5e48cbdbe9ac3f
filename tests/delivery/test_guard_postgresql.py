"""The back door on PostgreSQL (trust step 12): the processes' role cannot write `released`, nor undo the guard."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from core.database import reading, transaction
from core.errors import IntegrityError
from core.settings import get_settings
from greenroom.rights import rights_on
from pipeline.guard import REFUSAL, release_transaction
from pipeline.guard_postgresql import ASKED_TRIGGER, TRIGGER
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.delivery import test_guard as on_sqlite
from tests.delivery.test_guard import ASKED, DIGEST, BackDoor, _another, _columns, release_row
from tests.delivery.test_guard import BACK_DOORS as ON_SQLITE
from tests.kit.workers import stored
from tests.kit.world import World
from tests.servers.databases import name_of, running
from tests.servers.postgres import OWNER

pytestmark = pytest.mark.only("postgresql")

_OTHER_WORDS = {
    "executemany", "UPDATE OR IGNORE", "UPDATE OR REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE", "upsert",
    "UPDATE FROM",
}  # fmt: skip
BACK_DOORS: dict[str, BackDoor] = {
    **{name: door for name, door in ON_SQLITE.items() if name not in _OTHER_WORDS},
    "ON CONFLICT DO UPDATE": lambda s, r: s.execute(
        upsert(RenderRow)
        .values(**(_columns(r) | {"state": "approved"}))
        .on_conflict_do_update(index_elements=["id"], set_={"state": "released"})
    ),
    "ON CONFLICT DO NOTHING": lambda s, r: s.execute(
        upsert(RenderRow).values(**_another(r)).on_conflict_do_nothing()
    ),
    "UPDATE FROM": lambda s, r: s.execute(
        text("UPDATE renders SET state = new.state FROM (SELECT 'released' AS state) AS new")
    ),
    "a common table expression": lambda s, r: s.execute(
        text("WITH done AS (UPDATE renders SET state = 'released' RETURNING id) SELECT * FROM done")
    ),
    "a DO block": lambda s, r: s.execute(text("DO $$BEGIN UPDATE renders SET state = 'released'; END$$")),
}

UNDOING = {
    "drop the trigger": f"DROP TRIGGER {TRIGGER} ON renders",
    "disable the trigger": f"ALTER TABLE renders DISABLE TRIGGER {TRIGGER}",
    "replace the trigger's function": (
        "CREATE OR REPLACE FUNCTION greenroom_guard_released() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NEW; END'"
    ),
    "say that triggers do not fire": "SET session_replication_role = replica",
    "become the owner": f"SET ROLE {OWNER}",
    "vouch by hand": f"INSERT INTO release_vouches VALUES (pg_current_xact_id()::text, 'rnd_1', '{DIGEST}')",
    "read what is vouched for": "SELECT * FROM release_vouches",
    "empty the renders": "TRUNCATE renders CASCADE",
    "change a decision": "UPDATE approvals SET verdict = 'approve'",
    "drop the trigger that asks the person who appears": f"DROP TRIGGER {ASKED_TRIGGER} ON renders",
    "change what the person who appears said": "UPDATE persona_decisions SET verdict = 'approve'",
    "change what they said of a script": "UPDATE script_decisions SET verdict = 'approve'",
    "delete a decision": "DELETE FROM approvals",
    "change an entry": "UPDATE ledger_entries SET body = ''",
    "delete an entry": "DELETE FROM ledger_entries",
    "delete a checkpoint": "DELETE FROM ledger_checkpoints",
    "change an authority": "UPDATE authorities SET document = '{}'",
    "delete a withdrawal": "DELETE FROM authority_status",
    "change an asset": "UPDATE assets SET essence = 'x'",
    "make a table": "CREATE TABLE mine (x int)",
}


@pytest.mark.parametrize("name", BACK_DOORS)
def test_a_back_door_is_refused_by_the_database(world: World, name: str):
    render = world.approved()
    before = stored()
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        BACK_DOORS[name](session, render)
    assert (world.now_is(render).state, stored()) == (State.APPROVED, before)


@pytest.mark.parametrize("name", UNDOING)
def test_the_processes_role_cannot_undo_what_forbids_it(world: World, name: str):
    with pytest.raises(DBAPIError, match=r"must be owner|permission denied"), transaction() as session:
        session.execute(text(UNDOING[name]))


def test_another_program_with_the_same_password_is_refused(world: World):
    render = world.approved()
    with psycopg.connect(get_settings().database_url) as program, pytest.raises(psycopg.Error, match=REFUSAL):
        program.execute("UPDATE renders SET state = 'released'")
    assert world.now_is(render).state == State.APPROVED


def test_a_table_of_ones_own_is_not_read_in_place_of_ours(world: World):
    """A function that runs with the owner's rights must not be led to another's approvals."""
    render = world.to_review()
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        session.execute(text("CREATE TEMPORARY TABLE renders AS SELECT * FROM public.renders"))
        session.execute(text("UPDATE pg_temp.renders SET state = 'approved'"))
        session.execute(text("SELECT greenroom_vouch(:r, :d)"), {"r": render.id, "d": DIGEST})


@pytest.mark.parametrize("name", ASKED)
def test_the_database_asks_for_the_yes_of_who_appears(world: World, name: str):
    on_sqlite.test_the_database_asks_for_the_yes_of_who_appears(world, name)


@pytest.mark.parametrize("state", ["in_review", "released", "recalled", "rejected"])
def test_the_database_vouches_for_an_approved_render_only(world: World, state: str):
    carry: dict[str, Callable[[], RenderRow]] = {
        "in_review": world.to_review,
        "released": world.released,
        "recalled": lambda: world.recall(world.released()),
        "rejected": lambda: world.reject(world.to_review()),
    }
    render = carry[state]()
    with pytest.raises(DBAPIError, match="not approved"), release_transaction(render.id, DIGEST):
        pass


def test_it_looks_for_a_decision_of_another_than_the_maker(world: World):
    """Who writes `approved` into the row has no decision over it."""
    render = world.to_review()
    with transaction() as session:
        session.execute(update(RenderRow).where(RenderRow.id == render.id).values(state="approved"))
    with pytest.raises(DBAPIError, match="not approved"), release_transaction(render.id, DIGEST):
        pass


def test_the_release_writes_this_render_with_this_digest_once(world: World):
    render, other = world.approved(), world.approved()
    for wrong in ((other.id, DIGEST), (render.id, "cd" * 32), (render.id, None)):
        with pytest.raises(DBAPIError, match=REFUSAL), release_transaction(render.id, DIGEST) as session:
            release_row(session, *wrong)
    with release_transaction(render.id, DIGEST) as session:
        release_row(session, render.id, DIGEST)
    assert {world.now_is(row).state for row in (render, other)} == {State.APPROVED, State.RELEASED}


def test_a_vouch_ends_with_its_transaction(world: World):
    render = world.approved()
    with pytest.raises(RuntimeError), release_transaction(render.id, DIGEST):
        raise RuntimeError
    with release_transaction(render.id, DIGEST):
        pass  # committed, and not used
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        release_row(session, render.id, DIGEST)


def test_a_recall_cannot_be_undone_and_a_released_row_does_not_become_another_video(world: World):
    render, recalled = world.released(), world.recall(world.released())
    for row, values in (
        (recalled, {"state": "released"}),
        (render, {"published_sha256": DIGEST}),
        (render, {"sealed_sha256": DIGEST}),
        (render, {"essence": DIGEST}),
    ):
        with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
            session.execute(update(RenderRow).where(RenderRow.id == row.id).values(values))
    with transaction() as session:
        session.execute(update(RenderRow).where(RenderRow.id == render.id).values(progress=0.5))
    assert world.recall(render).state == State.RECALLED


UNGUARDED = {
    "no trigger": f"DROP TRIGGER {TRIGGER} ON renders",
    "no trigger that asks the person who appears": f"DROP TRIGGER {ASKED_TRIGGER} ON renders",
    "one that asks nobody": (
        "CREATE OR REPLACE FUNCTION greenroom_guard_asked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "SET search_path = public, pg_temp AS 'BEGIN RETURN NEW; END'"
    ),
    "a disabled trigger": f"ALTER TABLE renders DISABLE TRIGGER {TRIGGER}",
    "a trigger that lets all pass": (
        "CREATE OR REPLACE FUNCTION greenroom_guard_released() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "SET search_path = public, pg_temp AS 'BEGIN RETURN NEW; END'"
    ),
    "a vouch that asks nothing": (
        "CREATE OR REPLACE FUNCTION greenroom_vouch(vouched text, published text) RETURNS void LANGUAGE plpgsql "
        "SECURITY DEFINER SET search_path = public, pg_temp AS 'BEGIN END'"
    ),
}


@pytest.mark.parametrize("name", UNGUARDED)
def test_without_its_guard_nothing_is_released(world: World, name: str):
    """Whoever owns the database can take it away; the release then refuses."""
    render = world.approved()
    running().administer(UNGUARDED[name], database=name_of(get_settings().database_url))
    with pytest.raises(IntegrityError, match="lost the triggers"):
        world.release(render)
    assert world.now_is(render).state == State.APPROVED and not world.published()


def test_what_the_ledger_commits_to_for_good_is_only_added_to():
    assert {rights_on(name) for name in ("approvals", "authorities", "assets", "ledger_checkpoints")} == {
        "SELECT, INSERT"
    }
    assert rights_on("ledger_entries") == "SELECT, INSERT, UPDATE (position)"


def test_a_reader_writes_nothing(world: World):
    with pytest.raises(DBAPIError, match="read-only"), reading() as session:
        session.execute(update(RenderRow).values(progress=0.1))
