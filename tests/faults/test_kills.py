"""kill -9 of each process in each stage and in the release, three times each, on both shapes."""

from __future__ import annotations

import http.client
import os
import time
from random import Random

import pytest

from pipeline.states import State
from tests.faults import kills, points
from tests.faults.installation import Installation
from tests.faults.invariants import broken
from tests.faults.table import fault

STAGES = [stage.name for stage in points.WORKED]


@fault("kill -9 of a worker", *STAGES, "release")
@pytest.mark.parametrize("life", range(3))
def test_the_worker_in_each_stage_and_in_the_release(greenroom: Installation, life: int) -> None:
    """On the one shape at the first three points of each, on the other at the last three."""
    first = life + (greenroom.servers is not None)
    campaign = greenroom.world.campaign(release_on_approval=True)
    kills.a_life(greenroom, campaign, kills.stage_points(first), kills.RELEASE[life + first])
    assert not broken(greenroom)


@fault("kill -9 of the relay", *(point.removeprefix("relay ") for point in kills.RELAY))
@pytest.mark.parametrize("life", range(3))
def test_the_relay_while_it_sends(greenroom: Installation, life: int) -> None:
    kills.of_the_relay(greenroom, greenroom.world.campaign(release_on_approval=True), *kills.RELAY)
    assert not broken(greenroom)


@fault("kill -9 of the sequencer", *(point.removeprefix("sequencer ") for point in kills.SEQUENCER))
@pytest.mark.parametrize("life", range(3))
def test_the_sequencer_in_each_step(greenroom: Installation, life: int) -> None:
    """Between the positions and the tiles, in them, between them and the checkpoint, and after it is remembered."""
    kills.of_the_relay(greenroom, greenroom.world.campaign(release_on_approval=True), *kills.SEQUENCER)
    assert not broken(greenroom)


@fault("kill -9 of the web", "a request for a video")
@pytest.mark.parametrize("point", points.INTAKE_POINTS)
def test_the_web_while_it_takes_a_request(greenroom: Installation, point: str) -> None:
    kills.of_the_web(greenroom, greenroom.world.campaign(release_on_approval=True), point)
    assert not broken(greenroom)


@fault("kill -9 of the web", "an approval")
@pytest.mark.parametrize("point", points.APPROVAL_POINTS)
def test_the_web_while_it_takes_an_approval(greenroom: Installation, point: str) -> None:
    kills.of_the_web(greenroom, greenroom.world.campaign(release_on_approval=True), point)
    assert not broken(greenroom)


@fault("kill -9 of the web", "an upload", each=3)
def test_the_web_while_it_checks_a_strangers_upload(greenroom: Installation) -> None:
    """The stranger's file does not stay: the next web process removes it."""
    place = greenroom.home / "temporary"
    place.mkdir()
    role, environment = greenroom.roles["web"]
    greenroom.stop("web")
    greenroom.start("web", role, **environment, TMPDIR=str(place))
    greenroom.until(greenroom.answers)
    for _ in range(3):
        kills.ordered(greenroom, "upload kept", lambda: send_a_file(greenroom))
        (left,) = place.glob("greenroom-upload-*")
        assert any(left.iterdir())
        os.utime(left, (time.time() - 120,) * 2)
        greenroom.until(greenroom.answers)
        greenroom.until(lambda left=left: not left.exists())
    greenroom.until_state(greenroom.submit(greenroom.world.campaign()), State.IN_REVIEW)
    assert not broken(greenroom)


def send_a_file(greenroom: Installation) -> None:
    """To the public check; whoever sent it gets no answer."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="clip.mp4"\r\n'
        b"Content-Type: video/mp4\r\n\r\n" + b"a stranger's video" * 1000 + b"\r\n--x--\r\n"
    )
    connection = http.client.HTTPConnection("127.0.0.1", greenroom.port("web"), timeout=10)
    headers = {"content-type": "multipart/form-data; boundary=x"}
    try:
        connection.request("POST", "/api/v1/verify", body, headers)
        answer = connection.getresponse()
        raise AssertionError(f"answered {answer.status} {answer.read()[:300]!r}")
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


@pytest.mark.parametrize(
    "process",
    [
        pytest.param("worker-1", marks=fault("kill -9 of a worker", "at any moment", each=3)),
        pytest.param("relay", marks=fault("kill -9 of the relay", "at any moment", each=3)),
        pytest.param("sequencer", marks=fault("kill -9 of the sequencer", "at any moment", each=3)),
        pytest.param("web", marks=fault("kill -9 of the web", "at any moment", each=3)),
    ],
)
def test_each_at_any_moment(greenroom: Installation, process: str) -> None:
    dice = Random(f"{process} {greenroom.servers is None}")
    campaign = greenroom.world.campaign(release_on_approval=True)
    for _ in range(3):
        kills.at_any_moment(greenroom, campaign, process, dice)
    assert not broken(greenroom)
