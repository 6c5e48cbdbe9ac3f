"""A video that a browser cannot play: a proxy is made once, goes to reviewers alone, and a decision says that it was
played and never that the file was seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from audit.approvals import approvals_for, record
from audit.ledger import Event
from audit.models import Approval
from core.blobs import blobs
from core.database import reading, transaction
from core.errors import Conflict, Forbidden, InputError
from pipeline import proxies
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui import played
from review_ui.accounts import create_account
from review_ui.app import make_app
from review_ui.played import coverage, open_view, played_proxy, report, report_with_decision
from review_ui.seals import intact, seal
from review_ui.security import COOKIE
from review_ui.sessions import sign_in, signed_in
from review_ui.tables import AccountRow, ViewRow
from tests.kit.workers import events_of, last_entry, work
from tests.kit.world import World
from tests.review_ui.authenticator import ORIGIN
from tests.review_ui.conftest import PASSWORD

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture
def ann(world: World) -> AccountRow:
    return create_account(
        brand_id=world.brand_id, email="ann@brand.example", role="reviewer", password=PASSWORD
    )


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


def enter(web: TestClient, account: AccountRow) -> dict[str, str]:
    token, _ = sign_in(account.email, PASSWORD)
    web.cookies.clear()
    web.cookies.set(COOKIE, token)
    found = signed_in(token)
    assert found is not None
    return {"x-csrf-token": found[1].csrf, "accept": "application/json"}


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr(played, "now", lambda: moment[0])

    def forward(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    return forward


def with_proxy(world: World, **asked: Any) -> RenderRow:
    render = world.to_review(**asked)
    proxies.ask_for(render.id, brand_id=world.brand_id)
    work(proxies.WANTED)
    return render


def play_all(render: RenderRow, account: AccountRow, wait: Callable[[float], None], *, by_proxy: bool) -> str:
    view = open_view(render.id, account=account, by_proxy=by_proxy)
    wait(10)
    report(render.id, view, [(0.0, render.seconds or 0.0)], account=account)
    return view


def test_it_is_made_once_by_a_worker_and_the_ledger_says_of_what(
    world: World, web: TestClient, ann: AccountRow
):
    render, headers = world.to_review(), enter(web, ann)
    at = f"/renders/{render.id}/proxy"
    assert web.get(f"{at}.webm").status_code == 404 and web.get(at).json() == {"ready": False}
    assert web.post(at).status_code == 403  # without the page's token
    for _ in range(2):
        assert web.post(at, headers=headers).json() == {"ready": False}
    work(proxies.WANTED)
    assert web.post(at, headers=headers).json() == web.get(at).json() == {"ready": True}
    file = web.get(f"{at}.webm")
    assert file.headers["content-type"] == "video/webm" and file.content[:4] == b"\x1a\x45\xdf\xa3"
    assert file.headers["cache-control"] == "private, no-store"
    entry = last_entry(render.id, Event.PROXY_MADE)
    assert entry.facts["sealed_sha256"] == render.sealed_sha256
    assert events_of(render.id).count("render:proxy:made") == 1
    assert len(list(blobs().names(proxies.ROLE))) == 1
    assert world.ledger().good


def test_only_who_decides_gets_it(world: World, web: TestClient):
    render = with_proxy(world)
    operator = create_account(
        brand_id=world.brand_id, email="olga@brand.example", role="operator", password=PASSWORD
    )
    headers = enter(web, operator)
    at = f"/renders/{render.id}/proxy"
    assert web.get(f"{at}.webm").status_code == web.get(at).status_code == 403
    assert web.post(at, headers=headers).status_code == 403
    web.cookies.clear()
    assert web.get(f"{at}.webm").status_code == 303


def test_a_proxy_is_never_what_a_link_serves(world: World):
    from delivery.links import make_link, open_link

    render = with_proxy(world)
    world.release(world.approved(render))
    path = open_link(make_link(render.id, brand_id=world.brand_id, made_by=world.operator))[1]
    assert path.read_bytes()[:4] != b"\x1a\x45\xdf\xa3"


def test_a_decision_by_proxy_says_so_and_is_not_seen(
    world: World, ann: AccountRow, web: TestClient, wait: Callable[[float], None]
):
    render = with_proxy(world)
    play_all(render, ann, wait, by_proxy=True)
    proxy = proxies.proxy_of(render)
    assert played_proxy(ann.id, render.sealed_sha256 or "") == proxy is not None
    headers = enter(web, ann)
    page = web.get(f"/renders/{render.id}").text
    assert "<p data-proxy >A proxy is what was played" in page and '<p data-when="decided" >' in page
    sent = {
        "csrf": headers["x-csrf-token"],
        "asset": render.sealed_sha256,
        "by_proxy": "true",
        "played": "[]",
    }
    assert web.post(f"/renders/{render.id}/approve", data=sent).status_code == 303
    with reading() as session:
        (approval,) = approvals_for(session, render.sealed_sha256 or "")
    assert (approval.manner, approval.proxy_sha256) == ("decided", proxy) and approval.played
    assert last_entry(render.id, Event.APPROVAL_RECORDED).facts["proxy_sha256"] == proxy
    assert "A proxy was played" in web.get(f"/renders/{render.id}").text
    assert world.ledger().good


def test_what_has_to_be_seen_is_not_approved_by_proxy(
    world: World, ann: AccountRow, wait: Callable[[float], None]
):
    render = with_proxy(world, campaign=world.campaign(risk_class="high"))
    play_all(render, ann, wait, by_proxy=True)
    sealed = render.sealed_sha256 or ""
    with pytest.raises(Forbidden) as told:
        world.approve(
            render, ann.id, played=coverage(ann.id, sealed), proxy_sha256=played_proxy(ann.id, sealed)
        )
    assert told.value.code == "proxy_seen" and world.now_is(render).state == State.IN_REVIEW


def test_who_plays_the_file_after_all_begins_anew(
    world: World, ann: AccountRow, wait: Callable[[float], None]
):
    render = with_proxy(world)
    sealed = render.sealed_sha256 or ""
    by_proxy = play_all(render, ann, wait, by_proxy=True)
    view = open_view(render.id, account=ann)
    assert coverage(ann.id, sealed) == [] and played_proxy(ann.id, sealed) is None
    with pytest.raises(Exception, match="not the one that was opened"):
        report(render.id, by_proxy, [(0.0, 1.0)], account=ann)  # a window that still plays the proxy
    wait(10)
    report_with_decision(render.id, [(0.0, 1.0)], account=ann, by_proxy=True)
    assert coverage(ann.id, sealed) == []
    report(render.id, view, [(0.0, 1.0)], account=ann)
    assert coverage(ann.id, sealed) == [(0.0, 1.0)]
    play_all(render, ann, wait, by_proxy=True)
    assert played_proxy(ann.id, sealed) == proxies.proxy_of(render)


def test_opening_a_view_by_proxy_is_no_way_to_more_time(
    world: World, ann: AccountRow, wait: Callable[[float], None]
):
    render = with_proxy(world)
    open_view(render.id, account=ann, by_proxy=True)
    wait(0.25)
    for by_proxy in (False, True, False):
        view = open_view(render.id, account=ann, by_proxy=by_proxy)
    assert sum(t1 - t0 for t0, t1 in report(render.id, view, [(0.0, 2.0)], account=ann)) <= 1.5


def test_there_is_no_view_of_a_proxy_that_was_not_made(world: World, ann: AccountRow):
    with pytest.raises(Conflict):
        open_view(world.to_review().id, account=ann, by_proxy=True)


def test_nobody_records_that_a_proxy_was_seen(world: World):
    render = world.to_review()
    with transaction() as session, pytest.raises(InputError, match="not seen"):
        record(
            session,
            render_id=render.id,
            sealed_sha256=render.sealed_sha256 or "",
            essence=render.essence or "",
            reviewer_id=world.reviewer,
            maker_id=world.operator,
            verdict="approve",
            manner="seen",
            proxy_sha256="ab" * 32,
            shown_sha256="ab" * 32,
            brand_id=world.brand_id,
        )


def test_a_decision_without_a_proxy_is_signed_as_before_there_were_any(world: World):
    world.approved()
    with reading() as session:
        from audit.tables import ApprovalRow

        document = json.loads(session.query(ApprovalRow).one().document or "")
    assert "proxy_sha256" not in document
    assert "proxy_sha256" not in Approval.model_validate(
        {k: v for k, v in document.items() if k != "type"}
    ).model_dump(mode="json")


def test_the_seal_covers_the_proxy_and_older_seals_still_hold(
    world: World, ann: AccountRow, wait: Callable[[float], None]
):
    render = with_proxy(world)
    play_all(render, ann, wait, by_proxy=True)
    with transaction() as session:
        view = session.query(ViewRow).one()
        view.proxy_sha256 = None  # the owner of the database: it was the file, and all of it was seen
        assert not intact(view)
    assert coverage(ann.id, render.sealed_sha256 or "") == []
    row = ViewRow(id="viw_1", brand_id="b", account_id="a", render_id="r", sealed_sha256="s", ranges=[])
    seal(row)
    before = row.seal
    row.proxy_sha256 = "ab" * 32
    assert not intact(row)
    row.proxy_sha256 = None
    assert row.seal == before and intact(row)
