"""Trust step 1, the persona's part: where the authority asks for it, nothing is made of a script that the person who
appears has not said yes to. On both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from audit.errors import AlreadyDecided, ForgedApproval
from audit.events import Event
from audit.ledger import append
from audit.models import Effect
from audit.tables import ScriptDecisionRow
from core.canonical import canonical_json
from core.database import now, reading, transaction
from core.errors import Conflict, GreenroomError, IntegrityError, NotFound
from delivery.links import make_link
from pipeline import recipient_lists, script_approval
from pipeline.batch import submit
from pipeline.errors import AuthorityInvalid
from pipeline.intake import import_video
from pipeline.list_work import on_list
from pipeline.runner import advance
from pipeline.script_approval import CODE
from pipeline.standing import standing_of
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow
from tests.kit import media
from tests.kit.workers import as_owner, door, last_entry, stored
from tests.kit.world import ASHA, World

ROW = json.dumps(ASHA).encode() + b"\n"


@pytest.fixture
def asked(world: World) -> CampaignRow:
    """A campaign of a persona whose authority asks them about each script."""
    world.supersede(approval_mode="script")
    return world.campaign()


def test_nothing_is_made_of_a_script_before_their_yes(world: World, asked: CampaignRow):
    before = stored()
    with pytest.raises(Conflict, match="has not approved this script") as told:
        world.render(campaign=asked)
    assert told.value.code == CODE and stored() == before
    world.persona_reads(asked)
    render = world.released(campaign=asked)
    entry, said = last_entry(render.id, Event.ASSET_RELEASED), last_entry(asked.id, Event.SCRIPT_DECIDED)
    assert entry.facts["script_decision_id"] == said.facts["decision_id"] and world.ledger().good


def test_a_batch_neither(world: World, asked: CampaignRow):
    def send() -> int:
        more = {"key": "spring", "brand_id": world.brand_id, "maker_id": world.operator}
        return submit(asked.id, [ROW], "jsonl", **more).made

    before = stored()
    with pytest.raises(Conflict, match="has not approved this script"):
        send()
    assert stored() == before
    world.persona_reads(asked)
    assert send() == 1


def test_a_no_is_final(world: World, asked: CampaignRow):
    world.persona_reads(asked)
    made = world.render(campaign=asked)
    approved = world.approved(campaign=asked)
    world.persona_reads(asked, "refuse", words="Not in my name.")
    assert "Not in my name" not in str(last_entry(asked.id, Event.SCRIPT_DECIDED).facts)
    with pytest.raises(Conflict, match="has refused this script"):
        world.render(campaign=asked)
    with pytest.raises(GreenroomError, match="has refused this script"):
        world.release(approved)
    advance(made.id)
    assert (world.now_is(made).state, world.now_is(made).reason["code"]) == (State.BLOCKED, "persona_refused")
    with pytest.raises(AlreadyDecided):
        world.persona_reads(asked)


def test_other_words_need_another_yes(world: World, asked: CampaignRow):
    world.persona_reads(asked)
    other = world.campaign(template="Hello {{ first_name }}, buy more tea. {{ remark }}")
    with pytest.raises(Conflict, match="has not approved"):
        world.render(campaign=other)


# Each text


def test_who_asks_to_see_each_text_is_asked_before_it_is_spoken(world: World, asked: CampaignRow):
    world.persona_reads(asked, "each")
    render = world.render(campaign=asked)
    assert advance(render.id) == 1  # it was looked at, and waits
    waiting = world.now_is(render)
    assert (waiting.state, waiting.speech_sha256) == (State.SCRIPTED, None) and waiting.retry_at
    world.persona_reads(render)
    assert world.now_is(render).retry_at is None
    assert world.released(world.approved(world.to_review(render))).state == State.RELEASED
    assert world.ledger().good


def test_the_same_text_is_not_asked_for_twice_and_another_is(world: World, asked: CampaignRow):
    world.persona_reads(asked, "each")
    world.persona_reads(world.render(campaign=asked))
    assert world.to_review(campaign=asked).state == State.IN_REVIEW
    other = world.render(ASHA | {"first_name": "Ben"}, asked)
    advance(other.id)
    assert world.now_is(other).state == State.SCRIPTED


def test_a_no_to_a_text_ends_its_video_and_no_other(world: World, asked: CampaignRow):
    world.persona_reads(asked, "each")
    render, other = world.render(campaign=asked), world.render(ASHA | {"first_name": "Ben"}, asked)
    world.persona_reads(render, "refuse")
    world.persona_reads(other)
    advance(render.id)
    assert world.now_is(render).state == State.BLOCKED
    assert world.to_review(other).state == State.IN_REVIEW


def test_a_finished_video_waits_for_the_yes_to_its_words(world: World, asked: CampaignRow, tmp_path: Path):
    clip = media.write_clip(tmp_path / "clip.mp4", 1)
    who = {"brand_id": world.brand_id, "maker_id": world.operator}
    with pytest.raises(Conflict, match="states none"):
        import_video(clip, asked.id, **who)
    row = import_video(clip, asked.id, script="Your tea is ready.", **who)
    advance(row.id)
    assert world.now_is(row).state == State.SCRIPTED
    world.persona_reads(row)
    assert world.to_review(row).state == State.IN_REVIEW


# When the authority changes


def test_a_version_that_begins_to_ask_stops_the_release_and_new_links(world: World):
    approved, out = world.approved(), world.released()
    world.supersede(approval_mode="script")
    with pytest.raises(GreenroomError, match="has not approved this script"):
        world.release(approved)
    with reading() as session:
        found = standing_of(session, world.now_is(out))
    assert (found.serves, found.links, found.code) == (True, False, "authority_scope")
    campaign = approved.campaign_id
    with reading() as session:
        world.persona_reads(session.get_one(CampaignRow, campaign))
    assert world.now_is(approved).reason is None
    assert world.release(approved).state == State.RELEASED


def test_a_yes_stays_under_a_new_version_and_ends_with_the_authority(world: World, asked: CampaignRow):
    world.persona_reads(asked)
    world.supersede(approval_mode="script", max_renders=77)
    assert world.render(campaign=asked).state == State.SCRIPTED
    world.withdraw(effect=Effect.NONE)
    world.supersede(approval_mode="script")
    with pytest.raises(Conflict, match="has not approved"):
        world.render(campaign=asked)
    world.persona_reads(asked)  # the same may be said again
    assert world.render(campaign=asked).state == State.SCRIPTED


def test_a_yes_ends_with_an_end_by_date_too(world: World):
    world.supersede(approval_mode="script", not_after=now() + timedelta(hours=1))
    campaign = world.campaign()
    world.persona_reads(campaign)
    world.tick(2 * 3600)
    world.supersede(approval_mode="script", not_after=now() + timedelta(days=9))
    with pytest.raises(Conflict, match="has not approved"):
        world.render(campaign=campaign)


# Who may say it, and over what


def test_it_is_said_once_by_the_persona_over_what_they_saw(world: World, asked: CampaignRow):
    with pytest.raises(Conflict, match="another script"):
        world.persona_reads(asked, sha256="00" * 32)
    for wrong in ({"persona_id": world.add_persona().id}, {"brand_id": "brd_other"}):
        with pytest.raises(NotFound):
            world.persona_reads(asked, **wrong)
    world.persona_reads(asked)
    with pytest.raises(AlreadyDecided):
        world.persona_reads(asked)
    world.persona_reads(asked, "each")


def test_an_authority_that_does_not_ask_or_stand_is_not_answered(world: World):
    campaign = world.campaign()
    with pytest.raises(Conflict, match="does not ask"):
        world.persona_reads(campaign)
    world.supersede(approval_mode="script")
    world.withdraw(status="suspended")
    with pytest.raises(AuthorityInvalid):
        world.persona_reads(campaign)


# What the database's owner can write is no yes


def _copied(world: World, asked: CampaignRow) -> None:
    """A yes to another script is turned into one to this, with an entry that says so. There is no key for it."""
    world.persona_reads(world.campaign(template="Hello {{ first_name }}. {{ remark }}"))
    with transaction() as session:
        known = session.query(ScriptDecisionRow).one()
        changes = {
            "id": "sdn_forged",
            "campaign_id": asked.id,
            "script_sha256": script_approval.script_of(asked).sha256,
        }
        values = {column.name: getattr(known, column.name) for column in ScriptDecisionRow.__table__.columns}
        said = canonical_json(json.loads(known.document) | changes).decode()
        row = ScriptDecisionRow(**values | changes | {"document": said})
        append(session, Event.SCRIPT_DECIDED, asked.id, {"decision_id": row.id}, rows=[row])


def _no_taken_away(world: World, asked: CampaignRow) -> None:
    world.persona_reads(asked)
    world.persona_reads(asked, "refuse")
    world.as_database_owner("DELETE FROM script_decisions WHERE verdict = 'refuse'")


def _turned(world: World, asked: CampaignRow) -> None:
    world.persona_reads(asked, "refuse")
    world.as_database_owner("UPDATE script_decisions SET verdict = 'approve'")


@pytest.mark.parametrize("forge", [_copied, _no_taken_away, _turned])
def test_a_decision_that_was_not_made_counts_for_nothing(
    world: World, asked: CampaignRow, forge: Callable[[World, CampaignRow], None]
):
    forge(world, asked)
    with pytest.raises(ForgedApproval):
        world.render(campaign=asked)
    assert {problem.where.split("/")[0] for problem in world.ledger().problems} >= {"script_decisions"}


def test_what_is_served_stands_on_the_yes_that_its_release_names(world: World, asked: CampaignRow):
    world.persona_reads(asked)
    token = make_link(world.released(campaign=asked).id, brand_id=world.brand_id)
    assert door(token) == "open"
    as_owner(world, "UPDATE script_decisions SET verdict = 'each'")
    assert door(token) != "open"


def test_a_script_that_was_changed_behind_the_yes_is_not_released(world: World, asked: CampaignRow):
    world.persona_reads(asked)
    render = world.approved(campaign=asked)
    world.as_database_owner("UPDATE campaigns SET template = 'Hello {{ first_name }}! {{ remark }}'")
    world.record_as_it_is(render)
    with pytest.raises((GreenroomError, IntegrityError)):
        world.release(render)


def test_a_no_that_commits_while_a_video_is_released_wins(world: World, asked: CampaignRow):
    from tests.delivery.releasing import before_the_commit

    world.persona_reads(asked)
    render: RenderRow = world.approved(campaign=asked)
    with before_the_commit(lambda: world.persona_reads(asked, "refuse")), pytest.raises(GreenroomError):
        world.release(render)
    assert world.now_is(render).state == State.APPROVED and not world.published()


def test_a_list_is_tried_before_their_yes_and_started_after_it(world: World, asked: CampaignRow):
    file = world.home / "recipients.jsonl"
    file.write_bytes(ROW)
    who = {"brand_id": world.brand_id, "actor": world.operator}
    row = recipient_lists.receive(
        file, asked.id, brand_id=world.brand_id, maker_id=world.operator, name="recipients", form="jsonl"
    )
    on_list(row.id)
    with pytest.raises(Conflict, match="has not approved this script"):
        recipient_lists.start(row.id, **who)
    world.persona_reads(asked)
    assert recipient_lists.start(row.id, **who).phase == "entering"
