"""Whose face, whose voice: the worst second decides."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.gates import Threshold
from core.media.heard import Heard
from core.models import Brief, PersonaMaterial
from detect.errors import Abstain
from detect.identity import FaceIdentityGate, VoiceIdentityGate, face_distances, worst_seconds
from detect.models import Subject

FACE = Threshold(
    direction="high_is_bad", review=0.48, block=0.6, unit="", reason="as the standard set has it"
)
VOICE = Threshold(direction="low_is_bad", review=0.8, unit="", reason="as the standard set has it")


def subject(faces=None, voices=None, threshold=FACE, ears=(), length=10.0) -> Subject:
    persona = PersonaMaterial(faces=faces, voices=voices)
    brief = Brief(script=None, language="en", persona=persona, label_profile="default", mark_id=None)
    gates = {name: SimpleNamespace(threshold=threshold) for name in ("face_identity", "voice_identity")}
    info = SimpleNamespace(audio=None, video=SimpleNamespace(duration=length, end=length))
    return Subject(None, info, None, ears, brief=brief, gate_set=SimpleNamespace(gates=gates))


def heard(sound: np.ndarray):
    return Heard.of(sound.astype(np.float32)).ears


def person(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    return 0.6 * vector / np.linalg.norm(vector)  # two of them are about .85 apart, as strangers are


def gate_that_saw(embeddings: list[np.ndarray], step: float = 0.5) -> FaceIdentityGate:
    gate = FaceIdentityGate()
    gate._times = [i * step for i in range(len(embeddings))]
    gate._embeddings = embeddings
    return gate


def looks(seed: int, count: int, spread: float = 0.02) -> list[np.ndarray]:
    rng = np.random.default_rng(seed + 100)
    return [(person(seed) + rng.normal(0, spread, 128)).astype(np.float32) for _ in range(count)]


def test_the_persona_passes() -> None:
    result = gate_that_saw(looks(1, 20)).result(subject(np.stack(looks(1, 8))))
    assert result.score < 0.4
    assert result.findings == ()
    assert len(result.curve) == 20


def test_somebody_else_is_another_face() -> None:
    result = gate_that_saw(looks(2, 20)).result(subject(np.stack(looks(1, 8))))
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("another_face", "block")


def test_one_second_of_somebody_else_in_ten_is_found_with_its_place() -> None:
    seen = looks(1, 8) + looks(2, 2) + looks(1, 10)
    result = gate_that_saw(seen).result(subject(np.stack(looks(1, 8))))
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("face_changes", "block")
    assert finding.spans[0].t0 == pytest.approx(4.0, abs=0.6)
    assert finding.spans[0].t1 == pytest.approx(5.0, abs=0.6)
    assert result.measures["median"] < 0.4


def test_a_short_clip_is_called_too_short_and_a_span_ends_with_the_picture() -> None:
    for count in (0, 1):
        with pytest.raises(Abstain) as reason:
            gate_that_saw(looks(1, count)).result(subject(np.stack(looks(1, 8)), length=0.4))
        assert str(reason.value) == (
            "the clip is too short: 0.4 s, face identity needs 1 s with a face in view"
        )
    seen = looks(1, 8) + looks(2, 2)
    (finding,) = gate_that_saw(seen).result(subject(np.stack(looks(1, 8)), length=4.7)).findings
    assert finding.spans[-1].t1 == 4.7


def test_a_single_look_in_a_pose_of_its_own_counts_for_half() -> None:
    times, distances = np.arange(6) * 0.5, np.array([0.3, 0.3, 0.6, 0.3, 0.3, 0.3])
    assert worst_seconds(times, distances)[1].max() == pytest.approx(0.45)


def test_a_look_is_compared_with_the_references_nearest_to_it() -> None:
    references = np.stack(looks(1, 5) + looks(3, 5))
    assert face_distances(np.stack(looks(3, 1)), references)[0] < 0.4


def test_real_looks_at_the_presenter_agree_and_a_swapped_second_does_not(short_presenter, tmp_path) -> None:
    """A warp of the face's proportions stands in for another person: the presenter is the only face we may use."""
    import cv2

    from core.media.decode import frames
    from core.perception.watch import FaceTracker

    gate, references = FaceIdentityGate(), FaceIdentityGate()
    with FaceTracker() as tracker, FaceTracker() as other:
        for frame in frames(short_presenter):
            time = float(frame.time)
            references.see(frame, tracker.track(frame.image, time))
            picture = frame.image
            if 1.0 <= time < 2.1:
                height, width = picture.shape[:2]
                y, x = np.mgrid[0:height, 0:width].astype(np.float32)
                x += 0.06 * width * np.sin((x / width - 0.5) * 9)
                y += 0.07 * height * np.sin((y / height - 0.4) * 8)
                picture = cv2.remap(picture, x, y, cv2.INTER_LINEAR)
            gate.see(SimpleNamespace(time=frame.time, image=picture), other.track(picture, time))
    material = np.stack(references._embeddings)
    same = references.result(subject(material))
    assert same.findings == ()
    changed = gate.result(subject(material))
    assert changed.score > same.score + 0.1
    assert 0.9 <= changed.measures["worst_at_s"] <= 2.0


