"""The database goes away: restarted, crashed, unreachable, full of others, or cut off in the middle of what it was
told."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import select

from audit.events import Event
from audit.tables import LedgerEntryRow
from core.database import reading
from core.errors import DatabaseBusy
from pipeline.states import State
from pipeline.tables import PersonaRow
from tests.faults.installation import AGAIN, ON_SERVERS, Installation, Servers
from tests.faults.invariants import broken
from tests.faults.kills import in_review, ordered
from tests.faults.table import fault
from tests.servers.proxy import proxy

pytestmark = ON_SERVERS


@contextmanager
def stopped_at(greenroom: Installation, point: str, act: Callable[[], object]) -> Iterator[None]:
    """What happens in the block happens while the worker stands at this point."""
    pid = ordered(greenroom, point, act, what="STOP")
    try:
        yield
    finally:
        greenroom.signal(next(name for name, one in greenroom.pids.items() if one == pid), signal.SIGCONT)


IN_STAGES = ("voice stage_inside", "picture stage_begins", "seal stage_done")
IN_RELEASES = ("release inside", "release published", "release checked")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, marks=fault(f"PostgreSQL {words}", "a stage", "the release", each=AGAIN), id=words)
        for how, words in {signal.SIGINT: "is restarted", signal.SIGQUIT: "crashes"}.items()
    ],
)
def test_it_is_restarted(greenroom: Installation, servers: Servers, how: signal.Signals) -> None:
    """While a worker is in a stage, and in the release: before its transaction and in it; a crash recovers."""
    impatient(greenroom)
    campaign = greenroom.world.campaign(release_on_approval=True)
    renders = [""]

    def submit() -> None:
        renders[0] = greenroom.submit(campaign)

    for number, point in enumerate(IN_STAGES[:AGAIN]):
        with stopped_at(greenroom, point, submit if number == 0 else lambda: None):
            servers.postgres.restart(how)
            greenroom.fault()
    greenroom.until_state(renders[0], State.IN_REVIEW)
    renders += [in_review(greenroom, campaign) for _ in IN_RELEASES[1:AGAIN]]
    greenroom.until(greenroom.answers)
    for point, render in zip(IN_RELEASES[:AGAIN], renders, strict=True):
        with stopped_at(greenroom, point, lambda render=render: greenroom.world.approve(render)):
            servers.postgres.restart(how)
            greenroom.fault()
        greenroom.until_state(render, State.RELEASED)
    assert not broken(greenroom)


def impatient(greenroom: Installation) -> None:
    """A worker whose leases end sooner: one that lost its connection in a transaction waits for that."""
    greenroom.stop("worker-1")
    greenroom.start("worker-1", "worker", GREENROOM_PIPELINE_LEASE_SECONDS="1")


@fault("PostgreSQL cannot be reached", "for a while", each=3)
def test_it_cannot_be_reached_for_a_while(greenroom: Installation, servers: Servers) -> None:
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        render = greenroom.submit(campaign)
        servers.to_database.drop()
        greenroom.fault()
        time.sleep(0.7)
        servers.to_database.mend()
        greenroom.until_state(render, State.IN_REVIEW)
    assert not broken(greenroom)


@fault("PostgreSQL takes no more connections", "for a while", each=3)
def test_it_has_no_connections_left(greenroom: Installation, servers: Servers) -> None:
    """Whoever has to connect again is told that the database is busy."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        render = greenroom.submit(campaign)
        servers.postgres.administer(f'ALTER DATABASE "{servers.database}" CONNECTION LIMIT 0')
        servers.to_database.cut()
        greenroom.fault()
        assert greenroom.ask(f"/renders/{render}")[0] in (303, 503)
        time.sleep(0.7)
        servers.postgres.administer(f'ALTER DATABASE "{servers.database}" CONNECTION LIMIT -1')
        greenroom.until_state(render, State.IN_REVIEW)
    assert not broken(greenroom)


OF_A_LIFE = {
    "the request": Event.POLICY_CHECKED,
    "voice": Event.SPEECH_MADE,
    "picture": Event.CANDIDATE_ENCODED,
    "examine": Event.RENDER_EXAMINED,
    "seal": Event.ASSET_SEALED,
    "inspect": Event.REVIEW_OPENED,
    "the approval": Event.RENDER_APPROVED,
    "the release": Event.ASSET_RELEASED,
    "the recall": Event.ASSET_RECALLED,
    "a rejection": Event.RENDER_REJECTED,
    "the end of an authority": Event.AUTHORITY_STATUS_CHANGED,
    "what that takes back": Event.ASSET_WITHDRAWN,
}


