"""A reviewer at the evidence player in Chromium: what is played by keyboard counts, what nobody saw or heard not."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from audit.approvals import approvals_for
from audit.models import Approval
from core.database import reading
from pipeline.tables import RenderRow
from review_ui.accounts import create_account
from review_ui.tables import AccountRow
from tests.kit.web import address, browser, enter, home, page  # noqa: F401
from tests.kit.world import World
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_passkeys_browser import Device

pytestmark = pytest.mark.browser


@pytest.fixture
def reviewer(home: World) -> AccountRow:
    return create_account(
        brand_id=home.brand_id, email="ann@brand.example", role="reviewer", password=PASSWORD
    )


@pytest.fixture
def open_page(home: World, page: Page, address: str, reviewer: AccountRow) -> Callable[[RenderRow], None]:
    enter(page, address, reviewer.id, password=PASSWORD)
    return lambda render: page.goto(f"{address}/renders/{render.id}")


def press(page: Page, key: str) -> None:
    page.locator("evidence-player").focus()
    page.keyboard.press(key)


def play(page: Page, *, rate: float = 1.0, muted: bool = False) -> None:
    """From where it stands to the end, by keyboard."""
    page.locator("video").evaluate(
        "(video, [rate, muted]) => { video.playbackRate = rate; video.muted = muted }", [rate, muted]
    )
    press(page, "k")
    until = time.monotonic() + 15
    while not page.locator("video").evaluate("video => video.ended"):
        assert time.monotonic() < until, "the video did not end"
        page.wait_for_timeout(50)


def press_approve(page: Page) -> None:
    """It is sent after ten seconds, or at once by the button beside it."""
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("button", name="Send now").click()


def approve(page: Page, render: RenderRow) -> Approval:
    press_approve(page)
    until = time.monotonic() + 15
    while True:
        with reading() as session:
            if found := approvals_for(session, render.sealed_sha256 or ""):
                return found[-1]
        assert time.monotonic() < until, "no decision arrived"
        page.wait_for_timeout(50)


def test_played_by_keyboard_to_the_end_is_seen(home: World, page: Page, open_page: Callable[..., None]):
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    render = home.to_review(flagged=("lip_sync",))
    open_page(render)
    expect(page.get_by_text("recorded as decided")).to_be_visible()
    expect(page.get_by_text("1 s with a finding not played yet.")).to_be_visible()
    play(page)
    expect(page.get_by_text("recorded as seen")).to_be_visible()
    expect(page.get_by_text("with a finding not played yet.")).to_be_hidden()
    assert approve(page, render).manner == "seen" and problems == []


def test_a_decision_right_after_the_end_carries_what_was_not_told_yet(
    home: World,
    page: Page,
    open_page: Callable[..., None],
):
    render = home.to_review()
    open_page(render)
    page.route("**/played", lambda route: route.abort())  # the reports get lost on their way
    play(page)
    page.wait_for_timeout(300)
    expect(page.get_by_text("recorded as decided")).to_be_visible()
    assert approve(page, render).manner == "seen"


@pytest.mark.parametrize("how", ["muted", "too fast", "by seeking", "by frames"])
def test_what_is_not_played_in_front_of_somebody_does_not_count(
    home: World,
    page: Page,
    open_page: Callable[..., None],
    how: str,
):
    render = home.to_review()
    open_page(render)
    if how == "muted":
        play(page, muted=True)
        expect(page.get_by_text("The sound is off")).to_be_visible()
    elif how == "too fast":
        play(page, rate=4.0)
    else:
        for _ in range(60):
            press(page, "l" if how == "by seeking" else ".")
    assert approve(page, render).manner == "decided"


def test_n_goes_to_what_is_missing(home: World, page: Page, open_page: Callable[..., None]):
    open_page(home.to_review())
    page.locator("video").evaluate("video => { video.currentTime = 1.0 }")
    play(page)
    expect(page.get_by_text("1 s to play before it counts as seen.")).to_be_visible()
    press(page, "n")
    assert page.locator("video").evaluate("video => video.currentTime") == 0


def test_high_risk_is_approved_with_what_was_seen_and_a_passkey(
    home: World,
    page: Page,
    open_page: Callable[..., None],
    address: str,
):
    Device(page)
    page.goto(f"{address}/account")
    page.get_by_label("Name of the device").fill("Office laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Office laptop")).to_be_visible()
    render = home.to_review(campaign=home.campaign(risk_class="high"))
    open_page(render)
    press_approve(page)
    expect(page.get_by_role("alert")).to_contain_text("must be seen")
    open_page(render)
    play(page)
    approval = approve(page, render)
    assert (approval.manner, approval.factor) == ("seen", "passkey")
