"""An import is written as it was seen and heard: in step, in shape, in colour, as loud, with nothing hidden in it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.media.decode import frames, heard, sound
from core.media.encode import VideoWriter
from core.media.probe import probe
from core.media.reading import read
from generate.relabel import rewrite
from generate.sound import plan_mix
from tests.media_catalogue import clocks, colours, declared, geometry, sounds
from tests.media_catalogue.beeps import MAIN, RIGHT, amplitude, find, voice
from tests.media_catalogue.check import offsets
from tests.media_catalogue.found import product
from tests.media_catalogue.truth import Truth

Make = Callable[[Path], Truth]


def rewritten(path: Path, out: Path) -> Path:
    return rewrite(path, lambda index, image, time, end: image, out=out)


@pytest.mark.parametrize(
    ("name", "make", "how"),
    [
        ("picture_late.mkv", clocks.even, {"picture_from": 0.8}),
        ("sound_late.mp4", clocks.even, {"sound_from": 0.9}),
        ("fragments.mp4", clocks.fragmented, {}),
        ("jitter.mp4", clocks.uneven, {"how": "jitter"}),
        ("b.avi", clocks.avi, {}),
        ("trimmed.mp4", clocks.trimmed, {"sound_cut": 0.0}),
        ("joined.ts", declared.joined, {}),
        ("60.mp4", clocks.even, {"rate": "60"}),
    ],
)
def test_picture_and_sound_stay_in_step(tmp_path: Path, name: str, make: Any, how: dict[str, Any]) -> None:
    path = tmp_path / name
    truth = make(path, **how)
    out = rewritten(path, tmp_path / "out.mp4")
    shown = probe(out)
    assert shown.video.start == 0  # the first picture stands from the beginning, also where it began late
    assert shown.audio is not None and shown.audio.start == 0
    assert not shown.video.variable
    found = product(out)
    errors = offsets(truth, found)
    assert len(errors) >= 3
    assert max(abs(error) for error in errors) <= truth.one_frame + 0.002, errors


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("wide.mp4", lambda path: geometry.shaped(path, aspect=Fraction(4, 3))),
        ("turned.mov", lambda path: geometry.shaped(path, aspect=Fraction(4, 3), rotation=90)),
        ("601.mp4", lambda path: colours.coloured(path, ink=colours.INKS["601"])),
        ("untagged.mp4", lambda path: colours.coloured(path, ink=colours.INKS["untagged"])),
        ("2020.mp4", lambda path: colours.coloured(path, ink=colours.INKS["2020"], pixel=colours.TEN)),
    ],
)
def test_the_picture_keeps_its_shape_and_its_colours_and_says_what_they_are(
    tmp_path: Path, name: str, make: Make
) -> None:
    path = tmp_path / name
    truth = make(path)
    assert truth.seen is not None
    out = rewritten(path, tmp_path / "out.mp4")
    found = product(out)
    video = probe(out).video
    # 4:2:0 wants even sides: an odd one loses a row or a column.
    assert (video.width, video.height) == (truth.seen.width // 2 * 2, truth.seen.height // 2 * 2)
    assert (video.rotation, video.aspect) == (0, 1)
    colour = video.colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.tagged) == (1, 1, 1, True)
    for place, expected in truth.seen.colours.items():
        tolerance = truth.seen.colour_tolerance + 4
        assert np.abs(np.array(found.colours[place]) - expected).max() <= tolerance, place


def test_hdr_is_written_in_the_range_that_its_tags_state(tmp_path: Path) -> None:
    path = tmp_path / "hlg.mp4"
    colours.coloured(path, ink=colours.INKS["hlg"], pixel=colours.TEN)
    assert probe(path).video.colour.hdr
    out = rewritten(path, tmp_path / "out.mp4")
    assert not probe(out).video.colour.hdr
    levels = [np.mean(product(out).colours[f"ramp {i}"]) for i in range(5)]
    assert levels == sorted(levels) and levels[4] > 180 and 85 < levels[2] < 175


@pytest.mark.parametrize(
    ("plan", "channels"),
    [
        ("mono", 1),
        ("dual_mono", 2),
        ("stereo", 2),  # music on one side and the other: no speech differs
        ("antiphase", 1),
        ("centre_only", 2),
    ],
)
def test_sound_is_written_as_it_was_heard_and_as_loud(tmp_path: Path, plan: str, channels: int) -> None:
    path = tmp_path / "in.mkv"
    sounds.placed(path, plan=plan, codec="flac")
    out = rewritten(path, tmp_path / "out.mp4")
    audio = probe(out).audio
    assert audio is not None and audio.channels == channels
    before, after = sound(path), sound(out)
    assert len(find(after, MAIN)) == len(find(before, MAIN)) >= 4
    change = 20 * np.log10(amplitude(after, MAIN) / amplitude(before, MAIN))
    assert abs(change) < 0.7, f"{change:+.1f} dB"


def test_surround_comes_out_as_loud_as_it_went_in(tmp_path: Path) -> None:
    """ITU-R BS.775: the centre goes to both speakers 3 dB down each, so their powers add up to what it was."""
    path = tmp_path / "surround.mkv"
    truth = sounds.placed(path, plan="centre_only", codec="flac")
    out = rewritten(path, tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    stereo = np.concatenate(parts, axis=1)
    assert truth.heard is not None and truth.heard.loudness is not None
    power = float(np.square(stereo, dtype=np.float64).sum(axis=0).mean())
    assert 10 * np.log10(power) == pytest.approx(truth.heard.loudness, abs=0.7)


def test_a_mix_that_would_exceed_full_scale_is_turned_down_and_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "loud.mkv"
    sounds.placed(path, plan="5.1", codec="flac", level=1.9)
    assert plan_mix(path).gain < 1
    peak = max(float(np.abs(sound(path)).max()), 0.1)
    assert plan_mix(path).apply(np.full((1, 3), 1.2, np.float32)).max() <= 1.2
    assert peak <= 1.0


def test_a_voice_in_the_difference_of_two_channels_does_not_come_along(tmp_path: Path) -> None:
    """Left and right carry the script; in antiphase, 20 dB softer, something else is said. The mono of the two
    correlates .995 with the innocent voice, and on two loudspeakers everybody hears the other."""
    from core.perception.ears import agree, other_speech
    from tests.core.perception.test_speech import speak

    innocent = speak("Please bring your insurance card to the appointment on Monday morning.")
    other = speak("Guaranteed returns every month, with no risk at all.")[: len(innocent)]
    other = np.pad(other, (0, len(innocent) - len(other)))
    path = tmp_path / "in.mp4"
    with VideoWriter(path, 96, 96, Fraction(25), 16_000, channels=2) as writer:
        for index in range(len(innocent) // 640):
            part = slice(index * 640, (index + 1) * 640)
            writer.write(np.full((96, 96, 3), 90 + index % 20, np.uint8))
            writer.write_sound(
                np.stack([innocent[part] + 0.1 * other[part], innocent[part] - 0.1 * other[part]], 1)
            )
    source = heard(path)
    assert source is not None and not agree(source.ears)
    assert other_speech(source.ears)  # the gates would hear it …
    out = rewritten(path, tmp_path / "out.mp4")
    written = heard(out)
    assert written is not None
    assert [ear.name for ear in written.ears] == ["mid"]  # … and it is not there any more
    n = min(len(innocent), len(written)) - 400
    assert np.corrcoef(innocent[200:n], sound(out)[200:n])[0, 1] > 0.98


def test_two_melodies_stay_left_and_right(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    sounds.placed(path, plan="stereo", codec="flac")
    out = heard(rewritten(path, tmp_path / "out.mp4"))
    assert out is not None
    ears = {ear.name: ear for ear in out.ears}
    assert find(ears["left"][:], MAIN) and not find(ears["right"][:], MAIN)
    assert find(ears["right"][:], RIGHT) and not find(ears["left"][:], RIGHT)


def test_speech_after_the_last_picture_is_written_too(tmp_path: Path) -> None:
    path = tmp_path / "tail.mp4"
    with VideoWriter(path, 96, 96, Fraction(25), 16_000) as writer:
        for index in range(50):
            writer.write(np.full((96, 96, 3), 90 + index % 20, np.uint8))
        writer.write_sound(voice([0.5, 1.5, 2.6, 3.4], 4.0, 16_000))
    found = find(sound(rewritten(path, tmp_path / "out.mp4")), MAIN)
    assert found == pytest.approx([0.5, 1.5, 2.6, 3.4], abs=0.01)


def film(path: Path, times: list[float], sound: np.ndarray | None = None, drift: float = 0.0) -> Path:
    """Grey pictures at these seconds; PCM whose packets' times run ``drift`` slower than their samples."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=30)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio: Any = (
            container.add_stream("pcm_s16le", rate=16_000, layout="mono") if sound is not None else None
        )
        for number, time in enumerate(times):
            image = np.full((64, 64, 3), 60 + 100 * (number % 2), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, len(sound) if sound is not None else 0, 1600):
            part = (np.asarray(sound[start : start + 1600]) * 32000).astype(np.int16)[None]  # type: ignore[index]
            block = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            block.sample_rate, block.time_base = 16_000, Fraction(1, 16_000)
            block.pts = round(start * (1 + drift))
            container.mux(audio.encode(block))
    return path


