"""The predicate of trust step 13, "may this render be served now": each clause by itself closes the doors.

Every case is a released video that is right in all but one respect; the respect is broken as the database's owner
could break it, so that only the clause stands in the way.
"""

from __future__ import annotations

import pytest

from audit.events import Event
from audit.ledger import append
from core.blobs import blobs
from core.database import reading, transaction
from core.models import AssetRole
from pipeline.standing import Standing, standing_of
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit.workers import as_owner, put_back
from tests.kit.world import World


def standing(w: World, render: RenderRow) -> Standing:
    with reading() as session:
        return standing_of(session, w.now_is(render))


def test_a_released_video_is_served_and_gets_links(world: World):
    assert standing(world, world.released()) == Standing("released", serves=True, links=True)


def test_no_state_but_released_is_served(world: World):
    render = world.released()
    for state in State:
        put_back(world, render, state)
        expected = (
            "released" if state is State.RELEASED else "recalled" if state is State.RECALLED else "unreleased"
        )
        found = standing(world, render)
        assert (found.release, found.serves, found.links) == (
            expected,
            state is State.RELEASED,
            state is State.RELEASED,
        )


def test_a_row_that_was_set_to_released_is_not(world: World):
    """One UPDATE, without the entry that a release makes."""
    render = world.approved()
    as_owner(world, "UPDATE renders SET state = 'released', published_sha256 = sealed_sha256")
    assert standing(world, render).code == "ledger_disagrees"


def test_a_recall_that_was_undone_in_the_row_stays(world: World):
    render = world.recall(world.released())
    put_back(world, render, "released")
    found = standing(world, render)
    assert (found.release, found.serves, found.code) == ("recalled", False, "taken_back")


def test_a_withdrawal_that_was_undone_in_the_row_stays(world: World):
    render = world.released()
    with transaction() as session:
        append(session, Event.ASSET_WITHDRAWN, render.id, {"published_sha256": render.published_sha256})
    found = standing(world, render)
    assert (found.release, found.serves, found.code) == ("withdrawn", False, "taken_back")


def test_another_published_digest_than_the_ledgers_is_not_served(world: World):
    """Another video that is out, whole and on record, under this render's name."""
    render, other = world.released(), world.released()
    as_owner(world, "UPDATE renders SET published_sha256 = ? WHERE id = ?", other.published_sha256, render.id)
    assert standing(world, render).code == "ledger_disagrees"


def test_a_release_without_its_entry_is_none(world: World):
    render = world.released()
    as_owner(world, "DELETE FROM ledger_entries WHERE event = ?", Event.ASSET_RELEASED.value)
    assert standing(world, render).code == "ledger_disagrees"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("DELETE FROM assets WHERE role = 'published'", id="gone"),
        pytest.param("UPDATE assets SET role = 'sealed' WHERE role = 'published'", id="another-role"),
        pytest.param("UPDATE assets SET render_id = 'rnd_x' WHERE role = 'published'", id="another-render"),
        pytest.param("UPDATE assets SET essence = 'ab' WHERE role = 'published'", id="another-essence"),
        pytest.param("UPDATE assets SET size = size - 1 WHERE role = 'published'", id="another-size"),
    ],
)
def test_the_published_asset_is_on_record_as_this_renders(world: World, change: str):
    render = world.released()
    assert as_owner(world, change)
    found = standing(world, render)
    assert (found.serves, found.links, found.code) == (False, False, "file_missing")


def test_a_render_with_another_essence_is_not_what_people_decided_over(world: World):
    render = world.released()
    as_owner(world, "UPDATE renders SET essence = 'ab'")
    assert standing(world, render).code == "ledger_disagrees"


def test_the_published_bytes_are_there_at_their_size(world: World):
    render = world.released()
    path = blobs().get_file(render.published_sha256, AssetRole.PUBLISHED)
    path.write_bytes(path.read_bytes()[:-1])
    assert standing(world, render).code == "file_missing"
    path.unlink()
    assert standing(world, render).code == "file_missing"


@pytest.mark.parametrize("status", ["suspended", "revoked", "expired"])
def test_an_authority_that_only_stops_lets_links_go_on(world: World, status: str):
    render = world.released()
    world.withdraw(status=status, effect="stop")
    assert standing(world, render) == Standing(
        "released", True, False, f"authority_{status}", standing(world, render).sentence
    )


def test_an_authority_that_takes_back_closes_every_door(world: World):
    render = world.released()
    world.withdraw(effect="recall")
    found = standing(world, render)
    assert (found.release, found.serves, found.links, found.code) == ("withdrawn", False, False, "withdrawn")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("DELETE FROM authority_status", id="no-status"),
        pytest.param("UPDATE authority_status SET status = 'revoked'", id="status"),
        pytest.param("UPDATE authorities SET signature = ''", id="unsigned"),
        pytest.param("UPDATE authorities SET not_after = '2199-01-01 00:00:00'", id="end"),
        pytest.param("DELETE FROM authorities", id="gone"),
        pytest.param("UPDATE personas SET authority_id = 'aut_none'", id="persona-names-another"),
    ],
)
def test_an_authority_that_nobody_can_vouch_for_serves_nothing(world: World, change: str):
    render = world.released()
    assert as_owner(world, change)
    found = standing(world, render)
    assert (found.release, found.serves, found.links) == ("unreleased", False, False)


def test_a_change_of_the_authority_that_was_deleted_with_its_version_is_missed(world: World):
    """The ledger speaks of a second version; the database holds the first alone."""
    render = world.released()
    version = world.supersede(territories=("eu",))
    as_owner(world, "DELETE FROM authority_status WHERE authority_id = ?", version.id)
    as_owner(world, "DELETE FROM authorities WHERE id = ?", version.id)
    assert standing(world, render).code == "forged_authority"


def test_a_moment_that_is_asked_for_counts(world: World):
    """The end by date, before anybody wrote it down."""
    persona = world.add_persona("consent", on_expiry="recall")
    render = world.released(campaign=world.campaign(persona))
    end = world.authority_of(persona).scope.not_after
    with reading() as session:
        assert standing_of(session, render, at=end).release == "withdrawn"
        assert standing_of(session, render).release == "released"
