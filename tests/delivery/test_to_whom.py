"""The suppression list at the doors: nothing is released to whoever is on it, and no link is made; links that they have
go on. The tags of a campaign's links, and the list of them as a file."""

from __future__ import annotations

import csv
import io
from urllib.parse import parse_qs, urlsplit

import pytest

from audit.ledger import Event
from core.database import reading
from core.errors import GreenroomError, InputError, NotFound
from delivery.errors import NotServed, ReleaseRefused
from delivery.link_list import COLUMNS, link_list, plain
from delivery.links import list_links, make_link, open_link, revoke_link
from delivery.tags import landing, set_tags, tags_of, tags_of_render
from pipeline import suppression
from pipeline.service import create_brand
from pipeline.standing import standing_of
from pipeline.states import State
from tests.kit.workers import events_of, last_entry, stored
from tests.kit.world import ASHA, World
from tests.pipeline.test_suppression import ADDRESS, NAMING, WITH_ADDRESS

SITE = "https://greenroom.brand.example"


def put_on_the_list(w: World, key: str = ADDRESS) -> None:
    suppression.add([key], brand_id=w.brand_id, actor_id=w.legal)


def test_an_approved_video_is_not_released_to_somebody_on_the_list(world: World):
    render = world.approved(fields=WITH_ADDRESS, campaign=world.campaign(fields=NAMING))
    put_on_the_list(world)
    with pytest.raises(ReleaseRefused) as refused:
        world.release(render)
    assert refused.value.code == "recipient_suppressed"
    now = world.now_is(render)
    assert (now.state, now.reason["code"]) == (State.APPROVED, "recipient_suppressed")
    assert world.published() == set()
    suppression.remove([ADDRESS], brand_id=world.brand_id, actor_id=world.legal)
    assert world.release(render).state == State.RELEASED


