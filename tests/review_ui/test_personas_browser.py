"""The pages of personas, authorities and imports in Chromium: nothing for axe to find, nothing sideways; a person who
appears decides and withdraws with the keyboard alone; several videos come in together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.models import AuthorityStatus
from core.database import reading
from delivery.links import make_link
from generate.errors import ReferenceRefused
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit import media
from tests.kit.browser import keep_picture
from tests.kit.browser import new_page as a_page
from tests.kit.onboarding import examined, proposed
from tests.kit.web import address, browser, enter, home, nothing_found  # noqa: F401
from tests.kit.world import World

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

pytestmark = pytest.mark.browser


@pytest.fixture
def as_account(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """A browser in which an account is signed in."""
    opened = []

    def signed_in(account_id: str, **more: object) -> Page:
        page = a_page(browser, **more)
        enter(page, address, account_id)
        opened.append(page)
        return page

    yield signed_in
    for page in opened:
        page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1440)])
def test_nothing_is_found_by_axe_and_nothing_scrolls_sideways(
    home: World, as_account: Callable[..., Page], address: str, scheme: str, width: int
):
    came_from = examined(home, "A presenter of the browser")
    waits = proposed(home, came_from, notice="You will greet customers.")
    home.recorded.broken["examination"] = ReferenceRefused(
        "the face is 60 pixels wide", code="face_too_small", frames=(0,), next_step="record nearer"
    )
    refused = examined(home, "B" * 200)
    home.recorded.broken.clear()
    out = home.released()
    make_link(out.id, brand_id=home.brand_id)
    home.supersede(approval_mode="final_cut")
    asked = home.approved()

    def clean(page: Page, *paths: str) -> None:
        for path in paths:
            page.goto(address + path)
            for summary in page.locator("summary").all():
                summary.click()
            assert nothing_found(page) == [], path
            name = path.strip("/").replace("/", "-").partition("?")[0]
            keep_picture(page, f"{name}-{width}")

    clean(
        as_account(home.operator, width=width, color_scheme=scheme),
        "/personas",
        f"/personas/references/{came_from.id}",
        f"/personas/references/{refused.id}",
        f"/authorities/new?reference={came_from.id}",
        "/imports",
    )
    clean(
        as_account(home.legal, width=width, color_scheme=scheme),
        f"/authorities/proposals/{waits.id}",
        "/authorities",
        f"/authorities/{home.authority.id}/withdraw",
    )
    clean(
        as_account(home.persona_account(), width=width, color_scheme=scheme),
        "/me",
        f"/me/campaigns/{out.campaign_id}",
        f"/me/renders/{asked.id}",
        "/me/withdraw",
    )
    home.supersede(approval_mode="script")
    read, waits_too = home.campaign(), home.campaign(template="Hello {{ first_name }}. {{ remark }}")
    home.persona_reads(read, "each")
    clean(
        as_account(home.persona_account(), width=width, color_scheme=scheme),
        f"/me/scripts/{waits_too.id}",
        f"/me/texts/{home.render(campaign=read).id}",
    )


def test_a_person_decides_and_withdraws_with_the_keyboard_alone(
    home: World, as_account: Callable[..., Page], address: str
):
    home.supersede(approval_mode="final_cut")
    asked = home.approved()
    page = as_account(home.persona_account())
    page.goto(f"{address}/me")
    page.get_by_role("link", name="Watch and decide").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="I approve this video").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".done")).to_contain_text("Your approval is recorded.")
    assert home.release(asked).state == State.RELEASED
    page.get_by_role("link", name="Withdraw it").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 released video")).to_be_visible()
    page.get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".done")).to_contain_text("Your authority is withdrawn.")
    assert home.authority.status is AuthorityStatus.REVOKED


def test_several_videos_come_in_together_each_with_the_script_of_its_name(
    home: World, as_account: Callable[..., Page], address: str, tmp_path: Path
):
    home.campaign()
    page = as_account(home.operator)
    page.goto(f"{address}/imports")
    page.get_by_label("Made with").fill("An engine")
    videos = [media.write_clip(tmp_path / f"{name}.mp4", n) for n, name in enumerate(("one", "two"), 4)]
    (tmp_path / "two.txt").write_text("Hello Asha.")
    page.locator("input[name=file]").set_input_files(videos)
    page.locator("input[name=script_file]").set_input_files([tmp_path / "two.txt"])
    page.get_by_role("button", name="Bring it in").click()
    expect(page.get_by_role("link", name="is in")).to_have_count(2)
    with reading() as session:
        scripts = sorted(row.script or "" for row in session.query(RenderRow))
    assert scripts == ["", "Hello Asha."]
