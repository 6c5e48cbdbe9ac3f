"""Timelines from the ledger, what an id or a digest leads to, and which entries a brand may read."""

from __future__ import annotations

import pytest

from audit.events import Event
from audit.ledger import append
from audit.looked import filter_digest, note_export, note_view
from audit.tables import LedgerEntryRow
from core.database import reading, transaction
from core.errors import NotFound
from pipeline import timeline as module
from pipeline.service import create_brand
from pipeline.tables import PersonaRow
from pipeline.timeline import (
    Place,
    entries_about,
    entry_of,
    files_of,
    locate,
    looks_at,
    subjects_of_person,
    videos_of_person,
)
from tests.kit.workers import events_of, last_entry
from tests.kit.world import World


def test_a_video_has_its_life_in_order(world: World):
    render = world.recall(world.released())
    with reading() as session:
        entries = entries_about(session, [render.id]).entries
    assert [entry.event for entry in entries] == events_of(render.id)
    assert [entry.id for entry in entries] == sorted(entry.id for entry in entries)


def test_a_person_has_every_version_of_every_authority(world: World):
    world.render()
    world.supersede()
    world.withdraw()
    with reading() as session:
        subjects = subjects_of_person(session, session.get_one(PersonaRow, world.persona.id))
        events = [entry.event for entry in entries_about(session, subjects).entries]
    assert len(subjects) == 3
    assert events.count(Event.PROVENANCE_CREATED) == 2 and Event.PERSONA_CREATED in events
    assert Event.AUTHORITY_STATUS_CHANGED in events
    assert Event.AUTHORITY_RENDER_COUNTED not in events  # thousands: the number of videos is shown


@pytest.mark.only("sqlite")
def test_a_timeline_that_is_too_long_says_so(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    render = world.released()
    with reading() as session:
        timeline = entries_about(session, [render.id])
    assert (len(timeline.entries), timeline.more) == (3, True)


@pytest.mark.only("sqlite")
def test_a_persons_videos_are_counted_by_state(world: World):
    world.released()
    world.to_review(campaign=world.campaign())
    world.to_review(campaign=world.campaign(world.add_persona()))
    with reading() as session:
        counts = videos_of_person(session, session.get_one(PersonaRow, world.persona.id))
    assert {state.value: number for state, number in counts.items()} == {"released": 1, "in_review": 1}


def place(world: World, words: str | None, brand_id: str = "") -> Place | None:
    with reading() as session:
        return locate(session, words or "", brand_id=brand_id or world.brand_id)


def test_ids_digests_and_order_keys_lead_to_the_thing(world: World):
    out = world.released(request_key="order-7")
    render = Place("render", out.id)
    for words in (
        out.id, f" {out.id} ", out.essence, out.examined_sha256, out.sealed_sha256, out.published_sha256, "order-7",
        last_entry(out.id, Event.APPROVAL_RECORDED).facts["approval_id"],
    ):  # fmt: skip
        assert place(world, words) == render, words
    assert place(world, out.campaign_id) == Place("campaign", out.campaign_id)
    assert place(world, world.persona.id) == Place("person", world.persona.id)
    assert place(world, world.authority.id) == Place("authority", world.authority.id)
    entry = last_entry(out.id, Event.ASSET_RELEASED).entry_id
    assert place(world, entry) == Place("entry", entry)
    with reading() as session:
        assert [file.role for file in files_of(session, out.id)] == ["examined", "sealed", "published"]


@pytest.mark.parametrize(
    "words", ["", "x", "rnd_1", "led_1", "apr_1", "_", "f" * 64, "a" * 5000, "%", "per_"]
)
def test_what_names_nothing_leads_nowhere(world: World, words: str):
    assert place(world, words) is None


def test_nothing_of_another_brand_is_found_or_read(world: World):
    out = world.released(request_key="order-7")
    other = create_brand("Another brand").id
    entry = last_entry(out.id, Event.ASSET_RELEASED).entry_id
    for words in (
        out.id, out.campaign_id, world.persona.id, world.authority.id, out.essence, out.sealed_sha256, "order-7", entry,
        last_entry(out.id, Event.APPROVAL_RECORDED).facts["approval_id"],
    ):  # fmt: skip
        assert place(world, words, other) is None, words
    with reading() as session, pytest.raises(NotFound):
        entry_of(session, entry, brand_id=other)


@pytest.mark.only("sqlite")
def test_an_entry_about_the_installation_belongs_to_no_brand(world: World):
    with transaction() as session:
        entry = append(session, Event.KEY_CREATED, "0" * 16, {"kind": "ledger"})
    with reading() as session, pytest.raises(NotFound):
        entry_of(session, entry, brand_id=world.brand_id)


# Who looked


def looks(subject: str) -> list[LedgerEntryRow]:
    with reading() as session:
        return looks_at(session, subject)


def test_who_looked_is_known_newest_first_and_no_part_of_the_timeline(world: World):
    note_view("timeline_person", world.persona.id, brand_id=world.brand_id, actor=world.legal)
    note_export("authority", world.persona.id, brand_id=world.brand_id, actor=world.operator)
    found = looks(world.persona.id)
    assert [(entry.event, entry.facts["actor"]) for entry in found] == [
        (Event.RECORD_EXPORTED, world.operator),
        (Event.RECORD_VIEWED, world.legal),
    ]
    with reading() as session:
        entries = entries_about(session, [world.persona.id]).entries
    assert not {Event.RECORD_VIEWED, Event.RECORD_EXPORTED} & {entry.event for entry in entries}
    assert world.ledger().good


@pytest.mark.only("sqlite")
def test_of_what_was_searched_for_the_ledger_keeps_a_keyed_digest_alone(world: World):
    filters = {"name": "Zephyrine", "since": ""}
    note_view("search_people", world.brand_id, brand_id=world.brand_id, actor=world.legal, filters=filters)
    (entry,) = looks(world.brand_id)
    assert "ephyrine" not in entry.body
    assert (
        entry.facts["filter_hmac"] == filter_digest({"name": "Zephyrine"}) != filter_digest({"name": "Zoe"})
    )
