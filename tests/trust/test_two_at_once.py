"""Two transactions at once decide one fact: each order is as if they had followed each other, on both databases.

One is held open at its last moment, as a slow machine would hold it; the other begins meanwhile in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

import core.database
import core.engines
import delivery.release
import pipeline.review
from audit.allowance import count_render
from audit.authorities import set_status
from audit.errors import RenderLimitReached
from audit.models import Effect
from audit.tables import AuthorityRenderRow
from core.database import exclusive, reading, transaction
from core.errors import Conflict, DatabaseBusy, GreenroomError
from core.settings import get_settings
from core.tables import BrandRow
from delivery.errors import ReleaseRefused
from delivery.recall import recall
from delivery.release import release
from delivery.withdrawal import on_authority_changed
from pipeline.cache import remember, remembered
from pipeline.leases import claim
from pipeline.standing import standing_of
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.accounts import create_account
from tests.kit.machines import machine
from tests.kit.workers import as_owner, events_of
from tests.kit.world import PASSWORD, World


@dataclass
class Pause:
    """A place where a transaction stands still until it is told to go on."""

    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.reached.set()
        assert self.go_on.wait(20), "nobody said to go on"


@contextmanager
def beside(
    first: Callable[[], Any], pause: Pause, second: Callable[[], Any]
) -> Iterator[tuple[Future[Any], Future[Any]]]:
    """The first runs to its pause, the second begins and has to wait; in the block the first has gone on."""
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert pause.reached.wait(20), one.exception(0) if one.done() else "it never got there"
        other = pool.submit(second)
        waits = not _ended(other, 0.4)
        pause.go_on.set()
        yield one, other
        assert waits, "it did not wait for the transaction that was open"


def _ended(future: Future[Any], seconds: float) -> bool:
    try:
        future.exception(seconds)
    except TimeoutError:
        return False
    return True


def standing(render: RenderRow) -> str:
    with reading() as session:
        return standing_of(session, session.get_one(RenderRow, render.id)).release


def revoke(w: World, pause: Callable[[], None] = lambda: None, effect: Effect = Effect.RECALL) -> None:
    with transaction() as session:
        set_status(session, w.persona.authority_id, "revoked", "a made-up reason", w.legal, effect=effect)
        session.flush()
        pause()


@pytest.fixture
def paused_release(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """A release stands still in its transaction, after every check and before the compare-and-set."""
    pause, real = Pause(), delivery.release.move

    def move(*arguments: Any, **more: Any) -> Any:
        pause()
        return real(*arguments, **more)

    monkeypatch.setattr(delivery.release, "move", move)
    return pause


# A release, and what takes it back


def test_a_withdrawal_waits_for_the_release_that_is_open_and_then_takes_it_back(
    world: World, paused_release: Pause
):
    render = world.approved()
    with beside(lambda: world.release(render), paused_release, lambda: revoke(world)) as (released, revoked):
        assert released.result(20).state == State.RELEASED
        revoked.result(20)
    assert standing(render) == "withdrawn", "no door may serve it, whatever the render's row says"
    on_authority_changed({"authority_id": world.persona.authority_id})
    assert world.now_is(render).state == State.RECALLED


def test_a_release_waits_for_the_withdrawal_that_is_open_and_is_then_refused(world: World):
    render, pause = world.approved(), Pause()
    with beside(lambda: revoke(world, pause), pause, lambda: world.release(render)) as (revoked, released):
        revoked.result(20)
        assert isinstance(released.exception(20), GreenroomError)
    assert world.now_is(render).state != State.RELEASED and not world.published()


def test_between_the_check_and_the_compare_and_set_nothing_fits(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """A withdrawal that commits after the checks and before the transaction is seen by the transaction."""
    render, real = world.approved(), delivery.release._publish

    def publish(cleared: Any) -> Any:
        made = real(cleared)
        revoke(world)
        return made

    monkeypatch.setattr(delivery.release, "_publish", publish)
    with pytest.raises(ReleaseRefused, match="does not cover"):
        world.release(render)
    assert not world.published()


def test_a_recall_waits_for_the_release_that_is_open(world: World, paused_release: Pause):
    render = world.approved()
    arguments = {"brand_id": world.brand_id, "actor_id": world.operator, "reason": "a made-up reason"}
    with beside(lambda: world.release(render), paused_release, lambda: recall(render.id, **arguments)) as (
        one,
        other,
    ):
        one.result(20)
        other.result(20)
    assert world.now_is(render).state == State.RECALLED
    assert [event for event in events_of(render.id) if "asset" in event][-2:] == [
        "render:asset:released", "render:asset:recalled"
    ]  # fmt: skip


def test_two_releases_at_once_make_one(world: World):
    render = world.approved()

    def once() -> str:
        try:
            return release(render.id, brand_id=world.brand_id, actor_id=world.operator).state
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(4) as pool:
        answers = {future.result(30) for future in [pool.submit(once) for _ in range(4)]}
    assert "released" in answers and answers <= {"released", "release_in_progress"}
    assert events_of(render.id).count("render:asset:released") == 1 and len(world.published()) == 1


# People


def test_two_approvals_at_once_of_a_high_risk_render_are_two(world: World, monkeypatch: pytest.MonkeyPatch):
    """Each saw the other's missing, and the render stood in review with both: for good."""
    render = world.to_review(campaign=world.campaign(risk_class="high"))
    pause, real = Pause(), pipeline.review.approvers

    def approvers(*arguments: Any) -> Any:
        found = real(*arguments)
        if world.second_reviewer not in found:
            pause()  # the first has counted, and its decision is not committed
        return found

    monkeypatch.setattr(pipeline.review, "approvers", approvers)

    def decide(reviewer: str) -> RenderRow:
        return world.approve(render, reviewer, played=((0.0, 60.0),), factor="passkey")

    with beside(lambda: decide(world.reviewer), pause, lambda: decide(world.second_reviewer)) as (
        first,
        second,
    ):
        first.result(20)
        assert second.result(20).state == State.APPROVED
    assert world.now_is(render).state == State.APPROVED


