"""The back door (trust step 12): every way to write `released` past the release is refused by the database itself.

On SQLite (the other database: test_guard_postgresql.py); a render stands before it that is approved and right in all
respects, so that nothing else refuses.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.database import engine, reading, transaction
from core.engines import VOUCHES
from core.errors import IntegrityError
from core.ids import new_id
from greenroom.database import migrate
from pipeline.guard import REFUSAL, release_transaction
from pipeline.guard_sqlite import NOT_ASKED, TRIGGERS
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow
from tests.kit.workers import as_owner, stored
from tests.kit.world import World
from tests.kit.world import world as open_world

pytestmark = pytest.mark.only("sqlite")

RENDERS = RenderRow.__table__
DIGEST = "ab" * 32
BackDoor = Callable[[Session, RenderRow], Any]


def _setattr(session: Session, render: RenderRow) -> None:
    setattr(session.get_one(RenderRow, render.id), "state", "released")  # noqa: B010 - the form that is meant
    session.flush()


def _merge(session: Session, render: RenderRow) -> None:
    session.merge(RenderRow(**(_columns(render) | {"state": "released"})))
    session.flush()


def _add(session: Session, render: RenderRow) -> None:
    session.add(RenderRow(**_another(render)))
    session.flush()


def _columns(render: RenderRow) -> dict[str, Any]:
    return {column.name: getattr(render, column.name) for column in RENDERS.columns}


def _another(render: RenderRow) -> dict[str, Any]:
    return _columns(render) | {"id": new_id("rnd"), "request_key": None, "state": "released"}


BACK_DOORS: dict[str, BackDoor] = {
    "values(state=...)": lambda s, r: s.execute(
        update(RenderRow).where(RenderRow.id == r.id).values(state=State.RELEASED)
    ),
    "values({...})": lambda s, r: s.execute(
        update(RenderRow).where(RenderRow.id == r.id).values({"state": "released"})
    ),
    "values({column: ...})": lambda s, r: s.execute(
        update(RenderRow).where(RenderRow.id == r.id).values({RenderRow.state: "released"})
    ),
    "values(**...)": lambda s, r: s.execute(
        update(RenderRow)
        .where(RenderRow.id == r.id)
        .values(**{"state": "released", "published_sha256": DIGEST})
    ),
    "an expression": lambda s, r: s.execute(
        update(RenderRow).where(RenderRow.id == r.id).values(state=text("'rel' || 'eased'"))
    ),
    "the query's own update": lambda s, r: (
        s.query(RenderRow).filter_by(id=r.id).update({"state": "released"})
    ),
    "setattr and flush": _setattr,
    "merge": _merge,
    "bulk_update_mappings": lambda s, r: s.bulk_update_mappings(
        RenderRow, [{"id": r.id, "state": "released"}]
    ),
    "update by primary keys": lambda s, r: s.execute(
        update(RenderRow), [{"id": r.id, "state": "released", "published_sha256": DIGEST}]
    ),
    "the table's update": lambda s, r: s.execute(
        RENDERS.update().where(RENDERS.c.id == r.id).values(state="released")
    ),
    "SQL text": lambda s, r: s.execute(
        text("UPDATE renders SET state = :s WHERE id = :i"), {"s": "released", "i": r.id}
    ),
    "executemany": lambda s, r: s.connection().exec_driver_sql(
        "UPDATE renders SET state = ? WHERE id = ?", [("released", r.id), ("released", r.id)]
    ),
    "UPDATE OR IGNORE": lambda s, r: s.execute(text("UPDATE OR IGNORE renders SET state = 'released'")),
    "UPDATE OR REPLACE": lambda s, r: s.execute(text("UPDATE OR REPLACE renders SET state = 'released'")),
    "UPDATE FROM": lambda s, r: s.execute(
        text("UPDATE renders SET state = new.state FROM (SELECT 'released' AS state) AS new")
    ),
    "a new row": _add,
    "the table's insert": lambda s, r: s.execute(RENDERS.insert().values(**_another(r))),
    "bulk insert": lambda s, r: s.execute(insert(RenderRow), [_another(r)]),
    "bulk_save_objects": lambda s, r: s.bulk_save_objects([RenderRow(**_another(r))]),
    "INSERT OR REPLACE": lambda s, r: s.execute(
        insert(RenderRow).prefix_with("OR REPLACE").values(**(_columns(r) | {"state": "released"}))
    ),
    "INSERT OR IGNORE": lambda s, r: s.execute(
        insert(RenderRow).prefix_with("OR IGNORE").values(**_another(r))
    ),
    "upsert": lambda s, r: s.execute(
        upsert(RenderRow)
        .values(**_columns(r))
        .on_conflict_do_update(index_elements=["id"], set_={"state": "released"})
    ),
    "INSERT SELECT": lambda s, r: s.execute(
        insert(RenderRow).from_select(
            [column.name for column in RENDERS.columns],
            select(
                *(
                    text("'rnd_copy'") if c.name == "id" else text("'released'") if c.name == "state" else c
                    for c in RENDERS.columns
                )
            ),
        )
    ),
}


@pytest.mark.parametrize("name", BACK_DOORS)
def test_a_back_door_is_refused_by_the_database(world: World, name: str):
    render = world.approved()
    before = stored()
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        BACK_DOORS[name](session, render)
    assert (world.now_is(render).state, stored()) == (State.APPROVED, before)


def test_another_program_is_refused_whether_or_not_it_means_released(world: World):
    """It does not know the function that vouches, so that the database cannot ask it."""
    render = world.approved()
    with closing(sqlite3.connect(world.home / "greenroom.db")) as program:
        for statement in (
            "UPDATE renders SET state = 'released'",
            "UPDATE renders SET state = 'recalled'",
            "UPDATE renders SET published_sha256 = 'ab'",
            "INSERT INTO renders (id, state) VALUES ('rnd_x', 'released')",
        ):
            with pytest.raises(sqlite3.OperationalError, match=f"no such function: {VOUCHES}"):
                program.execute(statement)
    assert world.now_is(render).state == State.APPROVED


def test_a_recall_cannot_be_undone(world: World):
    render = world.recall(world.released())
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        session.execute(update(RenderRow).where(RenderRow.id == render.id).values(state="released"))
    assert world.now_is(render).state == State.RECALLED


@pytest.mark.parametrize("column", ["published_sha256", "sealed_sha256", "essence", "id"])
def test_a_released_row_does_not_become_another_video(world: World, column: str):
    render = world.released()
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        session.execute(update(RenderRow).where(RenderRow.id == render.id).values({column: DIGEST}))
    assert getattr(world.now_is(render), column) == getattr(render, column)


def test_a_released_row_may_be_recalled_and_otherwise_kept(world: World):
    """The guard stands before `released` alone: nothing else waits for it."""
    render = world.released()
    with transaction() as session:
        session.execute(update(RenderRow).where(RenderRow.id == render.id).values(progress=0.5))
    assert world.recall(render).state == State.RECALLED


# While a release is under way


def release_row(session: Session, render_id: str, digest: str) -> None:
    session.execute(
        update(RenderRow).where(RenderRow.id == render_id).values(state="released", published_sha256=digest)
    )


def test_the_releases_own_connection_writes_this_render_with_this_digest(world: World):
    render = world.approved()
    with release_transaction(render.id, DIGEST) as session:
        release_row(session, render.id, DIGEST)
    assert world.now_is(render).state == State.RELEASED


def test_it_vouches_for_no_other_render_and_no_other_digest(world: World):
    render, other = world.approved(), world.approved()
    for wrong in ((other.id, DIGEST), (render.id, "cd" * 32), (render.id, None)):
        with pytest.raises(DBAPIError, match=REFUSAL), release_transaction(render.id, DIGEST) as session:
            release_row(session, *wrong)
    assert {world.now_is(row).state for row in (render, other)} == {State.APPROVED}


def test_it_vouches_only_while_it_is_open(world: World):
    render = world.approved()

    def vouches(session: Session) -> Any:
        return session.scalar(
            text(f"SELECT {VOUCHES}(:render, :digest)"), {"render": render.id, "digest": DIGEST}
        )

    with release_transaction(render.id, DIGEST) as session:
        assert vouches(session) == 1
        with reading() as beside:
            assert vouches(beside) == 0, "another connection of the same process"
    with pytest.raises(RuntimeError), release_transaction(render.id, DIGEST) as session:
        raise RuntimeError
    for _ in range(2 * engine().pool.size()):  # whichever connection of the pool comes
        with transaction() as session:
            assert vouches(session) == 0
    with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
        release_row(session, render.id, DIGEST)


def test_what_is_flushed_at_the_end_of_it_counts_as_inside(world: World):
    render = world.approved()
    with release_transaction(render.id, DIGEST) as session:
        row = session.get_one(RenderRow, render.id)
        row.state, row.published_sha256 = "released", DIGEST
    assert world.now_is(render).state == State.RELEASED


# The yes of the person who appears


def _final_cut(w: World) -> tuple[RenderRow, Callable[[], Any]]:
    w.supersede(approval_mode="final_cut")
    render = w.approved()
    return render, lambda: w.persona_says(render)


def _a_no(w: World) -> tuple[RenderRow, Callable[[], Any]]:
    """After a yes, and set back to `approved`; no yes can follow."""
    w.supersede(approval_mode="final_cut")
    render = w.approved()
    w.persona_says(render)
    w.persona_says(render, "refuse")
    w.as_database_owner("UPDATE renders SET state = 'approved' WHERE id = ?", render.id)
    return render, lambda: w.as_database_owner("DELETE FROM persona_decisions WHERE verdict = 'refuse'")


def _of_another(w: World) -> tuple[RenderRow, Callable[[], Any]]:
    render, say = _final_cut(w)
    w.persona_says(w.approved())
    return render, say


def _script(w: World) -> tuple[RenderRow, Callable[[], Any]]:
    campaign = w.campaign()
    render = w.approved(campaign=campaign)
    w.supersede(approval_mode="script")
    return render, lambda: w.persona_reads(campaign)


def _each_text(w: World) -> tuple[RenderRow, Callable[[], Any]]:
    render, _ = _script(w)
    with reading() as session:
        w.persona_reads(session.get_one(CampaignRow, render.campaign_id), "each")
    return render, lambda: w.persona_reads(render)


ASKED = {
    "no yes to the file": _final_cut,
    "a no after a yes": _a_no,
    "a yes to another file": _of_another,
    "no yes to the script": _script,
    "no yes to the text": _each_text,
}


@pytest.mark.parametrize("name", ASKED)
def test_the_database_asks_for_the_yes_of_who_appears(world: World, name: str):
    """Even in the release's own transaction, which vouches."""
    render, say = ASKED[name](world)
    with pytest.raises(DBAPIError, match=NOT_ASKED), release_transaction(render.id, DIGEST) as session:
        release_row(session, render.id, DIGEST)
    assert world.now_is(render).state == State.APPROVED
    say()
    with release_transaction(render.id, DIGEST) as session:
        release_row(session, render.id, DIGEST)
    assert world.now_is(render).state == State.RELEASED


