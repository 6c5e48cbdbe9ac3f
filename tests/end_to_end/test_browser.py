"""A person in a real browser: signs in, reads the finding, asks for a video, approves it, and checks the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.approvals import approvals_for
from core.blobs import blobs
from core.database import reading
from pipeline.service import get_render
from tests.end_to_end.conftest import Console, DemoRun
from tests.end_to_end.test_verify import reencode
from tests.kit.browser import chromium, new_page

pytestmark = pytest.mark.browser
SHOTS = Path(__file__).parent.parent.parent / "test-artifacts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def problems() -> list[str]:
    """Errors that the pages' own scripts raised."""
    return []


@pytest.fixture(scope="module")
def browser_page(browser: Browser, problems: list[str]) -> Page:
    page = new_page(browser, color_scheme="dark")
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def sign_in(page: Page, console: Console, account: dict[str, str]) -> None:
    page.context.clear_cookies()
    page.goto(f"{console.address}/")
    expect(page).to_have_url(f"{console.address}/sign-in?next=/")
    page.get_by_label("E-mail address").fill(account["email"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()


def check_file(page: Page, console: Console, path: Path) -> str:
    """The public page's verdict about a file, as a visitor without an account."""
    page.context.clear_cookies()
    page.goto(f"{console.address}/verify")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Check").click(no_wait_after=True)  # a long answer is no stuck page
    article = page.locator("article.verdict")
    article.wait_for(timeout=120_000)
    return str(article.get_attribute("data-verdict"))


def test_a_wrong_password_is_refused_in_plain_words(browser_page: Page, console: Console, demo_run: DemoRun):
    browser_page.goto(f"{console.address}/sign-in")
    browser_page.get_by_label("E-mail address").fill(demo_run.accounts["reviewer"]["email"])
    browser_page.get_by_label("Password").fill("not the password")
    browser_page.get_by_role("button", name="Sign in").click()
    expect(browser_page.get_by_role("alert")).to_contain_text(
        "the e-mail address or the password is wrong", ignore_case=True
    )


def test_the_reviewer_reads_the_finding_of_the_flagged_video(
    browser_page: Page, console: Console, demo_run: DemoRun, problems: list[str]
):
    page = browser_page
    sign_in(page, console, demo_run.accounts["reviewer"])
    shot(page, "queue")
    page.get_by_role("link", name="imported video").click()
    expect(page.locator(".findings")).to_contain_text("frames")
    expect(page.locator(".findings")).to_contain_text("after the lips")
    expect(page.locator("evidence-player svg.lanes .finding").first).to_be_visible()
    page.locator("evidence-player video").evaluate(
        "video => new Promise(done => video.readyState > 1 ? done() : video.addEventListener('loadeddata', done))"
    )
    page.locator("button.seek").first.click()
    shot(page, "flagged")
    assert problems == []


def test_the_blocked_script_shows_its_words_marked(browser_page: Page, console: Console, demo_run: DemoRun):
    page = browser_page
    page.goto(f"{console.address}/renders/{demo_run.render('blocked')['render']}")
    expect(page.locator("mark.block").first).to_contain_text("guaranteed")
    shot(page, "blocked")


def test_a_new_video_is_asked_for_approved_released_and_verified(
    browser_page: Page, console: Console, in_demo: DemoRun, tmp_path: Path, problems: list[str]
):
    page, demo = browser_page, in_demo
    sign_in(page, console, demo.accounts["operator"])
    page.goto(f"{console.address}/campaigns/{demo.accounts['campaign_id']}")
    for field, value in {"First name": "Ravi", "City": "Delhi", "Remark": "See you soon."}.items():
        page.get_by_label(field).fill(value)
    page.get_by_label("Day").select_option("Friday")
    shot(page, "campaign")
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url(f"{console.address}/renders/rnd_*")
    render_id = page.url.rsplit("/", 1)[1]
    wait_for(render_id, demo, "in_review", 300)
    page.reload()
    assert page.get_by_role("button", name="Approve").count() == 0  # the maker may not decide

    sign_in(page, console, demo.accounts["reviewer"])
    page.goto(f"{console.address}/renders/{render_id}")
    shot(page, "clean")
    expect(page.get_by_text("recorded as decided")).to_be_visible()
    page.locator("evidence-player video").evaluate(
        "video => { video.playbackRate = 1.5; return video.play(); }"
    )
    expect(page.get_by_text("recorded as seen")).to_be_visible(timeout=60_000)  # played from end to end
    shot(page, "seen")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("button", name="Send now").click()
    wait_for(render_id, demo, "released", 60)
    assert manners(render_id, demo) == ["seen"]

    sign_in(page, console, demo.accounts["operator"])
    page.goto(f"{console.address}/renders/{render_id}")
    expect(page.get_by_text("Nobody has a link yet.")).to_be_visible()  # looking makes none
    page.get_by_role("button", name="Make a link").click()
    shot(page, "released")
    page.get_by_role("link", name="Link of").click()
    expect(page.locator("video")).to_be_visible()
    shot(page, "watch")
    link = page.url

    row = get_render(render_id, brand_id=demo.accounts["brand_id"])
    released = tmp_path / "released.mp4"
    released.write_bytes(blobs().get_file(row.published_sha256 or "").read_bytes())
    assert check_file(page, console, released) == "intact"
    shot(page, "verify-intact")
    data = bytearray(released.read_bytes())
    data[data.find(b"mdat") + 4 + len(data) // 4] ^= 0x40
    (tmp_path / "changed.mp4").write_bytes(data)
    assert check_file(page, console, tmp_path / "changed.mp4") == "tampered"
    assert check_file(page, console, reencode(released, tmp_path / "copy.mp4")) == "reencoded_copy"
    shot(page, "verify-copy")

    # Recall: the operator takes it back; link and verdict follow at once (trust step 13).
    sign_in(page, console, demo.accounts["operator"])
    page.goto(f"{console.address}/renders/{render_id}")
    page.get_by_text("Recall it").click()
    page.get_by_label("Reason").fill("A rehearsal.")
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Recall", exact=True).click()
    wait_for(render_id, demo, "recalled", 10)
    answer = page.goto(link)
    assert answer is not None and answer.status == 410
    expect(page.get_by_text("recalled by its publisher")).to_be_visible()
    shot(page, "recalled")
    assert check_file(page, console, released) == "recalled"
    assert problems == []


def test_the_public_page_works_on_a_small_screen_and_without_script(browser: Browser, console: Console):
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{console.address}/verify")
    expect(page.get_by_role("button", name="Check")).to_be_visible()
    box = page.locator("main").bounding_box()
    assert box is not None and box["width"] <= 320
    shot(page, "verify-small")
    context.close()


def manners(render_id: str, demo: DemoRun) -> list[str]:
    """How the decisions over a render were recorded."""
    row = get_render(render_id, brand_id=demo.accounts["brand_id"])
    with reading() as session:
        return [approval.manner for approval in approvals_for(session, row.sealed_sha256 or "")]


def wait_for(render_id: str, demo: DemoRun, state: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (row := get_render(render_id, brand_id=demo.accounts["brand_id"])).state != state:
        assert row.state not in ("failed", "blocked"), row.reason
        assert time.monotonic() < until, f"still {row.state} after {seconds} s"
        time.sleep(0.3)
