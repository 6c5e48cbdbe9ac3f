"""Entries: typed events and typed fields, in the caller's transaction, with no room for personal data."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from audit.errors import Immutable, LedgerError
from audit.events import Event
from audit.ledger import append
from audit.tables import LedgerEntryRow
from core.canonical import canonical_json
from core.database import reading, transaction

pytestmark = pytest.mark.usefixtures("home")


def add(facts: dict[str, Any] | None = None, subject: str = "rnd_1", event: Any = Event.STATE_CHANGED) -> str:
    with transaction() as session:
        return append(session, event, subject, facts)


def rows() -> list[LedgerEntryRow]:
    with reading() as session:
        return list(session.scalars(select(LedgerEntryRow)))


def test_every_event_reads_subject_object_verb() -> None:
    assert all(re.fullmatch(r"[a-z]+:[a-z]+:[a-z]+", event.value) for event in Event)
    assert len({event.value for event in Event}) == len(Event)


def test_an_entry_is_canonical_json_without_a_position() -> None:
    entry_id = add({"state": "draft", "attempt": 2, "verdict": None})
    (row,) = rows()
    body = json.loads(row.body)
    assert row.position is None
    assert row.body.encode() == canonical_json(body)
    assert body["id"] == entry_id
    assert body["event"] == "render:state:changed"
    assert body["facts"] == {"attempt": 2, "state": "draft"}
    assert body["time"].endswith("Z")


def test_an_entry_is_rolled_back_with_its_transaction() -> None:
    with pytest.raises(RuntimeError), transaction() as session:
        append(session, Event.STATE_CHANGED, "rnd_1", {"state": "draft"})
        raise RuntimeError
    assert rows() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "Jane Example"),
        ("state", "jane@mail.example"),
        ("reason_code", "she said that she is ill"),
        ("render_id", "Jane Example"),
        ("actor", "jane@mail.example"),
        ("sha256", "not a digest"),
        ("attempt", -1),
        ("attempt", True),
        ("attempt", 1.5),
        ("attempt", 2**53),
        ("required", 1),
        ("territory", "the whole world"),
        ("released_at", "yesterday"),
        ("channels", ["link", "Jane Example"]),
        ("channels", "link"),
        ("channels", ["x"] * 65),
        ("gates", {"label": "Jane Example"}),
        ("models", {"name": "digest"}),
    ],
)
def test_a_value_of_another_type_is_refused_and_never_repeated(field: str, value: Any) -> None:
    with pytest.raises(LedgerError) as caught:
        add({field: value})
    assert field in str(caught.value)
    assert "Jane" not in str(caught.value)
    assert rows() == []


def test_an_unknown_field_an_unknown_event_and_a_wordy_subject_are_refused() -> None:
    with pytest.raises(LedgerError, match="no such field"):
        add({"full_name": "x"})
    with pytest.raises(LedgerError, match="does not know this event"):
        add(event="render:state:changed")
    with pytest.raises(LedgerError, match="subject"):
        add(subject="Jane Example")


def test_entries_cannot_be_deleted_through_the_orm() -> None:
    add({"state": "draft"})
    with pytest.raises(Immutable), transaction() as session:
        session.query(LedgerEntryRow).delete()
    assert len(rows()) == 1
