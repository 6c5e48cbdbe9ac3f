"""The pages of strangers in Chromium: nothing for axe to find, nothing sideways, a drop anywhere, no script needed."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.database import reading
from core.media.still import still
from delivery import reports
from delivery.brand_page import set_words
from delivery.links import make_link
from pipeline.tables import RenderRow
from review_ui.tables import AccountRow
from tests.kit import media
from tests.kit.web import WEIGHT, address, browser, home, new_page, nothing_found, weigh  # noqa: F401
from tests.kit.world import PASSWORD, World
from tests.review_ui.test_answers import report

pytestmark = pytest.mark.browser

SHA = "ab" * 32
DROP = """() => {
  const given = new DataTransfer();
  given.items.add(new File(["x"], "dropped.mp4", { type: "video/mp4" }));
  const where = document.querySelector("h2:last-of-type");
  for (const name of ["dragover", "drop"])
    where.dispatchEvent(new DragEvent(name, { dataTransfer: given, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def out(home: World) -> RenderRow:
    return home.released()


@pytest.fixture
def link(home: World, out: RenderRow) -> str:
    set_words(home.brand_id, "Fresh tea from the hills.", actor_id=home.operator)
    return make_link(out.id, brand_id=home.brand_id, made_by=home.operator)


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Checks wait behind another file until this is set, and then find a video of ours that was changed."""
    clip = media.write_clip(tmp_path / "clip.mp4", 7)
    from provenance.models import Problem

    seconds = tuple(Problem("picture_differs", "The picture differs.", n, n + 1.0) for n in (3, 4, 5, 9))
    found = report("tampered", trusted=False, release="unreleased", problems=seconds)
    found |= {"sha256": SHA, "picture": base64.b64encode(still(clip, at=1.0, widest=360)).decode()}
    goes_on = threading.Event()

    async def told(_task: str, _path: Path) -> AsyncIterator[dict[str, Any]]:
        while not goes_on.is_set():
            yield {"ahead": 2}
            await asyncio.sleep(0.02)
        yield {"part": "mark"}
        yield found

    async def once(_task: str, _path: Path) -> dict[str, Any]:
        return found

    monkeypatch.setattr("review_ui.pages.verify.steps", told)
    monkeypatch.setattr("review_ui.pages.verify.run_child", once)
    return goes_on


def choose(page: Page, name: str = "a holiday.mp4") -> None:
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "video/mp4", "buffer": b"x"})
    page.get_by_role("button", name="Check", exact=True).click()


def test_a_file_dropped_anywhere_is_checked_with_progress_and_the_verdict_is_in_focus(
    new_page: Callable[..., Page], address: str, checks: threading.Event
):
    page = new_page()
    page.goto(f"{address}/verify")
    page.evaluate(DROP)
    expect(page.get_by_text("dropped.mp4")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Waiting: 2 files are before yours.")
    checks.set()
    verdict = page.get_by_role("heading", name="Changed, or only partly ours")
    expect(verdict).to_be_focused()
    expect(page.get_by_text("(0:03 to 0:06, 0:09 to 0:10)")).to_be_visible()
    expect(page.get_by_alt_text("A picture of the file that was checked")).to_be_visible()
    expect(page).to_have_title("Changed, or only partly ours - Verify a video - Greenroom")
    expect(page.get_by_role("button", name="Check", exact=True)).to_be_visible()  # the next file


def test_a_check_is_stopped_a_lost_connection_and_a_file_too_large_are_said(
    new_page: Callable[..., Page], address: str, checks: threading.Event
):
    page = new_page()
    page.goto(f"{address}/verify")
    choose(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_contain_text("You stopped this check.")
    page.route("**/verify", lambda route: route.abort())
    choose(page)
    expect(page.get_by_role("alert")).to_contain_text("see whether you are connected")
    cut = {"status": 200, "content_type": "application/x-ndjson", "body": '{"part": "mark"}\n'}
    page.unroute("**/verify")
    page.route("**/verify", lambda route: route.fulfill(**cut))
    page.evaluate("document.getElementById('answer').replaceChildren()")
    choose(page)
    expect(page.get_by_role("alert")).to_contain_text("There was no answer.")
    page.evaluate("document.querySelector('verify-form').dataset.most = 0")
    choose(page)
    expect(page.get_by_role("alert")).to_contain_text("This is larger than 0 MB.")


def test_it_all_works_without_script(
    new_page: Callable[..., Page], address: str, checks: threading.Event, link: str, home: World
):
    page = new_page(390, java_script_enabled=False)
    page.goto(f"{address}/verify")
    choose(page)
    expect(page.locator("#verdict:focus")).to_have_text("Changed, or only partly ours")
    page.get_by_text("A link to this verdict").click()
    expect(page.get_by_text(SHA)).to_be_visible()
    page.goto(f"{address}/v/{link}")
    page.get_by_text("Report a problem").click()
    page.get_by_label("This shows me").check()
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_text("within 3 hours")).to_be_visible()
    assert [case.kind for case in reports.list_cases(home.brand_id).open] == ["not_me"]


def test_a_report_by_keyboard_alone(new_page: Callable[..., Page], address: str, link: str, home: World):
    page = new_page()
    page.goto(f"{address}/v/{link}/report")
    tab = lambda: page.keyboard.press("Tab")  # noqa: E731
    tab(), tab(), page.keyboard.press("ArrowDown")  # past the skip link, to the second answer
    tab(), page.keyboard.type("Where is the label?"), tab(), page.keyboard.type("me@home.example")
    tab(), page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Thank you: your report has arrived")).to_be_focused()
    (case,) = reports.list_cases(home.brand_id).open
    assert (case.kind, case.words, case.contact) == ("wrong_label", "Where is the label?", "me@home.example")


def test_the_page_of_a_video_has_poster_captions_label_and_no_sign_in(
    new_page: Callable[..., Page], address: str, link: str
):
    page = new_page()
    with page.expect_response("**/poster.jpg") as poster, page.expect_response("**/captions.vtt"):
        page.goto(f"{address}/v/{link}")
    assert poster.value.status == 200
    expect(page.get_by_role("heading", name="A video from Example Brand of the kit")).to_be_visible()
    for words in ("Fresh tea from the hills.", "AI-generated video.", "Content credential"):
        expect(page.get_by_text(words, exact=True)).to_be_visible()
    assert page.get_by_text("Sign in").count() == 0
    page.wait_for_function("document.querySelector('video').textTracks[0].cues?.length > 2")
    told = page.evaluate("[...document.querySelector('video').textTracks[0].cues].map(cue => cue.text)")
    assert told[:2] == ["AI-generated video", "Hello Asha, your tea is ready."]


@pytest.mark.parametrize(("scheme", "width"), [("dark", 320), ("light", 1440)])
def test_nothing_is_found_by_axe_scrolls_sideways_or_weighs_much(
    new_page: Callable[..., Page],
    address: str,
    checks: threading.Event,
    link: str,
    home: World,
    scheme: str,
    width: int,
):
    checks.set()
    gone = home.released()
    taken_back = make_link(gone.id, brand_id=home.brand_id)
    home.recall(gone)
    reports.report(link, "not_me", words="word" * 100, contact="me@home.example")
    page = new_page(width, color_scheme=scheme)
    weight = weigh(page)

    def clean(where: str) -> None:
        for summary in page.locator("summary").all():
            summary.click()
        assert nothing_found(page) == [], (where, scheme)

    page.goto(f"{address}/verify")
    clean("the verifier")
    choose(page, "a" * 200 + ".mp4")
    expect(page.locator("#verdict")).to_be_focused()
    clean("a verdict")
    page.get_by_text("A link to this verdict").click()
    expect(page.get_by_text(SHA)).to_be_visible()
    clean("a verdict that was passed on")
    for where in (f"/v/{link}", f"/v/{link}/report", f"/v/{taken_back}", "/v/anything"):
        page.goto(address + where)
        clean(where)
    with reading() as session:
        email = session.get_one(AccountRow, home.legal).email
    page.goto(f"{address}/sign-in?next=/reports")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("word" * 100)).to_be_visible()
    clean("the cases")
    page.goto(f"{address}/brand-page")
    clean("a brand's words")
    home.as_database_owner("UPDATE brands SET name = ?", "Ü" * 200)
    page.goto(f"{address}/v/{link}")
    expect(page.get_by_role("heading", name="Ü" * 200)).to_be_visible()
    clean("a video of a brand with a long name")
    assert max(weight.values()) < WEIGHT
