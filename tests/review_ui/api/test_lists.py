"""A dry run before a start, finished videos brought in, and a campaign's course: by API alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import review_ui.api.lists
from pipeline.list_work import on_list
from pipeline.shift import Shift
from tests.kit import media
from tests.kit.world import FIELDS, TEMPLATE, World
from tests.review_ui.api.conftest import Program

CSV = b"first_name,remark\nAsha,Thank you.\nBen,This tea is guaranteed to cure any cold.\nCara\n"


def send(api: Program, campaign: str, body: bytes = CSV, kind: str = "text/csv", **more: Any) -> Any:
    return api.post(f"/campaigns/{campaign}/lists", content=body, headers={"content-type": kind}, **more)


def test_a_list_is_tried_looked_at_and_started(world: World, api: Program):
    campaign = world.campaign().id
    sent = send(api, campaign, params={"name": "spring.csv"})
    assert (sent.status_code, sent.json()["phase"]) == (201, "checking")
    at = f"/campaigns/{campaign}/lists/{sent.json()['list']}"
    assert api.post(f"{at}/start").json()["error"]["code"] == "not_checked"
    on_list(sent.json()["list"], Shift())
    tried = api.get(at).json()
    assert (tried["phase"], tried["videos"], tried["counts"]["blocked"]) == ("checked", 1, 1)
    assert {(one["kind"], *one["first"]) for one in tried["causes"]} >= {("blocked", 2), ("refused", 3)}
    assert "Asha" not in str(tried) and "Asha" in api.get(f"{at}/verdicts").text
    assert api.get(f"/campaigns/{campaign}").json()["renders"] == {}, "nothing is made of a trial"
    assert api.post(f"{at}/start").json()["phase"] == "entering"
    on_list(sent.json()["list"], Shift())
    assert api.get(at).json()["entered"]["made"] == 1
    assert [one["phase"] for one in api.get(f"/campaigns/{campaign}/lists").json()["lists"]] == ["entered"]


def test_a_list_is_discarded_and_stands_under_its_own_campaign(world: World, api: Program):
    campaign, other = world.campaign().id, world.campaign(name="Another").id
    made = send(api, campaign).json()["list"]
    assert api.get(f"/campaigns/{other}/lists/{made}").status_code == 404
    assert api.post(f"/campaigns/{other}/lists/{made}/discard").status_code == 404
    assert api.post(f"/campaigns/{campaign}/lists/{made}/discard").json()["phase"] == "discarded"


def test_a_list_that_is_none(world: World, api: Program, monkeypatch: pytest.MonkeyPatch):
    campaign = world.campaign().id
    assert send(api, campaign, kind="image/png").json()["error"]["where"] == "content-type"
    assert send(api, campaign, b"first_name,remark\n").status_code == 422
    monkeypatch.setattr(review_ui.api.lists, "LIST_BYTES", 10)
    assert send(api, campaign).status_code == 413
    assert api.get(f"/campaigns/{campaign}/lists").json() == {"lists": []}


def test_finished_videos_come_in_with_their_scripts(world: World, api: Program, tmp_path: Path):
    campaign = world.campaign().id
    video = media.write_clip(tmp_path / "finished.mp4", 9).read_bytes()
    srt = "1\n00:00:00,000 --> 00:00:02,000\nHello Asha.\n"
    form = {"campaign": campaign, "engine": "An engine 2.1"}
    for number, more in enumerate(({"script": srt, "captions": "true"}, {"script": "Hello\nAsha."}, {})):
        sent = {"data": form | more, "files": {"file": ("a.mp4", video)}, "key": f"film-{number}"}
        first, again = api.post("/imports", **sent), api.post("/imports", **sent)
        assert first.status_code == 201 and first.json() == again.json()
        script = api.get(f"/renders/{first.json()['render']}/evidence").json()["script"]
        assert script == ("Hello Asha." if more else None)
    assert api.get("/renders").json()["total"] == 3
    nameless = api.post("/imports", data=form | {"engine": " "}, files={"file": ("a.mp4", video)})
    assert (nameless.status_code, nameless.json()["error"]["where"]) == (422, "engine")
    assert api.post("/imports", data=form).json()["error"]["code"] == "no_file"


def test_a_draft_is_looked_at_and_nothing_is_kept(world: World, api: Program):
    draft = {
        "name": "Spring", "template": TEMPLATE, "fields": FIELDS, "topic": "food", "territory": "in",
        "persona": world.persona.id, "examples": {"first_name": "Asha", "remark": "It is guaranteed to cure any cold."},
    }  # fmt: skip
    seen = api.post("/campaigns/look", draft).json()
    said = seen["said"][0]
    assert seen["verdict"] == said["verdict"] == "block" and said["findings"][0]["hint"]
    assert (
        "Asha" in said["script"] and said["seconds"] > 0 and api.get("/campaigns").json()["campaigns"] == []
    )


def test_a_campaign_is_paused_resumed_and_cancelled(world: World, api: Program):
    at = f"/campaigns/{world.campaign().id}"
    assert api.get(at).json()["course"] == "running"
    assert api.post(f"{at}/pause").json()["course"] == "paused"
    assert api.get("/campaigns").json()["campaigns"][0]["course"] == "paused"
    assert api.post(f"{at}/pause").status_code == 409
    assert api.post(f"{at}/resume", {"reason": "Go on."}).json()["course"] == "running"
    assert (
        api.post(f"{at}/cancel").status_code == 422 == api.post(f"{at}/cancel", {"reason": " "}).status_code
    )
    assert api.post(f"{at}/cancel", {"reason": "A wrong price."}).json()["course"] == "cancelled"


def test_suppressions_come_as_a_file_and_the_brand_speaks(world: World, api: Program):
    csv = {"content": b"key\nasha@kit.example\n", "headers": {"content-type": "text/csv"}}
    assert api.post("/suppressions/import", **csv).json() == {"added": 1, "known": 0, "refused": []}
    assert api.post("/suppressions/look", {"keys": ["asha@kit.example"]}).json() == {"suppressed": [True]}
    assert api.post("/brand/words", {"words": "Tea since 1902."}).json() == {"words": "Tea since 1902."}
    assert api.get("/brand/words").json() == {"words": "Tea since 1902."}
