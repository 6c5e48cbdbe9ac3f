"""Is the approved script what is spoken? One recording, many scripts: what differs is found, what does not is not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.gates import decide, load_gate_set
from core.media.heard import Heard
from core.models import Brief, Finding, Span, Verdict
from core.perception.models import Transcript, Word
from detect.errors import Abstain
from detect.models import Subject
from detect.transcript import TranscriptGate
from tests.core.perception.test_speech import speak

SAID = "Hello Siobhan, your two bags of coffee are ready in Galway. They cost $12.50, and we close at six."


@pytest.fixture(scope="module")
def recorded() -> Subject:
    return _subject(SAID, speak(SAID))


def _subject(script: str | None, sound, language: str = "en-GB", check_text=None) -> Subject:
    ears = sound if isinstance(sound, tuple) else Heard.of(sound).ears
    brief = Brief(script=script, language=language, persona=None, label_profile="default", mark_id=None)
    info = SimpleNamespace(audio=object(), duration=ears[0].seconds if ears else 0.0)
    return Subject(None, info, None, ears, brief=brief, check_text=check_text)


def judged(recorded: Subject, script: str | None, **more):
    """The gate's result for the recording, had this script been approved."""
    subject = _subject(script, recorded.ears, **more)
    subject._heard = recorded.transcript()
    subject.__dict__["_other_speech"] = recorded.other_speech()
    return TranscriptGate().result(subject)


def test_the_script_as_spoken_brings_no_finding_though_the_name_is_heard_otherwise(recorded: Subject) -> None:
    result = judged(recorded, SAID)
    assert "Siobhan" not in recorded.transcript().text
    assert result.findings == ()
    assert result.score == 0


def test_numbers_may_be_written_out_and_contractions_opened(recorded: Subject) -> None:
    script = SAID.replace("two", "2").replace("$12.50", "twelve dollars and fifty cents").replace("six", "6")
    assert judged(recorded, script).findings == ()


@pytest.mark.parametrize(
    ("approved", "spoken"),
    [("tea", "coffee"), ("Limerick", "Galway"), ("Deirdre", "Siobhan"), ("three", "two"), ("nine", "six")],
)
def test_another_word_is_found_with_its_place_in_the_script_and_its_time(
    recorded: Subject, approved: str, spoken: str
) -> None:
    script = SAID.replace(spoken, approved)
    (finding,) = judged(recorded, script).findings
    assert finding.code == "replaced_word"
    in_script, in_sound = finding.spans
    assert approved in script[in_script.start : in_script.end]
    assert 0 <= in_sound.t0 < in_sound.t1 <= recorded.main.seconds
    assert approved not in finding.message


def test_a_missing_and_an_extra_word_are_found(recorded: Subject) -> None:
    (missing,) = judged(recorded, SAID.replace("bags", "large bags")).findings
    (extra,) = judged(recorded, SAID.replace("ready ", "")).findings
    assert (missing.code, extra.code) == ("missing_word", "extra_word")
    assert extra.spans[0].text == "ready"


def test_a_price_that_sounds_nearly_alike_is_another_price(recorded: Subject) -> None:
    (finding,) = judged(recorded, SAID.replace("12.50", "12.15")).findings
    assert finding.code == "replaced_word"


def test_another_text_altogether_is_for_a_person(recorded: Subject) -> None:
    result = judged(
        recorded, "Good evening. The museum opens a new wing in April, and members may enter first."
    )
    assert result.findings[0].code == "other_script"
    assert decide(result, load_gate_set()).verdict is Verdict.REVIEW


def test_a_name_that_is_misheard_in_two_words_can_be_approved() -> None:
    """Half of such a script is other words; nobody could approve what this gate had blocked."""
    subject = _subject("Hello Sia.", np.zeros(16000, np.float32))
    words = (Word("Hello", 0.1, 0.4, 0.9), Word("sir.", 0.5, 0.9, 0.9))
    subject._heard = Transcript("en", words, "Hello sir.")
    subject.__dict__["_other_speech"] = ()
    result = TranscriptGate().result(subject)
    assert "other_script" in [finding.code for finding in result.findings]
    assert decide(result, load_gate_set()).verdict is Verdict.REVIEW


