"""A voice says what is written, or it is told beforehand, by field, that it cannot."""

from __future__ import annotations

import pytest

from generate.errors import VoiceError
from generate.sayable import check_sayable, first_unsayable
from generate.templates import compose_script
from generate.voice import HibariVoice

FIELDS = {"properties": {"name": {"type": "string", "format": "name"}}}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("李小龙", "CJK"),
        ("محمد", "Arabic"),
        ("Ольга", "Cyrillic"),
        ("Ὀδυσσεύς", "Greek"),
        ("प्रिया", "Devanagari"),
        ("Аnna", "Cyrillic"),  # its first letter only looks Latin
    ],
)
def test_a_name_in_letters_that_the_voice_does_not_read_is_refused_by_its_field(name: str, kind: str):
    composed = compose_script("Hello {{ name }}.", FIELDS, {"name": name})
    with pytest.raises(VoiceError, match=kind) as refused:
        check_sayable(composed, "en-GB")
    assert refused.value.where == "field 'name'" and refused.value.code == "voice_unsayable"
    assert name not in str(refused.value), "the value is not quoted"
    with pytest.raises(VoiceError, match=kind):
        HibariVoice().speak(composed.text)


@pytest.mark.parametrize(
    "text", ["Zoë, Łukasz, Åsa and Straße", "½ of 5 µg at 20 °C, €9.99", "Ｆｕｌｌ ﬁne", "O’Neil – ok…"]
)
def test_latin_letters_of_any_kind_are_sayable(text: str):
    assert first_unsayable(text, "en") is None


def test_a_picture_in_the_text_is_told_and_another_language_is_its_voices_own_matter():
    assert first_unsayable("Well done \U0001f600", "en") == (10, "emoji and symbols")
    assert first_unsayable("नमस्ते", "hi") is None
