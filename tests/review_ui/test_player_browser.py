"""The evidence player in Chromium: exact frames on an uneven clock, places, words that seek, notes and filters by
keyboard alone, a cover, a proxy; light, quick and without anything for axe to find, in both themes and at every width.
"""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from audit.approvals import approvals_for
from core.blobs import blobs
from core.database import reading
from core.gates import GateDecision, GateSet, decide
from core.settings import get_settings
from pipeline import proxies
from pipeline.annotations import annotations_of
from review_ui.tables import AccountRow
from tests.core.media_files import write_raw
from tests.kit import models
from tests.kit.browser import new_page
from tests.kit.models import Measures
from tests.kit.web import WEIGHT, address, browser, enter, home, nothing_found, page  # noqa: F401
from tests.kit.workers import work
from tests.kit.world import World
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_played_browser import open_page, play, press_approve, reviewer  # noqa: F401

pytestmark = pytest.mark.browser

UNEVEN = [0, 40, 80, 200, 240, 250, 400, 440, 520, 700]
REGION = (0.25, 0.5, 0.5, 0.25)
WORDS = [("Hello", 0.1), ("Usher,", 0.4), ("your", 0.8), ("tea", 1.1), ("is", 1.3), ("ready.", 1.5)]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates also say where in the picture, and which words were heard."""
    real = models.decision_of

    def decision_of(gate: str, gate_set: GateSet, measures: Measures) -> GateDecision:
        result = real(gate, gate_set, measures).result
        placed = tuple(
            one.model_copy(
                update={"spans": tuple(s.model_copy(update={"region": REGION}) for s in one.spans)}
            )
            for one in result.findings
        )
        words = [{"text": text, "t0": t0, "t1": t0 + 0.2} for text, t0 in WORDS]
        heard = {"words": words} if gate == "transcript" else {}
        return decide(result.model_copy(update={"findings": placed, "measures": heard}), gate_set)

    monkeypatch.setattr(models, "decision_of", decision_of)


NAMES = ("W" * 200, "ज्ञानेश्वरी" * 18, "لطيف " * 40, "A", "雪")
"""Recipients, from one letter to 200, of several scripts."""


def time_of(page: Page) -> float:
    return float(page.locator("video").evaluate("video => video.currentTime"))


def tab_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """With the tabulator alone."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    pytest.fail(f"the tabulator does not lead to {wanted}")


def test_frames_are_exact_on_an_uneven_clock(
    home: World, page: Page, open_page: Callable[..., None], tmp_path: Path
):
    render = home.to_review()
    clip = blobs().put_file(write_raw(tmp_path / "vfr.mp4", 320, 180, times=UNEVEN), "sealed")
    home.as_database_owner(
        "UPDATE renders SET sealed_sha256 = ?, seconds = 0.75 WHERE id = ?", clip.sha256, render.id
    )
    open_page(render)
    clock = page.locator(".clock")
    expect(clock).to_contain_text("Frame 0 of 0 to 9, at 0.000 s (0 s)")
    page.evaluate("""() => {
      const video = document.querySelector("video");
      const came = (_, { mediaTime }) => { window.shown = mediaTime; video.requestVideoFrameCallback(came); };
      video.requestVideoFrameCallback(came);
    }""")
    for index in [*range(1, 10), 9]:
        page.keyboard.press(".")
        expect(clock).to_contain_text(f"Frame {index} of 0 to 9, at {UNEVEN[index] / 1000:.3f} s")
        page.wait_for_function(f"() => Math.abs(window.shown - {UNEVEN[index] / 1000}) < 0.0005")
    expect(clock).to_contain_text("(7/10 s)")
    for _ in range(4):  # faster than the browser seeks
        page.keyboard.press(",")
    expect(clock).to_contain_text("Frame 5 of 0 to 9, at 0.250 s (1/4 s)")
    page.wait_for_function("() => Math.abs(window.shown - 0.25) < 0.0005")


