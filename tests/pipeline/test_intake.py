"""Intake (trust steps 1-3): the answer comes at once, and what may not be asked leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from audit.allowance import count_render
from audit.errors import RenderLimitReached
from audit.events import Event
from audit.tables import AuthorityRenderRow
from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import InputError, NotFound
from core.models import Verdict
from generate.errors import VoiceError
from pipeline import intake
from pipeline.errors import AuthorityInvalid, RequestKeyReused
from pipeline.intake import import_video, request_render
from pipeline.service import create_brand
from pipeline.stages.script import decide
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit import media
from tests.kit.standing_in import standing_in
from tests.kit.workers import events_of, stored, swept, waiting_messages, work
from tests.kit.world import ASHA, BREAKS_A_RULE, World

BEN = ASHA | {"first_name": "Ben"}


def bring(w: World, tmp_path: Path, campaign_id: str, **more: Any) -> RenderRow:
    clip = media.write_clip(tmp_path / "finished.mp4", 7)
    return import_video(clip, campaign_id, brand_id=w.brand_id, maker_id=w.operator, **more)


def while_deciding(happens: Callable[[], object]) -> AbstractContextManager[None]:
    """Something happens after the request was looked at, and before it is stored."""
    real = decide

    def deciding(*arguments: Any) -> Any:
        outcome = real(*arguments)
        happens()
        return outcome

    return standing_in((real, deciding))


# The answer


def test_a_request_is_answered_with_its_script(world: World):
    row = world.render()
    assert (row.state, row.reason) == (State.SCRIPTED, None)
    assert row.script == "Hello Asha, your tea is ready. Thank you for choosing us."
    assert events_of(row.id) == [Event.RENDER_CREATED, Event.POLICY_CHECKED]
    assert waiting_messages()[-1] == ("render.advance", {"render_id": row.id, "kind": "cpu"})
    assert world.ledger().good


def test_a_script_that_breaks_a_rule_is_blocked_at_once_with_its_findings(world: World):
    row = world.render(BREAKS_A_RULE)
    assert (row.state, row.verdict, row.reason["code"]) == (State.BLOCKED, Verdict.BLOCK, "policy")
    blocking = [finding for finding in row.script_findings if finding["severity"] == "block"]
    assert blocking and row.reason["findings"] == [finding["code"] for finding in blocking]
    assert events_of(row.id) == [Event.RENDER_CREATED, Event.RENDER_BLOCKED]
    work()
    assert swept() == [] and world.now_is(row).state == State.BLOCKED, "no worker has anything to do"
    assert world.authority.renders_counted == 0, "what was not made is not counted"


def test_the_words_of_an_import_pass_the_same_rules(world: World, tmp_path: Path):
    campaign = world.campaign().id
    bad = bring(world, tmp_path, campaign, script="This tea is guaranteed to cure any cold.")
    assert (bad.state, bad.reason["code"]) == (State.BLOCKED, "policy")
    assert bring(world, tmp_path, campaign, script="Your tea is ready.").state == State.SCRIPTED
    assert events_of(bad.id)[0] == Event.VIDEO_IMPORTED


def test_fields_are_data_and_never_template(world: World):
    """Whatever stands in a field is said as it stands there, or refused."""
    try:
        row = world.render(ASHA | {"remark": "{{ 7 * 7 }}"})
    except InputError:
        return
    assert "49" not in (row.script or "")


@pytest.mark.parametrize(
    "fields",
    [{}, {"first_name": "Asha"}, ASHA | {"surname": "Example"}, ASHA | {"first_name": 7}],
)
def test_fields_that_the_schema_does_not_allow_leave_nothing(world: World, fields: dict[str, Any]):
    campaign = world.campaign()
    before = stored()
    with pytest.raises(InputError):
        world.render(fields, campaign)
    assert stored() == before


# Under which authority


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"territories": ("eu",)}, "territory"),
        ({"topics_barred": ("food",)}, "topic"),
        ({"personal_fields": ("remark",)}, "first_name"),
        ({"script_mode": "template", "scripts": ("ab" * 32,)}, "template"),
    ],
)
def test_a_use_that_is_not_covered_is_blocked_with_the_reason(
    world: World, scope: dict[str, Any], words: str
):
    row = world.render(campaign=world.campaign(world.add_persona(**scope)))
    assert (row.state, row.reason["code"]) == (State.BLOCKED, "authority")
    assert words in row.reason["message"]


def _suspended(w: World) -> None:
    w.withdraw(status="suspended")


def _revoked(w: World) -> None:
    w.withdraw()


def _over(w: World) -> None:
    w.supersede(not_after=now().replace(year=now().year + 1))
    w.tick(367 * 24 * 3600)


def _not_begun(w: World) -> None:
    w.supersede(not_before=now().replace(year=now().year + 1), not_after=None)


NOT_VALID = {
    "suspended": (_suspended, "have the suspension lifted"),
    "revoked": (_revoked, "record a new authority"),
    "expired": (_over, "record a new authority"),
    "not_yet": (_not_begun, "wait until it begins"),
}


@pytest.mark.parametrize("how", NOT_VALID)
@pytest.mark.parametrize("origin", ["made", "import"])
def test_an_authority_that_is_not_in_force_is_refused_with_the_next_step(
    world: World, tmp_path: Path, how: str, origin: str
):
    end, next_step = NOT_VALID[how]
    campaign = world.campaign()
    end(world)
    before = stored()
    with pytest.raises(AuthorityInvalid) as refused:
        _ = world.render(campaign=campaign) if origin == "made" else bring(world, tmp_path, campaign.id)
    assert refused.value.code == f"authority_{how}"
    assert next_step in refused.value.next_step
    assert stored() == before, "nothing was stored"


@pytest.mark.parametrize("how", ["suspended", "revoked"])
def test_an_authority_that_ends_while_the_script_is_checked_wins(world: World, how: str):
    end, _ = NOT_VALID[how]
    campaign = world.campaign()
    counted: dict[str, int] = {}

    def ends() -> None:
        end(world)
        counted.update(stored())

    with while_deciding(ends), pytest.raises(AuthorityInvalid):
        world.render(campaign=campaign)
    assert stored() == counted


def test_the_renders_of_an_authority_are_counted_to_the_last(world: World):
    campaign = world.campaign(world.add_persona(max_renders=2))
    for _ in range(2):
        assert world.render(campaign=campaign).state == State.SCRIPTED
    before = stored()
    with pytest.raises(RenderLimitReached) as refused:
        world.render(campaign=campaign)
    assert "ask for a new consent" in refused.value.next_step and stored() == before


def test_the_last_render_that_another_took_meanwhile_leaves_nothing(world: World):
    persona = world.add_persona(max_renders=1)
    campaign = world.campaign(persona)

    def taken(session: Any, authority_id: str, render_id: str) -> int:
        real(session, authority_id, "rnd_another")
        return real(session, authority_id, render_id)

    real = count_render
    before = stored()
    with standing_in((real, taken)), pytest.raises(RenderLimitReached):
        world.render(campaign=campaign)
    assert stored() == before


def test_a_render_is_counted_against_the_version_in_force(world: World):
    campaign = world.campaign()
    version = world.supersede()
    row = world.render(campaign=campaign)
    with reading() as session:
        counted = session.scalars(select(AuthorityRenderRow)).one()
    assert (counted.render_id, counted.authority_id) == (row.id, version.id)


def test_a_persona_who_wants_the_final_cut_is_rendered_and_asked_later(world: World):
    world.supersede(approval_mode="final_cut")
    assert world.render().state == State.SCRIPTED


# Another brand's


def test_another_brands_campaign_is_not_found(world: World, tmp_path: Path):
    campaign, other = world.campaign().id, create_brand("Another Example Brand").id
    before = stored()
    with pytest.raises(NotFound):
        request_render(campaign, ASHA, brand_id=other, maker_id="usr_other")
    with pytest.raises(NotFound):
        import_video(media.write_clip(tmp_path / "x.mp4", 1), campaign, brand_id=other, maker_id="usr_other")
    assert stored() == before


def test_a_render_supersedes_one_of_its_own_brand_alone(world: World):
    old = world.render()
    assert world.render(BEN, supersedes=old.id).supersedes == old.id
    with pytest.raises(NotFound):
        world.render(BEN, supersedes="rnd_unknown")


# A request that is sent twice


def test_the_same_request_again_answers_with_the_first_render(world: World):
    first = world.render(request_key="order-1")
    before = stored()
    assert world.render(request_key="order-1").id == first.id
    assert stored() == before


def test_it_does_so_when_the_first_has_gone_on_or_the_authority_has_ended(world: World):
    """The answer is about what was asked then."""
    first = world.released(request_key="order-1")
    world.withdraw()
    assert world.render(request_key="order-1").id == first.id


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda w, first: {"fields": BEN}, id="fields"),
        pytest.param(lambda w, first: {"campaign": w.campaign(name="Another")}, id="campaign"),
        pytest.param(lambda w, first: {"supersedes": first.id}, id="supersedes"),
    ],
)
def test_the_same_key_with_another_request_is_a_conflict(
    world: World, change: Callable[[World, RenderRow], dict[str, Any]]
):
    first = world.render(request_key="order-1")
    asked = {"fields": ASHA} | change(world, first)
    before = stored()
    with pytest.raises(RequestKeyReused) as refused:
        world.render(**asked, request_key="order-1")
    assert (refused.value.code, refused.value.http_status) == ("request_key_reused", 409)
    assert stored() == before


def test_the_same_key_with_another_video_or_other_words_is_a_conflict(world: World, tmp_path: Path):
    campaign = world.campaign().id
    first = bring(world, tmp_path, campaign, script="Your tea is ready.", request_key="order-1")
    again = bring(world, tmp_path, campaign, script="Your tea is ready.", request_key="order-1")
    assert again.id == first.id
    with pytest.raises(RequestKeyReused):
        bring(world, tmp_path, campaign, script="Your tea is hot.", request_key="order-1")
    other = media.write_clip(tmp_path / "other.mp4", 8)
    with pytest.raises(RequestKeyReused):
        import_video(
            other,
            campaign,
            brand_id=world.brand_id,
            maker_id=world.operator,
            script="Your tea is ready.",
            request_key="order-1",
        )
    with pytest.raises(RequestKeyReused):
        world.render(campaign=campaign, request_key="order-1")


def test_two_at_once_make_one_render(world: World):
    """The first is stored after the second has looked for it."""
    campaign = world.campaign()
    firsts: list[RenderRow] = []

    def first() -> None:
        if not firsts:
            firsts.append(RenderRow(id="rnd_placeholder"))
            firsts.append(world.render(campaign=campaign, request_key="order-1"))

    with while_deciding(first):
        answer = world.render(campaign=campaign, request_key="order-1")
    assert answer.id == firsts[1].id
    assert stored()["renders"] == 1


def test_keys_of_two_brands_do_not_meet(world: World):
    first = world.render(request_key="order-1")
    with transaction() as session:
        assert session.scalar(select(RenderRow.id).where(RenderRow.request_key == "order-1")) == first.id
    other = create_brand("Another Example Brand").id
    row = RenderRow(
        id="rnd_other",
        brand_id=other,
        campaign_id=first.campaign_id,
        maker_id="usr_x",
        request_key="order-1",
        fields=ASHA,
    )
    assert intake.asked_before(row) is None


def test_a_video_that_is_refused_is_not_kept(world: World, tmp_path: Path):
    """The person has withdrawn: nothing of them stays behind."""
    campaign = world.campaign().id
    world.withdraw()
    with pytest.raises(AuthorityInvalid):
        bring(world, tmp_path, campaign)
    assert not list(blobs().names("source"))


def test_a_language_that_the_voice_does_not_speak_is_refused_before_anything_is_stored(world: World):
    persona = world.add_persona(languages=["en", "de"])
    campaign = world.campaign(persona, language="de")
    with pytest.raises(VoiceError) as refused:
        world.render(campaign=campaign)
    assert refused.value.code == "voice_language"
    with reading() as session:
        assert session.scalar(select(RenderRow.id).where(RenderRow.campaign_id == campaign.id)) is None
