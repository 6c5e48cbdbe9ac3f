"""Release as a leased stage: a message releases once, and whatever kills the worker, the next one goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from audit.events import Event
from core.database import reading, transaction
from core.errors import GreenroomError
from core.models import AssetRole
from core.settings import get_settings
from core.tables import AssetRow
from delivery.release import release
from delivery.tasks import on_approved
from pipeline.leases import LONGEST_WAIT, claim
from pipeline.life import move
from pipeline.service import retry
from pipeline.states import RELEASE, State
from pipeline.tables import RenderRow
from provenance.credential import publish
from provenance.service import save_manifest
from tests.kit.saving import Saved
from tests.kit.standing_in import standing_in
from tests.kit.workers import events_of, stored, swept, waiting_messages, work
from tests.kit.world import World


@pytest.fixture
def waiting(world: World) -> RenderRow:
    """An approved video of a campaign that releases by itself; its message was lost."""
    render = world.approved(campaign=world.campaign(release_on_approval=True))
    waiting_messages()
    return render


def tell(render: RenderRow) -> None:
    on_approved({"render_id": render.id})


def releases(w: World, render: RenderRow) -> tuple[str, int, int, int]:
    """The state, and how many entries, assets and files of it there are."""
    with reading() as session:
        assets = session.query(AssetRow).filter_by(role=AssetRole.PUBLISHED.value).count()
    return (
        w.now_is(render).state,
        events_of(render.id).count(Event.ASSET_RELEASED),
        assets,
        len(w.published()),
    )


NOT_YET, ONCE = ("approved", 0, 0, 0), ("released", 1, 1, 1)


# Messages


def test_the_message_releases_once(world: World, waiting: RenderRow):
    for _ in range(3):
        tell(waiting)
    assert releases(world, waiting) == ONCE
    assert world.ledger().good


def test_a_campaign_that_waits_for_a_person_is_not_released_by_a_message(world: World):
    render = world.approved(campaign=world.campaign(release_on_approval=False))
    tell(render)
    work()
    world.tick(1000)
    assert swept() == [] and releases(world, render) == NOT_YET


@pytest.mark.parametrize("render_id", ["rnd_unknown", ""])
def test_a_message_about_nothing_does_nothing(world: World, render_id: str):
    before = stored()
    on_approved({"render_id": render_id})
    assert stored() == before


def test_a_refused_release_waits_for_a_person_who_may_then_release_by_hand(world: World, waiting: RenderRow):
    world.withdraw(status="suspended")
    tell(waiting)
    refused = world.now_is(waiting)
    assert (refused.state, refused.reason["code"], refused.lease_owner) == (
        "approved",
        "authority_suspended",
        None,
    )
    assert events_of(waiting.id)[-1] == Event.RELEASE_REFUSED
    world.tick(1000)
    tell(waiting)
    assert swept() == [] and events_of(waiting.id).count(Event.RELEASE_REFUSED) == 1
    world.withdraw(status="granted")
    world.release(waiting)
    assert releases(world, waiting) == ONCE


def test_receipts_of_another_environment_release_nothing_here(
    world: World, waiting: RenderRow, monkeypatch: pytest.MonkeyPatch
):
    """The gates ran in `test`; the door asks for the parts of this installation."""
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "demo")
    get_settings.cache_clear()
    with pytest.raises(GreenroomError, match="environment"):
        world.release(waiting)
    assert releases(world, waiting) == NOT_YET


def test_ten_sweeps_of_a_waiting_release_send_one_message(world: World, waiting: RenderRow):
    world.tick(get_settings().pipeline.resend_seconds + 1)
    sent = [message for _ in range(10) for message in swept()]
    assert sent == [("render.approved", {"render_id": waiting.id, "kind": "io"})]


# Killed at each seam: the lease ends, and the sweeper's message releases, once


class Killed(BaseException):
    """Ends the process's part of the test; what its handlers then do is undone by going back to the moment before."""


@dataclass
class Moment:
    """A home as a process leaves it that is killed there: what is committed, and the files."""

    w: World
    saved: Saved
    published: dict[Path, bytes]

    @classmethod
    def of(cls, w: World) -> Moment:
        return cls(w, w.save(), {path: path.read_bytes() for path in w.published()})

    def back(self) -> None:
        self.w.restore(self.saved)
        for path, data in self.published.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def killed(w: World, render: RenderRow, original: Callable[..., Any], *, before: bool) -> None:
    """The worker that handles the message ends at a function of the release, before or after it did its work."""
    moments: list[Moment] = []

    def dying(*arguments: Any, **more: Any) -> Any:
        if not before:
            original(*arguments, **more)
        moments.append(Moment.of(w))
        raise Killed

    with standing_in((original, dying)), pytest.raises(Killed):
        tell(render)
    (moment,) = moments
    moment.back()