# The owner of the database file can take the triggers away; the release then refuses


def test_a_home_that_was_migrated_has_the_same_triggers(tmp_path: Path):
    with open_world(tmp_path / "home", signer="recorded", make_tables=migrate) as w:
        assert w.released().state == State.RELEASED
        with pytest.raises(DBAPIError, match=REFUSAL), transaction() as session:
            session.execute(text("UPDATE renders SET published_sha256 = 'ab'"))


@pytest.mark.parametrize("name", TRIGGERS)
def test_without_its_triggers_nothing_is_released(world: World, name: str):
    render = world.approved()
    as_owner(world, f"DROP TRIGGER {name}")
    with pytest.raises(IntegrityError, match="lost the triggers"):
        world.release(render)
    assert world.now_is(render).state == State.APPROVED and not world.published()


def test_a_trigger_that_was_replaced_by_an_empty_one_is_a_lost_one(world: World):
    render = world.approved()
    as_owner(world, "DROP TRIGGER renders_released_update")
    as_owner(
        world,
        "CREATE TRIGGER renders_released_update BEFORE UPDATE ON renders WHEN 0 BEGIN SELECT 1; END",
    )
    with pytest.raises(IntegrityError, match="lost the triggers"):
        world.release(render)
    assert world.now_is(render).state == State.APPROVED
