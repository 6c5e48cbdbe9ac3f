"""Debian's Chromium, driven by Playwright, with the patience that a busy machine needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE = 30_000  # ms: a test that passes never waits for so long
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)  # 5 s by default, whatever a page's own patience is
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_FLAGS)
        yield browser
        browser.close()


def new_page(browser: Browser, *, width: int = 1440, height: int = 900, **more: Any) -> Page:
    """A page of a context of its own, as of another person."""
    page = browser.new_context(viewport={"width": width, "height": height}, **more).new_page()
    page.set_default_timeout(PATIENCE)
    return page


def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the page in the folder that ``PICTURES`` names, where it names one: for somebody to look at."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
