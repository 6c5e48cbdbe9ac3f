"""Every role against every route: each route has a right, or says that it needs none; a new one without fails here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from core.errors import InputError
from review_ui.roles import RIGHTS
from review_ui.tables import AccountRow
from tests.review_ui.conftest import PASSWORD
from tests.review_ui.test_web import PUBLIC, routes

OWN = ""  # one's own account: a sign-in is enough

RIGHT_OF = {
    ("GET", "/"): "view",
    ("GET", "/campaigns"): "view",
    ("GET", "/campaigns/{campaign_id}"): "view",
    ("POST", "/campaigns/{campaign_id}/renders"): "make",
    ("GET", "/renders/{render_id}"): "view",
    ("GET", "/renders/{render_id}/video"): "view",
    ("POST", "/renders/{render_id}/approve"): "review",
    ("POST", "/renders/{render_id}/reject"): "review",
    ("POST", "/renders/{render_id}/release"): "release",
    ("POST", "/renders/{render_id}/recall"): "release",
    ("POST", "/renders/{render_id}/retry"): "make",
    ("POST", "/renders/{render_id}/links"): "release",
    ("POST", "/renders/{render_id}/links/{link_id}/revoke"): "release",
    ("POST", "/renders/{render_id}/views"): "review",
    ("POST", "/renders/{render_id}/views/{view_id}/played"): "review",
    ("GET", "/authorities"): "view",
    ("POST", "/authorities/{authority_id}/suspend"): "audit",
    ("POST", "/authorities/{authority_id}/resume"): "audit",
    ("POST", "/authorities/{authority_id}/withdraw"): "audit",
    ("POST", "/api/v1/analyze_video"): "view",
    ("POST", "/api/v1/campaigns/{campaign_id}/recipients"): "make",
    ("GET", "/account"): OWN,
    ("POST", "/account/confirm"): OWN,
    ("POST", "/account/passkey/begin"): OWN,
    ("POST", "/account/passkey/new"): OWN,
    ("POST", "/account/passkeys"): OWN,
    ("POST", "/account/passkeys/{passkey_id}/remove"): OWN,
    ("POST", "/account/totp"): OWN,
    ("POST", "/account/totp/confirm"): OWN,
    ("POST", "/account/totp/remove"): OWN,
    ("POST", "/account/recovery-codes"): OWN,
    ("POST", "/account/password"): OWN,
    ("POST", "/sign-out"): OWN,
}


class _Ids(dict[str, str]):
    """An id for every name in a path: nothing there has it."""

    def __missing__(self, name: str) -> str:
        return f"{name[:3]}_1"


CLOSED = sorted(route for route in routes() if route[1] not in PUBLIC)


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_every_role_at_this_route(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
):
    async def analysed(*_: object) -> dict[str, object]:
        raise InputError("only the door is tried here", next_step="go on")

    monkeypatch.setattr("review_ui.api.run_child", analysed)
    right = RIGHT_OF[method, path]
    for role, rights in RIGHTS.items():
        account = new_account(role, role=role)
        fields = {
            "csrf": signed(account),
            **{
                "asset": "ab" * 32,
                "note": "A reason.",
                "reason": "A reason.",
                "effect": "stop",
                "purpose": "confirm",
                "subject": "x",
                "name": "x",
            },
            **{"code": "wrong", "password": PASSWORD, "again": PASSWORD},
        }
        target = path.format_map(_Ids())
        if path.startswith("/api/"):
            answer = client.post(target, auth=(account.email, PASSWORD), files={"file": b"no video"})
        elif method == "GET":
            answer = client.get(target)
        else:
            answer = client.post(target, data=fields, headers={"x-csrf-token": fields["csrf"]})
        refused = answer.status_code == 403 and f"role '{role}' may not" in answer.text.replace("&#39;", "'")
        assert refused is (right != OWN and right not in rights), (role, answer.status_code)