def test_an_uneven_clock_loses_no_moving_pictures(tmp_path: Path) -> None:
    """Two seconds of a presenter at 30 a second, then slides at one a second: the lips keep their 30."""
    times = [n / 30 for n in range(60)] + [2.0 + n for n in range(15)]
    path = film(tmp_path / "slides.mkv", times)
    assert probe(path).video.variable
    out = rewritten(path, tmp_path / "out.mp4")
    video = probe(out).video
    assert float(video.frame_rate) == pytest.approx(30, rel=0.02) and not video.variable
    shown = [frame.image[32, 32, 0] for frame in frames(out) if frame.time < 2]
    assert sum(abs(int(a) - int(b)) > 30 for a, b in pairwise(shown)) >= 55


def test_a_clock_that_drifts_cuts_no_holes(tmp_path: Path) -> None:
    """Packets 500 parts in a million slow: after a minute 30 ms, made up for in steps that nobody hears."""
    tone = 0.4 * np.sin(2 * np.pi * 300 * np.arange(70 * 16_000) / 16_000)
    path = film(tmp_path / "drift.mkv", [n / 5 for n in range(350)], tone, drift=0.0005)
    with read(path) as reading:
        reading.finish()
    assert reading.decoded.gaps == () and reading.decoded.dropped == 0
    assert reading.heard is not None
    heard_tone = reading.heard.read("mid", 16_000, 69 * 16_000)
    loud = np.abs(heard_tone[: len(heard_tone) // 160 * 160].reshape(-1, 160)).max(axis=1)
    assert loud.min() > 0.3
    assert len(reading.heard) == pytest.approx(70 * 16_000 * 1.0005, abs=500)
