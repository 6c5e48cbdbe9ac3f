"""The authority as a form: stated by an operator with the signed document, decided over by legal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from audit.models import Effect
from core.database import now, reading
from pipeline.capture.tables import DocumentRow, ProposalRow
from review_ui.app import make_app
from tests.kit.onboarding import DOCUMENT, examined, proposed
from tests.kit.world import World
from tests.review_ui.test_appearances import enter, says


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=True) as client:
        yield client


def form(world: World, **changes: Any) -> dict[str, Any]:
    """A consent, as a browser sends it."""
    day = now().date()
    return {
        "at_brand": world.brand_id,
        "kind": "consent",
        "subject_kind": "adult",
        "grantee": "Example Grantee Ltd (synthetic test record)",
        "notice": "You will greet customers.\r\nNothing else.",
        "notice_language": "en",
        "notice_version": "1",
        "keep_years": "3",
        "purpose": "A test.",
        "brands": world.brand_id,
        "campaigns": "*",
        "scripts": "*",
        "topics_allowed": ["food", "retail"],
        "topics_barred": ["politics"],
        "likeness": ["face", "voice"],
        "channels": ["link"],
        "script_mode": "template",
        "personal_fields": "first_name, remark",
        "languages": "en",
        "territories": "in eu",
        "not_before": str(day),
        "not_after": str(day + timedelta(days=30)),
        "renders": "number",
        "max_renders": "5",
        "approval_mode": "final_cut",
        "on_withdrawal": "recall",
        "on_expiry": "stop",
        **changes,
    }


def send(web: TestClient, csrf: str, sent: dict[str, Any], document: bytes = DOCUMENT) -> Any:
    files = {"document": ("consent.pdf", document, "application/pdf")} if document else None
    return web.post("/authorities/propose", data=sent | {"csrf": csrf}, files=files)


def test_a_reference_becomes_a_persona_by_form_and_by_a_second_person(web: TestClient, world: World):
    came_from = examined(world, "A presenter of the form")
    csrf = enter(web, world.operator)
    page = web.get(f"/authorities/new?reference={came_from.id}").text
    assert "The authority of A presenter of the form" in page
    answer = send(web, csrf, form(world, reference=came_from.id))
    assert "waits for legal" in answer.text and "/approve" not in answer.text
    csrf = enter(web, world.legal)
    shown = says(web, str(answer.url.path))
    for words in ("Nothing else.", "never politics", "at most 5", "food, retail", "kept encrypted until"):
        assert words in shown
    answer = web.post(f"{answer.url.path}/approve", data={"csrf": csrf})
    assert answer.url.path == "/authorities" and "A presenter of the form" in answer.text
    with reading() as session:
        row = session.query(ProposalRow).one()
        kept = session.query(DocumentRow).one()
        assert row.verdict == "approved" and kept.sha256 in str(row.content)
    from audit.authorities import get_authority

    with reading() as session:
        authority = get_authority(session, row.authority_id or "")
    scope = authority.scope
    assert (authority.approval_mode, scope.on_withdrawal, scope.max_renders) == (
        "final_cut",
        Effect.RECALL,
        5,
    )
    assert scope.territories == ("in", "eu") and scope.personal_fields == ("first_name", "remark")
    assert scope.not_after is not None and scope.not_after.date() == now().date() + timedelta(days=31)


def test_a_new_version_begins_with_what_the_authority_says(web: TestClient, world: World):
    csrf = enter(web, world.operator)
    page = web.get(f"/authorities/new?persona={world.persona.id}").text
    assert "A new version of the authority of" in page and 'value="1000000"' in page
    answer = send(
        web,
        csrf,
        form(
            world,
            persona=world.persona.id,
            kind="statement",
            made_by="x",
            made_from="y",
            method="z",
            max_renders="7",
        ),
        b"",
    )
    row = _the_proposal()
    enter_legal = enter(web, world.legal)
    web.post(f"/authorities/proposals/{row.id}/approve", data={"csrf": enter_legal})
    assert world.authority.scope.max_renders == 7 and answer.status_code == 200


def _the_proposal() -> ProposalRow:
    with reading() as session:
        return session.query(ProposalRow).one()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_renders": "many"}, "max_renders"),
        ({"not_after": ""}, "first and its last day"),
        ({"not_after": "tomorrow"}, "not_after"),
        ({"topics_allowed": "x" * 50, "subject_kind": "minor"}, "guardian"),
        ({"kind": ""}, "either"),
        ({"at_brand": "brd_other"}, "another brand"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    web: TestClient, world: World, change: dict[str, Any], words: str
):
    came_from = examined(world)
    csrf = enter(web, world.operator)
    answer = send(web, csrf, form(world, reference=came_from.id, purpose="Kept words.", **change))
    assert answer.status_code in (409, 422), answer.text
    assert re.search(words, answer.text) and "Kept words." in answer.text
    with reading() as session:
        assert session.query(ProposalRow).count() == session.query(DocumentRow).count() == 0


def test_a_consent_without_its_document_is_no_consent(web: TestClient, world: World):
    came_from = examined(world)
    csrf = enter(web, world.operator)
    answer = send(web, csrf, form(world, reference=came_from.id), b"")
    assert answer.status_code == 422 and "needs the document" in answer.text


def test_the_document_is_legals_alone(web: TestClient, world: World):
    row = proposed(world)
    at = f"/authorities/proposals/{row.id}/document"
    csrf = enter(web, world.operator)
    assert web.post(at, data={"csrf": csrf}).status_code == 403
    csrf = enter(web, world.legal)
    answer = web.post(at, data={"csrf": csrf})
    assert answer.content == DOCUMENT
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_refusal_says_why_to_who_stated_it(web: TestClient, world: World):
    row = proposed(world)
    csrf = enter(web, world.legal)
    at = f"/authorities/proposals/{row.id}"
    assert web.post(f"{at}/refuse", data={"csrf": csrf, "words": " "}).status_code == 422
    web.post(f"{at}/refuse", data={"csrf": csrf, "words": "A page is missing."})
    enter(web, world.operator)
    assert "A page is missing." in says(web, at)


def test_who_stated_it_is_told_that_another_approves(web: TestClient, world: World):
    row = proposed(world, actor_id=world.legal)
    csrf = enter(web, world.legal)
    at = f"/authorities/proposals/{row.id}"
    assert "somebody else approves it" in says(web, at)
    assert web.post(f"{at}/approve", data={"csrf": csrf}).status_code == 403
    assert world.authority.scope.max_renders == 1_000_000
