"""Who says something that one loudspeaker does not play: other voices are found, other sound is not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ears import BRIEF as SECONDS
from benchmarks.ears import INNOCENT, both, coded, decibel, level, lower, music, placed, reverberated
from core.media.heard import RATE, Heard
from core.perception import ears as module
from core.perception.ears import agree, other_speech
from core.perception.remains import Remains

LATE = 1.5  # seconds into the clip, where the other voice begins


@pytest.fixture(scope="module")
def presenter_says(presenter) -> np.ndarray:
    from core.media.decode import sound

    return level(sound(presenter, RATE)[: SECONDS * RATE])


@pytest.fixture(scope="module")
def other() -> np.ndarray:
    return lower("Nobody should trust this offer. The company will take your money.")


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
    lie = lower("Do not trust this offer, it is a lie.")
    voice = np.tile(presenter_says, 6)
    hidden = decibel(-20) * placed(lie, 41, 60)
    spans = other_speech(both(voice + hidden, voice - hidden))
    assert "it is a lie" in text(spans)
    assert 40.5 < spans[0].t0 < spans[-1].t1 < 45.5


# What must not.


ALIKE = {
    "both the same, AAC 96 kb/s",
    "wide music",
    "right 5 ms late",
    "left dead, AAC 64 kb/s",
}  # the benchmark has them


@pytest.mark.parametrize("case", [name for name in INNOCENT if name not in ALIKE])
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