def test_somebody_who_comes_on_the_list_while_it_is_published_gets_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The last look is in the transaction that releases."""
    render = world.approved(fields=WITH_ADDRESS, campaign=world.campaign(fields=NAMING))
    from delivery import release

    publish = release._publish

    def slowly(cleared: object) -> object:
        made = publish(cleared)
        put_on_the_list(world)
        return made

    monkeypatch.setattr(release, "_publish", slowly)
    with pytest.raises(ReleaseRefused):
        world.release(render)
    assert world.now_is(render).state == State.APPROVED and world.published() == set()


def test_no_new_link_is_made_and_those_that_exist_go_on(world: World):
    render = world.released(fields=WITH_ADDRESS, campaign=world.campaign(fields=NAMING))
    token = make_link(render.id, brand_id=world.brand_id)
    put_on_the_list(world)
    with pytest.raises(NotServed) as refused:
        make_link(render.id, brand_id=world.brand_id)
    assert refused.value.code == "recipient_suppressed" and ADDRESS not in str(refused.value)
    assert open_link(token)[0].id == render.id
    with reading() as session:
        standing = standing_of(session, render)
    assert (standing.serves, standing.links) == (True, False)


# Tags


def test_tags_go_into_the_address_and_the_last_ones_count(world: World):
    render = world.released()
    set_tags(
        render.campaign_id,
        {"utm_source": "mail", "utm_campaign": "First box & more"},
        brand_id=world.brand_id,
        actor_id=world.operator,
    )
    address = landing("token", tags_of_render(render.id))
    assert urlsplit(address).path == "/v/token"
    assert parse_qs(urlsplit(address).query) == {"utm_source": ["mail"], "utm_campaign": ["First box & more"]}
    set_tags(render.campaign_id, {"utm_source": " "}, brand_id=world.brand_id, actor_id=world.operator)
    with reading() as session:
        assert tags_of(session, render.campaign_id) == {}
    assert landing("token", {}) == "/v/token"
    assert events_of(render.campaign_id).count(Event.CAMPAIGN_TAGGED) == 2 and world.ledger().good


@pytest.mark.parametrize("tags", [{"utm_other": "x"}, {"utm_source": "x" * 101}, {"utm_source": "a\nb"}])
def test_a_tag_that_is_none_is_refused(world: World, tags: dict[str, str]):
    campaign = world.campaign().id
    with pytest.raises(InputError):
        set_tags(campaign, tags, brand_id=world.brand_id, actor_id=world.operator)
    with pytest.raises(NotFound):
        set_tags(campaign, {}, brand_id=create_brand("Another").id, actor_id="usr_other")


# The list


def rows(w: World, campaign_id: str) -> list[dict[str, str]]:
    text = "".join(link_list(campaign_id, brand_id=w.brand_id, actor_id=w.operator, site=SITE))
    return list(csv.DictReader(io.StringIO(text)))


def test_each_released_video_has_a_row_with_a_link_that_opens(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("delivery.link_list.CHUNK", 1)
    campaign = world.campaign(fields=NAMING)
    set_tags(campaign.id, {"utm_source": "mail"}, brand_id=world.brand_id, actor_id=world.operator)
    out = [
        world.released(fields=WITH_ADDRESS, campaign=campaign, request_key="spring:1"),
        world.released(fields={**ASHA, "email": "ben@customer.example"}, campaign=campaign),
    ]
    world.to_review(fields=WITH_ADDRESS, campaign=campaign)
    found = rows(world, campaign.id)
    assert [row["render"] for row in found] == [render.id for render in out]
    assert (found[0]["recipient"], found[0]["request_key"]) == (ADDRESS, "spring:1")
    for row, render in zip(found, out, strict=True):
        address = urlsplit(row["link"])
        assert row["link"].startswith(f"{SITE}/v/") and address.query == "utm_source=mail"
        assert open_link(address.path.removeprefix("/v/"))[0].id == render.id
        assert row["expires_at"] and row["why_not"] == ""
    assert last_entry(campaign.id, Event.LINKS_EXPORTED).facts["actor"] == world.operator


def test_whoever_asks_again_gets_the_same_links(world: World):
    render = world.released()
    first = rows(world, render.campaign_id)
    before = stored()["links"]
    assert [row["link"] for row in rows(world, render.campaign_id)] == [row["link"] for row in first]
    assert stored()["links"] == before == 1
    (link,) = list_links(render.id, brand_id=world.brand_id)
    revoke_link(link.id, brand_id=world.brand_id, actor_id=world.operator)
    assert rows(world, render.campaign_id)[0]["link"] != first[0]["link"], "one that was revoked is gone"


def test_who_gets_none_is_named_with_the_reason(world: World):
    campaign = world.campaign(fields=NAMING)
    world.released(fields=WITH_ADDRESS, campaign=campaign)
    other = world.released(fields={**ASHA, "email": "ben@customer.example"}, campaign=campaign)
    make_link(other.id, brand_id=world.brand_id)
    put_on_the_list(world)
    world.recall(other)
    (row,) = rows(world, campaign.id)
    assert (row["link"], row["why_not"]) == ("", "recipient_suppressed")


def test_another_brands_links_are_not_listed_and_nothing_is_written_down(world: World):
    render = world.released()
    other = create_brand("Another").id
    before = stored()
    with pytest.raises(NotFound):
        link_list(render.campaign_id, brand_id=other, actor_id="usr_other", site=SITE)
    assert stored() == before


def test_a_list_that_cannot_be_finished_breaks_off(world: World, monkeypatch: pytest.MonkeyPatch):
    """Half a list that looks whole would leave recipients out."""
    from core.errors import BlobStoreUnavailable

    render = world.released()

    def away(*_: object, **__: object) -> object:
        raise BlobStoreUnavailable("the store is away")

    monkeypatch.setattr("delivery.link_list.standing_of", away)
    with pytest.raises(GreenroomError):
        rows(world, render.campaign_id)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" -1+cmd|'/C calc'!A0", "' -1+cmd|'/C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("+4930", "+4930"),
        ("-5", "-5"),
        ("asha@customer.example", "asha@customer.example"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(cell: str, written: str):
    assert plain(cell) == written


def test_the_columns_are_stable():
    assert COLUMNS == ("render", "request_key", "recipient", "link", "expires_at", "why_not")
