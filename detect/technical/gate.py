"""From the measures of picture and sound to findings with seconds. The bounds are in the gate set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.media.models import Frame, Presentation, Samples
from core.models import Brief, GateResult
from core.perception.models import Face
from detect.models import Subject
from detect.spans import joined, runs
from detect.technical.container import judge_file
from detect.technical.picture import BLACK_LEVEL, PictureMeter, most_in_a_second
from detect.technical.report import Report, finite
from detect.technical.sound import SoundMeter

STILL = (
    1.5  # levels in the most moved cell, median of five frames: below it nothing moves (see picture.CELLS)
)
REPEATED = 0.12  # of its neighbours' movement: below it the picture is the last one again, as coded anew
TARGET_LUFS = -16.0  # what generate makes: the common target for speech on phones and the web
NEIGHBOURHOOD = 12  # frames to each side that say how much this picture usually changes


class TechnicalGate:
    """Gate ``technical``. Score: how many kinds of fault were found; its findings decide.

    What only a delivered render must fulfil (loudness, one unbroken shot, a sound track) is a note in ``analyze``.
    """

    name = "technical"
    version = "2"

    def __init__(self) -> None:
        self._picture = PictureMeter()
        self._sound: SoundMeter | None = None

    def begin(self, info: Presentation, brief: Brief | None) -> None:
        if info.audio is not None:
            # One channel comes as two equal ones, which together would measure 3 LU louder (BS.1770).
            self._sound = SoundMeter(info.audio.sample_rate, min(info.audio.channels, 2))

    def see(self, frame: Frame, face: Face | None) -> None:
        self._picture.see(frame.image, float(frame.time))

    def hear(self, block: Samples) -> None:
        if self._sound is not None:
            self._sound.feed(block[:, : self._sound.channels])

    def result(self, subject: Subject) -> GateResult:
        report = Report(subject)
        judge_file(report)
        self._judge_picture(report)
        _judge_sound(report, self._sound if self._sound is not None and self._sound.samples else None)
        faults = [f for f in report.findings if f.severity != "note"]
        measures = {"frames": len(self._picture.trace.times), **report.measures}
        return GateResult(
            gate=self.name,
            version=self.version,
            score=float(len({f.code for f in faults})),
            unit="kinds of fault",
            reason="; ".join(f.message.rstrip(".") for f in faults)
            or "picture and sound are technically sound",
            findings=tuple(report.findings),
            measures=measures,
            curve=_changes(self._picture),
        )

    def _judge_picture(self, report: Report) -> None:
        trace = self._picture.trace
        times = np.frombuffer(trace.times, np.float64)
        brightest = np.frombuffer(trace.brightest, np.float32)
        moved = np.frombuffer(trace.moved, np.float32)
        changed = np.frombuffer(trace.changed, np.float32)
        end = float(report.subject.info.video.end)
        black = brightest < BLACK_LEVEL
        report.spans(
            "black_frames",
            runs(times, black, end),
            lambda s: f"The picture is black for {s:.2f} s.",
            hint="Remove the black frames, or fade outside the video.",
        )
        still = (_median5(moved) < STILL) & ~black
        frozen = runs(times, still, end)
        report.spans(
            "frozen_picture",
            frozen,
            lambda s: f"The picture stands still for {s:.1f} s; a person who talks never does.",
            hint="Render the span again.",
        )
        again = (moved < REPEATED * _second_of5(moved)) & ~still & ~black
        report.value(
            "duplicated_frames",
            float(again.mean()) if len(again) else 0.0,
            lambda v: f"{v:.0%} of the pictures repeat the one before.",
            spans=joined(runs(times, again, end), gap=0.5),
            hint="Convert the frame rate with interpolation, or keep the source's frame rate.",
        )
        usual = _neighbourhood(changed)
        jump = changed / np.maximum(usual, 1.0)
        report.moments(
            "picture_jump",
            times,
            np.where(changed >= 6.0, jump, 0.0),
            lambda n: f"The picture jumps {n} time{'s' if n > 1 else ''} from one frame to the next.",
            hint="Use one unbroken shot.",
            note=report.analysing,
        )
        steps = np.diff(times)
        if len(steps):
            holes = np.append(steps, 0.0) / max(float(np.median(steps)), 1e-6)
            report.moments(
                "missing_frames",
                times,
                holes,
                lambda n: f"Frames are missing at {n} place{'s' if n > 1 else ''}.",
                hint="Export with a constant frame rate.",
                note=report.subject.info.video.variable,
            )
        turns, start = most_in_a_second(np.frombuffer(trace.flashes, np.float64))
        report.value(
            "flicker",
            turns / 2,
            lambda v: f"The picture flashes {v:.1f} times in one second; this can harm people with epilepsy.",
            spans=[(start, start + 1.0)],
            hint="Reduce the flashes, or their area.",
        )


def _judge_sound(report: Report, heard: SoundMeter | None) -> None:
    if heard is None:
        whole = [(0.0, float(report.subject.info.video.end))]
        report.add("no_sound", "The video has no sound.", whole, note=report.analysing)
        return
    loud = heard.loudness.integrated
    report.measures |= {"lufs": finite(loud), "dbtp": finite(heard.loudness.true_peak)}
    report.spans(
        "long_silence",
        heard.silences(report.bound("long_silence").review),
        lambda s: f"There is silence for {s:.1f} s.",
        source="sound",
        hint="Shorten the pause.",
    )
    report.spans(
        "sound_dropout",
        heard.dropouts(report.bound("sound_dropout").review, 0.5),
        lambda s: f"The sound drops out for {s * 1000:.0f} ms in mid-word.",
        source="sound",
        hint="Render the sound again.",
    )
    clipped = heard.clipped_by_second()
    seconds = np.arange(len(clipped), dtype=np.float64)
    bad = clipped >= report.bound("clipped_sound").review
    report.value(
        "clipped_sound",
        float(clipped.max(initial=0.0)),
        lambda v: f"The sound is clipped: {v:.1%} of a second is cut off at full scale.",
        spans=runs(seconds, bad, heard.seconds),
        source="sound",
        hint="Lower the level before encoding.",
    )
    report.value(
        "loudness_off",
        abs(loud - TARGET_LUFS) if np.isfinite(loud) else 0.0,
        lambda v: f"The loudness is {loud:.1f} LUFS, {v:.1f} LU off the target of {TARGET_LUFS:.0f}.",
        source="sound",
        hint="Normalise to -16 LUFS.",
        citation="EBU R 128; target for streamed speech",
        note=report.analysing,
    )
    report.value(
        "true_peak",
        heard.loudness.true_peak,
        lambda v: f"The true peak is {v:+.1f} dBTP.",
        source="sound",
        hint="Limit to -1 dBTP before encoding.",
        citation="EBU R 128",
        note=report.analysing,
    )


def _median5(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(values) < 5:
        return values
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="edge"), 5)
    return np.asarray(np.median(windows, axis=1), np.float32)


def _second_of5(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The second largest of the five values around each."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="edge"), 5)
    return np.asarray(np.sort(windows, axis=1)[:, -2], np.float32)


def _neighbourhood(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(values) < 3:
        return np.full(len(values), np.inf, np.float32)
    reach = min(NEIGHBOURHOOD, (len(values) - 1) // 2)
    padded = np.pad(values, reach, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.asarray(np.median(windows, axis=1), np.float32)


def _changes(picture: PictureMeter) -> tuple[tuple[float, float], ...]:
    """(second, the least that any of its pictures moved), for the review page's lane."""
    times = np.floor(np.frombuffer(picture.trace.times, np.float64))
    if not len(times):
        return ()
    moved = _median5(np.frombuffer(picture.trace.moved, np.float32))
    starts = np.flatnonzero(np.diff(times, prepend=times[0] - 1))
    return tuple(
        (float(times[i]), float(least))
        for i, least in zip(starts, np.minimum.reduceat(moved, starts), strict=True)
    )
