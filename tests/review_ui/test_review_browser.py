"""A reviewer with a keyboard alone, in Chromium: the video is in view, a decision is three keys and no page load to the
next one, ten seconds long nothing has happened, nothing is decided unseen or twice, and neither a lost session nor
leaving the page loses a decision or what was typed.

The page's clock stands still and is moved by hand; the videos and the server have their own.
"""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Route, expect

from audit.approvals import approvals_for
from audit.models import Approval
from core.database import reading, transaction
from pipeline.annotations import annotations_of
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from review_ui.tables import AccountRow, SignInRow
from tests.kit.web import address, browser, home, page  # noqa: F401
from tests.kit.world import World
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_played_browser import open_page, reviewer  # noqa: F401

pytestmark = pytest.mark.browser


def at(render: RenderRow) -> re.Pattern[str]:
    return re.compile(f"/renders/{render.id}$")


def until_state(page: Page, home: World, render: RenderRow, state: State) -> RenderRow:
    until(page, lambda: home.now_is(render).state == state)
    return home.now_is(render)


def until(page: Page, so: Callable[[], bool]) -> None:
    for _ in range(300):
        if so():
            return
        page.wait_for_timeout(50)
    pytest.fail(f"it did not come: {page.locator('.toast').all_inner_texts()}")


FIRST_LOOK, RENEW, MINUTE = 700, 30_000, 60_000


@pytest.fixture
def still(page: Page) -> Page:
    """The page with a clock that stands still."""
    page.clock.install(time=datetime(2026, 1, 1, tzinfo=UTC))
    page.clock.pause_at(datetime(2026, 1, 1, 0, 1, tzinfo=UTC))
    return page


def look_at(page: Page, render: RenderRow) -> None:
    """It is shown, and the moment in which nothing decides over it is over."""
    expect(page).to_have_url(at(render))
    expect(page.locator(f'form[data-decision="{render.id}"]')).to_be_visible()
    page.clock.run_for(FIRST_LOOK)
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()


def press(page: Page, *names: str) -> None:
    for name in names:
        page.keyboard.press(name)


def decisions(render: RenderRow) -> list[Approval]:
    with reading() as session:
        return approvals_for(session, render.sealed_sha256 or "")


def bar(page: Page) -> str:
    """The decision that waits; empty where none does."""
    found = page.locator(".toast").filter(has=page.get_by_role("button", name="Send now"))
    return found.inner_text() if found.count() else ""


