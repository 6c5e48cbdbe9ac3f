"""The embedders: near for the same person, far for another, and as their authors define them."""

from __future__ import annotations

import numpy as np
import pytest

from core.perception import embed
from core.perception.embed import face_embedding, voice_embedding, voice_windows


def test_a_face_is_near_itself_in_another_light_and_size_and_mirrored(watched) -> None:
    import cv2

    image, face = watched[1].picture
    own = face_embedding(image, face.landmarks)
    assert own.shape == (128,)
    darker = (image * 0.6).astype(np.uint8)
    assert np.linalg.norm(own - face_embedding(darker, face.landmarks)) < 0.35
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert np.linalg.norm(own - face_embedding(small, face.landmarks * 0.5)) < 0.35


def test_a_face_outside_the_picture_is_refused(watched) -> None:
    image, face = watched[1].picture
    with pytest.raises(ValueError, match="outside"):
        face_embedding(image, face.landmarks + np.float32(5000))


def test_the_mel_spectrogram_is_the_one_that_the_embedder_was_trained_on() -> None:
    """The numbers are librosa 0.11's: melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=40)."""
    sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    mel = embed._mel(sound)
    assert mel.shape == (101, 40)
    expected = [
        [0.01854457, 0.01458061, 0.00503358, 0.01552046],
        [0.03889783, 0.03279462, 0.01879693, 0.04302981],
        [0.00241093, 0.02156985, 0.01095356, 0.01311653],
    ]
    assert mel[np.ix_([0, 50, 100], [0, 7, 19, 39])] == pytest.approx(np.array(expected), rel=1e-4)


def test_a_voice_is_near_itself_and_far_from_its_pitch_shifted_self() -> None:
    from tests.core.perception.test_speech import speak

    first = speak("The quick brown fox jumps over the lazy dog near the river bank.")
    second = speak("Please bring your insurance card to the appointment on Monday morning.")
    slow = np.interp(np.arange(0, len(second), 0.72), np.arange(len(second)), second).astype(np.float32)
    same = float(voice_embedding(first) @ voice_embedding(second))
    other = float(voice_embedding(first) @ voice_embedding(slow))
    assert same > 0.85
    assert other < same - 0.1


def test_windows_lie_on_the_time_axis_where_somebody_speaks() -> None:
    rng = np.random.default_rng(0)
    sound = np.zeros(16000 * 8, np.float32)
    sound[16000 * 4 :] = rng.normal(0, 0.1, 16000 * 4)
    times, windows = voice_windows(sound)
    assert len(times) == len(windows) > 3
    assert times.min() > 4.0
    assert np.allclose(np.linalg.norm(windows, axis=1), 1, atol=1e-5)


def test_silence_has_no_voice() -> None:
    assert len(voice_windows(np.zeros(16000, np.float32))[0]) == 0
    with pytest.raises(ValueError, match="half a second"):
        voice_embedding(np.zeros(16000, np.float32))
