"""The room of personas: a reference is uploaded, examined by a worker, and shown in pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from generate.errors import ReferenceRefused
from review_ui.app import make_app
from tests.kit import media
from tests.kit.onboarding import examined, proposed
from tests.kit.workers import work
from tests.kit.world import World
from tests.review_ui.test_appearances import enter, says


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=True) as client:
        yield client


def test_a_reference_is_uploaded_and_its_examination_shown(web: TestClient, world: World, tmp_path: Path):
    csrf = enter(web, world.operator)
    clip = media.write_clip(tmp_path / "clip.mp4", 5)
    sent = {"csrf": csrf, "name": "A new presenter", "at_brand": world.brand_id}
    with clip.open("rb") as file:
        answer = web.post("/personas", data=sent, files={"file": ("clip.mp4", file, "video/mp4")})
    assert answer.url.path.startswith("/personas/references/") and answer.headers["refresh"] == "3"
    assert "being examined" in answer.text
    work()
    answer = web.get(answer.url.path)
    assert "This clip can be used." in answer.text and "refresh" not in answer.headers
    assert "data:image/jpeg;base64," in answer.text and "/authorities/new?reference=" in answer.text
    assert "A new presenter" in says(web, "/personas")


def test_a_clip_that_is_to_be_filmed_again_says_how(web: TestClient, world: World):
    world.recorded.broken["examination"] = ReferenceRefused(
        "the face is 60 pixels wide", code="face_too_small", frames=(0,), next_step="record nearer"
    )
    row = examined(world)
    enter(web, world.operator)
    text = says(web, f"/personas/references/{row.id}")
    assert "The face is 60 pixels wide." in text and "Film again: record nearer." in text
    assert "It has sound. passed" in text and "The face is large enough. film again" in text
    assert "The person speaks. not looked at" in text


@pytest.mark.parametrize("content", [b"no video", b""])
def test_what_is_no_video_is_refused_and_the_name_kept(web: TestClient, world: World, content: bytes):
    csrf = enter(web, world.operator)
    sent = {"csrf": csrf, "name": "A kept name", "at_brand": world.brand_id}
    answer = web.post("/personas", data=sent, files={"file": ("clip.mp4", content, "video/mp4")})
    assert answer.status_code == 422 and "A kept name" in answer.text


def test_what_waits_for_legal_is_listed(web: TestClient, world: World):
    row = proposed(world)
    enter(web, world.legal)
    assert f"/authorities/proposals/{row.id}" in web.get("/personas").text
    assert "/authorities/new" not in web.get("/personas").text  # who may not make states nothing
