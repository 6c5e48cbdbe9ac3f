"""Every refusal of ``release()``, by name (trust step 12): which render, its state, who approved it, its sealed file.

Each case is right in every respect but one, so that a release which does not look at that one succeeds, and the test
fails. ``as_database_owner`` is somebody who may write every row, entries
of the ledger too, and holds no key.
Further refusals: receipts, authority, the independent reader and races have files of their own beside this one.
"""

from __future__ import annotations

from typing import Any

import pytest

from core.blobs import blobs
from core.errors import GreenroomError, IntegrityError, NotFound
from core.models import AssetRole
from core.settings import get_settings
from delivery.release import release
from pipeline.tables import RenderRow
from tests.delivery.releasing import assert_refused, force_approved, outside, signing_nothing
from tests.kit.world import World

STATES = (
    "draft scripted voiced encoded examined sealed in_review blocked rejected failed recalled".split()  # noqa: SIM905
)
NOT_COMPLETE = "approvals are not complete"


def test_a_second_release_releases_nothing_again(w: World, approved: RenderRow):
    released = w.release(approved)
    once = outside(w, approved)
    assert (once.state, once.assets, once.entries) == ("released", (released.published_sha256,), 1)
    assert w.release(approved).published_sha256 == released.published_sha256
    assert outside(w, approved) == once


# Which render


def test_release_refuses_a_render_that_does_not_exist(w: World):
    with pytest.raises(NotFound, match="no such render"):
        release("rnd_none", brand_id=w.brand_id, actor_id=w.operator)
    assert not w.published()


def test_release_refuses_another_brands_render_as_if_it_did_not_exist(w: World, approved: RenderRow):
    assert_refused(w, approved, "no such render", NotFound, brand_id="brd_other")


@pytest.mark.parametrize("state", STATES)
def test_release_refuses_a_render_in_another_state(w: World, approved: RenderRow, state: str):
    w.as_database_owner("UPDATE renders SET state = ? WHERE id = ?", state, approved.id)
    assert_refused(w, approved, f"only an approved render is released; this one is {state}")


# Approvals


@pytest.mark.parametrize(
    "change",
    [
        "script = 'Other words.'",
        "verdict = 'block'",
        """script_findings = '[{"code": "x", "severity": "note", "message": "Not shown."}]'""",
    ],
)
def test_release_refuses_what_was_shown_otherwise(w: World, approved: RenderRow, change: str):
    """Row and entry agree with one another, and not with what was signed."""
    w.as_database_owner(f"UPDATE renders SET {change} WHERE id = ?", approved.id)
    w.record_as_it_is(approved)
    assert_refused(w, approved, "shown at the approval")


def test_release_refuses_a_render_without_any_approval(w: World):
    render = force_approved(w, w.to_review())
    with signing_nothing():
        assert_refused(w, render, NOT_COMPLETE)


def test_release_refuses_when_an_approval_was_taken_away(w: World, approved: RenderRow):
    w.as_database_owner("DELETE FROM approvals WHERE render_id = ?", approved.id)
    assert_refused(w, approved, "the ledger knows other decisions", IntegrityError)


def test_release_refuses_an_approval_by_the_maker_alone(w: World, approved: RenderRow):
    w.as_database_owner("UPDATE renders SET maker_id = ? WHERE id = ?", w.reviewer, approved.id)
    assert_refused(w, w.record_as_it_is(approved), NOT_COMPLETE)


def test_release_refuses_an_approval_of_another_asset(w: World, approved: RenderRow):
    other = w.to_review()
    w.as_database_owner("UPDATE renders SET sealed_sha256 = ? WHERE id = ?", other.sealed_sha256, approved.id)
    assert_refused(w, w.record_as_it_is(approved), NOT_COMPLETE)


def test_release_refuses_an_approval_of_another_render_with_the_same_asset(w: World, approved: RenderRow):
    """Signed for the asset and for a render: moving the asset's name to another render is not enough."""
    other = force_approved(w, w.to_review())
    w.as_database_owner(
        "UPDATE renders SET sealed_sha256 = ?, essence = ? WHERE id = ?",
        approved.sealed_sha256,
        approved.essence,
        other.id,
    )
    assert_refused(w, w.record_as_it_is(other), NOT_COMPLETE)


def test_release_refuses_one_approval_where_the_risk_class_asks_for_two(w: World):
    render = w.approve(w.to_review(campaign=w.campaign(risk_class="high")))
    assert_refused(w, force_approved(w, render), NOT_COMPLETE)


