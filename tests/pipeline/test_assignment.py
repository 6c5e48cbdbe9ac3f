"""Who takes which video: nobody gets one twice, nobody gets one that is not theirs, and a lease ends by itself."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from sqlalchemy import update

from audit.errors import AlreadyDecided, MakerMayNotApprove
from core.database import transaction
from core.errors import Conflict, Forbidden, InputError, NotFound
from pipeline.annotations import CODES, MOST, Ask, annotations_of
from pipeline.assignment import forget_over, give_back, looked_at, next_for, take
from pipeline.handing_on import hand_on
from pipeline.narrowing import Narrowing
from pipeline.review import reject
from pipeline.states import State
from pipeline.tables import RenderRow, ReviewLeaseRow
from tests.kit.workers import events_of
from tests.kit.world import World

EVERYBODY = ["usr_senior_1", "usr_senior_2"]


def over(render: RenderRow) -> None:
    """The lease on a render has ended, as it does when nobody renews it."""
    with transaction() as session:
        session.execute(update(ReviewLeaseRow).where(ReviewLeaseRow.render_id == render.id).values(until=0.0))


def offered(w: World, account: str, after: RenderRow | None = None, **more: bool) -> str | None:
    return next_for(account, brand_id=w.brand_id, after=after.id if after else "", **more)


def decide(w: World, render: RenderRow, **more: object) -> dict[str, object]:
    usual = {"brand_id": w.brand_id, "reviewer_id": w.reviewer, "sealed_sha256": render.sealed_sha256}
    return {"render_id": render.id, **usual, **more}


def test_two_reviewers_get_two_videos_and_each_goes_on_to_the_next(world: World):
    one, two, three = (world.to_review() for _ in range(3))
    assert offered(world, world.reviewer) == one.id
    assert offered(world, world.second_reviewer) == two.id
    assert offered(world, world.reviewer, one) == three.id  # not the one that the other looks at
    with_both = next_for(world.reviewer, brand_id=world.brand_id, without=[one.id, three.id])
    assert with_both is None  # both decisions are on their way
    give_back(one.id, account_id=world.reviewer)
    assert offered(world, world.second_reviewer, two) == one.id  # at the end it begins again
    over(three)
    assert offered(world, world.second_reviewer, two) == three.id


def test_what_one_made_or_decided_over_is_not_offered(world: World):
    mine = world.to_review(maker=world.reviewer)
    risky = world.to_review(campaign=world.campaign(risk_class="high"))
    assert offered(world, world.reviewer) == risky.id
    world.approve(risky, world.reviewer)
    assert offered(world, world.reviewer) is None
    over(risky)
    assert offered(world, world.second_reviewer) == mine.id
    assert offered(world, world.second_reviewer, mine) == risky.id


def test_the_next_one_is_of_the_list_that_was_chosen_in_its_order(world: World):
    risky = world.campaign(risk_class="high")
    calm = world.to_review()
    one = world.to_review(campaign=risky, flagged=("label",))
    world.to_review()
    two = world.to_review(campaign=risky)
    three = world.to_review(flagged=("label",))

    def goes_through(account: str = "usr_1", **chosen: Any) -> list[str | None]:
        """The next ones from the first on, until nothing more waits; each is held by who got it."""
        found: list[str | None] = []
        while len(found) < 9 and None not in found:
            after = found[-1] if found else None
            chosen |= {"without": [one for one in found if one]}
            found.append(next_for(account, brand_id=world.brand_id, after=after or "", **chosen))
        for render in found[:-1]:
            give_back(render or "", account_id=account)
        return found[:-1]

    assert goes_through(narrowing=Narrowing(risk="high")) == [one.id, two.id]
    assert goes_through(narrowing=Narrowing(risk="high"), order="newest") == [two.id, one.id]
    assert goes_through(narrowing=Narrowing(gate="label")) == [one.id, three.id]
    assert goes_through(narrowing=Narrowing(gate="label", risk="high")) == [one.id]
    assert goes_through(campaign_id=risky.id) == [one.id, two.id]
    assert goes_through(order="gravest")[:2] == [one.id, three.id]
    assert goes_through(narrowing=Narrowing(hours=1)) == []
    assert goes_through(two.maker_id, narrowing=Narrowing(risk="high")) == []
    world.approve(one, world.reviewer)
    assert goes_through(world.reviewer, narrowing=Narrowing(gate="label")) == [three.id]
    assert take(three.id, brand_id=world.brand_id, account_id="usr_2") == "usr_2"
    assert goes_through(world.reviewer, narrowing=Narrowing(gate="label")) == []
    assert next_for("usr_1", brand_id=world.brand_id, after=three.id, order="gravest") == calm.id
    with pytest.raises(NotFound):
        next_for("usr_1", brand_id="brd_other", campaign_id=risky.id)


def test_another_brands_place_in_the_queue_tells_nothing(world: World):
    waiting = world.to_review()
    assert next_for("usr_stranger", brand_id="brd_other", after=waiting.id) is None
    with pytest.raises(NotFound):
        take(waiting.id, brand_id="brd_other", account_id="usr_stranger")


def test_who_holds_it_decides_and_nobody_else_meanwhile(world: World):
    render = world.to_review()
    assert take(render.id, brand_id=world.brand_id, account_id=world.reviewer) == world.reviewer
    assert take(render.id, brand_id=world.brand_id, account_id=world.second_reviewer) == world.reviewer
    with pytest.raises(Conflict, match="somebody else") as refused:
        world.approve(render, world.second_reviewer)
    assert refused.value.code == "held"
    with pytest.raises(Conflict):
        world.reject(render, world.second_reviewer)
    over(render)
    assert world.approve(render, world.second_reviewer).state == State.APPROVED
    with pytest.raises(Conflict, match="not in review"):
        take(render.id, brand_id=world.brand_id, account_id=world.reviewer)


def test_a_decision_gives_the_video_to_the_next_person_at_once(world: World):
    render = world.to_review(campaign=world.campaign(risk_class="high"))
    take(render.id, brand_id=world.brand_id, account_id=world.reviewer)
    world.approve(render, world.reviewer)
    assert take(render.id, brand_id=world.brand_id, account_id=world.second_reviewer) == world.second_reviewer
    assert world.approve(render, world.second_reviewer).state == State.APPROVED


def test_who_may_not_decide_keeps_a_video_from_nobody_and_hands_nothing_on(world: World):
    render = world.to_review(campaign=world.campaign(risk_class="high"))
    world.approve(render, world.reviewer)
    for who, refusal in ((world.operator, MakerMayNotApprove), (world.reviewer, AlreadyDecided)):
        with pytest.raises(refusal):
            take(render.id, brand_id=world.brand_id, account_id=who, senior=True)
        with pytest.raises(refusal):
            hand_on(**decide(world, render, reviewer_id=who, words="Who knows?", seniors=EVERYBODY))
    assert offered(world, world.second_reviewer) == render.id


def test_nothing_is_handed_on_to_nobody(world: World):
    usual, risky = world.to_review(), world.to_review(campaign=world.campaign(risk_class="high"))
    me, maker, other = world.reviewer, world.operator, world.second_reviewer

    def refused(render: RenderRow, *seniors: str) -> bool:
        try:
            hand_on(**decide(world, render, words="Is this a claim?", seniors=seniors))
        except Conflict as told:
            assert told.code == "no_senior"
            return True
        return False

    assert refused(usual) and refused(usual, me, maker) and not refused(usual, other)
    assert refused(risky, other) and not refused(risky, other, "usr_another")  # two people have to approve it


def test_a_video_that_is_sent_back_tells_its_maker_what_to_change_and_where(world: World):
    render = world.to_review()
    asks = [Ask("lips", "Late by a little.", 0.5, 1.0), Ask("label")]
    assert reject(**decide(world, render, asks=asks, change=True)) == State.REJECTED
    assert world.now_is(render).reason == {
        "code": "change_asked",
        "message": f"A change is asked for: {CODES['lips']}; {CODES['label']}",
    }
    notes = annotations_of(render.id)
    assert [(note.code, note.words, note.t0, note.author_id) for note in notes] == [
        ("label", "", None, world.reviewer),
        ("lips", "Late by a little.", 0.5, world.reviewer),
    ]
    assert world.ledger().good
    world.as_database_owner("UPDATE annotations SET words = 'All is well.' WHERE code = 'lips'")
    assert not world.ledger().good


NO_REASONS: list[list[Ask]] = [
    [],
    [Ask("nothing_known")],
    [Ask("other")],
    [Ask("lips", t0=-1.0)],
    [Ask("lips", t0=9.0, t1=9.5)],
    [Ask("lips", t0=1.0, t1=0.5)],
    [Ask("lips", t0=float("nan"))],
    [Ask("lips", "x" * 2001)],
    [Ask("lips")] * (MOST + 1),
]


@pytest.mark.only("sqlite")
def test_what_is_no_reason_or_no_second_of_the_video_sends_nothing_back(world: World):
    render = world.to_review()
    for asks, change in product(NO_REASONS, (True, False)):
        with pytest.raises(InputError):
            reject(**decide(world, render, asks=asks, change=change))
    assert world.now_is(render).state == State.IN_REVIEW and annotations_of(render.id) == []


def test_what_is_handed_on_waits_for_a_senior_reviewer(world: World):
    render = world.to_review()
    with pytest.raises(InputError):
        hand_on(**decide(world, render, words=" ", seniors=EVERYBODY))
    hand_on(**decide(world, render, words="Is this a claim?", seniors=[world.second_reviewer]))
    assert events_of(render.id)[-1] == "render:review:escalated"
    assert offered(world, world.second_reviewer) is None
    for refused in (world.approve, world.reject):
        with pytest.raises(Forbidden) as told:
            refused(render, world.second_reviewer)
        assert told.value.code == "handed_on"
    with pytest.raises(Forbidden):
        hand_on(**decide(world, render, words="Again?", seniors=EVERYBODY))
    with pytest.raises(Forbidden):
        take(render.id, brand_id=world.brand_id, account_id=world.second_reviewer)
    assert offered(world, world.reviewer, senior=True) is None  # not to who handed it on
    assert offered(world, world.second_reviewer, senior=True) == render.id
    assert world.approve(render, world.second_reviewer, senior=True).state == State.APPROVED


def test_leases_that_are_over_go_and_those_that_hold_stay(world: World):
    one, two = world.to_review(), world.to_review()
    for render in (one, two):
        take(render.id, brand_id=world.brand_id, account_id=world.reviewer)
    assert looked_at(world.brand_id) == {one.id: world.reviewer, two.id: world.reviewer}
    assert looked_at("brd_other") == {} and forget_over() == 0
    over(one)
    assert looked_at(world.brand_id) == {two.id: world.reviewer}
    assert (forget_over(), forget_over()) == (1, 0)
    with transaction() as session:
        assert session.query(ReviewLeaseRow.render_id).all() == [(two.id,)]
