"""A copy agrees; the same mark on another clip, another face, other lips, new sound or other order never does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from provenance.fingerprint import Comparison, Fingerprint, Fingerprinter, compare
from tests.provenance.mark_media import Image, recoded, resized

FPS, SECONDS = 25, 4
Landmarks = npt.NDArray[np.float32]


def taken(frames: list[Image], faces: list[Landmarks], sound: npt.NDArray[np.float32]) -> Fingerprint:
    watcher = Fingerprinter()
    for index, (image, face) in enumerate(zip(frames, faces, strict=True)):
        watcher.see(SimpleNamespace(time=Fraction(index, FPS), image=image), SimpleNamespace(landmarks=face))
    return watcher.fingerprint(sound)


def tracked(frames: list[Image]) -> list[Landmarks]:
    from core.perception.finder import find_faces
    from core.perception.mesh import MeshFollower

    with MeshFollower() as mesh:
        first = mesh.start(frames[0], find_faces(frames[0])[0].box)
        assert first is not None
        rest = [mesh.follow(frame) for frame in frames[1:]]
    assert all(points is not None for points in rest)
    return [first, *[points for points in rest if points is not None]]


def aac(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Stands for a lossy re-encode: 12 bits and a narrower band."""
    spectrum = np.fft.rfft(sound)
    spectrum[int(len(spectrum) * 0.7) :] = 0
    narrow = np.fft.irfft(spectrum, len(sound))
    coarse: npt.NDArray[np.float32] = (np.rint(narrow * 2048) / 2048 * 0.8).astype(np.float32)
    return coarse


class Original:
    """Four seconds of the presenter, with face and sound."""

    def __init__(self, path: Path):
        from core.media.decode import sound

        with av.open(str(path)) as container:
            decoded = islice(container.decode(video=0), FPS * SECONDS)
            self.frames: list[Image] = [frame.to_ndarray(format="bgr24") for frame in decoded]
        self.faces = tracked(self.frames)
        everything = sound(path)
        self.sound = everything[: SECONDS * 16000]
        self.other_sound = everything[SECONDS * 16000 : 2 * SECONDS * 16000]
        self.print = taken(self.frames, self.faces, self.sound)

    def with_(self, **parts: Any) -> Comparison:
        frames = parts.get("frames", self.frames)
        faces = parts.get("faces", self.faces)
        return compare(self.print, taken(frames, faces, parts.get("sound", self.sound)))


@pytest.fixture(scope="module")
def original() -> Original:
    from generate.presenter import sample_presenter

    return Original(sample_presenter())


def what(comparison: Comparison) -> set[str]:
    return {difference.what for difference in comparison.differing}


def when(comparison: Comparison, kind: str) -> set[float]:
    return {difference.t0 for difference in comparison.differing if difference.what == kind}


def test_the_video_agrees_with_itself_also_through_bytes(original: Original) -> None:
    found = compare(Fingerprint.from_bytes(original.print.to_bytes()), original.print)
    assert found.agrees
    assert found.offset == 0
    assert found.covers is not None
    assert found.covers[0] == 0.0
    assert found.covers[1] == pytest.approx(SECONDS, abs=0.05)


def test_a_half_scale_copy_at_crf_28_with_its_face_tracked_anew_agrees(original: Original) -> None:
    copy = recoded(resized(original.frames, 640, 360), 28)
    found = original.with_(frames=copy, faces=tracked(copy), sound=aac(original.sound))
    assert found.agrees, (found.differing, found.measures)


def test_a_brighter_and_quieter_copy_agrees(original: Original) -> None:
    brighter = [cv2.convertScaleAbs(frame, alpha=0.92, beta=18) for frame in original.frames]
    assert original.with_(frames=brighter, sound=original.sound * 0.5).agrees


def test_a_trimmed_copy_agrees_and_says_which_part_it_is(original: Original) -> None:
    found = original.with_(
        frames=original.frames[33:],
        faces=original.faces[33:],
        sound=original.sound[33 * 640 :],
    )
    assert found.agrees, (found.offset, found.differing)
    assert found.offset == pytest.approx(33 / 25, abs=0.05)


