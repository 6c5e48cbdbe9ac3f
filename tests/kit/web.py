"""The application in Chromium: a world that is served, pages of it, and what must not be found on any.

Fixtures that a file imports by their names (``from tests.kit.web import address, browser, home  # noqa: F401``). One
browser serves all tests of a file, as starting it takes longer than most of them; each test has contexts, a world and
a server of its own.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from core.database import reading
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from review_ui.tables import AccountRow
from tests.kit.browser import chromium
from tests.kit.browser import new_page as a_page
from tests.kit.world import PASSWORD, World
from tests.kit.world import world as open_world

AXE = Path(__file__).parent.parent / "vendor/axe-core/axe.min.js"
WIDTHS = (320, 390, 720, 1440)  # 720 is a screen of 1440 at 200 %
WEIGHT = 150_000  # bytes of a page without its media
MEDIA = (".mp4", ".jpg", ".vtt", "/video", "/proxy")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[World]:
    """The home that is served is a world with renders, that signs nothing."""
    with open_world(tmp_path / "home", signer="recorded") as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def address(home: Any) -> Iterator[str]:
    """The application at a free port of localhost: passkeys need a name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(make_app(), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://localhost:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """One person's page."""
    opened = a_page(browser)
    yield opened
    opened.context.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Pages of as many people as are asked for; what their consoles complain of fails the test."""
    opened, complaints = [], []

    def make(width: int = 1000, **more: Any) -> Page:
        page = a_page(browser, width=width, height=800, **more)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda told: complaints.append(told.text) if "Security" in told.text else None)
        opened.append(page)
        return page

    yield make
    for page in opened:
        page.context.close()
    assert complaints == []


def enter(page: Page, address: str, account_id: str, *, password: str = PASSWORD) -> None:
    """Signed in from now on, without the page on which people do it."""
    with reading() as session:
        email = session.get_one(AccountRow, account_id).email
    token, _ = sign_in(email, password)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": address}])


def nothing_found(page: Page, widths: Sequence[int] = WIDTHS) -> list[Any]:
    """What axe says against the page, and what scrolls sideways at any width."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] })"
        ".then(all => all.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200))]))"
    )
    before = page.viewport_size
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append((f"sideways at {width}", page.evaluate(_TOO_WIDE, width)))
    page.set_viewport_size(before)  # type: ignore[arg-type]
    return list(found)


_TOO_WIDE = """(width) => [...document.querySelectorAll("main *")]
  .filter((each) => each.getBoundingClientRect().right > width)
  .map((each) => each.outerHTML.slice(0, 120)).slice(0, 3)"""


def weigh(page: Page) -> dict[str, int]:
    """Bytes of each page that is opened from now on, by its address, without its media."""
    weight: dict[str, int] = {}

    def add(answer: Any) -> None:
        if not answer.url.partition("?")[0].endswith(MEDIA):
            weight[page.url] = weight.get(page.url, 0) + int(answer.headers.get("content-length", 0))

    page.on("response", add)
    return weight
