"""Delivery links (trust step 13): each names a row, expires, can be revoked alone, and asks the predicate anew."""

from __future__ import annotations

import pytest
from itsdangerous import URLSafeSerializer

import pipeline.standing
from audit.events import Event
from core.blobs import blobs
from core.errors import (
    BlobStoreUnavailable,
    DatabaseBusy,
    GreenroomError,
    InputError,
    IntegrityError,
    NotFound,
)
from core.models import AssetRole
from core.secrets import derived_key
from core.settings import get_settings
from delivery.errors import LinkGone, LinkTakenBack, NotServed
from delivery.links import list_links, make_link, open_link, revoke_link, still_serves, token_of
from pipeline.service import create_brand
from pipeline.states import State
from tests.kit.workers import as_owner, door, events_of, last_entry, put_back, stored
from tests.kit.world import World

NOT_OUT = sorted(set(State) - {State.RELEASED})


def link(w: World, render_id: str, **more) -> str:
    return make_link(render_id, brand_id=w.brand_id, made_by=w.operator, **more)


def test_a_link_opens_the_published_file(world: World):
    render = world.released()
    opened, path = open_link(link(world, render.id))
    assert (opened.id, path) == (render.id, blobs().get_file(render.published_sha256, AssetRole.PUBLISHED))


def test_a_link_is_on_record_with_who_made_it_and_when_it_ends(world: World):
    render = world.released()
    link(world, render.id, hours=2)
    (row,) = list_links(render.id, brand_id=world.brand_id)
    entry = last_entry(render.id, Event.LINK_MADE)
    assert (entry.facts["link_id"], entry.facts["actor"]) == (row.id, world.operator)
    assert set(entry.facts["rows"]) == {f"links/{row.id}"}
    assert world.ledger().good


@pytest.mark.parametrize("hours", [None, 1.5])
def test_a_link_ends_by_itself(world: World, hours: float | None):
    token = link(world, world.released().id, hours=hours)
    lifetime = 3600 * (hours or get_settings().web.link_hours)
    world.tick(lifetime - 60)
    assert door(token) == "open"
    world.tick(61)
    assert door(token) == "link_gone"
    assert not still_serves(token)


@pytest.mark.parametrize("hours", [0, -1, 24 * 367, float("inf"), float("nan")])
def test_a_lifetime_that_makes_no_sense_is_refused(world: World, hours: float):
    with pytest.raises(InputError):
        link(world, world.released().id, hours=hours)
    assert stored()["links"] == 0


def test_one_link_is_revoked_and_the_others_stay(world: World):
    render = world.released()
    one, other = link(world, render.id), link(world, render.id)
    (row,) = [row for row in list_links(render.id, brand_id=world.brand_id) if token_of(row) == one]
    revoke_link(row.id, brand_id=world.brand_id, actor_id=world.legal)
    assert (door(one), door(other)) == ("link_gone", "open")
    assert last_entry(render.id, Event.LINK_REVOKED).facts["actor"] == world.legal
    assert world.ledger().good


def test_revoking_again_changes_nothing(world: World):
    render = world.released()
    link(world, render.id)
    (row,) = list_links(render.id, brand_id=world.brand_id)
    first = revoke_link(row.id, brand_id=world.brand_id, actor_id=world.legal)
    before = stored()
    assert revoke_link(row.id, brand_id=world.brand_id, actor_id="usr_another").revoked_at == first.revoked_at
    assert stored() == before


def test_a_forged_token_is_no_link(world: World):
    render = world.released()
    token = link(world, render.id)
    body, _, signature = token.rpartition(".")
    (row,) = list_links(render.id, brand_id=world.brand_id)
    forged = [
        "",
        row.id,
        body,
        f"{body}.",
        f"{body}.{signature[:-1]}",
        f"{body}.{signature[::-1]}",
        URLSafeSerializer("guessed", salt="delivery-link").dumps(row.id),
        URLSafeSerializer(derived_key("mark"), salt="delivery-link").dumps(row.id),
        URLSafeSerializer(derived_key("links"), salt="another-purpose").dumps(row.id),
        URLSafeSerializer(derived_key("links"), salt="delivery-link").dumps("lnk_unknown"),
        URLSafeSerializer(derived_key("links"), salt="delivery-link").dumps(render.id),
        token + "x" * 500,
    ]
    assert door(token) == "open"
    assert {attempt: door(attempt) for attempt in forged} == dict.fromkeys(forged, "link_gone")


