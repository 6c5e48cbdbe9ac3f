"""``release()`` refuses without every required receipt: signed here, over this essence, for this brief and brand, under
the gate set in force (trust steps 8 and 12)."""

from __future__ import annotations

import pytest

from audit.receipts import issue
from core.database import transaction
from core.errors import IntegrityError
from core.gates import GateEntry, load_gate_set
from pipeline.tables import RenderRow
from tests.delivery.releasing import assert_refused
from tests.kit.models import Measures, decision_of
from tests.kit.standing_in import standing_in
from tests.kit.world import World


@pytest.mark.parametrize("gate", load_gate_set().required())
def test_release_refuses_when_a_receipt_is_missing(w: World, approved: RenderRow, gate: str):
    w.as_database_owner("DELETE FROM receipts WHERE gate = ?", gate)
    assert_refused(w, approved, f"receipts are missing: {gate}")


def instead(w: World, render: RenderRow, blocked: tuple[str, ...] = (), **other: str) -> None:
    """In place of one receipt another that is signed here, and right but for what is changed."""
    names = {
        "essence": render.essence or "",
        "gate_set_sha256": render.gate_set_sha256 or "",
        "brand_id": render.brand_id,
        "brief_sha256": render.brief_sha256 or "",
    }
    w.as_database_owner("DELETE FROM receipts WHERE gate = 'lip_sync'")
    with transaction() as session:
        issue(
            session,
            decision=decision_of("lip_sync", load_gate_set(), Measures(blocked=blocked)),
            **(names | other),
        )


def test_release_refuses_a_signed_receipt_that_says_otherwise_than_what_people_were_shown(
    w: World, approved: RenderRow
):
    """Flagged when they decided, and passed now."""
    instead(w, approved)
    assert_refused(w, approved, "shown at the approval")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"essence": "e5" * 32}, id="essence"),
        pytest.param({"gate_set_sha256": "9a" * 32}, id="gate-set"),
        pytest.param({"brand_id": "brd_other"}, id="brand"),
        pytest.param({"brief_sha256": "b1" * 32}, id="brief"),
    ],
)
def test_release_refuses_a_receipt_of_another(w: World, approved: RenderRow, other: dict[str, str]):
    instead(w, approved, **other)
    assert_refused(w, approved, "receipts are missing: lip_sync")


def test_release_refuses_a_receipt_that_blocks(w: World, approved: RenderRow):
    instead(w, approved, blocked=("lip_sync",))
    assert_refused(w, approved, "blocked by lip_sync")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            "document = replace(document, '\"review\"', '\"pass\"')", "not signed here", id="document"
        ),
        pytest.param("signature = ''", "not signed here", id="unsigned"),
        pytest.param("key_id = '0000000000000000'", "not signed here", id="another-key"),
        pytest.param("verdict = 'pass'", "columns differ", id="verdict"),
        pytest.param("gate = 'technical'", "columns differ", id="gate"),
        pytest.param("gate_version = '99'", "columns differ", id="version"),
    ],
)
def test_release_refuses_a_receipt_that_was_changed(w: World, approved: RenderRow, change: str, words: str):
    w.as_database_owner("DELETE FROM receipts WHERE gate = 'technical'")
    w.as_database_owner(f"UPDATE receipts SET {change} WHERE gate = 'lip_sync'")
    assert_refused(w, approved, words, IntegrityError)


def test_release_refuses_a_receipt_that_was_moved_from_another_render(w: World, approved: RenderRow):
    """The columns say this essence and brief; the signed document says another's."""
    w.to_review()
    w.as_database_owner("DELETE FROM receipts WHERE gate = 'lip_sync' AND essence = ?", approved.essence)
    w.as_database_owner(
        "UPDATE receipts SET essence = ?, brief_sha256 = ? WHERE gate = 'lip_sync'",
        approved.essence,
        approved.brief_sha256,
    )
    assert_refused(w, approved, "columns differ", IntegrityError)


def test_release_refuses_after_the_gate_set_changed(w: World, approved: RenderRow):
    real = load_gate_set
    gates = real().gates | {"new_gate": GateEntry(version="1", required=False)}
    changed = real().model_copy(update={"gates": gates})
    with standing_in((real, lambda _name="standard": changed)):
        assert_refused(w, approved, "the gate set changed after this render was examined")
