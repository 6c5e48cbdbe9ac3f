"""A reference clip is examined by a worker, and shown with what to film again."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from audit.events import Event
from core.blobs import blobs
from core.database import reading
from core.errors import BlobStoreUnavailable, Conflict, InputError, MediaError, NotFound
from generate.errors import ReferenceRefused
from pipeline.capture.examining import examine, sweep_references
from pipeline.capture.proposals import approve_proposal
from pipeline.capture.references import (
    EXAMINE,
    delete_left_references,
    delete_reference,
    find_reference,
    receive,
)
from pipeline.capture.tables import OnboardingRow
from pipeline.shift import ShiftOver
from tests.kit import media
from tests.kit.onboarding import examined, proposed
from tests.kit.workers import last_entry, stored, waiting_messages, work
from tests.kit.world import World


def sent_in(world: World, tmp_path: Path, name: str = "A presenter") -> OnboardingRow:
    clip = media.write_clip(tmp_path / "clip.mp4", 3)
    return receive(clip, brand_id=world.brand_id, actor_id=world.operator, name=name)


def now_is(world: World, row: OnboardingRow) -> OnboardingRow:
    with reading() as session:
        return find_reference(session, row.id, brand_id=world.brand_id)


def swept() -> list[str]:
    found: list[str] = []
    sweep_references(lambda topic, payload: found.append(payload["onboarding_id"]))
    return found


def test_a_worker_examines_what_was_received(world: World, tmp_path: Path):
    row = sent_in(world, tmp_path, "  A   presenter ")
    assert (row.state, row.name) == ("waiting", "A presenter")
    assert EXAMINE in work()
    found = now_is(world, row)
    assert (found.state, found.progress) == ("passed", 1.0) and found.material_sha256
    assert set(found.result["checks"].values()) == {"passed"}
    first = found.result["pictures"][0]
    assert first["face"] and base64.b64decode(first["jpeg"]).startswith(b"\xff\xd8\xff")
    assert last_entry(row.id, Event.REFERENCE_EXAMINED).facts["verdict"] == "passed"
    assert world.ledger().good


def test_a_clip_that_cannot_be_used_says_what_passed_and_what_to_film_again(world: World):
    world.recorded.broken["examination"] = ReferenceRefused(
        "the face is 60 pixels wide", code="face_too_small", frames=(0,), next_step="record nearer"
    )
    found = examined(world)
    assert (found.state, found.result["film_again"]) == ("refused", "record nearer")
    assert found.result["checks"] == {"sound": "passed", "face": "passed", "size": "failed"}
    assert found.result["pictures"][0]["bad"] and found.material_sha256 is None


def test_trouble_that_passes_is_tried_again(world: World):
    world.recorded.broken["examination"] = BlobStoreUnavailable("away")
    row = examined(world)
    assert row.state == "waiting" and row.lease_until is None
    world.recorded.broken.clear()
    examine(row.id)
    assert now_is(world, row).state == "passed"


def test_a_worker_that_is_told_to_end_gives_it_back(world: World):
    def over() -> None:
        raise ShiftOver

    row = examined(world, on_beat=over)
    assert row.state == "waiting" and row.lease_until is None


def test_a_clip_that_ends_its_worker_each_time_is_not_tried_for_ever(world: World, tmp_path: Path):
    row = sent_in(world, tmp_path)
    world.as_database_owner("UPDATE onboardings SET attempts = 3")
    examine(row.id)
    assert (now_is(world, row).state, now_is(world, row).result["code"]) == ("refused", "poison")


def test_one_worker_examines_at_a_time_and_a_late_result_is_thrown_away(world: World, tmp_path: Path):
    row = sent_in(world, tmp_path)
    seen: list[str] = []

    def meanwhile() -> None:
        examine(row.id)  # somebody else's turn: the lease is held
        seen.append(now_is(world, row).state)
        world.as_database_owner("UPDATE onboardings SET fence = fence + 1")

    world.recorded.meanwhile = meanwhile
    examine(row.id)
    assert seen == ["waiting"] and now_is(world, row).state == "waiting"


def test_the_sweeper_sends_what_was_lost(world: World, tmp_path: Path):
    row = sent_in(world, tmp_path)
    waiting_messages()  # and lost
    assert swept() == []
    world.as_database_owner("UPDATE onboardings SET hinted_at = 0")
    assert swept() == [row.id] and swept() == []
    examine(row.id)
    world.as_database_owner("UPDATE onboardings SET hinted_at = 0")
    assert swept() == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\u202eb"])
def test_a_persona_has_a_name(world: World, tmp_path: Path, name: str):
    before = stored()
    with pytest.raises(InputError):
        sent_in(world, tmp_path, name)
    assert stored() == before


def test_what_is_no_video_is_not_kept(world: World, tmp_path: Path):
    text = tmp_path / "clip.mp4"
    text.write_text("no video")
    with pytest.raises(MediaError):
        receive(text, brand_id=world.brand_id, actor_id=world.operator, name="A presenter")
    assert stored()["onboardings"] == 0


def test_a_clip_that_becomes_no_persona_is_deleted_with_all_that_was_found(world: World):
    row = examined(world)
    reference, material = str(row.reference_sha256), str(row.material_sha256)
    assert delete_left_references() == []
    world.tick(31 * 24 * 3600)
    assert delete_left_references() == [row.id] and delete_left_references() == []
    gone = now_is(world, row)
    assert (gone.state, gone.result, gone.material_sha256) == ("deleted", {}, None)
    assert not blobs().exists(reference, "reference") and world.ledger().good
    assert blobs().exists(material, "material")  # the kit's templates are alike: the persona names them


def test_a_clip_that_became_a_persona_stays(world: World):
    row = examined(world)
    approve_proposal(proposed(world, row).id, brand_id=world.brand_id, actor_id=world.legal)
    world.tick(31 * 24 * 3600)
    assert delete_left_references() == []
    with pytest.raises(Conflict):
        delete_reference(row.id, brand_id=world.brand_id, actor_id=world.operator)
    with pytest.raises(NotFound):
        delete_reference(row.id, brand_id="brd_other", actor_id=world.operator)
