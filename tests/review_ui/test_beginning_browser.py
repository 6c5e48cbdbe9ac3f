"""From nothing to a second person's account in Chromium, with the keyboard alone; and nothing scrolls sideways."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from review_ui.accounts import list_accounts
from review_ui.beginning import new_code
from tests.kit.web import address, browser, page  # noqa: F401
from tests.review_ui.conftest import PASSWORD

pytestmark = pytest.mark.browser


def keys(page: Page, *words: str) -> None:
    """Type each word; ``+Tab`` and its like are keys."""
    for word in words:
        page.keyboard.press(word[1:]) if word.startswith("+") else page.keyboard.type(word)


def fits(page: Page) -> None:
    """At 320 pixels and in both themes nothing scrolls sideways, and every field has its name."""
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
    nameless = "[...document.querySelectorAll('input:not([type=hidden]),select')].filter(f => !f.labels.length).length"
    assert page.evaluate(nameless) == 0


def test_an_installation_begins_and_grows_by_keyboard(home: Any, page: Page, address: str, tmp_path: Path):
    page.goto(f"{address}/")
    expect(page).to_have_url(f"{address}/begin")
    page.goto(f"{address}/begin?code={new_code()}")
    fits(page)
    keys(
        page,
        "Example Ltd",
        "+Tab",
        "Tea",
        "+Tab",
        "in",
        "+Tab",
        "+Tab",
        "ann@brand.example",
        "+Tab",
        PASSWORD,
    )
    keys(page, "+Tab", "a wrong password", "+Tab", "+Space", "+Tab", "+Enter")
    expect(page.get_by_role("alert")).to_contain_text("The two passwords differ")
    expect(page.locator("input[name=brand]")).to_have_value("Tea")
    page.locator("input[name=password]").focus()
    keys(page, PASSWORD, "+Tab", PASSWORD, "+Tab", "+Space", "+Tab", "+Enter")
    expect(page.get_by_role("heading", name="You are set up")).to_be_visible()
    fits(page)
    page.get_by_role("link", name="Invite the others").focus()
    keys(page, "+Enter")
    expect(page).to_have_url(f"{address}/people")
    page.locator("input[name=role]").first.focus()
    keys(page, "+ArrowDown", "+ArrowDown", "+Tab", "+Tab", "+Enter")
    link = page.locator(".secret")
    expect(link).to_be_focused()
    fits(page)
    guest = page.context.browser.new_page()  # type: ignore[union-attr]
    guest.goto(link.inner_text())
    fits(guest)
    keys(guest, "rev@brand.example", "+Tab", PASSWORD, "+Tab", PASSWORD, "+Enter")
    expect(guest).to_have_url(f"{address}/")
    assert {row.email: row.role for row in list_accounts()} == {
        "ann@brand.example": "admin", "rev@brand.example": "reviewer",
    }  # fmt: skip
    page.screenshot(path=tmp_path / "people.png", full_page=True)
