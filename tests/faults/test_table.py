"""The page's table is what the tests do: three times each, of every fault that was promised."""

from __future__ import annotations

import pytest

from tests.faults.table import PAGE, SHAPES, counted, page

ON_SERVERS_ALONE = (
    "PostgreSQL",
    "the blob store",
    "the answer to a commit",
    "the connection is cut",
    "the broker hangs",
)
PROMISED = {
    "kill -9 of a worker": {"voice", "picture", "examine", "seal", "inspect", "release", "at any moment"},
    "kill -9 of the web": {"a request for a video", "an approval", "an upload", "at any moment"},
    "kill -9 of the relay": {"sends", "sent", "marks", "at any moment"},
    "kill -9 of the sequencer": {"positions", "bundle", "tile", "signed", "remembered", "checkpoint"},
    "the broker is wiped": {"before the stages, before the release"},
    "the broker is down": {"with a request and an approval meanwhile"},
    "the broker hangs": {"with a request meanwhile"},
    "PostgreSQL is restarted": {"a stage", "the release"},
    "PostgreSQL crashes": {"a stage", "the release"},
    "PostgreSQL cannot be reached": {"for a while"},
    "PostgreSQL takes no more connections": {"for a while"},
    "the connection is cut in a transaction": {"voice", "seal", "the approval", "the release"},
    "the answer to a commit is lost": {"the request", "voice", "seal", "the approval", "a rejection", "the release",
                                       "the recall", "what that takes back", "the sequencer's positions"},
    "the blob store answers 500": {"the stages, the release, a door"},
    "the blob store does not answer": {"the stages, the release, a door"},
    "the blob store hands out wrong bytes": {"a door", "a stage"},
    "the blob store takes a file and loses it": {"picture", "seal", "release"},
    "the blob store lists late": {"the sweep of orphans"},
    "the disk is full": {"at any moment", "a seal", "the release", "the sequencer's tiles"},
    "clocks wrong by an hour": {"worker and relay"},
    "one machine is ten minutes ahead": {"its worker, relay or web"},
    "messages doubled, reordered, early": {"every message that ever left"},
    "two relays, sequencers and workers": {"the sweep, sending, sequencing, stages, release"},
    "a worker hangs (SIGSTOP), and comes back when another has done its work": {"a stage", "the release"},
    "a worker hangs in a transaction": {"a stage"},
    "a render that ends its worker each time": {"a stage", "the release"},
}  # fmt: skip


def test_every_fault_that_was_promised_is_made() -> None:
    made = counted(full=True)
    missing = [
        (what, place) for what, places in PROMISED.items() for place in places if (what, place) not in made
    ]
    assert not missing
    assert {what for what, _ in made} == PROMISED.keys()


@pytest.mark.parametrize("shape", SHAPES)
def test_each_is_made_three_times_on_each_shape_that_has_it(shape: str) -> None:
    """With FULL=1 at the latest. SQLite and files know no server that fails; all of one machine is on one disk."""
    usual = counted(full=False)
    for (what, place), times in counted(full=True).items():
        elsewhere = (shape == "files" and what.startswith(ON_SERVERS_ALONE)) or (
            shape == "servers" and what == "the disk is full"
        )
        if elsewhere:
            assert times[shape] == 0
        else:
            assert times[shape] >= 3 and usual[what, place][shape] >= 1, (what, place, times)


def test_the_page_says_so() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m tests.faults.table"
