"""The operator's pages in Chromium: findings while somebody types, a list that is tried and started; by keyboard, in
both themes, at every width, with nothing for axe to find."""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.database import reading
from pipeline.lists import list_campaigns
from pipeline.recipient_lists import lists_of
from review_ui.tables import AccountRow
from tests.kit.browser import keep_picture
from tests.kit.browser import new_page as a_page
from tests.kit.web import WEIGHT, address, browser, home, nothing_found  # noqa: F401
from tests.kit.workers import work
from tests.kit.world import PASSWORD, World

pytestmark = pytest.mark.browser

CLAIM = "Hello {{ first_name }}. This tea is guaranteed to cure any cold for $20."
CSV = (
    "first_name,remark\n" + "Asha,Thank you.\n" * 40 + "Ben,This tea is guaranteed to cure any cold.\nCara\n"
)


@pytest.fixture
def operator(browser: Browser, home: World, address: str) -> Iterator[Callable[..., Page]]:
    """The operator's browser, signed in; what its console complains of fails the test."""
    opened, complaints = [], []

    def make(width: int = 1440, **more: object) -> Page:
        page = a_page(browser, width=width, height=900, **more)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda told: complaints.append(told.text) if "Security" in told.text else None)
        opened.append(page)
        with reading() as session:
            email = session.get_one(AccountRow, home.operator).email
        page.goto(f"{address}/sign-in?next=/campaigns")
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
        return page

    yield make
    for page in opened:
        page.context.close()
    assert complaints == []


def test_a_campaign_is_written_by_keyboard_with_the_rules_answering_while_one_types(
    operator: Callable[..., Page], home: World
):
    page = operator()
    page.get_by_role("link", name="Write the first one").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("First box")
    page.keyboard.press("Tab"), page.keyboard.press("Tab")  # past who appears: the only one is chosen
    page.keyboard.type(CLAIM)
    row = page.get_by_role("group", name="first_name")
    expect(row).to_be_visible()
    expect(row.get_by_label("Holds")).to_have_value("name")
    row.get_by_label("Example").focus()
    page.keyboard.type("Zoë")
    page.get_by_role("textbox", name="Territory").focus()
    (
        page.keyboard.type("in"),
        page.keyboard.press("Tab"),
        page.keyboard.press("Tab"),
        page.keyboard.type("food"),
    )
    look = page.get_by_role("complementary", name="As it stands")
    expect(look.get_by_role("status")).to_contain_text("would be blocked")
    expect(look.locator("mark").first).to_be_visible()
    expect(look).to_contain_text("Hello Zoë.")
    expect(look).to_contain_text("twenty dollars")
    expect(look).to_contain_text("Change: ")
    keep_picture(page, "editor-blocked")
    text = page.get_by_label("What is said")
    text.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Hello {{ first_name }}, your tea leaves {{ city }}.")
    expect(look.get_by_role("status")).to_contain_text("no rule fires")
    expect(row.get_by_label("Example")).to_have_value("Zoë")  # the row waited while the text named no field
    expect(page.get_by_role("group", name="city").get_by_label("Least")).to_be_hidden()
    page.get_by_role("button", name="Hear it").click()
    expect(page.locator("audio")).to_be_visible()
    text.focus()
    page.get_by_role("button", name="Make the campaign").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="First box")).to_be_visible()
    (made,) = list_campaigns(brand_id=home.brand_id)
    assert list(made.field_schema["properties"]) == ["first_name", "city"]


def test_a_list_is_tried_while_one_waits_and_started(
    operator: Callable[..., Page], address: str, home: World
):
    campaign = home.campaign().id
    page = operator()
    page.goto(f"{address}/campaigns/{campaign}")
    page.set_input_files(
        "input[type=file]", {"name": "spring.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    )
    page.get_by_role("button", name="Try the list").press("Enter")
    expect(page.locator("#state").get_by_role("status")).to_contain_text("Trying each row")
    worker = threading.Thread(target=work)
    worker.start()
    expect(page.locator("#state").get_by_role("status")).to_contain_text(
        "40 videos would be made"
    )  # without a reload
    worker.join()
    expect(page.get_by_role("table").nth(1)).to_contain_text("41")
    with page.expect_download() as file:
        page.get_by_role("link", name="Every row's verdict").click()
    assert file.value.suggested_filename.endswith(".csv")
    keep_picture(page, "list-tried")
    page.get_by_role("button", name="Start: make 40 videos").press("Enter")
    expect(page.locator("#state").get_by_role("status")).to_contain_text("Entering each row")
    work("recipients.list")
    expect(page.locator("#state").get_by_role("status")).to_contain_text(
        "40 videos asked for, 1 blocked, 1 not taken"
    )


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1440)])
def test_nothing_is_found_by_axe_scrolls_sideways_or_weighs_much(
    operator: Callable[..., Page], address: str, home: World, tmp_path: Path, scheme: str, width: int
):
    from pipeline.recipient_lists import receive
    from pipeline.steering import pause

    campaign = home.campaign().id
    path = tmp_path / "list.csv"
    path.write_text(CSV)
    by = {"brand_id": home.brand_id, "maker_id": home.operator}
    receive(path, campaign, name="a" * 80, **by)
    work()
    (tried,) = lists_of(campaign)
    page = operator(width, color_scheme=scheme)
    weight: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: weight.update(
            {page.url: weight.get(page.url, 0) + int(answer.headers.get("content-length", 0))}
        ),
    )

    def clean(where: str) -> None:
        for summary in page.locator("main summary").all():
            summary.click()
        assert nothing_found(page) == [], (where, scheme)
        keep_picture(page, f"{where}-{scheme}-{width}")

    page.goto(f"{address}/campaigns/new")
    page.get_by_label("What is said").fill(CLAIM + " {{ " + "x" * 40 + " }}")
    page.get_by_role("textbox", name="Territory").fill("in")
    page.get_by_label("Topic").select_option("food")
    expect(page.locator(".look")).to_contain_text("would be blocked")
    clean("editor")
    page.goto(f"{address}/campaigns")
    clean("campaigns")
    page.goto(f"{address}/campaigns/{campaign}")
    clean("campaign")
    pause(campaign, brand_id=home.brand_id, actor=home.operator)
    page.goto(f"{address}/campaigns/{campaign}/lists/{tried.id}")
    clean("list")
    assert max(weight.values()) < WEIGHT
