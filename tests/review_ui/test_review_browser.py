"""A reviewer with a keyboard alone, in Chromium: the video is in view, a decision is three keys and no page load to the
next one, ten seconds long nothing has happened, and what was typed survives a lost session.
"""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from audit.approvals import approvals_for
from core.database import reading, transaction
from pipeline.annotations import annotations_of
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.tables import SignInRow
from tests.kit.world import World
from tests.review_ui.test_passkeys_browser import address, page  # noqa: F401
from tests.review_ui.test_played_browser import home, open_page, reviewer  # noqa: F401

pytestmark = pytest.mark.browser


def at(render: RenderRow) -> re.Pattern[str]:
    return re.compile(f"/renders/{render.id}$")


def until_state(page: Page, home: World, render: RenderRow, state: State) -> RenderRow:
    for _ in range(300):
        if home.now_is(render).state == state:
            break
        page.wait_for_timeout(50)
    assert home.now_is(render).state == state, page.locator(".toast").inner_text()
    return home.now_is(render)


def test_three_keys_no_page_load_undo_and_a_lost_session(
    home: World, page: Page, open_page: Callable[[RenderRow], None]
):
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    loads: list[str] = []
    first, second, third = (home.to_review() for _ in range(3))
    open_page(first)

    for width, height in ((390, 844), (640, 360), (1440, 900)):  # 640 x 360: 1280 x 720 at 200 %
        page.set_viewport_size({"width": width, "height": height})
        box = page.locator("video").bounding_box()
        assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height, (width, height, box)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.on("load", lambda _: loads.append(page.url))

    # Approved with one key: the next one is there, and the server knows nothing yet.
    page.keyboard.press("a")
    expect(page).to_have_url(at(second))
    with reading() as session:
        assert approvals_for(session, first.sealed_sha256 or "") == []
    page.keyboard.press("z")
    expect(page.get_by_text("Taken back: nothing was sent.")).to_be_visible()
    expect(page).to_have_url(at(first))
    assert home.now_is(first).state == State.IN_REVIEW

    # Three keys send it back; a further decision sends it.
    for name in ("r", "1", "Enter"):
        page.keyboard.press(name)
    expect(page).to_have_url(at(second))
    page.keyboard.press("w")
    page.keyboard.type("a slip of the tongue")  # letters in a field are letters
    page.keyboard.press("Tab")
    for name in ("c", "9", "t", "Enter"):
        page.keyboard.press(name)
    until_state(page, home, first, State.REJECTED)
    assert [(note.kind, note.code) for note in annotations_of(first.id)] == [("rejected", "lips")]
    page.get_by_role("button", name="Send now").click()
    asked = until_state(page, home, second, State.REJECTED)
    assert asked.reason == {"code": "change_asked", "message": "A change is asked for: Something else"}
    assert [(note.words, note.t0) for note in annotations_of(second.id)] == [("a slip of the tongue", 0.0)]

    # A lost session: said, and the note is there again after signing in.
    expect(page).to_have_url(at(third))
    page.keyboard.press("w")
    page.keyboard.type("the label flickers")
    with transaction() as session:
        session.query(SignInRow).delete()
    page.keyboard.press("Tab")
    page.keyboard.press("a")
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("alert")).to_contain_text("not recorded")
    assert home.now_is(third).state == State.IN_REVIEW and loads == [] and problems == []
    page.get_by_role("alert").get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail address").fill("ann@brand.example")
    page.get_by_label("Password").fill("a rather long password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Note or reason")).to_have_value("the label flickers")

    # Enter in a field decides nothing, and `?` lists the keys.
    page.keyboard.press("r")
    page.get_by_label("At these seconds").press("Enter")
    page.wait_for_timeout(200)
    expect(page.get_by_role("button", name="Send now")).to_have_count(0)
    page.get_by_role("heading", level=1).focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("ask for a change")
