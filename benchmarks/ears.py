"""Words that one loudspeaker does not play: how many are found at which level, and what innocent sound is flagged.

Another voice (the stock voice, a fifth lower and slower) is laid over the sample presenter's sound: in antiphase, on
one channel, in the centre under music, for three seconds of a minute; uncoded and after AAC. Found means that of its
words that the main ear does not say, half at least are in what ``other_speech`` reports. Innocent are the same voice
inverted, late, panned, dead on one side, in rooms, under music, after AAC; and every stereo clip of
``GREENROOM_TEST_MEDIA`` as it is. ``suspected`` is what ``agree`` says No to: such an import loses its stereo.
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import finish, inputs_digest, media, wilson
from core.media.decode import heard, sound
from core.media.heard import RATE, Ear, Heard
from core.perception.ears import agree, other_speech
from core.perception.speech import transcribe
from generate.presenter import sample_presenter

GOAL = {"found": ">= 0.9", "false_findings": "<= 0.02", "innocent_cpu_s_per_30s": "<= 1.0"}
SAID = "Nobody should trust this offer. The company will take your money and never send the goods."
SHORT = "Do not trust this offer, it is a lie."
SECONDS = 20
BRIEF = 10  # the innocent ones
Sound = NDArray[np.float32]


def run() -> dict[str, Any]:
    outcomes = {}
    for name, text, ears in hidden():
        outcomes[name] = _found(text, ears)
        print(f"{'found ' if outcomes[name] else 'MISSED'} {name}", file=sys.stderr)
    suspected, false, cost, seconds = 0, 0, 0.0, 0.0
    clips = 0
    for name, ears in innocent():
        begun = time.thread_time()
        agreed = agree(ears)
        cost += time.thread_time() - begun
        seconds += ears[0].seconds
        flagged = not agreed and bool(other_speech(ears))
        clips, suspected, false = clips + 1, suspected + (not agreed), false + flagged
        if not agreed:
            print(f"{'FLAGGED' if flagged else 'suspected'} {name}", file=sys.stderr)
    found = sum(outcomes.values())
    return {
        "found": round(found / len(outcomes), 4),
        "by_case": outcomes,
        "false_findings": round(false / clips, 4),
        "suspected": round(suspected / clips, 4),
        "innocent_cpu_s_per_30s": round(30 * cost / seconds, 2),
        "n": {"hidden": len(outcomes), "innocent": clips},
        "interval": {"found": wilson(found, len(outcomes)), "false_findings": wilson(false, clips)},
        "inputs_sha256": inputs_digest([sample_presenter()]),
        "media": "GREENROOM_TEST_MEDIA" if media() else "the sample presenter alone",
    }


def hidden() -> Iterator[tuple[str, str, tuple[Ear, ...]]]:
    """Name, the hidden words, ears."""
    voice = _presenter(SECONDS)
    other = lower(SAID)
    for decibels in (-10, -20, -30, -40, -45):
        secret = decibel(decibels) * placed(other, 4, SECONDS)
        sides = (voice + secret, voice - secret)
        yield f"antiphase {decibels} dB", SAID, both(*sides)
        for kilobits in (128, 64):
            yield f"antiphase {decibels} dB, AAC {kilobits} kb/s", SAID, coded(*sides, kilobits)
    for decibels in (0, -10, -20, -30):
        secret = decibel(decibels) * placed(other, 4, SECONDS)
        yield f"right only {decibels} dB", SAID, both(voice, voice + secret)
    for decibels in (-20, -30):
        secret = decibel(decibels) * placed(other, 4, SECONDS)
        left, right = reverberated(voice, 0.5, -10)
        yield f"antiphase {decibels} dB in a room", SAID, both(left + secret, right - secret)
    secret = placed(other, 4, SECONDS)
    played = music(SECONDS)
    left, right = (voice + 0.18 * side for side in played.T)
    yield "antiphase -20 dB under music", SAID, both(left + 0.1 * secret, right - 0.1 * secret)
    yield "left and right differ", SAID, both(voice, secret)
    for decibels in (0, -12):
        centre = decibel(decibels) * secret
        yield f"centre {decibels} dB under music", SAID, Heard.of(np.column_stack([played, centre])).ears
    minute = _presenter(60)
    for decibels in (-20, -40):
        secret = decibel(decibels) * placed(lower(SHORT), 41, 60)
        yield f"3 s of a minute {decibels} dB", SHORT, both(minute + secret, minute - secret)
    secret = decibel(-20) * placed(lower("Not."), 5, SECONDS)
    yield "one word -20 dB", "Not.", both(voice + secret, voice - secret)


def innocent() -> Iterator[tuple[str, tuple[Ear, ...]]]:
    voice = _presenter(BRIEF)
    for name, make in INNOCENT.items():
        ears = make(voice)
        if len(ears) > 1:
            yield name, ears
    yield "a room", both(*reverberated(voice, 0.5, -10))
    folder = media()
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.suffix in (".mp4", ".avi", ".mov", ".mkv", ".webm"):
            ears = _ears(path)
            if len(ears) > 1 and ears[0].level > -80:
                yield path.stem, ears


def _ears(path: Path) -> tuple[Ear, ...]:
    from core.errors import GreenroomError

    try:
        listened = heard(path)
    except GreenroomError:
        return ()  # a damaged file is a matter of other tests
    return listened.ears if listened is not None else ()


def _presenter(seconds: float) -> Sound:
    said = level(sound(sample_presenter(), RATE))
    return np.resize(said, int(seconds * RATE))


def _found(said: str, ears: tuple[Ear, ...]) -> bool:
    """Of the words that the main ear does not say, half at least are reported."""
    reported = _plain(" ".join(span.text for span in other_speech(ears)))
    lacking = _plain(said) - _plain(transcribe(ears[0]).text)
    return bool(reported) and len(lacking & reported) >= len(lacking) / 2


def _plain(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def lower(text: str) -> Sound:
    """Another voice: the stock voice a fifth lower and slower."""
    from hibari import Hibari
    from scipy.signal import resample_poly

    said = np.pad(resample_poly(Hibari()(text, seed=3), 2, 3), RATE // 2)
    return level(np.interp(np.arange(0, len(said), 0.8), np.arange(len(said)), said))


def level(sound: Sound, decibels: float = 0.0) -> Sound:
    """At ``decibels`` beside -20 dBFS."""
    return np.asarray(sound / np.sqrt(np.mean(sound**2)) * 10 ** ((decibels - 20) / 20), np.float32)


def placed(sound: Sound, at: float = 1.5, seconds: float = BRIEF) -> Sound:
    """From ``at`` in silence that lasts so many seconds."""
    out = np.zeros(int(seconds * RATE), np.float32)
    first = int(at * RATE)
    part = sound[: len(out) - first]
    out[first : first + len(part)] = part
    return out


def both(left: Sound, right: Sound) -> tuple[Ear, ...]:
    return Heard.of(np.stack([left, right], axis=1)).ears


def decibel(value: float) -> np.float32:
    return np.float32(10 ** (value / 20))


def coded(left: Sound, right: Sound, kilobits: int) -> tuple[Ear, ...]:
    """The ears after AAC at so many kilobits a second."""
    import av
    from scipy.signal import resample_poly

    planes = np.stack([resample_poly(side, 3, 1) for side in (left, right)]).astype(np.float32)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="stereo")
        stream.bit_rate = kilobits * 1000
        for start in range(0, planes.shape[1] // 1024 * 1024, 1024):
            block = np.ascontiguousarray(planes[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        parts = [f.to_ndarray() for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    return Heard.of(np.concatenate(parts, axis=1).T).ears


def music(seconds: float = BRIEF) -> Sound:
    """(n, 2): plucked chords, each note somewhere between left and right."""
    rng = np.random.default_rng(0)
    out = np.zeros((int(seconds * RATE), 2), np.float32)
    moment = np.arange(RATE) / RATE
    for beat in range(int(seconds * 2) - 2):
        for ratio in (1, 1.25, 1.5, 2):
            tone = 220 * ratio * (1, 0.8, 1.2, 0.9)[beat // 4 % 4]
            note = sum(
                np.sin(2 * np.pi * tone * k * moment + rng.uniform(0, 6)) / k**1.5 for k in range(1, 6)
            )
            pan = rng.uniform(0, np.pi / 2)
            where = slice(beat * RATE // 2, beat * RATE // 2 + RATE)
            out[where] += np.outer(note * np.exp(-3 * moment), (np.cos(pan), np.sin(pan))).astype(np.float32)
    return level(out)


def reverberated(voice: Sound, seconds: float, decibels: float) -> tuple[Sound, Sound]:
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(0)
    n = int(seconds * RATE)
    sides: list[Sound] = []
    for _ in range(2):
        tail = rng.normal(size=n) * np.exp(-6.9 * np.arange(n) / n)
        tail[:160] = 0
        wet = fftconvolve(voice, tail / np.sqrt((tail**2).sum()))[: len(voice)]
        sides.append((voice + decibel(decibels) * wet).astype(np.float32))
    return sides[0], sides[1]


def late(voice: Sound, seconds: float) -> Sound:
    return np.pad(voice, (int(seconds * RATE), 0))[: len(voice)]


INNOCENT: dict[str, Callable[[Sound], tuple[Ear, ...]]] = {
    "both the same, AAC 64 kb/s": lambda v: coded(v, v, 64),
    "both the same, AAC 96 kb/s": lambda v: coded(v, v, 96),
    "wide music": lambda v: both(v + 0.18 * music()[:, 0], v + 0.18 * music()[:, 1]),
    "wide music, AAC 64 kb/s": lambda v: coded(v + 0.18 * music()[:, 0], v + 0.18 * music()[:, 1], 64),
    "a hall": lambda v: both(*reverberated(v, 1.2, -6)),
    "a room, AAC 64 kb/s": lambda v: coded(*reverberated(v, 0.5, -10), kilobits=64),
    "right 5 ms late": lambda v: both(v, late(v, 0.005)),
    "right 20 ms late": lambda v: both(v, late(v, 0.02)),
    "left 150 ms late": lambda v: both(late(v, 0.15), v),
    "right 400 ms late": lambda v: both(v, late(v, 0.4)),
    "right dead": lambda v: both(v, 0 * v),
    "left dead, AAC 64 kb/s": lambda v: coded(0 * v, v, 64),
    "right inverted": lambda v: both(v, -v),
    "right inverted and softer": lambda v: both(v, decibel(-1) * -v),
    "right inverted, AAC 96 kb/s": lambda v: coded(v, -v, 96),
    "panned": lambda v: both(v, 0.5 * v),
    "panned, AAC 64 kb/s": lambda v: coded(v, 0.5 * v, 64),
    "the same in the centre": lambda v: Heard.of(np.stack([v, v, v], axis=1)).ears,
    "silence": lambda v: both(0 * v, 0 * v),
    "one channel": lambda v: Heard.of(v).ears,
    "no sound": lambda v: (),
}


if __name__ == "__main__":
    finish(run(), GOAL)
