"""The verifier with its real senses, on four seconds of the sample presenter: the answers that matter most.

All verdicts and attacks are in benchmarks/verify_confusion.py, whose material this uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from benchmarks import verify_confusion as bench
from provenance.models import VerifyReport
from provenance.senses import RealSenses
from provenance.verify import verify

Check = Callable[[Path], VerifyReport]


@dataclass(frozen=True)
class Made:
    """One released asset, and a second asset's raw clip."""

    base: bench.Base
    other: bench.Clip
    check: Check


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, presenter: Path) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("real")
    other = bench.clip_of(presenter, 5.0)
    for who in bench.desk(folder):
        base = bench.make_base("presenter", bench.clip_of(presenter, 1.0), 4711, folder, who)
        registry = bench.Memory(dict.fromkeys(base.digests, base.entry))

        senses, anchors = RealSenses(key=bench.KEY), who.anchors
        yield Made(base, other, partial(verify, registry=registry, anchors=anchors, senses=senses))


def test_the_released_file(made: Made) -> None:
    report = made.check(made.base.published)
    assert (report.verdict, report.trusted, report.problems) == ("intact", True, ()), report
    assert report.watermark["id"] == f"{4711:010x}"


def test_a_copy_at_crf_28(made: Made, tmp_path: Path) -> None:
    report = made.check(bench.write(made.base.marked, tmp_path / "copy.mp4", crf=28))
    assert (report.verdict, report.release, report.problems) == ("reencoded_copy", "released", ()), report


def test_another_face_inside_the_marked_video(made: Made, tmp_path: Path) -> None:
    swapped = bench.with_face(made.base.marked.pictures, made.other.pictures[::-1])
    report = made.check(
        bench.write(bench.Clip(swapped, made.base.marked.sound), tmp_path / "face.mp4", crf=20)
    )
    assert report.verdict == "tampered", report
    assert {problem.code for problem in report.problems} & {"face_differs", "picture_differs"}


def test_the_same_mark_on_another_clip(made: Made, tmp_path: Path) -> None:
    forged = bench.marked_with(made.other, 4711)
    report = made.check(bench.write(forged, tmp_path / "forged.mp4", crf=20))
    assert (report.verdict, report.watermark["present"]) == ("tampered", True), report
