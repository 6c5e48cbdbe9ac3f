"""The benchmark `release_race`, small: no order of a few actors breaks a promise, and a seed is one order."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from benchmarks.release_race import interleave


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("signer", "count"), [("recorded", 25), ("real", 5)])
def test_a_few_interleavings_break_no_promise(signer: str, count: int):
    tally = interleave(signer, 0, count)  # type: ignore[arg-type]
    assert (tally.done, tally.violations) == (count, [])
    assert len(tally.ends) > 2


def test_a_seed_is_one_order_of_events(capsys: pytest.CaptureFixture[str]):
    seen = []
    for _ in range(2):
        interleave("recorded", 7, 1, show=True)
        seen.append(capsys.readouterr().err)
    assert seen[0] == seen[1] and seen[0].count("\n") > 3
