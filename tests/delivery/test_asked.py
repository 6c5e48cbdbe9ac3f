"""Where the claim key is not, a release is asked for: the ledger keeps who asked, and no message has to survive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from audit.events import Event
from core.errors import GreenroomError, NotFound
from core.settings import get_settings
from delivery.asked import ask_for_release, asked_by, release_or_ask
from delivery.errors import ReleaseRefused
from pipeline.leases import claim
from pipeline.states import RELEASE, State
from pipeline.tables import RenderRow
from provenance.signer import signer_of
from tests.kit.standing_in import standing_in
from tests.kit.workers import events_of, last_entry, swept, waiting_messages, work
from tests.kit.world import World


@pytest.fixture
def web(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A process that takes no stage of the signer's kind."""
    monkeypatch.setenv("GREENROOM_PIPELINE_KINDS", "cpu")
    get_settings.cache_clear()
    yield world


def ask(w: World, render: RenderRow) -> RenderRow:
    return release_or_ask(render.id, brand_id=w.brand_id, actor_id=w.operator)


def test_the_web_signs_nothing_and_the_worker_releases_in_the_name_of_who_asked(web: World) -> None:
    render = web.approved()

    def none_here(*_: object) -> None:
        raise AssertionError("the claim key was asked for")

    with standing_in((signer_of, none_here)):
        assert ask(web, render).state == State.APPROVED
    assert asked_by(render.id) == web.operator
    work()
    assert web.now_is(render).state == State.RELEASED
    assert last_entry(render.id, Event.ASSET_RELEASED).facts["actor"] == web.operator
    assert web.ledger().good


@pytest.mark.only("sqlite")
def test_a_process_that_may_sign_releases_at_once(world: World) -> None:
    assert ask(world, world.approved()).state == State.RELEASED


def test_a_message_that_is_lost_is_sent_again(web: World) -> None:
    render = web.approved()
    assert swept() == [], "nobody asked yet"
    ask(web, render)
    waiting_messages()  # and lost
    web.tick(get_settings().pipeline.resend_seconds + 1)
    assert [payload["render_id"] for _, payload in swept()] == [render.id]


def test_a_refusal_waits_for_a_person_who_may_ask_again(web: World) -> None:
    render = web.approved()
    web.withdraw(status="suspended")
    ask(web, render)
    work()
    refused = web.now_is(render)
    assert refused.state == State.APPROVED and refused.reason is not None
    web.tick(get_settings().pipeline.resend_seconds + 1)
    assert swept() == []
    assert ask(web, refused).reason is None
    assert events_of(render.id).count(Event.RELEASE_ASKED) == 2


@pytest.mark.only("sqlite")
def test_what_is_not_approved_is_not_asked_for(web: World) -> None:
    with pytest.raises(ReleaseRefused):
        ask(web, web.to_review())
    released = web.released()
    assert ask(web, released).state == State.RELEASED
    assert Event.RELEASE_ASKED not in events_of(released.id)


@pytest.mark.only("sqlite")
def test_a_release_in_progress_is_left_alone(web: World) -> None:
    render = web.approved()
    taken = claim(render.id, RELEASE)
    with pytest.raises(GreenroomError) as refused:
        ask(web, render)
    assert refused.value.code == "release_in_progress" and taken is not None
    assert web.now_is(render).fence == taken.fence


@pytest.mark.only("sqlite")
def test_another_brand_asks_for_nothing(web: World) -> None:
    with pytest.raises(NotFound):
        ask_for_release(web.approved().id, brand_id="brd_another", actor_id=web.operator)
