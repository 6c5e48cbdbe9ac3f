"""The record's room in Chromium: nothing for axe to find in either theme, nothing sideways, all by keyboard."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.events import Event
from audit.ledger import sequence_pending
from delivery.holds import place_hold
from pipeline.tables import RenderRow
from tests.kit.browser import keep_picture, new_page
from tests.kit.web import address, browser, enter, home, nothing_found  # noqa: F401
from tests.kit.workers import last_entry
from tests.kit.world import World

pytestmark = pytest.mark.browser


@pytest.fixture
def out(home: World) -> RenderRow:
    render = home.recall(home.released(), "A wrong price: the tea costs less than the video says.")
    home.reject(home.to_review())
    home.to_review(flagged=("lip_sync",))
    home.add_persona("consent")
    place_hold(
        "campaign", render.campaign_id, brand_id=home.brand_id, actor_id=home.legal, reason="A complaint."
    )
    sequence_pending()
    return render


@pytest.fixture
def page(browser: Browser, address: str, home: World, out: RenderRow) -> Iterator[Page]:
    """The page of somebody of legal, signed in."""
    page = new_page(browser, color_scheme="dark")
    enter(page, address, home.legal)
    page.goto(f"{address}/record")
    yield page
    page.context.close()


def addresses(home: World, out: RenderRow) -> list[str]:
    entry = last_entry(out.id, Event.ASSET_RELEASED).entry_id
    return [
        *(f"/record?kind={kind}" for kind in ("people", "consents", "renders", "decisions", "releases", "recalls")),
        "/record/holds", "/record/register", "/record/looked", f"/record/renders/{out.id}",
        f"/record/campaigns/{out.campaign_id}", f"/record/people/{home.persona.id}", f"/record/entries/{entry}",
        f"/record/authorities/{home.authority.id}", f"/record/holds/new?kind=person&subject={home.persona.id}",
    ]  # fmt: skip


def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    page: Page, address: str, home: World, out: RenderRow
):
    for where in addresses(home, out):
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.goto(f"{address}{where}")
            assert nothing_found(page) == [], (where, theme)
        name = where.strip("/").replace("/", "-").replace("?kind=", "-")[:40]
        keep_picture(page, name)


def test_a_video_is_found_held_and_its_proof_taken_by_keyboard_alone(page: Page, out: RenderRow):
    page.get_by_label("Find", exact=True).focus()
    page.keyboard.type(out.id)
    page.keyboard.press("Enter")
    expect(page.get_by_text("It was released.")).to_be_visible()
    page.get_by_role("link", name="Put this video on hold").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Reason").focus()
    page.keyboard.type("A second complaint.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The hold is placed.")).to_be_visible()
    page.go_back()
    page.go_back()
    page.get_by_role("link", name="It was released.").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Download the proof").focus()
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    assert Path(taken.value.path()).read_text().startswith("c2sp.org/tlog-proof@v1")