def test_no_bound_over_heard_text_blocks() -> None:
    entry = load_gate_set().gates["transcript"]
    assert [name for name, bound in entry.findings.items() if bound.block is not None] == []
    assert entry.threshold is None


def test_a_rule_over_the_heard_words_counts_where_the_script_did_not_have_them(recorded: Subject) -> None:
    def check(text: str) -> list[Finding]:
        start = text.index("coffee")
        spans = (Span(source="script", start=start, end=start + 6),)
        return [Finding(code="no_coffee", severity="block", message="Coffee is not allowed.", spans=spans)]

    assert judged(recorded, SAID, check_text=check).findings == ()
    found = judged(recorded, SAID.replace("coffee", "tea"), check_text=check).findings
    rule = next(f for f in found if f.code == "no_coffee")
    assert rule.severity == "review"  # the recogniser may be wrong: a person decides
    assert rule.spans[0].source == "transcript"
    assert rule.spans[0].t1 > rule.spans[0].t0 > 0
    without_script = judged(recorded, None, check_text=check)
    assert without_script.abstained
    assert [f.code for f in without_script.findings] == ["no_coffee"]


def test_silence_under_a_script_is_for_a_person() -> None:
    result = TranscriptGate().result(_subject(SAID, np.zeros(48000, np.float32)))
    assert (result.findings[0].code, result.findings[0].severity) == ("other_script", "review")


def test_without_sound_or_in_another_language_the_gate_abstains(recorded: Subject) -> None:
    with pytest.raises(Abstain, match="no sound"):
        TranscriptGate().result(_subject(SAID, ()))
    with pytest.raises(Abstain, match="only English"):
        judged(recorded, SAID, language="hi")


@pytest.fixture(scope="module")
def with_hidden(hidden) -> Subject:
    """The approved words at both ears, other words in antiphase: one loudspeaker does not play them."""
    subject = _subject(hidden.script, hidden.ears)
    subject.__dict__["_other_speech"] = hidden.spans
    return subject


def test_words_that_hide_in_the_difference_of_the_channels_are_found(with_hidden: Subject, hidden) -> None:
    result = judged(with_hidden, hidden.script)
    assert result.score == 0  # the sum of the channels is innocent
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("other_words_on_a_channel", "review")
    assert finding.message.startswith("In the difference of left and right")
    (span,) = finding.spans
    assert "returns" in span.text
    assert span.source == "transcript"
    assert hidden.t0 - 0.5 < span.t0 < span.t1 < hidden.t1 + 0.5


def test_words_of_another_ear_that_the_script_has_are_no_finding(with_hidden: Subject, hidden) -> None:
    both = hidden.script + " " + hidden.spans[0].text
    codes = [finding.code for finding in judged(with_hidden, both).findings]
    assert "other_words_on_a_channel" not in codes


def test_the_rules_read_what_another_ear_says(with_hidden: Subject, hidden) -> None:
    def check(text: str) -> list[Finding]:
        if "returns" not in text:
            return []
        start = text.index("returns")
        spans = (Span(source="script", start=start, end=start + 7),)
        return [Finding(code="promise", severity="block", message="No promises.", spans=spans)]

    for script in (hidden.script, None):
        found = judged(with_hidden, script, check_text=check).findings
        rule = next(f for f in found if f.code == "promise")
        assert rule.severity == "review"
        assert rule.message.startswith("In the difference of left and right")
        assert hidden.t0 - 0.5 < rule.spans[0].t0 < rule.spans[0].t1 < hidden.t1 + 0.5


def test_a_clip_too_short_for_a_word_says_so() -> None:
    with pytest.raises(Abstain, match=r"the clip is too short: 0\.4 s of sound, half a second is needed"):
        TranscriptGate().result(_subject(SAID, speak("Hi.")[8000 : 8000 + 6400]))