def test_release_refuses_an_unknown_risk_class_with_one_approval(w: World, approved: RenderRow):
    w.as_database_owner("UPDATE campaigns SET risk_class = 'made_up' WHERE id = ?", approved.campaign_id)
    assert_refused(w, w.record_as_it_is(approved), NOT_COMPLETE)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"played": ()}, id="not-seen"),
        pytest.param({"factor": "none"}, id="without-a-second-factor"),
    ],
)
def test_release_refuses_an_approval_that_the_risk_class_does_not_count(w: World, how: dict[str, Any]):
    """It was enough for the class that the campaign had."""
    campaign = w.campaign()
    render = w.approve(w.to_review(campaign=campaign), **how)
    w.as_database_owner("UPDATE campaigns SET risk_class = 'high' WHERE id = ?", campaign.id)
    w.as_database_owner("UPDATE renders SET state = 'in_review' WHERE id = ?", render.id)
    w.approve(w.record_as_it_is(render), w.second_reviewer)
    assert_refused(w, force_approved(w, render), NOT_COMPLETE)


def test_release_refuses_what_somebody_rejected(w: World):
    campaign = w.campaign(risk_class="high")
    render = w.approve(w.to_review(campaign=campaign))
    w.reject(render, w.second_reviewer)
    w.as_database_owner("UPDATE campaigns SET risk_class = 'standard' WHERE id = ?", campaign.id)
    assert_refused(w, force_approved(w, render), NOT_COMPLETE)


def test_release_refuses_when_a_rejection_was_taken_away(w: World):
    """One approval is left, which would be enough for the class that the campaign has now."""
    campaign = w.campaign(risk_class="high")
    render = w.approve(w.to_review(campaign=campaign))
    w.reject(render, w.second_reviewer)
    w.as_database_owner("DELETE FROM approvals WHERE verdict = 'reject'")
    w.as_database_owner("UPDATE campaigns SET risk_class = 'standard' WHERE id = ?", campaign.id)
    assert_refused(w, force_approved(w, render), "the ledger knows other decisions", IntegrityError)


COPY_OF_AN_APPROVAL = """
    INSERT INTO approvals (id, brand_id, render_id, sealed_sha256, reviewer_id, maker_id, verdict, reason, manner,
                           document, key_id, signature, created_at, salt)
    SELECT 'apr_forged', brand_id, ?, ?, reviewer_id, maker_id, verdict, reason, manner,
           document, key_id, signature, created_at, salt FROM approvals LIMIT 1
"""


def test_release_refuses_a_forged_approval(w: World, approved: RenderRow):
    """Another render's approval under this one's name, and the state."""
    render = w.to_review()
    w.as_database_owner(COPY_OF_AN_APPROVAL, render.id, render.sealed_sha256)
    assert_refused(w, force_approved(w, render), "columns differ", IntegrityError)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param("manner = 'decided'", "columns differ", id="manner"),
        pytest.param("reviewer_id = 'usr_somebody'", "columns differ", id="reviewer"),
        pytest.param("maker_id = 'usr_somebody'", "columns differ", id="maker"),
        pytest.param("brand_id = 'brd_somebody'", "columns differ", id="brand"),
        pytest.param("created_at = '2020-01-01 00:00:00'", "columns differ", id="time"),
        pytest.param("signature = ''", "not signed", id="unsigned"),
        pytest.param("document = replace(document, 'usr_', 'usx_')", "not signed", id="document"),
        pytest.param("key_id = '0000000000000000'", "not signed by anybody who may decide", id="another-key"),
    ],
)
def test_release_refuses_an_approval_that_was_changed(w: World, approved: RenderRow, change: str, words: str):
    w.as_database_owner(f"UPDATE approvals SET {change}")
    assert_refused(w, approved, words, IntegrityError)


# The sealed file, and who signs


def test_release_refuses_a_sealed_file_that_changed_on_disk(w: World, approved: RenderRow):
    path = blobs().get_file(approved.sealed_sha256, AssetRole.SEALED)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert_refused(w, approved, "not those that were stored", IntegrityError)


def test_release_refuses_when_the_sealed_file_is_missing(w: World, approved: RenderRow):
    blobs().get_file(approved.sealed_sha256, AssetRole.SEALED).unlink()
    assert_refused(w, approved, "the stored file is not there", NotFound)


def test_release_refuses_a_development_authority_in_production(
    w: World, approved: RenderRow, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    assert_refused(w, approved, "development", GreenroomError)