def swapped(original: Original) -> list[Image]:
    """Another face: the same colours and light in the same outline, wider and shorter, so other features."""
    out = []
    for frame, face in zip(original.frames, original.faces, strict=True):
        x0, y0 = (float(v) for v in face[:, :2].min(axis=0))
        x1, y1 = (float(v) for v in face[:, :2].max(axis=0))
        part = np.s_[int(y0) : int(y1), int(x0) : int(x1)]
        copy = frame.copy()
        stretched = cv2.warpAffine(
            frame[part],
            np.array([[1.16, 0, -0.08 * (x1 - x0)], [0, 0.88, 0.06 * (y1 - y0)]]),
            (copy[part].shape[1], copy[part].shape[0]),
            borderMode=cv2.BORDER_REFLECT,
        )
        copy[part] = stretched
        out.append(copy)
    return out


def test_another_face_inside_the_picture_never_agrees(original: Original) -> None:
    found = original.with_(frames=swapped(original))
    assert not found.agrees
    assert when(found, "face") == {0.0, 1.0, 2.0, 3.0}


def test_one_second_of_another_face_is_named(original: Original) -> None:
    frames = original.frames[:50] + swapped(original)[50:75] + original.frames[75:]
    found = original.with_(frames=frames)
    assert not found.agrees
    assert {d.t0 for d in found.differing} == {2.0}


def test_other_lips_never_agree(original: Original) -> None:
    """The picture hardly changes: only the mouth's motion is that of another moment."""
    faces = [points.copy() for points in original.faces]
    for index in range(25, 50):
        other = original.faces[(index + 40) % len(faces)]
        opening = np.linalg.norm(other[14] - other[13]) + 0.06 * np.linalg.norm(other[263] - other[33])
        faces[index][14] = faces[index][13] + [0, opening, 0]
    found = original.with_(faces=faces)
    assert not found.agrees
    assert 1.0 in when(found, "face")


def test_new_sound_under_the_picture_never_agrees(original: Original) -> None:
    found = original.with_(sound=original.other_sound)
    assert not found.agrees
    assert "speech" in what(found)


def test_one_new_second_of_sound_is_named(original: Original) -> None:
    sound = original.sound.copy()
    sound[16000:32000] = original.other_sound[16000:32000]
    found = original.with_(sound=sound)
    assert not found.agrees
    assert 1.0 in when(found, "speech")
    assert what(found) == {"speech"}


def test_removed_sound_never_agrees(original: Original) -> None:
    for silent in (original.sound * 0, original.sound[:0]):
        assert "speech" in what(original.with_(sound=silent))


def test_late_sound_never_agrees(original: Original) -> None:
    assert not original.with_(sound=np.roll(original.sound, 6400)).agrees


def cut(original: Original, order: list[int]) -> Comparison:
    """Seconds in this order."""
    frames = [original.frames[s * 25 + i] for s in order for i in range(25)]
    faces = [original.faces[s * 25 + i] for s in order for i in range(25)]
    sound = np.concatenate([original.sound[s * 16000 : (s + 1) * 16000] for s in order])
    return original.with_(frames=frames, faces=faces, sound=sound)


@pytest.mark.parametrize("order", [[0, 1, 3], [0, 2, 1, 3], [0, 1, 1, 2, 3], [2, 3, 0, 1], [3, 2, 1, 0]])
def test_removed_repeated_or_reordered_seconds_never_agree(original: Original, order: list[int]) -> None:
    found = cut(original, order)
    assert not found.agrees
    assert "order" in what(found)


def test_another_clip_never_agrees(original: Original) -> None:
    random = np.random.default_rng(1)
    frames = [random.integers(0, 255, frame.shape, np.uint8) for frame in original.frames[:50]]
    found = original.with_(frames=frames, faces=original.faces[:50], sound=original.other_sound[:32000])
    assert not found.agrees
    assert {"picture", "speech"} <= what(found)


def test_a_covered_corner_never_agrees(original: Original) -> None:
    """As somebody would cover the visible label."""
    frames = []
    for frame in original.frames:
        covered = frame.copy()
        covered[640:700, 40:300] = (230, 230, 230)
        frames.append(covered)
    found = original.with_(frames=frames)
    assert not found.agrees
    assert what(found) == {"picture"}


def test_a_recoloured_shirt_never_agrees(original: Original) -> None:
    frames = []
    for frame in original.frames:
        copy = frame.copy()
        copy[560:, 300:1000] = copy[560:, 300:1000][:, :, ::-1]
        frames.append(copy)
    assert "picture" in what(original.with_(frames=frames))


