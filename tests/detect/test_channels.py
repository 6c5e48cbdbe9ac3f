"""Channels that do not say the same are a finding, with or without a script."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from core.media.heard import Heard
from detect.channels import disagreement
from detect.models import Subject


def subject(ears) -> Subject:
    return Subject(None, SimpleNamespace(audio=object()), None, ears)


def test_other_words_in_the_difference_are_a_finding_for_a_person(hidden) -> None:
    made = subject(hidden.ears)
    made.__dict__["_other_speech"] = hidden.spans
    finding = disagreement(made)
    assert (finding.code, finding.severity) == ("channels_disagree", "review")
    assert "the difference of left and right" in finding.message
    assert "returns" not in finding.message  # words may be personal: they stand in spans only
    assert "returns" in finding.spans[0].text
    assert hidden.t0 - 0.5 < finding.spans[0].t0 < finding.spans[0].t1 < hidden.t1 + 0.5


def test_one_voice_at_both_ears_and_a_video_without_sound_are_none(hidden) -> None:
    voice = hidden.ears[0][:]
    assert disagreement(subject(Heard.of(voice).ears)) is None
    assert disagreement(subject(Heard.of(np.stack([voice, -voice], axis=1)).ears)) is None
    assert disagreement(subject(())) is None
