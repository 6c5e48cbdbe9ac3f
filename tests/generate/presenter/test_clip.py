"""The committed clip meets its acceptance, measured on the clip itself."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.decode import sound
from core.media.probe import probe
from core.perception.models import FaceTrack
from generate.loudness import integrated_loudness, true_peak_db
from generate.presenter import provenance_statement, reference_phones, reference_script, reference_words
from generate.presenter.measure import (
    CLOSE,
    STRANGERS,
    Marks,
    clip_embeddings,
    likeness,
    lip_sync,
    one_large_face,
    real_embeddings,
)

VOWELS = {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"}
STOPS = {"B", "D", "G", "K", "P", "T", "CH", "JH", "M", "N", "NG"}
OTHERS = {"DH", "F", "HH", "L", "R", "S", "SH", "TH", "V", "W", "Y", "Z", "ZH"}


def test_it_is_a_720p_reference_clip_under_four_megabytes(clip: Path) -> None:
    info = probe(clip)
    assert (info.video.width, info.video.height) == (1280, 720)
    assert info.video.frame_rate == 25
    assert not info.video.variable
    assert 20 <= info.duration <= 30
    assert info.audio is not None
    assert clip.stat().st_size < 4_000_000


def test_it_speaks_at_broadcast_loudness_without_clipping(clip: Path) -> None:
    samples = sound(clip, rate=48_000)
    assert integrated_loudness(samples, 48_000) == pytest.approx(-16, abs=0.7)
    assert true_peak_db(samples) < -0.5


def test_one_face_of_300_pixels_in_its_frames(clip: Path, track: FaceTrack, marks: Marks) -> None:
    assert track.coverage >= 0.99
    heights = np.ptp(marks[:, :, 1], axis=1)
    assert np.mean(heights >= 300) >= 0.99
    assert one_large_face(clip, marks, every=23) == 1.0


def test_the_lips_follow_the_sound_without_lag(track: FaceTrack, marks: Marks) -> None:
    measured = lip_sync(track, marks, reference_phones())
    assert measured.correlation >= 0.8
    assert measured.lag_frames == 0
    assert measured.closures >= 20
    assert measured.closures_seen / measured.closures >= 0.95


def test_it_blinks_like_a_person_and_both_eyes_at_once(marks: Marks) -> None:
    marks = marks[:, :, :2]

    def opening(top: int, bottom: int, left: int, right: int) -> NDArray[np.float64]:
        height = np.linalg.norm(marks[:, top] - marks[:, bottom], axis=1)
        return np.asarray(height / np.linalg.norm(marks[:, left] - marks[:, right], axis=1))

    right, left = opening(159, 145, 33, 133), opening(386, 374, 362, 263)
    shut = (right < 0.6 * np.median(right)) & (left < 0.6 * np.median(left))
    blinks = int(np.sum(np.diff(shut.astype(int)) == 1))
    minutes = len(shut) / 25 / 60
    assert 8 <= blinks / minutes <= 30
    assert shut.mean() < 0.12


def test_the_head_moves_a_little_and_smoothly(marks: Marks) -> None:
    nose = marks[:, 168, :2]
    assert 4 < np.ptp(nose[:, 0]) < 60
    speed = np.linalg.norm(np.diff(nose, axis=0), axis=1)
    assert np.percentile(speed, 99) < 4  # pixels a frame


def test_it_says_every_english_phoneme_and_its_timings_cover_the_sound() -> None:
    phones = reference_phones()
    assert {phone.symbol for phone in phones} >= VOWELS | STOPS | OTHERS
    assert phones[0].t0 == 0
    assert all(a.t1 == pytest.approx(b.t0, abs=0.002) for a, b in pairwise(phones))
    said = "".join(c for word in reference_words() for c in word.text.lower() if c.isalpha())
    written = "".join(c for c in reference_script().lower() if c.isalpha())
    assert said == written


def test_the_statement_is_about_these_bytes_and_nobody(clip: Path) -> None:
    statement = provenance_statement()
    assert statement["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert statement["person_depicted"] is None
    assert statement["checks"]["likeness"]["nearest"] >= CLOSE
    digests = [d for role in statement["sources"].values() for d in role]
    assert len(set(digests)) >= 30
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in digests)


def test_it_resembles_no_real_face(clip: Path, marks: Marks, test_media: Path) -> None:
    """Each fifteenth real face of the collection; the card's figure is over all of them."""
    real, identities = real_embeddings(test_media, every=15)
    measured = likeness(clip_embeddings(clip, marks, every=100), real, identities)
    assert measured.real_faces > 100
    assert measured.nearest >= CLOSE
    assert measured.share_near <= max(STRANGERS, measured.strangers_share_near)
