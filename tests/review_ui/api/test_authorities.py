"""From a clip to a persona by API: sent, stated, approved by legal's own key, suspended, withdrawn; and legal holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.database import reading, transaction
from pipeline.capture.examining import examine
from review_ui.seals import seal
from review_ui.tables import AccountRow
from tests.kit import media
from tests.kit.onboarding import DOCUMENT, examined, stated
from tests.kit.world import ASHA, World
from tests.review_ui.api.conftest import Program

PDF = {"document": ("consent.pdf", DOCUMENT, "application/pdf")}


@pytest.fixture
def legal(world: World, program: Callable[..., Program]) -> Program:
    return program(world.legal)


def propose(api: Program, world: World, files: Any = PDF, **form: Any) -> Any:
    return api.post("/proposals", data={"authority": json.dumps(stated(world)), **form}, files=files)


def test_a_clip_becomes_a_persona(world: World, api: Program, legal: Program, tmp_path: Any):
    clip = media.write_clip(tmp_path / "clip.mp4", 3).read_bytes()
    sent = api.post("/references", data={"name": "A new presenter"}, files={"file": ("a.mp4", clip)})
    assert (sent.status_code, sent.json()["state"]) == (201, "waiting")
    reference = sent.json()["reference"]
    examine(reference)
    seen = api.get(f"/references/{reference}").json()
    assert seen["state"] == "passed" and set(seen["checks"].values()) == {"passed"}
    proposed = propose(api, world, reference=reference, notice="You will greet customers.")
    assert (proposed.status_code, proposed.json()["state"]) == (201, "waiting")
    proposal = proposed.json()["proposal"]
    assert [one["proposal"] for one in legal.get("/proposals").json()["proposals"]] == [proposal]
    assert legal.post(f"/proposals/{proposal}/document").content == DOCUMENT
    approved = legal.post(f"/proposals/{proposal}/approve").json()
    assert approved["state"] == "approved" and approved["states"]["consent"]["subject_kind"] == "adult"
    persona = api.get(f"/authorities/{approved['authority']}").json()["persona"]
    assert persona in {one["persona"] for one in api.get("/personas").json()["personas"]}
    assert api.post(f"/references/{reference}/delete").status_code == 409, "it is a persona now"
    assert world.ledger().good


def test_who_states_an_authority_approves_it_by_no_key_either(
    world: World, program: Callable[..., Program], legal: Program
):
    """Four eyes: the key acts in its maker's name, and the maker stated it."""
    with transaction() as session:
        row = session.get_one(AccountRow, world.operator)
        row.role = "admin"
        seal(row)
    everything = program(world.operator)
    proposal = propose(everything, world, reference=examined(world).id).json()["proposal"]
    refused = everything.post(f"/proposals/{proposal}/approve")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "own_proposal")
    words = legal.post(f"/proposals/{proposal}/refuse", {"words": "The last day is missing."}).json()
    assert (words["state"], words["words"]) == ("refused", "The last day is missing.")


@pytest.mark.parametrize("authority", ["{", "[]", "[" * 20_000, "{}", json.dumps({"scope": {"no": 1}})])
def test_an_authority_that_is_none_is_refused_in_words(world: World, api: Program, authority: str):
    answer = propose(api, world, persona=world.persona.id, authority=authority)
    assert answer.status_code == 422 and answer.json()["error"]["next"]
    assert api.get("/proposals").json() == {"proposals": []}


def test_an_authority_is_suspended_resumed_and_withdrawn(world: World, api: Program, legal: Program):
    at = f"/authorities/{world.authority.id}"
    out = world.released()
    assert api.get(at).json()["videos"]["released"] == 1
    assert api.post(f"{at}/suspend", {"reason": "A question."}).status_code == 403
    assert legal.post(f"{at}/suspend", {"reason": "A question."}).json()["state"] == "suspended"
    asked = api.post(f"/campaigns/{world.campaign().id}/renders", {"fields": ASHA})
    assert asked.status_code == 409 and asked.json()["error"]["code"]
    assert legal.post(f"{at}/resume", {"reason": "It is answered."}).json()["state"] == "granted"
    gone = legal.post(f"{at}/withdraw", {"reason": "They asked for it.", "effect": "recall"}).json()
    assert (gone["status"], gone["effect"]) == ("revoked", "recall")
    assert legal.post(f"{at}/resume", {"reason": "Again."}).status_code == 409
    with reading():
        assert world.now_is(out).id == out.id and world.ledger().good


def test_a_hold_is_placed_and_lifted(world: World, api: Program, legal: Program):
    render = world.approved()
    placed = legal.post("/holds", {"kind": "render", "subject": render.id, "reason": "A dispute."})
    assert placed.status_code == 201
    refused = api.post(f"/renders/{render.id}/release")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "legal_hold")
    hold = placed.json()["hold"]
    lifted = legal.post(f"/holds/{hold}/lift", {"reason": "It is over."}).json()
    assert lifted["hold"] == hold and lifted["lifted_why"] == "It is over."
    assert [one["lifted_at"] is None for one in legal.get("/holds").json()["holds"]] == [False]
