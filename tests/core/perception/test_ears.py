"""Who says something that one loudspeaker does not play: other voices are found, other sound is not."""

from __future__ import annotations

import io

import numpy as np
import pytest

from core.media.heard import RATE, Heard
from core.perception import ears as module
from core.perception.ears import agree, other_speech
from core.perception.remains import Remains

SECONDS = 10
LATE = 1.5  # seconds into the clip, where the other voice begins


def level(sound: np.ndarray, decibels: float = 0.0) -> np.ndarray:
    return (sound / np.sqrt(np.mean(sound**2)) * 10 ** ((decibels - 20) / 20)).astype(np.float32)


def placed(sound: np.ndarray, at: float = LATE, seconds: float = SECONDS) -> np.ndarray:
    out = np.zeros(int(seconds * RATE), np.float32)
    first = int(at * RATE)
    part = sound[: len(out) - first]
    out[first : first + len(part)] = part
    return out


@pytest.fixture(scope="module")
def presenter_says(presenter) -> np.ndarray:
    from core.media.decode import sound

    return level(sound(presenter, RATE)[: SECONDS * RATE])


@pytest.fixture(scope="module")
def other() -> np.ndarray:
    """Another voice: the stock voice a fifth lower and slower."""
    from tests.core.perception.test_speech import speak

    said = speak("Nobody should trust this offer. The company will take your money.")
    return level(np.interp(np.arange(0, len(said), 0.8), np.arange(len(said)), said))


def both(left: np.ndarray, right: np.ndarray):
    return Heard.of(np.stack([left, right], axis=1)).ears


def decibel(value: float) -> np.float32:
    return np.float32(10 ** (value / 20))


def coded(left: np.ndarray, right: np.ndarray, kilobits: int):
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


def music(seconds: float = SECONDS) -> np.ndarray:
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


def text(spans) -> str:
    return " ".join(span.text for span in spans).lower()


# What must be found.


@pytest.mark.parametrize("decibels", [-10, -20, -30, -40, -45])
def test_a_voice_in_antiphase_is_suspected_at_any_level_that_counts(presenter_says, other, decibels) -> None:
    hidden = decibel(decibels) * placed(other)
    assert not agree(both(presenter_says + hidden, presenter_says - hidden))


@pytest.mark.parametrize(("kilobits", "decibels"), [(64, -20), (128, -40)])
def test_a_voice_in_antiphase_survives_the_codec(presenter_says, other, kilobits, decibels) -> None:
    hidden = decibel(decibels) * placed(other)
    assert not agree(coded(presenter_says + hidden, presenter_says - hidden, kilobits))


def test_another_voice_in_the_sum_of_an_inverted_pair_is_suspected(presenter_says, other) -> None:
    hidden = decibel(-20) * placed(other)
    ears = both(presenter_says + hidden, hidden - presenter_says)
    assert ears[0].name != "mid"
    assert not agree(ears)


def test_two_voices_of_one_power_left_and_right_are_suspected(other) -> None:
    """They rise and fall alike in sum and difference: only that neither channel explains the other gives them away."""
    from tests.core.perception.test_speech import speak

    said = "The museum opens a new wing in April, and members may enter first. Bring your card and a friend with you."
    left = level(speak(said)[6000:])[: 6 * RATE]
    assert not agree(both(left, placed(other[6000:], 0, len(left) / RATE)))


def test_what_a_voice_in_antiphase_says_is_heard_when_and_where(presenter_says, other) -> None:
    hidden = decibel(-40) * placed(other)
    (span,) = other_speech(both(presenter_says + hidden, presenter_says - hidden))
    assert span.ear == "side"
    assert "trust this offer" in text([span])
    assert "take your money" in text([span])
    assert -45 < span.level_db < -30
    assert LATE < span.t0 < LATE + 1.5
    assert span.t1 < LATE + len(other) / RATE + 0.5
    assert len(span.sound) == pytest.approx((span.t1 - span.t0) * RATE, abs=2)