def test_places_words_and_loops(home: World, told: None, page: Page, open_page: Callable[..., None]):
    render = home.to_review(flagged=("artifact_quality",))
    open_page(render)
    box = page.locator(".overlay .place.review")
    expect(box).to_have_count(0)
    page.keyboard.press("]")
    expect(box).to_have_count(1)
    assert (
        box.evaluate(
            """(box, [x, y, wide, high]) => {
          const video = document.querySelector("video"), frame = video.getBoundingClientRect();
          const at = box.getBoundingClientRect();
          const scale = Math.min(frame.width / video.videoWidth, frame.height / video.videoHeight);
          const w = video.videoWidth * scale, h = video.videoHeight * scale;
          const left = frame.left + (frame.width - w) / 2, top = frame.top + (frame.height - h) / 2;
          return Math.max(Math.abs(at.left - left - x * w), Math.abs(at.top - top - y * h),
            Math.abs(at.width - wide * w), Math.abs(at.height - high * h));
        }""",
            REGION,
        )
        < 4
    )
    expect(page.locator(".findings")).to_contain_text(
        "25 % from the left, 50 % from the top, 50 % wide, 25 % high"
    )

    page.locator("button[data-loop]").focus()
    page.keyboard.press("Enter")
    for _ in range(15):
        page.wait_for_timeout(100)
        assert 0.3 < time_of(page) < 1.1
    assert page.get_by_role("button", name="Loop the finding").get_attribute("aria-pressed") == "true"
    page.keyboard.press("o")
    page.keyboard.press("k")

    heard = page.locator("table.heard")
    expect(heard.locator("mark")).to_have_text(["Asha,", "Usher,", "Thank", "you", "for", "choosing", "us."])
    heard.get_by_text("tea").last.click()
    assert time_of(page) == pytest.approx(1.1)
    heard.get_by_role("button").first.focus()
    page.keyboard.press("Enter")
    assert time_of(page) == pytest.approx(0.1)
    expect(page.locator("#lanes-in-words")).to_contain_text("Findings: A recorded finding")


def test_a_note_is_written_by_keyboard_alone_and_the_video_stays_where_it_is(
    home: World, page: Page, open_page: Callable[..., None]
):
    render = home.to_review()
    open_page(render)
    expect(page.locator(".lanes")).to_contain_text("Sound")
    page.evaluate("document.querySelector('video').the = 'same'")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("m")
    page.keyboard.type("The mouth is odd, ")
    page.keyboard.press("Enter")
    page.keyboard.type("a little.")
    tab_to(page, page.get_by_label("From the left"))
    for number in ("25", "50", "50", "25"):
        page.keyboard.type(number)
        page.keyboard.press("Tab")
    expect(page.locator(".overlay .marked")).to_have_count(1)
    tab_to(page, page.get_by_role("button", name="Save the note"))
    page.keyboard.press("Enter")
    notes = page.locator("#notes")
    expect(notes.get_by_role("listitem")).to_contain_text("The mouth is odd")
    expect(notes).to_contain_text("ann@brand.example")
    expect(page.locator(".lanes")).to_contain_text("Notes")
    expect(page.locator(".overlay .place.note")).to_have_count(1)
    (note,) = annotations_of(render.id)
    assert (note.t0, note.region) == (1.0, [0.25, 0.5, 0.5, 0.25])
    assert page.evaluate("document.querySelector('video').the") == "same" and time_of(page) == 1.0

    page.get_by_text("Write a note").click()
    page.get_by_role("button", name="Draw it on the picture").click()
    video = page.locator(".picture").bounding_box()
    assert video is not None
    x, y = video["x"] + video["width"] / 2, video["y"] + video["height"] / 2
    page.mouse.move(x - 30, y - 30)
    page.mouse.down()
    page.mouse.move(x + 30, y + 30, steps=3)
    page.mouse.up()
    left = float(page.get_by_label("From the left").input_value())
    wide = float(page.get_by_label("Wide").input_value())
    assert left + wide / 2 == pytest.approx(50, abs=1)
    page.get_by_role("textbox", name="Note", exact=True).fill("Without a name.")
    page.get_by_label("Seconds that it is about").fill("now")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("these are no seconds")).to_be_visible()
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_have_value("Without a name.")


