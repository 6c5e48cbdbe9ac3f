"""Finished videos come in by form, with script, engine and the credential that they carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.database import reading
from pipeline.tables import ImportRow, RenderRow
from review_ui.app import make_app
from tests.kit import media
from tests.kit.world import World
from tests.review_ui.test_appearances import enter, says

SRT = b"1\n00:00:00,000 --> 00:00:02,000\nHello Asha.\n"


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=True) as client:
        yield client


def bring(
    web: TestClient, world: World, tmp_path: Path, *, headers: Any = None, captions: bytes = b"", **more: Any
) -> Any:
    csrf = enter(web, world.operator)
    video = media.write_clip(tmp_path / "finished.mp4", 9).read_bytes()
    files: dict[str, Any] = {"file": ("finished.mp4", video, "video/mp4")}
    if captions:
        files["script_file"] = ("finished.srt", captions, "text/plain")
    usual = {
        "csrf": csrf,
        "campaign": world.campaign().id,
        "engine": "An engine 2.1",
        "at_brand": world.brand_id,
    }
    return web.post("/imports", data=usual | more, files=files, headers=headers)


def the_render() -> RenderRow:
    with reading() as session:
        return session.query(RenderRow).one()


def test_a_video_comes_in_with_its_script_its_engine_and_no_credential(
    web: TestClient, world: World, tmp_path: Path
):
    answer = bring(web, world, tmp_path, captions=b"  Hello   Asha. ")
    assert answer.status_code == 422  # a .srt file without a cue
    answer = bring(web, world, tmp_path, captions=SRT)
    row = the_render()
    assert (row.origin, row.script) == ("import", "Hello Asha.")
    text = says(web, f"/renders/{row.id}")
    assert "Made with An engine 2.1." in text and "carries no content credential" in text
    assert answer.url.path == f"/renders/{row.id}" and world.ledger().good


def test_pasted_words_are_the_script(web: TestClient, world: World, tmp_path: Path):
    bring(web, world, tmp_path, script="Hello\r\nAsha.")
    assert the_render().script == "Hello Asha."


def test_a_credential_that_it_carries_is_shown_and_kept(real_world: World):
    """A video of ours that somebody brings in again, as a stranger would bring theirs."""
    from core.blobs import blobs
    from pipeline.intake import import_video

    out = real_world.released()
    video = blobs().get_file(out.published_sha256 or "")
    row = import_video(
        video,
        real_world.campaign().id,
        brand_id=real_world.brand_id,
        maker_id=real_world.operator,
        engine="Elsewhere",
    )
    with reading() as session:
        kept = session.get_one(ImportRow, row.id)
    assert kept.credential["present"] and kept.credential["state"] == "trusted"
    with TestClient(make_app(), base_url="http://localhost") as browser:
        enter(browser, real_world.operator)
        assert "The file carries a content credential." in says(browser, f"/renders/{row.id}")


def test_a_double_submit_brings_in_one_video(web: TestClient, world: World, tmp_path: Path):
    first = bring(web, world, tmp_path, key="a-key", campaign=(campaign := world.campaign().id))
    again = bring(web, world, tmp_path, key="a-key", campaign=campaign)
    assert first.url.path == again.url.path == f"/renders/{the_render().id}"


def test_a_pages_script_is_answered_with_json(web: TestClient, world: World, tmp_path: Path):
    json = {"accept": "application/json"}
    answer = bring(web, world, tmp_path, headers=json)
    assert answer.json() == {"render": the_render().id, "state": "scripted"}
    answer = bring(web, world, tmp_path, headers=json, engine=" ")
    assert answer.status_code == 422 and answer.json()["error"]["where"] == "engine"


def test_what_is_refused_says_why_and_keeps_what_was_typed(web: TestClient, world: World, tmp_path: Path):
    answer = bring(web, world, tmp_path, engine="", script="Kept words.")
    assert answer.status_code == 422 and "Kept words." in answer.text
    answer = bring(web, world, tmp_path, campaign="cmp_other")
    assert answer.status_code == 404
