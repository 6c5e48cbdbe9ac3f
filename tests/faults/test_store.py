"""The blob store fails or lies: nothing wrong is served, nothing is lost."""

from __future__ import annotations

import shutil
import signal
import time

import pytest

from core.blobs import blobs
from core.canonical import digest_bytes
from core.models import AssetRole
from delivery.orphans import sweep_orphans
from pipeline.states import State
from tests.faults import points
from tests.faults.installation import AGAIN, ON_SERVERS, Installation, Servers
from tests.faults.invariants import broken
from tests.faults.kills import in_review
from tests.faults.table import fault

pytestmark = ON_SERVERS


def no_copies(greenroom: Installation) -> None:
    """What this machine keeps of remote files is gone, as on another machine."""
    shutil.rmtree(greenroom.home / "cache", ignore_errors=True)


def fails(greenroom: Installation, servers: Servers, mode: str) -> None:
    greenroom.fault()
    servers.store.mode = mode  # type: ignore[assignment]


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(
            mode, marks=fault(f"the blob store {words}", "the stages, the release, a door", each=AGAIN)
        )
        for mode, words in {"500": "answers 500", "silent": "does not answer"}.items()
    ],
)
def test_it_fails_for_a_while(greenroom: Installation, servers: Servers, mode: str) -> None:
    """Before the stages of a render, before the release of another; the door serves right bytes or nothing."""
    row, path = greenroom.released()
    campaign = greenroom.world.campaign(release_on_approval=True)
    waits = in_review(greenroom, campaign)
    for _ in range(AGAIN):
        fails(greenroom, servers, mode)
        asked = greenroom.submit(campaign)
        greenroom.world.approve(waits)
        answers = []
        for _ in range(2):
            no_copies(greenroom)
            status, body = greenroom.ask(path)
            answers.append(status)
            assert status != 200 or digest_bytes(body) == row.published_sha256
            time.sleep(0.3)
        assert answers[-1] in (404, 503), answers
        assert greenroom.state(asked) not in (State.FAILED, State.IN_REVIEW)
        assert greenroom.state(waits) is State.APPROVED
        servers.store.mode = ""
        greenroom.until_state(asked, State.IN_REVIEW)
        greenroom.until_state(waits, State.RELEASED)
        assert greenroom.ask(path)[0] == 200
        waits = asked
    assert not broken(greenroom)


@fault("the blob store hands out wrong bytes", "a door", each=3)
@pytest.mark.parametrize("mode", ["wrong", "longer", "cut"])
def test_it_hands_out_wrong_bytes(greenroom: Installation, servers: Servers, mode: str) -> None:
    row, path = greenroom.released()
    for _ in range(3):
        fails(greenroom, servers, mode)
        no_copies(greenroom)
        status, body = greenroom.ask(path)
        assert status in (404, 500, 503), status
        assert digest_bytes(body) != row.published_sha256
    servers.store.mode = ""
    status, body = greenroom.ask(path)
    assert (status, digest_bytes(body)) == (200, row.published_sha256)
    assert not broken(greenroom)


@fault("the blob store hands out wrong bytes", "a stage")
@pytest.mark.parametrize("stage", ["examine", "seal", "inspect"][:AGAIN])
def test_a_stage_on_wrong_bytes_ends_with_a_reason(
    greenroom: Installation, servers: Servers, stage: str
) -> None:
    """Not examined, not sealed, not lost: a person sees why, and sends it back once the store is mended."""
    greenroom.stop("worker-1")
    greenroom.start("worker-1", "worker", GREENROOM_PIPELINE_MAX_ATTEMPTS="2", GREENROOM_BLOB_CACHE_BYTES="0")
    points.order(greenroom.home, "STOP", f"{stage} stage_begins")
    render = greenroom.submit(greenroom.world.campaign(release_on_approval=True))
    greenroom.until(lambda: points.carried_out(greenroom.home))
    servers.store.only = ("GET",)
    fails(greenroom, servers, "wrong")
    no_copies(greenroom)
    greenroom.signal("worker-1", signal.SIGCONT)
    row = greenroom.until_state(render, State.FAILED)
    servers.store.only = ("GET", "HEAD", "PUT", "POST", "DELETE")
    assert row.reason is not None and row.reason["code"] == "integrity"
    assert not broken(greenroom)


@fault("the blob store takes a file and loses it", "picture", "seal", "release")
@pytest.mark.parametrize("again", range(AGAIN))
def test_what_it_says_it_keeps_is_looked_for(greenroom: Installation, servers: Servers, again: int) -> None:
    """No row names a file that is not there: the stage, or the release, is tried again until it is."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    render = ""
    for point in ("picture stage_begins", "seal stage_begins", "release checked"):
        points.order(greenroom.home, "STOP", point)
        if not render:
            render = greenroom.submit(campaign)
        if point.startswith("release"):
            greenroom.until_state(render, State.IN_REVIEW)
            greenroom.world.approve(render)
        greenroom.until(lambda: points.carried_out(greenroom.home))
        was, puts = greenroom.state(render), servers.store.asked["PUT"]
        fails(greenroom, servers, "lost")
        greenroom.signal("worker-1", signal.SIGCONT)
        greenroom.until(lambda puts=puts: servers.store.asked["PUT"] > puts)
        time.sleep(0.1)
        assert greenroom.state(render) is was
        servers.store.mode = ""
    row = greenroom.until_state(render, State.RELEASED)
    no_copies(greenroom)
    assert blobs().get_file(row.published_sha256 or "", AssetRole.PUBLISHED)
    assert not broken(greenroom)


@fault("the blob store lists late", "the sweep of orphans", each=AGAIN)
def test_what_its_lists_leave_out_or_still_hold(greenroom: Installation, servers: Servers) -> None:
    """New files that a list lacks are let be; those that are gone already, or named by now, do no harm."""
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(AGAIN):
        greenroom.pause("worker-1")
        render = greenroom.submit(campaign)
        sweep_orphans(older_than=-60.0, every=0.0)
        fails(greenroom, servers, "stale")
        greenroom.signal("worker-1", signal.SIGCONT)
        greenroom.until_state(render, State.IN_REVIEW)
        greenroom.world.approve(render)
        greenroom.until_state(render, State.RELEASED)
        assert sweep_orphans(older_than=-60.0, every=0.0) == []
        servers.store.mode = ""
    assert not broken(greenroom)