def entry_of(event: Event) -> bytes:
    """What only the statement that writes such an entry holds: its canonical body."""
    return f'"event":"{event.value}"'.encode()


LOST, BROKEN_OFF = "the answer to a commit is lost", "the connection is cut in a transaction"


@pytest.mark.parametrize(
    ("then", "again"),
    [
        pytest.param(then, again, marks=fault(what, *OF_A_LIFE), id=f"{what}-{again}")
        for what, then in {LOST: (b"COMMIT",), BROKEN_OFF: ()}.items()
        for again in range(AGAIN)
    ],
)
def test_nobody_knows_whether_it_was_done(
    greenroom: Installation, servers: Servers, then: tuple[bytes, ...], again: int
) -> None:
    """Cut off where the entry is written: nothing of the transaction stays. Or between its commit and the answer: all
    of it stays, and nobody was told. Whoever tries again looks first; nothing is lost and nothing done twice.
    """
    impatient(greenroom)
    world = greenroom.world
    persona = world.add_persona()
    taken_back = greenroom.submit(world.campaign(persona, release_on_approval=True))
    turned_down = greenroom.submit(world.campaign())
    greenroom.until_state(taken_back, State.IN_REVIEW)
    greenroom.until_state(turned_down, State.IN_REVIEW)
    world.approve(taken_back)
    greenroom.until_state(taken_back, State.RELEASED)

    for event in OF_A_LIFE.values():
        servers.to_database.cut_after(entry_of(event), *then)
    campaign = world.campaign(release_on_approval=True)
    before = len(greenroom.submitted)
    greenroom.until(lambda: greenroom.ask_for(campaign) == 303 or len(greenroom.submitted) > before)
    (render,) = greenroom.submitted[before:]
    greenroom.until_state(render, State.IN_REVIEW)
    done(greenroom, render, State.APPROVED, lambda: greenroom.approve(render))
    greenroom.until_state(render, State.RELEASED)
    done(greenroom, render, State.RECALLED, lambda: world.recall(render))
    done(greenroom, turned_down, State.REJECTED, lambda: world.reject(turned_down))
    greenroom.until(lambda: revoked(greenroom, persona))
    greenroom.until_state(taken_back, State.RECALLED)
    assert not servers.to_database.waiting
    for _ in OF_A_LIFE:
        greenroom.fault()
    assert not broken(greenroom)


def done(greenroom: Installation, render: str, state: State, act: Callable[[], object]) -> None:
    """As a person does it who gets no answer: look, and do it where it is not done."""

    def tried() -> bool:
        with suppress(DatabaseBusy):
            act()
        return greenroom.state(render) in (state, State.RELEASED if state is State.APPROVED else state)

    greenroom.until(tried)


def revoked(greenroom: Installation, persona: PersonaRow) -> bool:
    if greenroom.world.authority_of(persona).status != "revoked":
        greenroom.world.withdraw(persona, effect="recall")
    return bool(greenroom.world.authority_of(persona).status == "revoked")


@fault(LOST, "the sequencer's positions", "its checkpoint", each=AGAIN)
def test_the_sequencer_hears_nothing_of_its_commits(greenroom: Installation, servers: Servers) -> None:
    """It looks how far the database came, and goes on there: every entry has one place."""
    for words in (b"UPDATE ledger_entries", b"INSERT INTO ledger_checkpoints") * AGAIN:
        greenroom.stop("sequencer")
        with proxy(servers.postgres.port) as own:
            own.cut_after(words, b"COMMIT")
            address = servers.postgres.url(servers.database, port=own.port)
            greenroom.start("sequencer", "sequencer", GREENROOM_DATABASE_URL=address)
            greenroom.world.campaign()
            greenroom.until(lambda own=own: not own.waiting)
            greenroom.fault()
            greenroom.until(everything_has_its_place)
            greenroom.stop("sequencer")
    greenroom.until_state(greenroom.submit(greenroom.world.campaign()), State.IN_REVIEW)
    assert not broken(greenroom)


def everything_has_its_place() -> bool:
    with reading() as session:
        left = session.scalar(select(LedgerEntryRow.id).where(LedgerEntryRow.position.is_(None)).limit(1))
    return left is None
