"""No door but one: what is not released cannot be fetched by link, API or path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from audit.ledger import Event, append
from core.blobs import blobs
from core.database import now, transaction
from core.errors import Conflict, NotFound
from core.ids import new_id
from core.tables import BrandRow
from delivery.errors import NotServed, ReleaseRefused
from delivery.links import make_link, open_link, token_of
from delivery.release import release
from delivery.tables import LinkRow
from pipeline.review import approve
from pipeline.service import get_render
from review_ui.accounts import create_account
from review_ui.app import make_app
from tests.end_to_end.conftest import DemoRun


@pytest.fixture
def client(in_demo: DemoRun) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


def planted(render_id: str, brand_id: str, hours: float = 1) -> str:
    """A link with a true signature and a row, as somebody would make one who has both the key and the database."""
    row = LinkRow(
        id=new_id("lnk"),
        brand_id=brand_id,
        render_id=render_id,
        made_by="usr_thief",
        expires_at=now() + timedelta(hours=hours),
    )
    with transaction() as session:
        append(session, Event.LINK_MADE, render_id, {"link_id": row.id}, rows=[row])
    return token_of(row)


def another_brand() -> str:
    with transaction() as session:
        if session.get(BrandRow, "brd_other") is None:
            row = BrandRow(id="brd_other", name="Another brand")
            append(session, Event.BRAND_CREATED, row.id, rows=[row])
    return "brd_other"


def enter(client: TestClient, account: dict[str, str]) -> None:
    answer = client.post("/sign-in", data={"email": account["email"], "password": account["password"]})
    assert answer.status_code == 303


def test_a_link_is_made_for_a_released_render_only(in_demo: DemoRun):
    brand = in_demo.accounts["brand_id"]
    assert make_link(in_demo.render("clean")["render"], brand_id=brand)
    for name in ("import", "blocked"):
        with pytest.raises(NotServed, match="not released"):
            make_link(in_demo.render(name)["render"], brand_id=brand)


def test_the_released_file_is_served_with_ranges(client: TestClient, in_demo: DemoRun):
    token = make_link(in_demo.render("clean")["render"], brand_id=in_demo.accounts["brand_id"])
    whole = client.get(f"/v/{token}/video.mp4")
    assert whole.status_code == 200 and whole.content == in_demo.released.read_bytes()
    part = client.get(f"/v/{token}/video.mp4", headers={"range": "bytes=0-99"})
    assert part.status_code == 206 and len(part.content) == 100


@pytest.mark.parametrize("name", ["import", "blocked"])
def test_even_a_truly_signed_link_to_an_unreleased_render_answers_404(
    client: TestClient, in_demo: DemoRun, name: str
):
    token = planted(in_demo.render(name)["render"], in_demo.accounts["brand_id"])
    assert client.get(f"/v/{token}").status_code == 404
    assert client.get(f"/v/{token}/video.mp4").status_code == 404


def test_an_expired_a_forged_and_a_foreign_link_answer_the_same(client: TestClient, in_demo: DemoRun):
    render, brand = in_demo.render("clean")["render"], in_demo.accounts["brand_id"]
    good, other = make_link(render, brand_id=brand), another_brand()
    answers = {
        client.get(f"/v/{token}/video.mp4").text
        for token in (planted(render, brand, -1), good[:-2] + "xx", planted(render, other), "a" * 3000)
    }
    assert len(answers) == 1
    with pytest.raises(NotFound):
        open_link(good + "x")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/greenroom.db",
        "/v/../renders/{import_}/video",
        "/renders/{import_}/video",
        "/renders/{import_}",
        "/blobs/{sealed}",
        "/static/{sealed}",
        "/api/v1/renders/{import_}",
    ],
)
def test_no_path_leads_a_stranger_to_an_unreleased_file(client: TestClient, in_demo: DemoRun, path: str):
    row = get_render(in_demo.render("import")["render"], brand_id=in_demo.accounts["brand_id"])
    answer = client.get(path.format(import_=row.id, sealed=row.sealed_sha256))
    assert answer.status_code in (303, 401, 404)
    assert b"ftyp" not in answer.content[:64]


def test_another_brands_reviewer_sees_nothing_of_this_brand(client: TestClient, in_demo: DemoRun):
    another_brand()
    with contextlib.suppress(Conflict):  # made by an earlier test of this run
        create_account(
            brand_id="brd_other", email="x@other.example", role="admin", password="a-long-password"
        )
    enter(client, {"email": "x@other.example", "password": "a-long-password"})
    render = in_demo.render("import")["render"]
    csrf = client.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    assert client.get(f"/renders/{render}").status_code == 404
    assert client.get(f"/renders/{render}/video").status_code == 404
    assert client.get(f"/campaigns/{in_demo.accounts['campaign_id']}").status_code == 404
    for action in ("approve", "reject", "release", "recall", "retry"):
        answer = client.post(
            f"/renders/{render}/{action}", data={"csrf": csrf, "asset": "0" * 64, "note": "x"}
        )
        assert answer.status_code == 404, action


def test_a_form_of_another_session_decides_nothing(client: TestClient, in_demo: DemoRun):
    enter(client, in_demo.accounts["reviewer"])
    row = get_render(in_demo.render("import")["render"], brand_id=in_demo.accounts["brand_id"])
    for csrf in ("", "stolen"):
        answer = client.post(f"/renders/{row.id}/approve", data={"csrf": csrf, "asset": row.sealed_sha256})
        assert answer.status_code == 403
    assert get_render(row.id, brand_id=row.brand_id).state == "in_review"


def test_the_maker_may_not_approve_and_a_stale_page_decides_nothing(in_demo: DemoRun):
    row = get_render(in_demo.render("import")["render"], brand_id=in_demo.accounts["brand_id"])
    seen = {"brand_id": row.brand_id, "sealed_sha256": row.sealed_sha256 or ""}
    with pytest.raises(Exception, match="may not decide"):
        approve(row.id, reviewer_id=in_demo.accounts["operator"]["id"], **seen)
    with pytest.raises(Conflict, match="another file"):
        approve(
            row.id,
            brand_id=row.brand_id,
            reviewer_id=in_demo.accounts["reviewer"]["id"],
            sealed_sha256="0" * 64,
        )
    assert get_render(row.id, brand_id=row.brand_id).state == "in_review"


def test_release_refuses_what_nobody_approved_and_leaves_nothing_behind(in_demo: DemoRun):
    published = in_demo.home / "blobs/published"
    before = sorted(path.name for path in published.rglob("*"))
    for name in ("import", "blocked"):
        with pytest.raises(ReleaseRefused, match="only an approved render is released"):
            release(in_demo.render(name)["render"], brand_id=in_demo.accounts["brand_id"], actor_id="usr_x")
    assert sorted(path.name for path in published.rglob("*")) == before


def test_releasing_twice_releases_once(in_demo: DemoRun):
    render, brand = in_demo.render("clean")["render"], in_demo.accounts["brand_id"]
    first = get_render(render, brand_id=brand).published_sha256
    assert release(render, brand_id=brand, actor_id="usr_x").published_sha256 == first
    assert blobs().exists(first or "")
