"""Nobody is shown a way to a page that their role may not open: in the bar, and on the page of an error."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from review_ui.roles import RIGHTS
from review_ui.tables import AccountRow

LINK = re.compile(r'<a [^>]*?href="(/[^"#?]*)')


def ways(text: str) -> set[str]:
    """Where the links of a page lead."""
    return set(LINK.findall(text))


@pytest.mark.parametrize("role", RIGHTS)
def test_every_link_of_a_role_opens(
    client: TestClient, new_account: Callable[..., AccountRow], signed: Callable[[AccountRow], str], role: str
):
    signed(new_account(role=role))
    account, error = client.get("/account"), client.get("/nowhere")
    found = ways(account.text) | ways(error.text)
    assert error.status_code == 404 and {"/verify", "/account"} <= found
    assert ("/campaigns" in found) is ("view" in RIGHTS[role])
    assert {way: client.get(way).status_code for way in found} == dict.fromkeys(found, 200)