def test_three_keys_no_page_load_undo_a_lost_session_and_leaving(
    home: World, still: Page, open_page: Callable[[RenderRow], None], reviewer: AccountRow
):
    page, problems = still, []
    page.on("pageerror", lambda error: problems.append(str(error)))
    loads: list[str] = []
    first, second, third = (home.to_review() for _ in range(3))
    open_page(first)
    press(page, "a")  # a second press, meant for the video before
    expect(page.get_by_text("only just come")).to_be_visible()
    assert bar(page) == ""

    for width, height in ((390, 844), (640, 360), (1440, 900)):  # 640 x 360: 1280 x 720 at 200 %
        page.set_viewport_size({"width": width, "height": height})
        box = page.locator("video").bounding_box()
        assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height, (width, height, box)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.on("load", lambda _: loads.append(page.url))

    # Approved with one key, however long it is held: the next one is there, and the server knows nothing yet.
    look_at(page, first)
    page.keyboard.down("a")
    look_at(page, second)
    page.keyboard.down("a")
    page.keyboard.up("a")
    assert first.id[-8:] in bar(page) and page.locator("form[inert]").count() == 0
    press(page, "z")
    expect(page.get_by_text("Taken back: nothing was sent.")).to_be_visible()
    look_at(page, first)
    page.keyboard.down("ArrowRight")
    page.keyboard.down("ArrowRight")  # a key that seeks repeats
    page.keyboard.up("ArrowRight")
    assert page.locator("video").evaluate("video => video.currentTime") == 2

    # While the next one is slow nothing more is decided; taken back, it does not come any more.
    slow: list[Route] = []
    page.route("**/review/next", lambda route: slow.append(route))  # noqa: PLW0108 - Playwright gives it attributes
    press(page, "a", "a", "r", "1", "Enter")
    page.locator("[data-key=a]").dispatch_event("click")
    for _ in range(200):
        page.wait_for_timeout(50)
        if slow:
            break
    assert len(slow) == 1 and "Approved" in bar(page) and decisions(first) == []
    press(page, "z")
    with page.expect_event("requestfinished", lambda request: request.url.endswith(second.id)):
        slow[0].continue_()
    page.unroute("**/review/next")
    page.wait_for_timeout(50)
    look_at(page, first)
    assert home.now_is(first).state == State.IN_REVIEW and bar(page) == ""

    # Three keys send it back; a further decision sends it.
    press(page, "r", "1", "Enter")
    look_at(page, second)
    press(page, "w")
    page.keyboard.type("a slip of the tongue")  # letters in a field are letters
    press(page, "Tab", "c", "9", "t", "Enter")
    until_state(page, home, first, State.REJECTED)
    assert [(note.kind, note.code) for note in annotations_of(first.id)] == [("rejected", "lips")]
    look_at(page, third)
    page.clock.run_for(10_000)
    asked = until_state(page, home, second, State.REJECTED)
    assert asked.reason == {"code": "change_asked", "message": "A change is asked for: Something else"}
    assert [(note.words, note.t0) for note in annotations_of(second.id)] == [("a slip of the tongue", 0.0)]

    # A lost session: the decision is sent before signing in anew, and its refusal and the note are there afterwards.
    press(page, "w")
    page.keyboard.type("the label flickers")
    with transaction() as session:
        session.query(SignInRow).delete()
    assert loads == []
    press(page, "Tab", "a")
    page.get_by_label("E-mail address").fill("ann@brand.example")
    page.get_by_label("Password").fill(PASSWORD)
    assert third.id[-8:] in bar(page)
    page.get_by_role("button", name="Sign in").click()
    refusal = page.get_by_role("alert")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expect(refusal).to_contain_text("was not recorded")
    assert home.now_is(third).state == State.IN_REVIEW
    refusal.get_by_role("link", name="Back to it").click()
    look_at(page, third)
    expect(page.get_by_label("Note or reason")).to_have_value("the label flickers")

    # Enter in a field decides nothing, and `?` lists the keys.
    press(page, "r")
    page.get_by_label("At these seconds").press("Enter")
    page.wait_for_timeout(200)
    assert bar(page) == ""
    page.get_by_role("heading", level=1).focus()
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("ask for a change")
    press(page, "Escape")

    # A hint, a decision that waits and a refusal do not take each other's place; somebody dismisses a refusal.
    press(page, "a")
    expect(page.get_by_text("Nothing else waits for you.")).to_be_visible()
    assert third.id[-8:] in bar(page)
    expect(refusal).to_contain_text("was not recorded")
    refusal.get_by_role("button", name="Dismiss").click()
    expect(refusal).to_have_count(0)

    # The queue does not lead back to what was just decided, and shows what became of it.
    page.get_by_role("button", name="Review the next one").click()
    expect(page.get_by_text("Nothing else waits for you.")).to_be_visible()
    expect(page.locator("table.queue")).to_contain_text(third.id[-8:])
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert home.now_is(third).state == State.APPROVED

    first, second, third, _last = (home.to_review() for _ in range(4))
    open_page(first)
    look_at(page, first)

    # Nobody there: not renewed after five minutes and the two seconds of the video; with the first movement it is.
    renewed: list[str] = []
    page.on("request", lambda request: renewed.append(request.url) if "/lease" in request.url else None)
    page.clock.run_for(6 * MINUTE)
    until(page, lambda: len(renewed) >= 5 * MINUTE // RENEW)
    page.clock.run_for(2 * MINUTE)
    page.wait_for_timeout(50)
    assert len(renewed) == 5 * MINUTE // RENEW
    page.mouse.move(5, 5)
    until(page, lambda: len(renewed) == 5 * MINUTE // RENEW + 1)

    # The same person under another session: what is sent carries the token of now.
    token, _account = sign_in(reviewer.email, PASSWORD)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": page.url.partition("/renders")[0]}])
    press(page, "a")
    expect(
        page.get_by_role("heading", name="This did not work")
    ).to_be_visible()  # the page's own token is old
    page.get_by_role("button", name="Send now").click()
    until_state(page, home, first, State.APPROVED)

    # A form and a link of another kind wait for the answer; what was refused is said on the page after.
    page.get_by_role("link", name="Queue", exact=True).click()
    page.get_by_role("button", name="Review the next one").click()
    look_at(page, second)
    press(page, "a")
    look_at(page, third)
    page.get_by_role("link", name="Campaigns").click()
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
    assert home.now_is(second).state == State.APPROVED
    page.go_back()
    page.go_back()  # to the page of what was decided meanwhile: it is shown as it is now
    expect(page).to_have_url(at(second))
    expect(page.get_by_text("Approved by")).to_be_visible()
    expect(page.locator("form[data-decision]")).to_have_count(0)
    open_page(third)
    look_at(page, third)
    press(page, "a")
    expect(page).not_to_have_url(at(third))
    home.reject(third, reviewer.id)  # in another window, by the same person
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("not in review any more")
    assert problems == []