# By name: a world may have put a double in a function's place.
SEAMS: dict[str, tuple[Callable[[], Callable[..., Any]], bool]] = {
    "before the published file is made": (lambda: publish, True),
    "after the published file is made": (lambda: publish, False),
    "before the manifest is noted": (lambda: save_manifest, True),
    "inside the transaction": (lambda: save_manifest, False),
    "after the state is written and before the commit": (lambda: move, False),
}


@pytest.mark.only(
    "sqlite"
)  # PostgreSQL copies no database that is in use; processes that are killed: tests/faults
@pytest.mark.parametrize("seam", SEAMS)
def test_a_release_that_is_killed_is_done_by_the_next_worker(world: World, waiting: RenderRow, seam: str):
    original, before = SEAMS[seam]
    killed(world, waiting, original(), before=before)
    state, entries, assets, _ = releases(world, waiting)
    assert (state, entries, assets) == ("approved", 0, 0)
    tell(waiting)
    assert releases(world, waiting)[:3] == NOT_YET[:3], "the lease of the dead one still holds"
    world.tick(get_settings().pipeline.lease_seconds + 1)
    ((topic, payload),) = swept()
    assert (topic, payload["render_id"]) == ("render.approved", waiting.id)
    tell(waiting)
    assert releases(world, waiting)[:3] == ONCE[:3]
    assert world.ledger().good


def test_a_release_that_kills_its_workers_is_parked_and_can_be_retried(world: World, waiting: RenderRow):
    for _ in range(get_settings().pipeline.max_attempts):
        assert claim(waiting.id, RELEASE) is not None
        world.tick(get_settings().pipeline.lease_seconds + 1)
    tell(waiting)
    row = world.now_is(waiting)
    assert (row.state, row.reason["code"], row.reason["retry"]) == (State.FAILED, "poison", "approved")
    assert swept() == []
    retry(waiting.id, brand_id=world.brand_id)
    work()
    assert releases(world, waiting) == ONCE


# Trouble


class Down(GreenroomError):
    """The timestamp authority does not answer."""

    code = "made_up_down"
    retryable = True


@contextmanager
def publishing_fails(error: BaseException) -> Iterator[None]:
    def failing(*_: Any, **__: Any) -> None:
        raise error

    with standing_in((publish, failing)):
        yield


def test_trouble_that_passes_is_tried_again_after_a_pause(world: World, waiting: RenderRow):
    with publishing_fails(Down("a made-up failure")):
        tell(waiting)
        row = world.now_is(waiting)
        assert (row.state, row.reason, row.attempts, row.waits) == ("approved", None, 0, 1)
        assert row.retry_at is not None and swept() == []
    world.tick(LONGEST_WAIT)
    assert [payload["render_id"] for _, payload in swept()] == [waiting.id]
    tell(waiting)
    assert releases(world, waiting) == ONCE


def test_a_person_need_not_wait_for_the_pause(world: World, waiting: RenderRow):
    with publishing_fails(Down("a made-up failure")):
        tell(waiting)
    world.release(waiting)
    assert releases(world, waiting) == ONCE


def test_trouble_that_does_not_pass_is_parked(world: World, waiting: RenderRow, monkeypatch: Any):
    monkeypatch.setenv("GREENROOM_PIPELINE_MAX_WAITS", "3")
    get_settings.cache_clear()
    with publishing_fails(Down("a made-up failure")):
        for _ in range(4):
            tell(waiting)
            world.tick(LONGEST_WAIT + 1)
    row = world.now_is(waiting)
    assert (row.state, row.reason["code"]) == (State.FAILED, "release_waited")


def test_a_fault_of_ours_is_tried_again_and_then_parked(world: World, waiting: RenderRow):
    with publishing_fails(RuntimeError("a made-up fault")):
        for _ in range(get_settings().pipeline.max_attempts + 1):
            tell(waiting)
            world.tick(LONGEST_WAIT + 1)
    row = world.now_is(waiting)
    assert (row.state, row.reason["code"]) == (State.FAILED, "poison")
    assert not world.published()


def test_an_error_after_the_commit_deletes_nothing(world: World, waiting: RenderRow):
    """The connection breaks when the answer comes back: the row decides what is true."""
    real = transaction

    @contextmanager
    def breaking() -> Iterator[Any]:
        with real() as session:
            yield session
            released = any(
                isinstance(one, RenderRow) and one.state == State.RELEASED
                for one in session.identity_map.values()
            )
        if released:
            raise ConnectionError("the answer was lost")

    with standing_in((real, breaking)), pytest.raises(ConnectionError):
        release(waiting.id, brand_id=world.brand_id, actor_id=world.operator)
    assert releases(world, waiting) == ONCE
    assert world.release(waiting).state == State.RELEASED
    assert world.verify(next(iter(world.published()))).verdict == "intact"
    assert world.ledger().good


def test_an_error_before_the_commit_leaves_no_file(world: World, waiting: RenderRow):
    real = save_manifest

    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("a made-up fault")

    with standing_in((real, failing)), pytest.raises(RuntimeError):
        release(waiting.id, brand_id=world.brand_id, actor_id=world.operator)
    assert releases(world, waiting) == NOT_YET