def test_without_references_or_without_a_face_the_face_gate_abstains() -> None:
    with pytest.raises(Abstain, match="no reference"):
        gate_that_saw(looks(1, 3)).result(subject(None))
    with pytest.raises(Abstain, match="no face is seen"):
        FaceIdentityGate().result(subject(np.stack(looks(1, 3))))


@pytest.fixture(scope="module")
def voices() -> tuple[np.ndarray, np.ndarray]:
    """The stock voice, and the same speech at another pitch, which stands in for another person."""
    from tests.core.perception.test_speech import speak

    text = "The quick brown fox jumps over the lazy dog near the river bank, and then it sleeps under a tree."
    sound = speak(text)
    return sound, np.interp(np.arange(0, len(sound), 0.72), np.arange(len(sound)), sound).astype(np.float32)


def test_the_personas_voice_passes_and_another_does_not(voices) -> None:
    from core.perception.embed import voice_embedding

    own, other = voices
    reference = voice_embedding(own[: len(own) // 2])[None]
    same = VoiceIdentityGate().result(
        subject(voices=reference, threshold=VOICE, ears=heard(own[len(own) // 2 :]))
    )
    assert same.findings == ()
    assert same.score > 0.8
    foreign = VoiceIdentityGate().result(subject(voices=reference, threshold=VOICE, ears=heard(other)))
    assert foreign.score < same.score - 0.1
    assert foreign.findings[0].code in ("another_voice", "voice_changes")


def test_some_seconds_of_another_voice_are_found_with_their_place(voices) -> None:
    from core.perception.embed import voice_embedding

    own, other = voices
    sound = np.concatenate([own, other, own])
    bound = VOICE.model_copy(update={"review": 0.85})
    result = VoiceIdentityGate().result(
        subject(voices=voice_embedding(own)[None], threshold=bound, ears=heard(sound))
    )
    (finding,) = result.findings
    begin, end = len(own) / 16000, (len(own) + len(other)) / 16000
    t0, t1 = finding.spans[0].t0, finding.spans[-1].t1
    assert min(t1, end) - max(t0, begin) > 0.6 * (end - begin)


def test_without_references_sound_or_voice_the_voice_gate_abstains(voices) -> None:
    some = np.ones((1, 256), np.float32) / 16
    silence = np.zeros(32000, np.float32)
    for made, reason in (
        (subject(voices=None, ears=heard(voices[0])), "no reference"),
        (subject(voices=some, ears=()), "no sound"),
        (subject(voices=some, ears=heard(silence)), "half a second"),
    ):
        with pytest.raises(Abstain, match=reason):
            VoiceIdentityGate().result(made)


def test_another_voice_that_hides_in_the_difference_of_the_channels_is_found(hidden) -> None:
    from core.perception.embed import voice_embedding

    reference = voice_embedding(hidden.ears[0])[None]
    made = subject(voices=reference, threshold=VOICE, ears=hidden.ears)
    made.__dict__["_other_speech"] = hidden.spans
    result = VoiceIdentityGate().result(made)
    (finding,) = result.findings
    assert finding.message.startswith("In the difference of left and right")
    assert hidden.t0 - 2 < finding.spans[0].t0 < finding.spans[-1].t1 < hidden.t1 + 2
    made.__dict__["_other_speech"] = ()
    assert VoiceIdentityGate().result(made).score > result.score + 0.1  # the main ear alone is the persona's


def test_a_clip_too_short_for_a_voice_says_so(voices) -> None:
    some = np.ones((1, 256), np.float32) / 16
    with pytest.raises(
        Abstain, match=r"the clip is too short: 0\.4 s of sound, half a second of voice is needed"
    ):
        VoiceIdentityGate().result(subject(voices=some, ears=heard(voices[0][16000:22400])))
