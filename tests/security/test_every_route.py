"""Every role, every kind of session and every brand against every route, generated from the application's routes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from audit.holds import place
from audit.ledger import Event, append
from audit.tables import AuthorityRow, HoldRow, PersonaDecisionRow, ScriptDecisionRow
from core.database import now, transaction
from core.errors import InputError
from core.tables import BrandRow
from delivery.tables import (
    BrandPageRow,
    CampaignTagsRow,
    LinkRow,
    ReportRow,
    WebhookMessageRow,
    WebhookRow,
)
from greenroom.web import make_app
from pipeline.capture.tables import DocumentRow, OnboardingRow, ProposalRow
from pipeline.search import KINDS
from pipeline.tables import (
    AnnotationRow,
    CampaignCourseRow,
    CampaignRow,
    ImportRow,
    PersonaRow,
    RecipientListRow,
    RenderRow,
    SuppressionRow,
)
from review_ui import changes
from review_ui.api.tables import JobRow
from review_ui.api_keys import make_key
from review_ui.invitations import invite
from review_ui.rates import forget_all
from review_ui.roles import RIGHTS
from review_ui.seals import seal
from review_ui.security import COOKIE
from review_ui.sessions import sign_in, sign_out, signed_in, stored
from review_ui.tables import (
    AccountRow,
    ApiKeyRow,
    BrandVeilRow,
    InvitationRow,
    MembershipRow,
    PasskeyRow,
    SignInRow,
    ViewRow,
)
from tests.review_ui.conftest import PASSWORD, SEALED
from tests.security.routes import every_route, filled
from tests.security.table import BESIDE, CLOSED, OWN, PUBLIC, ROUTES, SENT

FIELDS = {
    "asset": SEALED, "note": "A reason.", "reason": "A reason.", "why": "A reason.", "effect": "stop",
    "purpose": "confirm", "outcome": "right", "answer": "Looked at.", "words": "x",
    "subject": "x", "name": "x", "code": "wrong", "password": PASSWORD, "again": PASSWORD,
}  # fmt: skip


def ask(
    client: TestClient, route: tuple[str, str], csrf: str, ids: dict[str, str] | None = None, **more: Any
) -> Any:
    """The request as the route's own page sends it, with a form's token."""
    forget_all()  # more calls with a password than an address may make in a minute
    method, path = route
    target = filled(path, ids)
    by = ROUTES[route].by
    if by == "form":
        return client.request(method, target, data={**FIELDS, **more, "csrf": csrf})
    if by == "script":
        return client.request(method, target, json={"ranges": [[0, 1]]}, headers={"x-csrf-token": csrf})
    if by == "basic":  # with a body that its door reads before it asks for the thing named
        sent: Any = SENT.get(path.removeprefix("/api/v1"), {}) if method == "POST" else {}
        return client.request(method, target, auth=more.get("auth"), **sent)
    return client.request(method, target)


def refused_for_the_role(answer: Any, role: str) -> bool:
    words = answer.text.replace("&#39;", "'")
    return answer.status_code == 403 and f"role '{role}' may not" in words


def test_the_table_has_every_route_and_no_other():
    assert set(every_route()) == set(ROUTES)
    beside = {route.path for route in make_app().routes if hasattr(route, "path")} - {
        path for _, path in ROUTES
    }
    assert beside == BESIDE


def test_reading_routes_change_nothing_and_writing_routes_ask_for_a_token():
    """A cookie alone opens GET only; whatever writes for an account asks for the token of its form."""
    assert {method for method, _ in ROUTES} == {"GET", "POST"}
    for (method, path), asks in ROUTES.items():
        assert asks.by in (
            ("cookie", "basic", "nobody") if method == "GET" else ("form", "script", "basic", "nobody")
        ), path
        assert (asks.right == PUBLIC) is (asks.by == "nobody"), path


@pytest.mark.parametrize("role", [*RIGHTS, "no-such-role"])
def test_every_role_at_every_route(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    monkeypatch: pytest.MonkeyPatch,
    role: str,
):
    async def checked(*_: object) -> dict[str, object]:
        raise InputError("only the door is tried here", next_step="go on")

    monkeypatch.setattr("review_ui.api.measuring.run_child", checked)
    account = new_account(role="reviewer")
    with transaction() as session:
        row = session.get_one(AccountRow, account.id)
        row.role = role
        seal(row)
    rights = RIGHTS.get(role, frozenset())
    csrf = signed(account)
    for route, asks in CLOSED.items():
        if asks.by == "basic":
            answer = ask(client, route, csrf, auth=(account.email, PASSWORD))
        else:
            if signed_in(client.cookies.get(COOKIE) or "") is None:
                csrf = signed(account)  # signed out, or the password was changed
            answer = ask(client, route, csrf)
        assert refused_for_the_role(answer, role) is (asks.right != OWN and asks.right not in rights), route
        assert answer.status_code < 500 and answer.status_code != 401, route


def is_strange(answer: Any) -> bool:
    """Answered as to somebody who is not signed in."""
    to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
    return to_sign_in or answer.status_code == 401


def disabled(account: AccountRow, _token: str) -> None:
    changes.disable(account.id)


def revoked(_account: AccountRow, token: str) -> None:
    sign_out(token)


def password_changed(account: AccountRow, _token: str) -> None:
    changes.set_password(account.id, "another long password")


def expired(_account: AccountRow, token: str) -> None:
    with transaction() as session:
        row = session.get_one(SignInRow, stored(token))
        row.expires_at = now() - timedelta(seconds=1)
        seal(row)


def prolonged_by_hand(_account: AccountRow, token: str) -> None:
    """The owner of the database gives a session more time: its seal breaks."""
    with transaction() as session:
        session.get_one(SignInRow, stored(token)).expires_at = now() + timedelta(days=365)


def moved_by_hand(_account: AccountRow, token: str) -> None:
    """The owner of the database gives a session to another account."""
    with transaction() as session:
        row = session.get_one(SignInRow, stored(token))
        other = AccountRow(
            id="usr_other", brand_id="brd_1", email="o@brand.example", role="admin", password_hash="x"
        )
        seal(other)
        session.add(other)
        session.flush()
        row.account_id = other.id


def promoted_by_hand(account: AccountRow, _token: str) -> None:
    """The owner of the database makes somebody an admin."""
    with transaction() as session:
        session.get_one(AccountRow, account.id).role = "admin"


ENDS = [disabled, revoked, password_changed, expired, prolonged_by_hand, moved_by_hand, promoted_by_hand]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_session_that_is_over_opens_no_route(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    end: Callable[[AccountRow, str], None],
):
    account = new_account(role="admin" if end is not promoted_by_hand else "reviewer")
    csrf = signed(account)
    assert client.get("/").status_code == 200
    end(account, client.cookies[COOKIE])
    for route, asks in CLOSED.items():
        if asks.by != "basic":
            assert is_strange(ask(client, route, csrf)), route


@pytest.mark.parametrize("cookie", ["", "x", "A" * 5000, "../..", "%00", "null", "0"])
def test_no_made_up_session_opens_a_route(client: TestClient, home: Any, cookie: str):
    if cookie:
        client.cookies.set(COOKIE, cookie)
    for route in CLOSED:
        assert is_strange(ask(client, route, "x")) or ask(client, route, "x").status_code == 422, route


def test_the_api_takes_no_cookie(
    client: TestClient, account: AccountRow, signed: Callable[[AccountRow], str]
):
    signed(account)
    for (method, path), asks in CLOSED.items():
        if asks.by == "basic":
            assert client.request(method, path, files={"file": b"x"}).status_code == 401, path


def test_every_route_that_writes_refuses_a_form_without_its_token(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
):
    """No token, another session's, another account's, the right one in the wrong place: nothing is done."""
    account, other = new_account(role="admin"), new_account("eve", role="admin")
    render = make_render()
    ids = {"render_id": render.id, "campaign_id": "cmp_1"}
    stolen = signed(other)
    csrf = signed(account)
    before = everything()
    for route, asks in CLOSED.items():
        if asks.by in ("form", "script"):
            for wrong in ("", stolen, csrf[:-1], csrf + " ", "\u00e9"):
                if asks.by == "script" and not wrong.isascii():
                    continue  # no header can say it
                answer = ask(client, route, wrong, ids)
                assert answer.status_code == 403 and "stale_form" not in answer.text, route
                assert "out of date" in answer.text, route
            in_the_address = client.request(
                route[0], filled(route[1], ids), params={"csrf": csrf}, data=FIELDS
            )
            assert in_the_address.status_code == 403, route
    assert everything() == before


WRITTEN = (
    RenderRow, CampaignRow, CampaignCourseRow, RecipientListRow, ApiKeyRow, JobRow,
    SuppressionRow, CampaignTagsRow, WebhookRow, WebhookMessageRow,
    LinkRow, AccountRow, SignInRow, PasskeyRow, ViewRow, BrandRow, MembershipRow, InvitationRow,
)  # fmt: skip


CAPTURED = (
    OnboardingRow, ProposalRow, DocumentRow, ImportRow, PersonaDecisionRow, ScriptDecisionRow, AuthorityRow,
)  # fmt: skip


def everything() -> dict[str, list[Any]]:
    """Every row of the tables that the console writes."""
    with transaction() as session:
        return {
            table.__tablename__: [
                {column.name: getattr(row, column.name) for column in table.__table__.columns}
                for row in session.scalars(select(table).order_by(*table.__table__.primary_key.columns))
            ]
            for table in (*WRITTEN, ReportRow, BrandPageRow, BrandVeilRow, HoldRow, AnnotationRow, *CAPTURED)
        }


def test_nothing_of_another_brand_exists_at_any_route(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
):
    """An admin of another brand names real ids, in the path and in fields of the form: the answer is the one to an id
    that nothing has, and no row changes."""
    ours = new_account(role="admin")
    render = make_render()
    ids = real_ids(render, ours)
    theirs = a_foreign_admin(new_account)
    csrf = signed(theirs)
    before = everything()
    unknown = dict.fromkeys(ids, "xxx_1")
    tried = 0
    for route, asks in CLOSED.items():
        if "{" not in route[1]:
            continue
        tried += 1
        who: dict[str, Any] = {"auth": (theirs.email, PASSWORD)} if asks.by == "basic" else {}
        who["at_brand"] = "brd_2"  # where they are
        named = ask(client, route, csrf, ids | {"account_id": ours.id}, **ids, account_id=ours.id, **who)
        missing = ask(client, route, csrf, unknown, **unknown, **who)
        assert named.status_code == missing.status_code, (route, named.status_code, missing.status_code)
        assert named.status_code in (403, 404), (route, asks)
        for secret in (render.id, "A presenter", SEALED[:12]):
            assert secret not in named.text.replace(ids["render_id"], "") or secret == render.id, route
    assert tried > 10 and everything() == before


def real_ids(render: RenderRow, account: AccountRow) -> dict[str, str]:
    api_key, _ = make_key(account, name="x", rights=["view"])
    invitation, _ = invite(by=account, role="legal", brand_ids=[render.brand_id])
    with transaction() as session:
        persona = session.get_one(PersonaRow, "per_1")
        link = LinkRow(
            id="lnk_1", brand_id=render.brand_id, render_id=render.id, made_by=account.id,
            expires_at=now() + timedelta(days=1),
        )  # fmt: skip
        view = ViewRow(
            id="viw_1", brand_id=render.brand_id, account_id=account.id, render_id=render.id, sealed_sha256=SEALED,
            ranges=[],
        )  # fmt: skip
        key = PasskeyRow(
            id="psk_1", account_id=account.id, name="x", credential_id="x", public_key="x", origin="https://x"
        )
        for row in (view, key):
            seal(row)
        job = JobRow(
            id="job_1", brand_id=render.brand_id, account_id=account.id, task="verify",
            expires_at=now() + timedelta(days=1),
        )  # fmt: skip
        session.add_all([link, view, key, job])
        session.flush()
        report = ReportRow(
            id="rpt_1", brand_id=render.brand_id, render_id=render.id, link_id=link.id, kind="other", words="x",
            contact="", due_at=now(),
        )  # fmt: skip
        listed = RecipientListRow(
            id="lst_1", brand_id=render.brand_id, campaign_id="cmp_1", maker_id=account.id, name="x", key="x",
            form="csv",
            phase="checked", size=1, trial={"counts": {"ready": 1}},
        )  # fmt: skip
        session.add_all([report, listed])
        hold = place(
            session, brand_id=render.brand_id, kind="campaign", subject="cmp_1", reason="x", actor=account.id
        )
        entry = append(session, Event.RENDER_RETRIED, render.id)
        onboarding = OnboardingRow(
            id="onb_1",
            brand_id=render.brand_id,
            name="A presenter",
            voice="hibari",
            reference_sha256="0" * 64,
            state="waiting",
            made_by="usr_maker",
        )
        proposal = ProposalRow(
            id="prp_1", brand_id=render.brand_id, persona_id=persona.id, supersedes=persona.authority_id, content={},
            proposed_by="usr_maker",
        )  # fmt: skip
        session.add_all([onboarding, proposal])
        webhook = WebhookRow(
            id="whk_1", brand_id=render.brand_id, address="https://hook.example", events=["render.failed"],
            made_by=account.id, generation=1,
        )  # fmt: skip
        session.add(webhook)
        session.flush()
        message = WebhookMessageRow(
            id="msg_1", brand_id=render.brand_id, webhook_id=webhook.id, entry_id="led_1", event="render.failed",
            happened_at=now(), next_at=0.0, state="failed",
        )  # fmt: skip
        session.add(message)
        return {
            "render_id": render.id, "campaign_id": "cmp_1", "authority_id": persona.authority_id, "link_id": link.id,
            "view_id": view.id, "passkey_id": key.id, "report_id": report.id, "brand_id": render.brand_id,
            "invitation_id": invitation.id, "list_id": listed.id, "job_id": job.id, "key_id": api_key.id,
            "persona_id": persona.id, "hold_id": hold.id, "entry_id": entry,
            "onboarding_id": onboarding.id, "reference_id": onboarding.id, "proposal_id": proposal.id,
            "webhook_id": webhook.id, "message_id": message.id,
        }  # fmt: skip


def a_foreign_admin(new_account: Callable[..., AccountRow]) -> AccountRow:
    account = new_account("eve", role="admin")
    with transaction() as session:
        session.add(BrandRow(id="brd_2", name="Another brand"))
        session.flush()
        row = session.get_one(AccountRow, account.id)
        row.brand_id = "brd_2"
        seal(row)
    return account


@pytest.mark.parametrize(
    "path",
    [
        "/", "/campaigns", "/authorities", "/personas", "/people", "/brands", "/suppressions", "/webhooks",
        "/record", "/record/holds",
        "/record/looked", "/record/register", "/record/register.csv", "/record/register.json",
        *(f"/record?kind={kind}" for kind in KINDS),
    ],
)  # fmt: skip
def test_no_list_names_what_is_another_brands(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
    path: str,
):
    render = make_render(fields={"first_name": "Somebody"})
    signed(a_foreign_admin(new_account))
    for query in ("", "?view=all", "?brand_id=brd_1", f"?done={render.id}", "?view=all&brand=brd_1"):
        text = client.get(path + (query.replace("?", "&") if "?" in path else query)).text
        for word in (render.id, "Somebody", "cmp_1", "A presenter who does not exist"):
            assert word not in text or word in query, (path, query, word)


def test_signing_out_ends_the_session_for_good(
    client: TestClient, account: AccountRow, signed: Callable[[AccountRow], str]
):
    csrf = signed(account)
    token = client.cookies[COOKIE]
    assert client.post("/sign-out", data={"csrf": csrf}).status_code == 303
    client.cookies.set(COOKIE, token)
    assert is_strange(client.get("/"))


def test_a_session_of_before_a_sign_in_is_not_the_one_after(account: AccountRow):
    first, _ = sign_in(account.email, PASSWORD)
    second, _ = sign_in(account.email, PASSWORD)
    assert first != second and signed_in(first) is not None and signed_in(second) is not None
