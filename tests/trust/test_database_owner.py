"""Who owns the database, and may write ledger entries too, puts nothing on air that people did not decide over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from audit.ledger import Event, append
from audit.tables import LedgerEntryRow
from core.database import now, transaction
from core.ids import new_id
from core.tables import AssetRow
from delivery.errors import LinkGone, NotServed
from delivery.links import list_links, make_link, open_link, revoke_link, token_of
from delivery.tables import LinkRow
from pipeline.guard import release_transaction
from pipeline.standing import standing_of
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit import past
from tests.kit.world import World


def link_to(world: World, render: RenderRow) -> tuple[str, LinkRow]:
    token = make_link(render.id, brand_id=world.brand_id)
    return token, list_links(render.id, brand_id=world.brand_id)[0]


def serves(token: str) -> bool:
    try:
        open_link(token)
    except LinkGone:
        return False
    return True


def release_entry(session: object, render_id: str) -> LedgerEntryRow:
    found = select(LedgerEntryRow).where(
        LedgerEntryRow.subject == render_id, LedgerEntryRow.event == Event.ASSET_RELEASED.value
    )
    return session.scalars(found).one()  # type: ignore[attr-defined]


def test_a_recalled_video_does_not_come_back_under_another_id(world: World):
    """The row is copied, the asset is pointed at the copy, and entries are written that commit to all of it."""
    old = world.released()
    world.recall(old)
    past.without_guard()
    columns = {column.name: getattr(old, column.name) for column in RenderRow.__table__.columns}
    twin = RenderRow(
        **(columns | {"id": new_id("rnd"), "state": State.RELEASED, "request_key": None, "reason": None})
    )
    world.as_database_owner("UPDATE assets SET render_id = ? WHERE sha256 = ?", twin.id, old.published_sha256)
    link = LinkRow(
        id=new_id("lnk"),
        brand_id=world.brand_id,
        render_id=twin.id,
        made_by="usr_x",
        expires_at=now() + timedelta(hours=1),
    )
    with transaction() as session:
        facts = dict(release_entry(session, old.id).facts)
        facts.pop("rows")
        asset = session.get_one(AssetRow, old.published_sha256)
        append(session, Event.ASSET_RELEASED, twin.id, facts, rows=[twin, asset])
        append(session, Event.LINK_MADE, twin.id, {"link_id": link.id}, rows=[link])
    with transaction() as session:
        standing = standing_of(session, session.get_one(RenderRow, twin.id))
    assert (standing.serves, standing.release, standing.code) == (False, "unreleased", "ledger_disagrees")
    assert not serves(token_of(link))


@pytest.mark.parametrize("approvals", [[], ["apr_nobody"]])
def test_a_release_entry_that_names_no_decision_of_people_serves_nothing(world: World, approvals: list[str]):
    """An approved video that somebody sets to released, with an entry of its own."""
    render = world.approved()
    published = "ab" * 32
    with release_transaction(render.id, published) as session:
        row = session.get_one(RenderRow, render.id)
        row.state, row.published_sha256 = State.RELEASED, published
        facts = {"published_sha256": published, "approval_ids": approvals}
        append(session, Event.ASSET_RELEASED, render.id, facts, rows=[row])
        assert standing_of(session, row).code == "ledger_disagrees"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE personas SET authority_id = ?",
        "UPDATE campaigns SET persona_id = (SELECT id FROM personas WHERE authority_id = ?)",
    ],
)
def test_a_video_cannot_be_steered_past_the_withdrawal_of_its_authority(world: World, statement: str):
    render = world.released()
    token, _ = link_to(world, render)
    other = world.add_persona()
    assert world.as_database_owner(statement, other.authority_id) >= 1
    assert not serves(token)
    with pytest.raises(NotServed, match="another authority"):
        make_link(render.id, brand_id=world.brand_id)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE links SET revoked_at = NULL WHERE id = ?",
        "UPDATE links SET revoked_at = NULL, expires_at = '2099-01-01 00:00:00.000000' WHERE id = ?",
        "UPDATE links SET revoked_at = NULL, expires_at = 'never' WHERE id = ?",
    ],
)
def test_a_revoked_link_stays_revoked(world: World, change: str, database_kind: str):
    token, link = link_to(world, world.released())
    revoke_link(link.id, brand_id=world.brand_id, actor_id=world.operator)
    if database_kind == "postgresql":  # which knows no other moment that is none
        change = change.replace("'never'", "'infinity'")
    assert world.as_database_owner(change, link.id) == 1
    assert not serves(token)


def test_a_link_does_not_live_longer_or_lead_elsewhere_than_it_was_made_for(world: World):
    token, link = link_to(world, world.released())
    other = world.released()
    assert world.as_database_owner("UPDATE links SET render_id = ? WHERE id = ?", other.id, link.id) == 1
    assert not serves(token)
    token, link = link_to(world, other)
    late = "2099-01-01 00:00:00.000000"
    assert world.as_database_owner("UPDATE links SET expires_at = ? WHERE id = ?", late, link.id) == 1
    assert not serves(token)


def test_rows_are_not_taken_into_the_record_a_second_time(world: World):
    """The marker of a home of the first version excuses unsigned decisions: nobody else may use it."""
    world.released()
    with transaction() as session:
        append(session, Event.ROWS_ADOPTED, "rows@0001", rows=[session.scalars(select(RenderRow)).one()])
    assert [problem.kind for problem in world.ledger().problems] == ["added"]