def test_an_approval_waits_for_the_withdrawal_that_is_open(world: World):
    render, pause = world.to_review(), Pause()
    with beside(lambda: revoke(world, pause), pause, lambda: world.approve(render)) as (revoked, approved):
        revoked.result(20)
        assert isinstance(approved.exception(20), GreenroomError)
    assert world.now_is(render).state == State.IN_REVIEW


def test_an_approval_and_a_rejection_at_once_end_in_one_of_them(world: World):
    render = world.to_review()
    together = threading.Barrier(2)

    def decide(act: Callable[[], Any]) -> bool:
        together.wait(20)
        try:
            act()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(decide, act)
            for act in (lambda: world.approve(render), lambda: world.reject(render, world.second_reviewer))
        ]
        won = [future.result(30) for future in done]
    assert sum(won) == 1
    assert world.now_is(render).state == (State.APPROVED if won[0] else State.REJECTED)


def test_an_address_has_one_account(world: World):
    def make() -> bool:
        try:
            create_account(
                brand_id=world.brand_id, email="twice@kit.example", role="reviewer", password=PASSWORD
            )
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(future.result(30) for future in [pool.submit(make) for _ in range(4)]) == 1


# Authorities


def test_the_last_renders_of_an_authority_are_counted_once_each(world: World):
    persona = world.add_persona("consent", max_renders=5)

    def count(number: int) -> bool:
        try:
            with transaction() as session:
                count_render(session, persona.authority_id, f"rnd_{number}")
        except RenderLimitReached:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        counted = sum(pool.map(count, range(12)))
    with reading() as session:
        ordinals = session.scalars(
            select(AuthorityRenderRow.ordinal).order_by(AuthorityRenderRow.ordinal)
        ).all()
    assert (counted, list(ordinals)[-5:]) == (5, [1, 2, 3, 4, 5])


def test_two_changes_of_an_authority_follow_each_other(world: World):
    pause = Pause()
    with beside(lambda: revoke(world, pause, Effect.NONE), pause, lambda: revoke(world)) as (first, second):
        first.result(20)
        second.result(20)
    on_authority_changed({"authority_id": world.persona.authority_id})
    assert world.ledger().good


# Workers


def test_a_stage_is_claimed_once(world: World):
    render = world.render()
    with ThreadPoolExecutor(6) as pool:
        claims = [future.result(30) for future in [pool.submit(claim, render.id) for _ in range(6)]]
    assert sum(taken is not None for taken in claims) == 1


def test_a_result_that_two_remember_at_once_is_remembered_once(world: World):
    def keep(number: int) -> None:
        remember("ab" * 32, brand_id=world.brand_id, stage="voice", result={"by": number})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(keep, range(6)))
    assert remembered("ab" * 32) is not None