def test_a_mirrored_copy_never_agrees(original: Original) -> None:
    frames = [np.ascontiguousarray(frame[:, ::-1]) for frame in original.frames]
    assert not original.with_(frames=frames).agrees


def test_a_face_that_is_gone_never_agrees(original: Original) -> None:
    watcher = Fingerprinter()
    for index, image in enumerate(original.frames):
        watcher.see(SimpleNamespace(time=Fraction(index, FPS), image=image), None)
    assert what(compare(original.print, watcher.fingerprint(original.sound))) == {"face"}


def test_nothing_or_too_little_never_agrees(original: Original) -> None:
    empty = Fingerprinter().fingerprint(np.zeros(0, np.float32))
    assert not compare(original.print, empty).agrees
    assert not compare(empty, original.print).agrees
    assert not compare(empty, empty).agrees
    short = original.with_(
        frames=original.frames[:12], faces=original.faces[:12], sound=original.sound[:7680]
    )
    assert not short.agrees


def test_a_copy_that_runs_on_after_the_original_never_agrees(original: Original) -> None:
    longer = replace(
        original.print,
        picture_ms=original.print.picture_ms[:8],
        pictures=original.print.pictures[:8],
        face_bits=original.print.face_bits[:8],
        face_shape=original.print.face_shape[:8],
        frame_ms=original.print.frame_ms[:50],
        motion=original.print.motion[:50],
        duration_ms=2000,
        speech=original.print.speech[:80],
        level=original.print.level[:80],
    )
    found = compare(longer, original.print)
    assert not found.agrees
    assert {2.0, 3.0} <= when(found, "order")


def test_it_is_compact(original: Original) -> None:
    assert len(original.print.to_bytes()) < 4000 * SECONDS


class Outlasting:
    """A clip with words before its first picture and after its last one: 1 s, 4 s of picture, 1.4 s."""

    def __init__(self, original: Original):
        self.original = original
        words = np.concatenate(
            [original.other_sound[:16000], original.sound, original.other_sound[20000:42400]]
        )
        self.sound = words.astype(np.float32)
        self.print = self.taken(self.sound)

    def taken(self, sound: npt.NDArray[np.float32], start: Fraction = Fraction(1)) -> Fingerprint:
        watcher = Fingerprinter()
        for index, (image, face) in enumerate(zip(self.original.frames, self.original.faces, strict=True)):
            time = start + Fraction(index, FPS)
            watcher.see(SimpleNamespace(time=time, image=image), SimpleNamespace(landmarks=face))
        return watcher.fingerprint(sound)

    def against(self, sound: npt.NDArray[np.float32], start: Fraction = Fraction(1)) -> Comparison:
        return compare(self.print, self.taken(sound, start))


@pytest.fixture(scope="module")
def outlasting(original: Original) -> Outlasting:
    return Outlasting(original)


def test_sound_beside_the_picture_is_part_of_the_fingerprint(outlasting: Outlasting) -> None:
    assert outlasting.print.duration == pytest.approx(6.4, abs=0.03)
    assert outlasting.print.shown == (1.0, 5.0)
    assert outlasting.against(outlasting.sound).agrees
    found = outlasting.against(aac(outlasting.sound))
    assert found.agrees, (found.differing, found.measures)


def test_silence_and_padding_after_the_picture_do_not_lengthen_it(original: Original) -> None:
    for tail in (np.zeros(32000), np.full(32000, 4e-4), original.other_sound[20000:20800]):
        longer = np.concatenate([original.sound, tail]).astype(np.float32)
        print_ = taken(original.frames, original.faces, longer)
        assert print_.duration == SECONDS
        assert compare(original.print, print_).agrees


def test_other_words_after_the_last_picture_never_agree(outlasting: Outlasting) -> None:
    sound = outlasting.sound.copy()
    sound[80000:] = outlasting.original.other_sound[: len(sound) - 80000]
    found = outlasting.against(sound)
    assert not found.agrees
    assert {d.what for d in found.differing} == {"speech"}
    assert min(d.t0 for d in found.differing) >= 5.0


def test_other_words_before_the_first_picture_never_agree(outlasting: Outlasting) -> None:
    sound = outlasting.sound.copy()
    sound[:16000] = outlasting.original.other_sound[44000:60000]
    found = outlasting.against(sound)
    assert {(d.t0, d.what) for d in found.differing} == {(0.0, "speech")}