def test_every_refusal_of_what_was_never_out_reads_alike(world: World):
    """A forged, an expired and a revoked link tell nobody which they are."""
    render = world.released()
    token = link(world, render.id, hours=1)
    answers = set()
    for attempt in ("forged", token):
        world.tick(3600)
        with pytest.raises(LinkGone) as refused:
            open_link(attempt)
        answers.add((str(refused.value), refused.value.http_status))
    assert answers == {("there is no video behind this link. Next: ask the sender for a new link.", 404)}


@pytest.mark.parametrize("error", [BlobStoreUnavailable, DatabaseBusy])
def test_while_something_is_away_a_link_serves_nothing_and_says_that_it_may_later(
    world: World, monkeypatch: pytest.MonkeyPatch, error: type[GreenroomError]
):
    """Nobody may be told that a video is gone because a store or the database did not answer just then."""
    render = world.released()
    token = link(world, render.id)
    with monkeypatch.context() as fault:

        def away(*_asked: object) -> None:
            raise error("it does not answer")

        fault.setattr(pipeline.standing, "_is_there", away)
        for ask in (lambda: open_link(token), lambda: link(world, render.id)):
            with pytest.raises(error) as told:
                ask()
            assert (told.value.http_status, told.value.retryable) == (503, True)
        assert not still_serves(token)
    assert door(token) == "open" and stored()["links"] == 1


def test_a_link_to_what_was_taken_back_says_by_whom(world: World):
    recalled, stays = world.released(), world.released()
    tokens = [link(world, render.id) for render in (recalled, stays)]
    world.recall(recalled)
    with pytest.raises(LinkTakenBack, match="recalled by its publisher") as by_publisher:
        open_link(tokens[0])
    persona = world.add_persona()
    other = world.released(campaign=world.campaign(persona))
    token = link(world, other.id)
    world.withdraw(persona, effect="recall")
    with pytest.raises(LinkTakenBack, match="withdrawn by the person") as by_person:
        open_link(token)
    assert [error.value.code for error in (by_publisher, by_person)] == ["link_recalled", "link_withdrawn"]
    assert {error.value.http_status for error in (by_publisher, by_person)} == {410}
    assert door(tokens[1]) == "open"


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_a_link_that_is_over_does_not_say_that_its_video_was_taken_back(world: World, end: str):
    render = world.released()
    token = link(world, render.id, hours=1)
    if end == "expired":
        world.tick(3601)
    else:
        (row,) = list_links(render.id, brand_id=world.brand_id)
        revoke_link(row.id, brand_id=world.brand_id, actor_id=world.legal)
    world.recall(render)
    assert door(token) == "link_gone"


def test_what_is_not_out_gets_no_link(world: World):
    render = world.approved()
    for state in NOT_OUT:
        put_back(world, render, state)
        with pytest.raises(NotServed):
            link(world, render.id)
    assert stored()["links"] == 0 and Event.LINK_MADE not in events_of(render.id)


def test_a_link_asks_the_predicate_each_time_it_is_opened(world: World):
    render = world.released()
    token = link(world, render.id)
    open_link(token)
    assert still_serves(token)
    world.recall(render)
    assert not still_serves(token)


def test_another_brand_sees_makes_and_revokes_nothing(world: World):
    render = world.released()
    token = link(world, render.id)
    (row,) = list_links(render.id, brand_id=world.brand_id)
    other = create_brand("Another Example Brand").id
    for attempt in (
        lambda: make_link(render.id, brand_id=other),
        lambda: list_links(render.id, brand_id=other),
        lambda: revoke_link(row.id, brand_id=other, actor_id="usr_other"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert door(token) == "open"


def test_a_link_of_one_brand_never_opens_another_brands_video(world: World):
    """Whoever moves the row to another brand's video gains nothing."""
    token = link(world, world.released().id)
    other = create_brand("Another Example Brand").id
    as_owner(world, "UPDATE links SET brand_id = ?", other)
    assert door(token) == "link_gone"


def test_looking_makes_no_link_and_no_row(world: World):
    render = world.released()
    token = link(world, render.id)
    before = stored()
    open_link(token)
    still_serves(token)
    list_links(render.id, brand_id=world.brand_id)
    world.now_is(render)
    world.verify(blobs().get_file(render.published_sha256))
    assert stored() == before


def test_bytes_that_changed_on_disk_are_not_served(world: World):
    render = world.released()
    token = link(world, render.id)
    path = blobs().get_file(render.published_sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(IntegrityError, match="not those that were stored"):
        open_link(token)


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_file_that_is_not_all_there_is_not_served(world: World, damage: str):
    render = world.released()
    token = link(world, render.id)
    path = blobs().get_file(render.published_sha256)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(GreenroomError):
        open_link(token)
    with pytest.raises(NotServed, match="not there"):
        link(world, render.id)
