"""A passkey in a real browser: enrolled on the account page, used to confirm, refused where it was not asked for.

Chromium's virtual authenticator stands for the device; the application is served at localhost, as passkeys need a name.
"""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from review_ui.factors import has_factor, prove
from review_ui.factors.passkeys import list_passkeys
from review_ui.tables import AccountRow
from tests.kit.web import address, browser, page  # noqa: F401
from tests.review_ui.conftest import PASSWORD

pytestmark = pytest.mark.browser


@dataclass
class Device:
    """The virtual authenticator of a page."""

    page: Page

    def __post_init__(self) -> None:
        self.session = self.page.context.new_cdp_session(self.page)
        self.session.send("WebAuthn.enable")
        self.name = self.session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )["authenticatorId"]

    def knows_the_person(self, yes: bool) -> None:
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.name, "isUserVerified": yes})


def sign_in(page: Page, address: str, account: AccountRow) -> None:
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in?next=/account")
    page.get_by_label("E-mail address").fill(account.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()


def test_a_passkey_from_enrolment_to_removal(page: Page, address: str, account: AccountRow):
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if "Content Security" in told.text else None)
    device = Device(page)
    sign_in(page, address, account)
    page.get_by_label("Name of the device").fill("Office laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Office laptop")).to_be_visible()
    key = list_passkeys(account)[0]
    assert key.origin == address

    sign_in(page, address, account)  # a new session: the password alone is not fresh any more
    expect(page.get_by_role("button", name="Remove Office laptop")).to_have_count(0)
    page.get_by_label("Password").fill(PASSWORD)
    device.knows_the_person(False)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    device.knows_the_person(True)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Remove Office laptop").click()
    expect(page.get_by_text("Office laptop")).to_have_count(0)
    assert not has_factor(account) and problems == []


def test_an_assertion_is_for_the_decision_that_the_page_shows(page: Page, address: str, account: AccountRow):
    Device(page)
    sign_in(page, address, account)
    page.get_by_label("Name of the device").fill("Office laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Office laptop")).to_be_visible()
    sent: list[dict[str, str]] = []
    # A form as the console has it, put into the page: what it would send is caught instead of sent.
    page.expose_function("caught", lambda fields: sent.append(fields))  # noqa: PLW0108
    page.evaluate(
        """async () => {
          const csrf = document.querySelector("[name=csrf]").value;
          document.querySelector("main").innerHTML = `<form action="/renders/rnd_1/approve" method="post"
            data-passkey-purpose="approve" data-passkey-subject="rnd_1:${"ab".repeat(32)}:approve">
            <input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="passkey"><input name="totp">
            <button>Approve</button><button formaction="/renders/rnd_1/reject">Reject</button></form>`;
          await import("/static/passkey.js?again");
          document.querySelector("main form").addEventListener("submit", (event) => {
            if (event.defaultPrevented) return;
            event.preventDefault();
            caught(Object.fromEntries(new FormData(event.target)));
          });
        }"""
    )
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Approve").click()
    end = time.monotonic() + 20
    while len(sent) < 2 and time.monotonic() < end:
        page.wait_for_timeout(20)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert sent[0]["passkey"] == ""  # a button with a way of its own asks for no passkey
    subject = f"rnd_1:{'ab' * 32}:approve"
    assert prove(account, purpose="approve", subject=subject, passkey_json=sent[1]["passkey"]) == "passkey"
