"""What the gates of sound are tried on: two voices, one of them where one loudspeaker does not play it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def hidden() -> SimpleNamespace:
    """``script`` said at both ears; other words 30 dB softer in antiphase, by the voice at another pitch."""
    from core.media.heard import Heard
    from core.perception.ears import other_speech
    from tests.core.perception.test_speech import speak

    script = "Please bring your insurance card to the appointment on Monday morning. The doctor will see you at nine."
    innocent = speak(script)
    other = speak("Guaranteed returns every month, with no risk at all.")
    other = np.interp(np.arange(0, len(other), 0.8), np.arange(len(other)), other).astype(np.float32)
    start = 8000
    other = other[: len(innocent) - start]
    secret = np.zeros_like(innocent)
    secret[start : start + len(other)] = 10 ** (-30 / 20) * other
    ears = Heard.of(np.stack([innocent + secret, innocent - secret], axis=1)).ears
    return SimpleNamespace(
        script=script,
        ears=ears,
        spans=other_speech(ears),
        t0=start / 16000 + 0.4,
        t1=(start + len(other)) / 16000 - 0.3,
    )