def test_a_withdrawal_that_meets_a_decision_leaves_it_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """One render is being rejected while the fan-out has it in its list; the others are not kept from ending."""
    renders = [world.to_review() for _ in range(3)]
    revoke(world)
    pause, real = Pause(), pipeline.review.move

    def move(*arguments: Any, **more: Any) -> Any:
        moved = real(*arguments, **more)
        pause()
        return moved

    monkeypatch.setattr(pipeline.review, "move", move)
    changed = {"authority_id": world.persona.authority_id}
    with beside(lambda: world.reject(renders[1]), pause, lambda: on_authority_changed(changed)) as (
        one,
        other,
    ):
        one.result(20)
        other.result(20)
    assert [world.now_is(render).state for render in renders] == [
        State.BLOCKED,
        State.REJECTED,
        State.BLOCKED,
    ]


# What stands behind them


def test_whoever_waits_too_long_is_told_and_may_try_again(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(core.engines, "BUSY_SECONDS", 0.3)
    _new_engine()
    pause = Pause()
    with ThreadPoolExecutor(1) as pool:
        open_one = pool.submit(lambda: revoke(world, pause))
        assert pause.reached.wait(20)
        with pytest.raises(DatabaseBusy) as busy:
            revoke(world)
        pause.go_on.set()
        open_one.result(20)
    assert busy.value.retryable and busy.value.http_status == 503
    _new_engine()


def _new_engine() -> None:
    core.database.engine().dispose()
    core.database._engine_for.cache_clear()


@pytest.mark.only("postgresql")
def test_two_that_wait_for_each_other_are_told_apart(world: World):
    """A deadlock ends one of the two, in words; what it did is undone, and it may try again."""
    first, second = world.render(), world.render()
    together = threading.Barrier(2)

    def both(one: str, other: str) -> None:
        with transaction() as session:
            session.execute(text("UPDATE renders SET progress = .1 WHERE id = :id"), {"id": one})
            together.wait(20)
            session.execute(text("UPDATE renders SET progress = .1 WHERE id = :id"), {"id": other})

    with ThreadPoolExecutor(2) as pool:
        errors = [
            future.exception(30)
            for future in (pool.submit(both, first.id, second.id), pool.submit(both, second.id, first.id))
        ]
    told = [error for error in errors if error is not None]
    assert len(told) == 1 and isinstance(told[0], DatabaseBusy) and "waited for each other" in str(told[0])


def test_one_process_at_a_time_is_inside(world: World):
    with exclusive("kit") as first:
        assert first is not None and first.still_held()
        with ThreadPoolExecutor(1) as pool:

            def beside_it() -> bool:
                with exclusive("kit", wait=False) as second, exclusive("other", wait=False) as third:
                    return second is None and third is not None

            assert pool.submit(beside_it).result(20)
    with exclusive("kit", wait=False) as again:
        assert again is not None


@pytest.mark.only("sqlite")
def test_two_homes_on_one_database_exclude_each_other(world: World, tmp_path: Path):
    """Also where the second one names the file by another path; another database beside it has locks of its own."""
    home = get_settings().home
    (tmp_path / "by another name").symlink_to(home)
    beside = home / "another.db"
    with exclusive("kit") as first:
        assert first is not None
        same = f"sqlite:///{tmp_path / 'by another name' / 'greenroom.db'}"
        with (
            machine(tmp_path / "second", database_url=same),
            exclusive("kit", wait=False) as second,
        ):
            assert second is None
        with (
            machine(tmp_path / "second", database_url=f"sqlite:///{beside}"),
            exclusive("kit", wait=False) as other,
        ):
            assert other is not None


@pytest.mark.only("postgresql")
def test_a_lock_whose_connection_broke_is_not_held_any_more(world: World):
    with exclusive("kit") as lock:
        assert lock is not None
        as_owner(
            world,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
        )
        assert not lock.still_held()


def test_a_snapshot_is_of_one_moment(world: World):
    """Rows and entries that are read one after the other belong together, whatever is committed in between."""
    render = world.approved()
    with reading() as session:
        before = session.get_one(RenderRow, render.id).state
        world.release(render)
        session.expire_all()
        assert session.get_one(RenderRow, render.id).state == before == State.APPROVED
        assert session.scalar(select(func.count()).select_from(BrandRow)) == 1
        assert standing_of(session, session.get_one(RenderRow, render.id)).release == "unreleased"
