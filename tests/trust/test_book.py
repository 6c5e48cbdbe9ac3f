"""The book and the watch notice: with one trust check of the product switched off, a short story ends in a violation.

Without this nobody knows whether ten thousand interleavings without a violation say anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

import delivery.links
import delivery.orphans
import delivery.release
import greenroom.relay
import pipeline.decision_table
import pipeline.outbox
import pipeline.registry
import pipeline.standing
from pipeline.standing import Standing
from tests.kit.world import world as open_world
from tests.trust import seams
from tests.trust.acts import Acts, Stage, set_up
from tests.trust.book import Violation

Story = Callable[[Acts], None]
OPEN_TO_ALL = Standing("released", serves=True, links=True)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all stories: each begins where it was saved."""
    with open_world(tmp_path_factory.mktemp("trust") / "home", signer="recorded") as w, seams.installed():
        yield set_up(w)


@pytest.fixture
def acts(stage: Stage) -> Iterator[Acts]:
    logging.disable(logging.CRITICAL)  # crashes are logged, as they should
    yield Acts(stage)
    logging.disable(logging.NOTSET)


def ready(acts: Acts) -> Any:
    return acts.book.videos[acts.stage.first["ready"]]


def off(module: Any, name: str, answer: Any = None) -> AbstractContextManager[Any]:
    return patch.object(module, name, lambda *_args, **_more: answer)


def out(acts: Acts) -> None:
    acts.release(ready(acts))
    acts.link(ready(acts), 24)


def recalled(acts: Acts) -> None:
    out(acts)
    acts.recall(ready(acts))


def taken_back_from_outside(acts: Acts) -> None:
    acts.recall(acts.book.videos[acts.stage.first["out"]])


def withdrawn(acts: Acts) -> None:
    out(acts)
    acts.withdraw("recall")


def withdrawn_in_between(acts: Acts) -> None:
    with acts.at("published", lambda: acts.withdraw("stop")):
        acts.release(ready(acts))


def link_after_a_stop(acts: Acts) -> None:
    out(acts)
    acts.withdraw("stop")
    acts.link(ready(acts), 24)


def released_by_two(acts: Acts) -> None:
    with acts.at("opening", lambda: (acts.tick(61), acts.release(ready(acts)))):
        acts.release(ready(acts))


def approved_by_one_of_two(acts: Acts) -> None:
    acts.approve(acts.book.videos[acts.stage.first["high"]], acts.w.reviewer)


def lost_release(acts: Acts) -> None:
    acts.approve(acts.book.videos[acts.stage.first["auto"]], acts.w.reviewer)
    acts.relay()
    acts.lose()


def lost_withdrawal(acts: Acts) -> None:
    out(acts)
    acts.withdraw("recall")
    acts.relay()
    acts.lose()


def killed(acts: Acts) -> None:
    with acts.crashing("published", "kill"):
        acts.release(ready(acts))


def unlogged(acts: Acts) -> None:
    acts.w.as_database_owner("UPDATE renders SET seconds = 99 WHERE id = ?", ready(acts).id)


NOTICED: dict[str, tuple[Callable[[], AbstractContextManager[Any]], Story]] = {
    "links do not ask the predicate": (lambda: off(delivery.links, "standing_of", OPEN_TO_ALL), recalled),
    "links do not ask about a withdrawal": (lambda: off(delivery.links, "standing_of", OPEN_TO_ALL), withdrawn),
    "new links after a stop": (lambda: off(delivery.links, "standing_of", OPEN_TO_ALL), link_after_a_stop),
    "the verifier does not ask": (lambda: off(pipeline.registry, "standing_of", OPEN_TO_ALL), taken_back_from_outside),
    "the release does not ask the authority again": (
        lambda: patch.object(delivery.release, "check_authority", pipeline.standing.authority_of),
        withdrawn_in_between),
    "one of two people is enough": (
        lambda: patch.dict(pipeline.decision_table.RULES, high=pipeline.decision_table.RULES["standard"]),
        approved_by_one_of_two),
    "nobody looks for lost releases": (lambda: off(pipeline.outbox, "sweep", []), lost_release),
    "nobody looks for lost withdrawals": (lambda: off(greenroom.relay, "unsettled", []), lost_withdrawal),
    "files that a crash left behind stay": (lambda: off(delivery.orphans, "sweep_orphans", []), killed),
    "a column changes behind the ledger": (lambda: off(pipeline.outbox, "message"), unlogged),
}  # fmt: skip


@pytest.mark.parametrize("what", NOTICED)
def test_it_is_noticed(acts: Acts, what: str):
    switched_off, story = NOTICED[what]
    with switched_off(), pytest.raises(Violation):
        story(acts)
        acts.check()
        acts.quiet()


@pytest.mark.parametrize(
    "story",
    [recalled, withdrawn, withdrawn_in_between, link_after_a_stop, released_by_two, lost_release, lost_withdrawal,
     killed],
)  # fmt: skip
def test_with_every_check_on_the_same_stories_end_well(acts: Acts, story: Story):
    story(acts)
    acts.check()
    acts.quiet()