def test_covered_until_it_is_played(
    home: World, page: Page, open_page: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREENROOM_WEB_VEIL", "true")
    get_settings.cache_clear()
    render = home.to_review()
    open_page(render)
    look = "video => [getComputedStyle(video).filter !== 'none', video.muted]"
    expect(page.get_by_text("Blurred and muted until you play it.")).to_be_visible()
    assert page.locator("video").evaluate(look) == [True, True]
    page.keyboard.press(".")
    assert page.locator("video").evaluate(look) == [True, True]
    page.locator("video").evaluate("video => { video.currentTime = 0 }")
    page.keyboard.press("k")
    expect(page.get_by_text("Blurred and muted")).to_be_hidden()
    assert page.locator("video").evaluate(look) == [False, False]
    expect(page.get_by_text("recorded as seen")).to_be_visible()  # all of it was played uncovered


def test_a_browser_that_cannot_play_it_gets_a_proxy_and_the_approval_says_so(
    home: World, page: Page, open_page: Callable[..., None]
):
    render = home.to_review()
    page.route("**/video", lambda route: route.fulfill(body="no video", content_type="video/mp4"))
    open_page(render)
    expect(page.get_by_text("This browser cannot play the file. A proxy of it is being made")).to_be_visible()
    for _ in range(100):
        if proxies.WANTED in work(proxies.WANTED):
            break
        page.wait_for_timeout(50)
    expect(page.get_by_text("You look at a proxy.")).to_be_visible()
    page.wait_for_function("() => document.querySelector('video').readyState > 1")
    expect(page.get_by_text("A proxy is what was played")).to_be_visible()
    play(page)
    expect(page.get_by_text("to play before it counts as seen")).to_be_hidden()
    press_approve(page)
    for _ in range(100):
        with reading() as session:
            if found := approvals_for(session, render.sealed_sha256 or ""):
                break
        page.wait_for_timeout(50)
    assert (found[0].manner, found[0].proxy_sha256) == ("decided", proxies.proxy_of(render)) and found[
        0
    ].played


def test_the_queue_is_narrowed_by_keyboard_alone(
    home: World, page: Page, open_page: Callable[..., None], address: str, reviewer: AccountRow
):
    usual, risky = home.to_review(), home.to_review(campaign=home.campaign(risk_class="high"))
    open_page(usual)
    page.goto(address)
    expect(page.locator(f'img[src="/renders/{usual.id}/poster.jpg"]')).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('img.poster')].every(one => one.naturalWidth > 0)"
    )
    tab_to(page, page.locator("summary", has_text="Narrow the list"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Risk class"))
    page.keyboard.type("high")
    tab_to(page, page.get_by_role("button", name="Show"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/?*risk=high*")
    expect(page.locator("table.queue tbody tr")).to_have_count(1)
    expect(page.locator("table.queue")).to_contain_text(risky.id[-8:])
    expect(page.locator("table.queue")).to_contain_text("high risk")
    tab_to(page, page.get_by_role("link", name="show all of Risk class"))
    page.keyboard.press("Enter")
    expect(page.locator("table.queue tbody tr")).to_have_count(2)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1440)])
def test_pages_are_light_quick_and_clean(
    home: World,
    told: None,
    browser: Browser,
    address: str,
    reviewer: AccountRow,
    scheme: str,
    width: int,
):
    campaign = home.campaign(risk_class="high")
    flagged = home.to_review(flagged=("artifact_quality", "label"), campaign=campaign)
    named = [home.to_review() for _ in NAMES]
    for name, render in zip(NAMES, named, strict=True):
        fields = json.dumps({"first_name": name})
        home.as_database_owner("UPDATE renders SET fields = ? WHERE id = ?", fields, render.id)
    page = new_page(browser, width=width, color_scheme=scheme)
    enter(page, address, reviewer.id, password=PASSWORD)
    weights: list[int] = []
    page.on(
        "response",
        lambda answer: weights.append(
            0 if answer.url.endswith(("/video", ".jpg")) else int(answer.headers.get("content-length", 0))
        ),
    )
    slow = page.context.new_cdp_session(page)
    for where in ("/", f"/renders/{flagged.id}", f"/renders/{named[0].id}", "/styleguide"):
        weights.clear()
        page.goto(address + where)
        page.wait_for_load_state("networkidle")
        assert 10_000 < sum(weights) < WEIGHT, (where, sum(weights))
        slow.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        assert min(seconds_to_usable(page, address + where) for _ in range(3)) < 1, where
        slow.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        for summary in page.locator("summary").all():
            summary.click()
        assert nothing_found(page) == [], (where, scheme)


def seconds_to_usable(page: Page, where: str) -> float:
    """From the server's answer until every script of the page has run."""
    page.goto(where)
    took = page.evaluate(
        "(({ responseStart, domContentLoadedEventEnd }) => domContentLoadedEventEnd - responseStart)"
        "(performance.getEntriesByType('navigation')[0])"
    )
    return float(took) / 1000


def test_a_long_video_with_much_to_say_has_a_light_page_too(
    home: World, page: Page, open_page: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    """Ten minutes of speech."""
    real = models.decision_of

    def decision_of(gate: str, gate_set: GateSet, measures: Measures) -> GateDecision:
        result = real(gate, gate_set, measures).result
        words = [{"text": "someword", "t0": n * 0.4, "t1": n * 0.4 + 0.3} for n in range(1500)]
        curve = tuple((n * 0.5, 0.2) for n in range(1200)) if gate in ("label", "lip_sync") else ()
        heard = {"words": words} if gate == "transcript" else {}
        return decide(result.model_copy(update={"curve": curve, "measures": heard}), gate_set)

    monkeypatch.setattr(models, "decision_of", decision_of)
    render = home.to_review()
    sizes: list[int] = []
    page.on(
        "response",
        lambda answer: sizes.append(
            0 if answer.url.endswith("/video") else int(answer.headers.get("content-length", 0))
        ),
    )
    open_page(render)
    page.wait_for_load_state("networkidle")
    expect(page.locator("table.heard tbody tr")).to_have_count(150)
    assert sum(sizes) < WEIGHT
