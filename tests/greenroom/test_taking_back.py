"""The verbs that let out and take back, on a home with real rows: authorities, links, recalls, high risk."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.database import reading
from delivery.links import open_link
from greenroom.cli import main
from pipeline.states import State
from review_ui.tables import AccountRow
from tests.kit.world import World

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("legal", "authority", "show", id)``: the exit code and the document."""
    monkeypatch.setattr("greenroom.database.migrate", lambda: None)  # the kit has made the tables

    def running(who: str, *words: str) -> tuple[int, Any]:
        with reading() as session:
            email = session.get_one(AccountRow, getattr(world, who)).email
        capsys.readouterr()
        code = main([*words, "--as", email, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return running


def test_a_withdrawal_with_its_effect_and_what_follows(world: World, run: Run):
    render = world.released()
    _, made = run("operator", "link", "make", render.id)
    code, told = run(
        "legal", "authority", "revoke", world.authority.id, "--reason", "Asked.", "--effect", "recall"
    )
    assert code == 0 and (told["status"], told["effect"]) == ("revoked", "recall")
    assert told["meaning"] == "1 released video is taken back, 0 in the making stop."
    with pytest.raises(Exception, match="withdrawn by the person"):
        open_link(made["link"].removeprefix("/v/"))
    code, told = run("legal", "authority", "resume", world.authority.id, "--reason", "No.")
    assert code == 3 and "supersede" in told["error"]["next"]


def test_a_suspension_and_its_end(world: World, run: Run):
    at = world.authority.id
    assert run("legal", "authority", "suspend", at, "--reason", "A question.")[1]["state"] == "suspended"
    assert run("legal", "authority", "show", at)[1]["state"] == "suspended"
    assert run("legal", "authority", "resume", at, "--reason", "Answered.")[1]["state"] == "granted"


def test_only_who_may_audit_changes_an_authority(world: World, run: Run):
    for words in (["revoke"], ["suspend"], ["resume"]):
        code, told = run("operator", "authority", *words, world.authority.id, "--reason", "No.")
        assert code == 3 and told["error"]["code"] == "forbidden"
    assert world.authority.status == "granted"


def test_links_are_made_listed_and_revoked_one_by_one(world: World, run: Run):
    render = world.released()
    tokens = [run("operator", "link", "make", render.id)[1]["link"].removeprefix("/v/") for _ in range(2)]
    listed = run("operator", "link", "list", render.id)[1]
    assert {one["link"] for one in listed} == {f"/v/{token}" for token in tokens}
    gone = next(one for one in listed if one["link"] == f"/v/{tokens[0]}")
    assert run("operator", "link", "revoke", gone["id"])[0] == 0
    assert open_link(tokens[1])[0].id == render.id
    with pytest.raises(Exception, match="no video behind this link"):
        open_link(tokens[0])


def test_an_approved_render_is_taken_back_before_it_is_released(world: World, run: Run):
    render = world.approved()
    assert run("operator", "recall", render.id, "--reason", "A mistake.")[1]["state"] == "recalled"
    code, told = run("operator", "release", render.id)
    assert code == 3 and told["error"]["what"]


def test_high_risk_is_not_approved_here_and_the_person_is_told_where(world: World, run: Run):
    render = world.to_review(campaign=world.campaign(risk_class="high"))
    code, told = run("reviewer", "review", "approve", render.id, "--asset", render.sealed_sha256 or "")
    assert code == 3 and told["error"]["code"] == "factor_needed"
    assert "passkey" in told["error"]["what"] and "console" in told["error"]["next"]
    assert world.now_is(render).state == State.IN_REVIEW


def test_standard_risk_is_approved_here_and_recorded_as_decided(world: World, run: Run):
    from audit.approvals import approvals_for

    render = world.to_review()
    assert run("reviewer", "review", "approve", render.id, "--asset", render.sealed_sha256 or "")[0] == 0
    with reading() as session:
        assert [one.manner for one in approvals_for(session, render.sealed_sha256 or "")] == ["decided"]


def test_a_hold_is_placed_listed_and_lifted(world: World, run: Run):
    render = world.approved()
    assert run("legal", "hold", "list") == (0, [])
    code, placed = run("legal", "hold", "place", "render", render.id, "--reason", "A made-up case.")
    assert code == 0 and placed == {
        "hold": placed["hold"],
        "kind": "render",
        "subject": render.id,
        "standing": True,
        "same_person": [],
        "namesakes": [],
        "out": 0,
        "not_out": 1,
    }
    code, told = run("operator", "release", render.id)
    assert (code, told["error"]["code"]) == (3, "legal_hold")
    assert (
        run("operator", "hold", "lift", placed["hold"], "--reason", "No.")[1]["error"]["code"] == "forbidden"
    )
    assert run("legal", "hold", "lift", placed["hold"], "--reason", "Settled.")[1]["standing"] is False
    assert [(hold["hold"], hold["standing"]) for hold in run("legal", "hold", "list")[1]] == [
        (placed["hold"], False)
    ]
    assert run("operator", "release", render.id)[0] == 0
