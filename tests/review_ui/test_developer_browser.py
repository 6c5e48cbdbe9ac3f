"""The developer's pages in Chromium: a key by keyboard alone, nothing for axe to find, nothing sideways."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from core.database import reading
from review_ui.api_keys import make_key
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from review_ui.tables import AccountRow
from tests.kit.world import PASSWORD, World
from tests.review_ui.test_passkeys_browser import address  # noqa: F401
from tests.review_ui.test_public_browser import AXE, WIDTHS, browser, home, new_page  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.fixture
def operator(home: World) -> AccountRow:
    with reading() as session:
        return session.get_one(AccountRow, home.operator)


@pytest.fixture
def signed(new_page: Callable[..., Page], address: str, operator: AccountRow) -> Callable[..., Page]:
    def enter(width: int, **more: str) -> Page:
        page = new_page(width, **more)
        page.context.add_cookies(
            [{"name": COOKIE, "value": sign_in(operator.email, PASSWORD)[0], "url": address}]
        )
        return page

    return enter


def nothing_to_find(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width, width
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])"
    )
    assert found == [], width


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    signed: Callable[..., Page], address: str, operator: AccountRow, theme: str
):
    make_key(operator, name="nightly", rights=["view"])
    for width in (WIDTHS[0], WIDTHS[-1]):
        page = signed(width, color_scheme=theme)
        for path in ("/docs", "/keys"):
            page.goto(f"{address}{path}")
            nothing_to_find(page, width)


def test_a_key_is_made_by_keyboard_alone_and_opens_the_api(signed: Callable[..., Page], address: str):
    page = signed(390)
    page.goto(f"{address}/keys")
    page.get_by_label("Name of the program that uses it").focus()
    page.keyboard.type("nightly")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Key made")).to_be_visible()
    token = page.locator(".secret").inner_text()
    expect(page.locator(".secret")).to_be_focused()
    answer = httpx.get(f"{address}/api/v1/renders", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    nothing_to_find(page, 390)
