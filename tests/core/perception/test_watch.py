"""One decode, one track: every watcher sees every frame once, with the face where there is one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.media.decode import frames
from core.media.encode import VideoWriter
from core.perception.models import FaceTrack
from core.perception.record import LandmarkRecorder
from core.perception.watch import watch


def _video(path: Path, pictures: list[np.ndarray]) -> Path:
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, width, height, Fraction(25), 0) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def marked(path: Path) -> tuple[np.ndarray, FaceTrack]:
    """All mesh points of a file (n, 478, 3), and its track."""
    recorder = LandmarkRecorder()
    track = watch(path, [recorder])
    return recorder[:], track


@pytest.fixture(scope="session")
def pictures(short_presenter: Path) -> list[np.ndarray]:
    return [frame.image for frame, _ in zip(frames(short_presenter), range(30), strict=False)]


def test_every_watcher_sees_every_frame_once_and_the_track_has_a_row_for_each(watched) -> None:
    track, album, steps = watched
    assert album.indices == list(range(len(track.times)))
    assert album.seen == track.found.tolist()
    assert steps == track.times.tolist()
    assert track.boxes.shape == (len(track.times), 4)
    assert np.isnan(track.boxes[~track.found]).all()
    assert track.fps == pytest.approx(25, abs=0.1)


def test_the_presenter_is_one_face_in_all_frames_and_the_mesh_lies_on_it(watched) -> None:
    track, album, _ = watched
    assert track.coverage >= 0.99
    looks = track.faces[track.faces >= 0]
    assert set(looks.tolist()) == {1}
    assert len(looks) >= track.times[-1]  # once a second
    image, face = album.picture
    # The pupils (468, 473) are far darker than the cheeks (50, 280).
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    for pupil, cheek in ((468, 50), (473, 280)):
        dark, light = (
            float(gray[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].mean())
            for x, y in face.landmarks[[pupil, cheek], :2]
        )
        assert dark < 0.5 * light


def test_the_same_file_gives_the_same_track(short_presenter: Path, watched) -> None:
    again = watch(short_presenter)
    assert np.array_equal(again.boxes, watched[0].boxes, equal_nan=True)
    assert np.array_equal(again.faces, watched[0].faces)


def test_recorded_points_survive_their_file(tmp_path: Path) -> None:
    recorder = LandmarkRecorder((33, 263), axes=2)
    for number in range(5000):  # more than one buffer
        points = np.full((2, 3), number, np.float32)
        recorder.add(number / 25, None if number == 7 else points)
        if number == 4000:
            assert recorder[3999:][:, 0, 0].tolist() == [3999, 4000]  # reading does not disturb what follows
    recorder.save(tmp_path / "points.npz")
    for seen in (recorder, LandmarkRecorder.load(tmp_path / "points.npz")):
        assert len(seen) == 5000 and seen.points == (33, 263)
        assert np.array_equal(seen.times, np.arange(5000) / 25)
        assert np.flatnonzero(~seen.found).tolist() == [7]
        assert np.isnan(seen[7:8]).all()
        assert seen[4998:5002].shape == (2, 2, 2)
        assert seen[4998:5002][:, 1, 1].tolist() == [4998, 4999]


def test_points_do_not_depend_on_the_size_of_the_face(pictures, tmp_path: Path) -> None:
    """A face of about 45 pixels is enlarged for the mesh; its points agree with the large one's."""
    large, _ = marked(_video(tmp_path / "large.mp4", pictures[:6]))
    side = float(np.ptp(large[0, :, :2], axis=0).max())
    scale = 45 / side
    height, width = pictures[0].shape[:2]
    canvas = []
    for picture in pictures[:6]:
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        whole = np.full((height // 2 * 2, width // 2 * 2, 3), 90, np.uint8)
        whole[50 : 50 + small.shape[0], 70 : 70 + small.shape[1]] = small
        canvas.append(whole)
    little, track = marked(_video(tmp_path / "small.mp4", canvas))
    assert track.coverage == 1.0
    back = (little[:, :, :2] - np.array([70, 50])) / scale
    error = np.linalg.norm(back - large[:, :, :2], axis=2).mean() / side
    assert error < 0.03


def test_a_face_that_leaves_is_lost_and_found_again_elsewhere(pictures, tmp_path: Path) -> None:
    width = pictures[0].shape[1]
    empty = np.full_like(pictures[0], 100)
    moved = [np.roll(picture, -width // 5, axis=1) for picture in pictures[:10]]
    marks, track = marked(_video(tmp_path / "leaves.mp4", [*pictures[:10], *[empty] * 10, *moved]))
    assert track.found[:10].all()
    assert not track.found[11:20].any()
    assert track.found[-5:].all()
    shift = np.nanmean(marks[-5:, :, 0]) - np.nanmean(marks[:5, :, 0])
    assert shift == pytest.approx(-width // 5, abs=0.03 * width)


def test_two_faces_are_counted_and_one_is_followed(pictures, tmp_path: Path) -> None:
    small = [cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for p in pictures]
    both = [np.hstack([a, a[:, ::-1]]) for a in small]
    both = [p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in both]
    marks, track = marked(_video(tmp_path / "two.mp4", both))
    assert track.faces.max() == 2
    assert track.coverage == 1.0
    centres = np.nanmean(marks[:, :, 0], axis=1)
    assert np.ptp(centres) < 0.1 * track.width  # never jumps to the other


def test_a_video_without_a_face_is_cheap_and_empty(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    picture = cv2.resize(noise, (160, 160), interpolation=cv2.INTER_CUBIC)
    track = watch(_video(tmp_path / "empty.mp4", [picture] * 20))
    assert not track.found.any()
    assert (track.faces >= 0).sum() < 10  # the detector does not look at every frame
    assert track.faces.max() == 0


def test_nothing_is_written_to_stderr(pictures, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    watch(_video(tmp_path / "quiet.mp4", pictures[:3]))
    assert capfd.readouterr().err == ""
