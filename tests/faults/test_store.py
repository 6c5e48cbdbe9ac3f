"""The blob store fails or lies: nothing wrong is served, nothing is lost."""

from __future__ import annotations

import shutil
import time

import pytest

from core.canonical import digest_bytes
from pipeline.states import State
from tests.faults.installation import ON_SERVERS, Installation, Servers
from tests.faults.invariants import broken

pytestmark = ON_SERVERS


def no_copies(greenroom: Installation) -> None:
    """What this machine keeps of remote files is gone, as on another machine."""
    shutil.rmtree(greenroom.home / "cache", ignore_errors=True)


@pytest.mark.parametrize("mode", ["500", "silent"])
def test_it_fails_for_a_while(greenroom: Installation, servers: Servers, mode: str) -> None:
    """Before the stages of a render, before the release of another; the door serves right bytes or nothing."""
    row, path = greenroom.released()
    campaign = greenroom.world.campaign(release_on_approval=True)
    waits = greenroom.submit(campaign)
    greenroom.until_state(waits, State.IN_REVIEW)
    servers.store.mode = mode
    asked = greenroom.submit(campaign)
    greenroom.world.approve(waits)
    answers = []
    for _ in range(3):
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
    assert not broken(greenroom)


@pytest.mark.parametrize("mode", ["wrong", "longer", "cut"])
def test_it_hands_out_wrong_bytes(greenroom: Installation, servers: Servers, mode: str) -> None:
    row, path = greenroom.released()
    servers.store.mode = mode
    for _ in range(3):
        no_copies(greenroom)
        status, body = greenroom.ask(path)
        assert status in (404, 500, 503), status
        assert digest_bytes(body) != row.published_sha256
    servers.store.mode = ""
    status, body = greenroom.ask(path)
    assert (status, digest_bytes(body)) == (200, row.published_sha256)
    assert not broken(greenroom)


def test_a_stage_on_wrong_bytes_ends_with_a_reason(greenroom: Installation, servers: Servers) -> None:
    """Not examined, not sealed, not lost: a person sees why, and sends it back once the store is mended."""
    greenroom.stop("worker-1")
    servers.store.mode, servers.store.only = "wrong", ("GET",)
    render = greenroom.submit(greenroom.world.campaign(release_on_approval=True))
    no_copies(greenroom)
    greenroom.start("worker-1", "worker", GREENROOM_PIPELINE_MAX_ATTEMPTS="3", GREENROOM_BLOB_CACHE_BYTES="0")
    row = greenroom.until_state(render, State.FAILED)
    servers.store.only = ("GET", "HEAD", "PUT", "POST", "DELETE")
    assert row.reason is not None and row.reason["code"] == "integrity"
    assert not broken(greenroom)
