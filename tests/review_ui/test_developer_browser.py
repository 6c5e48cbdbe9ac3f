"""The developer's pages in Chromium: a key by keyboard alone, nothing for axe to find, nothing sideways."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from core.database import reading
from review_ui.api_keys import make_key
from review_ui.tables import AccountRow
from tests.kit.web import WIDTHS, address, browser, enter, home, new_page, nothing_found  # noqa: F401
from tests.kit.world import World

pytestmark = pytest.mark.browser


@pytest.fixture
def operator(home: World) -> AccountRow:
    with reading() as session:
        return session.get_one(AccountRow, home.operator)


@pytest.fixture
def signed(new_page: Callable[..., Page], address: str, operator: AccountRow) -> Callable[..., Page]:
    def signed_in(width: int, **more: str) -> Page:
        page = new_page(width, **more)
        enter(page, address, operator.id)
        return page

    return signed_in


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    signed: Callable[..., Page], address: str, operator: AccountRow, theme: str
):
    make_key(operator, name="nightly", rights=["view"])
    for width in (WIDTHS[0], WIDTHS[-1]):
        page = signed(width, color_scheme=theme)
        for path in ("/docs", "/docs/documents", "/keys"):
            page.goto(f"{address}{path}")
            assert nothing_found(page) == [], (path, width)


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
    assert nothing_found(page) == []
