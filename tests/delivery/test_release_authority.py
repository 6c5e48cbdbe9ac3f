"""``release()`` refuses unless the authority covers this use at this moment (trust steps 1 and 12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.database import now
from core.errors import IntegrityError
from pipeline.tables import RenderRow
from tests.delivery.releasing import assert_refused, force_approved, signing_nothing
from tests.kit.world import World

YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("suspended", "authority is suspended"),
        ("revoked", "authority is revoked"),
        ("expired", "authority is expired"),
    ],
)
def test_release_refuses_when_the_authority_is(w: World, approved: RenderRow, status: str, words: str):
    """Also where nobody has blocked the render for it yet."""
    w.withdraw(status=status)
    with signing_nothing():
        assert_refused(w, force_approved(w, approved), words)


def test_release_refuses_an_authority_that_has_ended(w: World):
    render = w.approved(campaign=w.campaign(w.add_persona("consent")))
    w.tick(YEAR.total_seconds() + 24 * 3600)
    assert_refused(w, render, "The authority has ended")


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        pytest.param({"territories": ("eu",)}, "does not allow this territory", id="territory"),
        pytest.param({"channels": ("email",)}, "does not allow this channel", id="channel"),
        pytest.param({"topics_allowed": ("retail",)}, "does not allow the topic 'food'", id="topic"),
        pytest.param({"topics_barred": ("food",)}, "bars the topic 'food'", id="barred-topic"),
        pytest.param({"campaigns": ("cmp_other",)}, "does not name this campaign", id="campaign"),
        pytest.param({"brands": ("brd_other",)}, "does not name this brand", id="brand"),
        pytest.param({"languages": ("de",)}, "does not allow this language", id="language"),
        pytest.param({"likeness": ("face",)}, "does not allow use of the voice", id="voice"),
        pytest.param({"likeness": ("voice",)}, "does not allow use of the face", id="face"),
        pytest.param({"personal_fields": ("remark",)}, "does not allow the field 'first_name'", id="field"),
        pytest.param({"script_mode": "exact"}, "allows exact scripts", id="script-mode"),
        pytest.param(
            {"script_mode": "template", "scripts": ("a" * 64,)}, "not list this template", id="template"
        ),
        pytest.param({"not_before": YEAR / 2}, "not in force yet", id="not-yet"),
        pytest.param({"max_renders": 0}, "renders of the authority are used", id="renders"),
    ],
)
def test_release_refuses_when_the_version_in_force_does_not_cover(
    w: World, approved: RenderRow, scope: dict[str, Any], words: str
):
    w.supersede(**{name: now() + v if isinstance(v, timedelta) else v for name, v in scope.items()})
    assert_refused(w, approved, words)


def test_a_new_version_that_covers_this_use_carries_it_along(w: World, approved: RenderRow):
    w.supersede(purpose="The same in other words.")
    assert w.release(approved).state == "released"


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE authorities SET document = replace(document, '\"in\"', '\"us\"')", id="document"
        ),
        pytest.param("UPDATE authorities SET signature = ''", id="unsigned"),
        pytest.param("UPDATE authorities SET persona_id = 'per_other'", id="persona"),
        pytest.param("UPDATE authority_status SET status = 'suspended'", id="status"),
        pytest.param("UPDATE authority_status SET signature = ''", id="unsigned-status"),
        pytest.param("DELETE FROM authority_status", id="no-status"),
    ],
)
def test_release_refuses_an_authority_that_was_changed(w: World, approved: RenderRow, statement: str):
    assert w.as_database_owner(statement)
    assert_refused(w, approved, "authority", IntegrityError)


def test_release_refuses_when_a_withdrawal_was_undone_in_the_database(w: World, approved: RenderRow):
    w.withdraw()
    assert w.as_database_owner("DELETE FROM authority_status WHERE status = 'revoked'")
    assert_refused(w, force_approved(w, approved), "disagree", IntegrityError)


def test_release_refuses_when_a_narrower_version_was_undone_in_the_database(w: World, approved: RenderRow):
    version = w.supersede(territories=("eu",))
    for table in ("authority_status", "authorities"):
        column = "authority_id" if table == "authority_status" else "id"
        assert w.as_database_owner(f"DELETE FROM {table} WHERE {column} = ?", version.id)
    w.as_database_owner("UPDATE personas SET authority_id = ?", w.persona.authority_id)
    assert_refused(w, approved, "missing", IntegrityError)
