"""Clips of real people, only measured, and one driven by its own held-back sound: never by new words."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.labels import load_label_profile
from core.media.decode import frames, sound
from core.media.encode import VideoWriter
from core.perception.speech import align, transcribe
from core.secrets import derived_key
from generate.lipsync import load_lipsync
from generate.models import Speech
from generate.service import make_candidate
from pipeline.analyze import analyze
from provenance.mark import MarkEmbedder, read_mark


@pytest.mark.parametrize("clip", ["real/s085-02.mp4", "real/s041-01.webm", "real/s046-01.mp4"])
def test_a_real_clip_is_measured_and_nothing_of_it_is_kept(test_media: Path, home: Path, clip: str):
    document = analyze(test_media / clip)
    assert document["quality_gate"] in ("pass", "review", "block")
    assert document["deepfake_score"] is None or 0 <= document["deepfake_score"] <= 1
    assert document["sync"]["abstained"] or document["sync"]["confidence"] is not None
    assert document["provenance"] == {
        "credential_present": False,
        "state": "nothing_found",
        "watermark": {
            "present": False,
            "id": None,
            "p_false": document["provenance"]["watermark"]["p_false"],
        },
    }
    large = [path for path in home.rglob("*") if path.is_file() and path.stat().st_size > 20_000]
    assert [path for path in large if not path.name.startswith("greenroom.db")] == []


def test_known_shifts_of_the_sound_are_found_against_one_another(test_media: Path, home: Path):
    """One clip three times, its sound shifted by 0, 5 and 12 frames; its own offset is not known."""
    offsets = sorted(
        analyze(test_media / f"real-offset/s001-0{number}.avi")["sync"]["offset_frames"]
        for number in (1, 2, 3)
    )
    assert abs(offsets[1] - offsets[0] - 5) <= 1, offsets
    assert abs(offsets[2] - offsets[0] - 12) <= 1, offsets


def test_a_clip_driven_by_its_own_held_back_sound_keeps_lips_and_sound_together(
    test_media: Path, home: Path, tmp_path: Path
):
    source = test_media / "real/s047-01.mp4"
    heard = sound(source, 16000)
    learned = tmp_path / "first.mp4"
    with VideoWriter(learned, 512, 512, Fraction(25), 16000) as writer:
        for frame in frames(source):
            if frame.index >= 500:
                break
            writer.write(frame.image)
            writer.write_sound(heard[frame.index * 640 : (frame.index + 1) * 640])
    own = heard[20 * 16000 : 27 * 16000]
    text = transcribe(own).text
    speech = Speech(own, 16000, tuple(align(own, text)), text)
    lipsync = load_lipsync()
    prepared = lipsync.prepare(learned, tmp_path / "prepared")
    candidate = make_candidate(
        prepared,
        speech,
        label_profile=load_label_profile("in"),
        mark=MarkEmbedder(77, 512, 512, derived_key("mark")),
        out=tmp_path / "driven.mp4",
        lipsync=lipsync,
    )
    document = analyze(candidate.path)
    assert read_mark(candidate.path, derived_key("mark")).mark_id == 77
    assert np.isclose(document["duration_s"], 7.6, atol=0.2)
    assert abs(document["sync"]["offset_frames"] or 0) <= 3, document["sync"]
    assert "lips_do_not_move" not in document["reason_codes"]