def test_another_voice_on_the_right_only_is_named_so(presenter_says, other) -> None:
    spans = other_speech(both(presenter_says, presenter_says + decibel(-20) * placed(other)))
    assert {span.ear for span in spans} == {"right"}
    assert "take your money" in text(spans)


def test_left_and_right_that_say_different_things_are_heard_apart(presenter_says, other) -> None:
    spans = other_speech(both(presenter_says, placed(other, at=0.3)))
    assert "money" in text([span for span in spans if span.ear == "right"])


def test_a_voice_in_the_centre_under_music_is_heard(other) -> None:
    played = music()
    ears = Heard.of(np.column_stack([played, decibel(-6) * placed(other)])).ears
    assert not agree(ears)
    spans = other_speech(ears)
    assert {span.ear for span in spans} == {"centre"}
    assert "trust this offer" in text(spans)


def test_three_seconds_in_a_minute_are_found(presenter_says) -> None:
    from tests.core.perception.test_speech import speak

    lie = speak("Do not trust this offer, it is a lie.")
    lie = level(np.interp(np.arange(0, len(lie), 0.8), np.arange(len(lie)), lie))
    voice = np.tile(presenter_says, 6)
    hidden = decibel(-20) * placed(lie, 41, 60)
    spans = other_speech(both(voice + hidden, voice - hidden))
    assert "it is a lie" in text(spans)
    assert 40.5 < spans[0].t0 < spans[-1].t1 < 45.5


# What must not.


def reverberated(voice: np.ndarray, seconds: float, decibels: float):
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(0)
    n = int(seconds * RATE)
    sides = []
    for _ in range(2):
        tail = rng.normal(size=n) * np.exp(-6.9 * np.arange(n) / n)
        tail[:160] = 0
        wet = fftconvolve(voice, tail / np.sqrt((tail**2).sum()))[: len(voice)]
        sides.append((voice + decibel(decibels) * wet).astype(np.float32))
    return sides


def late(voice: np.ndarray, seconds: float) -> np.ndarray:
    return np.concatenate([np.zeros(int(seconds * RATE), np.float32), voice])[: len(voice)]


INNOCENT = {
    "both the same, AAC 64 kb/s": lambda v: coded(v, v, 64),
    "both the same, AAC 96 kb/s": lambda v: coded(v, v, 96),
    "wide music": lambda v: both(*(v + 0.18 * side for side in music().T)),
    "wide music, AAC 64 kb/s": lambda v: coded(*(v + 0.18 * side for side in music().T), 64),
    "a hall": lambda v: both(*reverberated(v, 1.2, -6)),
    "a room, AAC 64 kb/s": lambda v: coded(*reverberated(v, 0.5, -10), 64),
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


@pytest.mark.parametrize("case", INNOCENT)
def test_the_same_voice_at_both_ears_is_no_other_speech(presenter_says, case, monkeypatch) -> None:
    def recogniser(*args, **more):
        raise AssertionError("there is nothing to listen to")

    monkeypatch.setattr(module, "transcribe", recogniser)
    ears = INNOCENT[case](presenter_says)
    assert agree(ears)
    assert other_speech(ears) == ()


def test_a_room_that_is_suspected_says_nothing_else(presenter_says) -> None:
    ears = both(*reverberated(presenter_says, 0.5, -10))
    assert not agree(ears)  # a suspicion costs a stereo import its width
    assert other_speech(ears) == ()


def test_one_channel_costs_nothing(presenter_says, monkeypatch) -> None:
    def look(*args, **more):
        raise AssertionError("there is nothing to look at")

    monkeypatch.setattr(Remains, "__init__", look)
    for ears in (Heard.of(presenter_says).ears, both(presenter_says, presenter_says)):
        assert agree(ears)
        assert other_speech(ears) == ()