@pytest.mark.parametrize("seconds", [0.2, 0.45, 1.4])
def test_words_that_are_added_after_the_last_picture_never_agree(original: Original, seconds: float) -> None:
    longer = np.concatenate([original.sound, original.other_sound[20000 : 20000 + int(seconds * 16000)]])
    found = original.with_(sound=longer)
    assert not found.agrees
    assert min(d.t0 for d in found.differing) >= SECONDS


def test_words_that_are_removed_beside_the_picture_never_agree(outlasting: Outlasting) -> None:
    silent = outlasting.sound.copy()
    silent[80000:] = 0
    for sound in (silent, outlasting.sound[:80000]):
        found = outlasting.against(sound)
        assert not found.agrees
        assert min(d.t0 for d in found.differing) >= 5.0
    before = outlasting.against(outlasting.sound[16000:], Fraction(0))
    assert {(d.t0, d.what) for d in before.differing} == {(0.0, "speech")}


def test_a_second_with_a_picture_in_one_of_the_two_only_differs(outlasting: Outlasting) -> None:
    watcher = Fingerprinter()  # the copy shows a still picture while the original shows none
    frames, faces = outlasting.original.frames, outlasting.original.faces
    for index in range(135):
        at = min(index, len(frames) - 1)
        watcher.see(
            SimpleNamespace(time=1 + Fraction(index, FPS), image=frames[at]),
            SimpleNamespace(landmarks=faces[at]),
        )
    found = compare(outlasting.print, watcher.fingerprint(outlasting.sound))
    assert not found.agrees
    assert what(found) == {"picture"}
    assert min(d.t0 for d in found.differing) >= 5.0


def test_an_excerpt_of_the_picture_still_agrees(outlasting: Outlasting) -> None:
    watcher = Fingerprinter()
    for index in range(25, 75):
        image, face = outlasting.original.frames[index], outlasting.original.faces[index]
        watcher.see(
            SimpleNamespace(time=Fraction(index - 25, FPS), image=image), SimpleNamespace(landmarks=face)
        )
    found = compare(outlasting.print, watcher.fingerprint(outlasting.sound[32000:64000]))
    assert found.agrees, (found.offset, found.differing)


def test_a_picture_that_is_held_is_still_shown(original: Original) -> None:
    """An uneven clock: no frame for 2 s, in both; a whole second has none."""
    frames, faces = original.frames, original.faces

    def held() -> Fingerprint:
        watcher = Fingerprinter()
        for index in (*range(30), *range(80, 100)):
            watcher.see(
                SimpleNamespace(time=Fraction(index, FPS), image=frames[index]),
                SimpleNamespace(landmarks=faces[index]),
            )
        return watcher.fingerprint(original.sound)

    found = compare(held(), held())
    assert found.agrees, (found.differing, found.measures)


def test_the_hash_of_slices_is_that_of_the_whole(original: Original) -> None:
    from core.media.heard import Heard
    from provenance.fingerprint import sound as parts

    long = np.tile(original.sound, 20)  # 80 s: two blocks
    words, level = parts.speech_hash(Heard.of(long).main)
    count = len(long) // parts.HOP
    padded = np.pad(long, (parts.WINDOW // 2, parts.WINDOW))
    at = (np.arange(count) * parts.HOP + parts.HOP // 2)[:, None] + np.arange(parts.WINDOW)[None]
    power = np.abs(np.fft.rfft(padded[at] * np.hanning(parts.WINDOW).astype(np.float32), axis=1)) ** 2
    slope = np.diff(np.log(power @ parts._bands().T + 1e-4).astype(np.float32), axis=1)
    change = slope - np.vstack([slope[:2], slope])[: len(slope)]
    assert np.array_equal(words, (change > 0) @ (1 << np.arange(24)).astype(np.uint32))
    decibels = 10 * np.log10((long.reshape(count, -1).astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    assert np.array_equal(level, np.clip(np.rint((decibels + 100) * 2), 0, 255))


def test_a_clip_under_a_second_is_called_too_short(original: Original) -> None:
    short = original.with_(
        frames=original.frames[:20], faces=original.faces[:20], sound=original.sound[:12800]
    )
    assert short.reason == "the clip is too short: 0.8 s, a comparison needs 1 s"
