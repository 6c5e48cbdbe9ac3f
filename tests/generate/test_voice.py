"""Trust step 4: one contract for every voice; the default voice's timings and loudness."""

from __future__ import annotations

import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest

from core.errors import DevelopmentPart
from generate.errors import VoiceError
from generate.loudness import integrated_loudness, normalise, true_peak_db
from generate.models import Speech
from generate.voice import HibariVoice, NullVoice, Voice, load_voice

TEXT = "Hello Priya. Bob may buy five boxes for $3.50!"


@pytest.fixture(params=["hibari", "null"], scope="module")
def voice(request: pytest.FixtureRequest) -> Voice:
    return load_voice(request.param)


@pytest.fixture(scope="module")
def spoken(voice: Voice) -> Speech:
    return voice.speak(TEXT)


def test_phones_cover_the_sound_without_gaps(spoken: Speech) -> None:
    assert spoken.phones[0].t0 == 0
    assert spoken.phones[-1].t1 == pytest.approx(spoken.seconds, abs=0.03)
    for left, right in zip(spoken.phones, spoken.phones[1:], strict=False):
        assert right.t0 == pytest.approx(left.t1, abs=1e-6)
        assert left.t1 > left.t0
    assert all(phone.symbol.isupper() and phone.symbol.isalpha() for phone in spoken.phones)


def test_words_are_in_order_with_times(spoken: Speech) -> None:
    assert [word.text for word in spoken.words][:2] in (["Hello", "Priya"], ["Hello", "Priya."])
    times = [moment for word in spoken.words for moment in (word.t0, word.t1)]
    assert times == sorted(times)
    assert times[-1] <= spoken.seconds


def test_loudness_is_the_house_level(spoken: Speech) -> None:
    assert integrated_loudness(spoken.samples, spoken.rate) == pytest.approx(-16, abs=0.5)
    assert true_peak_db(spoken.samples) <= -1.0


def test_the_same_text_sounds_the_same(voice: Voice, spoken: Speech) -> None:
    assert np.array_equal(voice.speak(TEXT).samples, spoken.samples)


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("Namaste dosto", "hi", "voice_language"),
        ("  \n", "en", "voice"),
        ("a" * 20_000, "en", "voice"),
        ("Say [good](/bˈæd/) things.", "en", "voice"),
    ],
)
def test_what_cannot_be_said_is_refused(voice: Voice, text: str, language: str, code: str) -> None:
    with pytest.raises(VoiceError) as refused:
        voice.speak(text, language=language)
    assert refused.value.code == code
    assert refused.value.next_step


def test_speech_survives_the_disk(spoken: Speech, tmp_path: Path) -> None:
    spoken.save(tmp_path / "speech.npz")
    again = Speech.load(tmp_path / "speech.npz")
    assert np.array_equal(again.samples, spoken.samples)
    assert (again.phones, again.words, again.text, again.voice) == (
        spoken.phones,
        spoken.words,
        spoken.text,
        spoken.voice,
    )


@pytest.mark.parametrize("text", ["नमस्ते Priya", "I love 🍎 pie"])
def test_hibari_never_skips_what_it_cannot_say(text: str) -> None:
    with pytest.raises(VoiceError) as refused:
        HibariVoice().speak(text)
    assert refused.value.code == "voice_unsayable"


def test_hibari_knows_its_phones() -> None:
    speech = HibariVoice().speak("Bob.")
    assert [phone.symbol for phone in speech.phones] == ["SIL", "B", "AA", "B", "SIL"]


def test_sound_is_where_the_phones_say() -> None:
    """Independent of the engine's own word: in the vowels there is power, in the pauses next to none."""
    speech = HibariVoice().speak("Mama. Papa. Mama.")

    def level(symbol: str) -> float:
        parts = [
            speech.samples[int((p.t0 + 0.02) * speech.rate) : int((p.t1 - 0.02) * speech.rate)]
            for p in speech.phones
            if p.symbol == symbol and p.t1 - p.t0 > 0.06
        ]
        return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))

    assert level("AA") > 10 * level("SIL")


def test_pauses_are_short_and_natural() -> None:
    phones = HibariVoice().speak("One thing. Another thing.").phones
    pauses = [p.t1 - p.t0 for p in phones[1:-1] if p.symbol == "SIL"]
    assert max(pauses) < 0.5
    assert max(pauses) > 0.15


def test_a_long_sentence_is_spoken_whole() -> None:
    words = " ".join(["and the boat went on"] * 30)
    speech = HibariVoice().speak(words)
    assert len(speech.words) == len(words.split())


def test_the_null_voice_is_loud_about_it() -> None:
    with pytest.warns(DevelopmentPart, match="hums"):
        NullVoice().speak("hello")


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(VoiceError, match="no voice 'tenor'"):
        load_voice("tenor")


def test_the_limiter_holds_peaks_without_losing_level() -> None:
    rate = 24_000
    rng = np.random.default_rng(1)
    noise = 0.02 * rng.standard_normal(4 * rate)
    noise[::4000] = 0.9  # clicks far above the level
    loud = normalise(noise.astype(np.float32), rate)
    assert true_peak_db(loud) <= -1.0
    assert integrated_loudness(loud, rate) == pytest.approx(-16, abs=1.5)


def test_silence_stays_silence() -> None:
    silence = np.zeros(24_000, np.float32)
    assert not normalise(silence, 24_000).any()


def test_accents_do_not_matter() -> None:
    composed = HibariVoice().speak(unicodedata.normalize("NFC", "Café Zoë."))
    decomposed = HibariVoice().speak(unicodedata.normalize("NFD", "Café Zoë."))
    assert np.array_equal(composed.samples, decomposed.samples)


def test_no_warning_comes_from_the_real_voice() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HibariVoice().speak("Hello.")
