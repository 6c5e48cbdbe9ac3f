"""200 damaged and forged variants of a published video: none is trusted, none crashes or hangs the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mutants import Mutant, Outcome, Worker, judge_all, material, mutants


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("mutants")
    made, anchors = material(folder)
    original = Mutant("untouched", made.victim)
    return judge_all(iter([original, *mutants(made, 200)]), anchors, folder)


def test_only_the_untouched_file_is_trusted(outcome: Outcome) -> None:
    assert outcome.tried == 201
    assert outcome.trusted == ["untouched"]


def test_no_mutant_crashes_or_hangs_the_reader(outcome: Outcome) -> None:
    assert (outcome.crashed, outcome.hung) == (0, 0)


def test_a_crash_of_the_reader_is_counted_and_survived(tmp_path: Path) -> None:
    worker = Worker("")
    worker._process.kill()
    worker._process.wait()
    assert worker.ask(tmp_path / "any.mp4") == "crashed"
    worker.close()
