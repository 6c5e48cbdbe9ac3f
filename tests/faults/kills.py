"""kill -9 of each process at a named point, or at any moment: what the tests and the benchmark do alike."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from random import Random

from pipeline.states import State
from pipeline.tables import CampaignRow
from tests.faults import points
from tests.faults.installation import Installation

RELEASE, RELAY, SEQUENCER = points.RELEASE_POINTS, points.RELAY_POINTS, points.SEQUENCER_POINTS
WEB = points.INTAKE_POINTS + points.APPROVAL_POINTS


def ordered(greenroom: Installation, point: str, act: Callable[[], object], *, what: str = "KILL") -> int:
    """Order a kill or a stop, do what leads there, and wait until it was obeyed; the pid."""
    points.order(greenroom.home, what, point)
    act()
    pid: int = greenroom.until(lambda: points.carried_out(greenroom.home))
    if what == "KILL":
        greenroom.fault()
    return pid


def a_life(
    greenroom: Installation, campaign: CampaignRow, stage_points: list[str], release_point: str
) -> list[str]:
    """One render from its submission to its release; its worker is killed in its stages and in the release.

    Args:
        stage_points: one for each stage, or for some of them, in their order.
    """
    render_id = ""

    def submit() -> None:
        nonlocal render_id
        render_id = greenroom.submit(campaign)

    ordered(greenroom, stage_points[0], submit)
    for point in stage_points[1:]:
        ordered(greenroom, point, greenroom.supervise)
    greenroom.until_state(render_id, State.IN_REVIEW)
    ordered(greenroom, release_point, lambda: greenroom.world.approve(render_id))
    greenroom.until_state(render_id, State.RELEASED)
    return [*stage_points, release_point]


def of_the_signer(greenroom: Installation, campaign: CampaignRow, number: int) -> list[str]:
    """A worker is killed while it seals a file and while it publishes it: where the real signer runs, in the signing
    itself at first, in other places of these two afterwards."""
    seals = (points.SIGNED_POINTS[0], "seal stage_done", "seal stage_inside")
    releases = (points.SIGNED_POINTS[1], "release published", "release inside")
    return a_life(greenroom, campaign, [seals[number % len(seals)]], releases[number % len(releases)])


def in_review(greenroom: Installation, campaign: CampaignRow) -> str:
    """A render that waits for a person."""
    render_id = greenroom.submit(campaign)
    greenroom.until_state(render_id, State.IN_REVIEW)
    return render_id


def of_the_relay(greenroom: Installation, campaign: CampaignRow, *which: str) -> None:
    """The relay while it sends, or the sequencer, is killed while a render goes its way: at one point after another,
    the last one after the approval."""
    render_id = ""

    def submit() -> None:
        nonlocal render_id
        render_id = greenroom.submit(campaign)

    *first, last = which
    act: Callable[[], object] = submit
    for point in first:
        ordered(greenroom, point, act)
        act = greenroom.supervise
    if first:
        greenroom.until_state(render_id, State.IN_REVIEW)
        ordered(greenroom, last, lambda: greenroom.world.approve(render_id))
    else:
        ordered(greenroom, last, submit)
        greenroom.until_state(render_id, State.IN_REVIEW)
        greenroom.world.approve(render_id)
    greenroom.until_state(render_id, State.RELEASED)


def of_the_web(greenroom: Installation, campaign: CampaignRow, point: str) -> None:
    """The web process is killed while it takes what a person sends; who gets no answer looks, and sends it again."""
    if point in points.INTAKE_POINTS:
        before = len(greenroom.submitted)
        ordered(greenroom, point, lambda: greenroom.ask_for(campaign))
        greenroom.until(greenroom.answers)
        if len(greenroom.submitted) == before:
            assert greenroom.ask_for(campaign) == 303
        (render_id,) = greenroom.submitted[before:]
        greenroom.until_state(render_id, State.IN_REVIEW)
        greenroom.approve(render_id)
    else:
        render_id = in_review(greenroom, campaign)
        ordered(greenroom, point, lambda: greenroom.approve(render_id))
        greenroom.until(greenroom.answers)
        if greenroom.state(render_id) is State.IN_REVIEW:
            greenroom.approve(render_id)
    greenroom.until_state(render_id, State.RELEASED)


def at_any_moment(greenroom: Installation, campaign: CampaignRow, process: str, dice: Random) -> str:
    """One process is killed at a random moment of a render's whole life; where the render was."""
    render_id = greenroom.submit(campaign)
    moment = time.monotonic() + dice.uniform(0.0, 1.6)
    where = ""
    while greenroom.state(render_id) is not State.RELEASED or not where:
        if not where and time.monotonic() > moment:
            where = greenroom.state(render_id)
            greenroom.signal(process, signal.SIGKILL)
            greenroom.fault()
        if greenroom.state(render_id) is State.IN_REVIEW:
            greenroom.approve(render_id) if process != "web" else greenroom.world.approve(render_id)
        greenroom.supervise()
        time.sleep(0.01)
        if time.monotonic() > moment + 30:
            raise AssertionError(greenroom.told())
    greenroom.until(greenroom.answers)
    return where


def stage_points(first: int) -> list[str]:
    """A point in each stage: the first-th of the first stage, the one after that in the next, and so on."""
    each = len(points.STAGE_POINTS) // len(points.WORKED)
    return [
        points.STAGE_POINTS[number * each + (first + number) % each] for number in range(len(points.WORKED))
    ]
