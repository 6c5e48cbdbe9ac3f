"""The pages around sending in Chromium: live numbers, another try by keyboard, nothing for axe to find, no script
needed."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from review_ui import live
from tests.kit.web import address, browser, home, new_page, nothing_found  # noqa: F401
from tests.kit.world import BREAKS_A_RULE, PASSWORD, World
from tests.pipeline.test_again import failed
from tests.review_ui.test_again import email_of

pytestmark = pytest.mark.browser


def enter(page: Page, address: str, home: World, where: str) -> None:
    page.goto(f"{address}/sign-in?next={where}")
    page.get_by_label("E-mail address").fill(email_of(home.operator))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{where}")


def test_the_numbers_of_a_campaign_follow_what_happens(
    new_page: Callable[..., Page], address: str, home: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live, "EVERY", 0.1)
    monkeypatch.setattr(live, "LASTS", 1.0)
    monkeypatch.setattr(live, "COMES_BACK", 50)
    render = home.render()
    page = new_page()
    enter(page, address, home, f"/campaigns/{render.campaign_id}")
    done = page.locator("[data-told=done]")
    expect(done).to_have_text("0 of 1 done")
    home.to_review(render)
    expect(done).to_have_text("1 of 1 done")
    page.wait_for_timeout(1_300)  # the stream has ended meanwhile, and was opened again
    home.to_review()
    expect(done).to_have_text("2 of 2 done")
    expect(page.locator("[data-told=view-review]")).to_have_text("2")
    assert page.locator("progress").evaluate("bar => [bar.value, bar.max]") == [2, 2]


def test_a_blocked_video_is_edited_and_made_again_by_keyboard_alone(
    new_page: Callable[..., Page], address: str, home: World
):
    old = home.render(BREAKS_A_RULE)
    page = new_page()
    enter(page, address, home, f"/renders/{old.id}")
    summary = page.get_by_text("Edit and make again")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab"), page.keyboard.press("Tab")
    page.keyboard.press("Control+A"), page.keyboard.type("Thank you for choosing us.")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/renders/" in url and old.id not in url)
    expect(page.get_by_text("In the place of")).to_be_visible()
    page.get_by_role("link", name=old.id).click()
    expect(page.get_by_role("heading", name="Made again")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1440)])
def test_nothing_is_found_by_axe_or_scrolls_sideways(
    new_page: Callable[..., Page], address: str, home: World, scheme: str, width: int
):
    from delivery.webhook_messages import send_test
    from delivery.webhooks import make_webhook

    stopped, blocked = failed(home), home.render(BREAKS_A_RULE)
    hook, _ = make_webhook(
        "https://systems.brand.example/" + "a" * 120,
        ["render.released"],
        brand_id=home.brand_id,
        actor_id=home.operator,
    )
    send_test(hook.id, brand_id=home.brand_id)
    page = new_page(width, color_scheme=scheme)
    enter(page, address, home, "/campaigns")
    for where in (
        "/campaigns",
        f"/campaigns/{stopped.campaign_id}",
        f"/renders/{blocked.id}",
        "/suppressions",
        "/webhooks",
    ):
        page.goto(address + where)
        for summary in page.locator("summary").all():
            summary.click()
        assert nothing_found(page) == [], (where, scheme)


def test_keys_webhooks_and_tags_work_without_script(new_page: Callable[..., Page], address: str, home: World):
    campaign = home.campaign().id
    page = new_page(390, java_script_enabled=False)
    enter(page, address, home, "/suppressions")
    page.get_by_label("Addresses, telephone numbers").fill("asha@customer.example\nben@customer.example")
    page.get_by_role("button", name="Add to the list").click()
    expect(page.get_by_role("status")).to_have_text("2 keys added, 0 on the list before.")
    page.set_input_files(
        "input[type=file]", {"name": "k.csv", "mimeType": "text/csv", "buffer": b"email\nc@d.example\n"}
    )
    page.get_by_role("button", name="Add all of it").click()
    expect(page.get_by_role("status")).to_have_text("1 key added, 0 on the list before.")
    page.goto(f"{address}/webhooks")
    page.get_by_label("Address").fill("https://systems.brand.example/in")
    page.get_by_label("was released").check()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("whsec_")).to_be_visible()
    page.goto(f"{address}/webhooks")
    expect(page.get_by_text("whsec_")).to_have_count(0)
    page.goto(f"{address}/campaigns/{campaign}")
    page.get_by_text("Tags for your analytics").click()
    page.get_by_label("source").fill("mail")
    page.get_by_role("button", name="Save the tags").click()
    expect(page.get_by_text("Tags for your analytics (UTM): mail")).to_be_visible()
    expect(page.locator("[data-told=done]")).to_have_text("Nothing was asked for yet.")
