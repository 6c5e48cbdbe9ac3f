"""Is exactly the approved script spoken (trust step 8)?

Whisper hears freely: it is never shown the script, or it would hear the script. Where the two differ in more than
writing (``differences``) and sound nothing alike, other words were said. Where they sound a little alike, or one side
has none, Whisper is asked once more: how much likelier is the sound under what it heard than under the script's words?
What other ears say and the main one does not (``core.perception.ears``) is held against the script and the rules too.

All of it is what a recogniser heard, and it may have misheard: a finding here sends the video to a person and blocks
nothing for good.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.gates import Threshold, load_gate_set
from core.media.heard import EarName, Listening
from core.media.models import Frame
from core.models import Finding, GateResult, Span, Verdict
from core.perception.ears import OtherSpeech
from core.perception.models import Face, Transcript
from core.perception.speech import RATE, likelihoods
from core.weights import weight_digests
from detect.channels import HINT, WHERE, spans_of
from detect.differences import Difference, differences
from detect.errors import Abstain
from detect.models import Subject
from detect.words import Token, tokens, tokens_of_words

WINDOW_SECONDS = 24.0  # Whisper sees 30
MARGIN = 0.3
MOST_WORDS = 3_000  # that a receipt holds
SHORTEST = 0.5  # seconds: no word is heard for sure in less
MESSAGES = {
    "extra_word": "Words are spoken that the approved script does not have.",
    "missing_word": "Words of the approved script are not spoken.",
    "replaced_word": "Other words are spoken than the approved script has.",
}


class TranscriptGate:
    """Gate ``transcript``. Score: share of the script's words that were not heard, 0..1; its findings decide."""

    name = "transcript"
    version = "3"

    def see(self, frame: Frame, face: Face | None) -> None:
        """Only the sound counts here."""

    def result(self, subject: Subject) -> GateResult:
        """Raises Abstain without sound, in a clip too short, and for a language that cannot be compared yet."""
        script = subject.brief.script if subject.brief is not None else None
        if subject.brief is not None and not subject.brief.language.lower().startswith("en"):
            raise Abstain("only English speech can be compared with its script so far")
        if subject.main.seconds < SHORTEST:
            raise Abstain(
                f"the clip is too short: {subject.main.seconds:.1f} s of sound, half a second is needed"
            )
        heard = subject.transcript()
        apart = _apart(subject, heard.language, tokens(script) if script is not None else None)
        if script is None:
            # An import without a script: what is said can be judged, but not compared.
            findings = _spoken_rules(subject, heard, tokens_of_words([w.text for w in heard.words]), set())
            return self._answer(None, "there is no script to compare with", [*findings, *apart], heard)
        mine = tokens(script)
        theirs = tokens_of_words([word.text for word in heard.words])
        bounds = (subject.gate_set or load_gate_set()).gates[self.name].findings
        laid = Laid(mine, theirs, heard)
        found = other_words(laid, subject.main, bounds)
        places = [place for place, _ in found]
        wrong = sum(place.a1 - place.a0 for place in places)
        share = min(1.0, wrong / max(1, len(mine)))
        findings = [_finding(place, nats, laid, script) for place, nats in found]
        if bounds["other_script"].verdict(share) is not Verdict.PASS:
            findings.insert(
                0,
                Finding(
                    code="other_script",
                    severity="review",
                    message="What is heard is not the approved script.",
                    spans=(Span(source="transcript", t0=0.0, t1=float(subject.info.duration)),),
                    score=share,
                    threshold=bounds["other_script"].review,
                    unit="share of words",
                    hint="Listen: in a short script one misheard name is enough. Reject it if other words are said.",
                ),
            )
        confirmed = set(range(len(theirs))) - {j for place in places for j in range(place.b0, place.b1)}
        findings += [*_spoken_rules(subject, heard, theirs, confirmed), *apart]
        reason = (
            f"{len(places)} places differ from the script" if places else "the script is heard, word for word"
        )
        if apart:
            reason += "; other words are heard on another channel"
        return self._answer(share, reason, findings, heard)

    def _answer(
        self, score: float | None, reason: str, findings: Sequence[Finding], heard: Transcript
    ) -> GateResult:
        return GateResult(
            gate=self.name,
            version=self.version,
            score=score,
            unit="share of the script's words",
            abstained=score is None,
            reason=reason,
            findings=tuple(findings),
            measures={"words_heard": len(heard.words), "words": _words(heard)},
            models=weight_digests("whisper-base"),
        )


@dataclass(frozen=True)
class Laid:
    """The script beside what was heard."""

    script: Sequence[Token]
    heard: Sequence[Token]
    transcript: Transcript


def other_words(
    laid: Laid, sound16k: Listening, bounds: Mapping[str, Threshold]
) -> list[tuple[Difference, float]]:
    """The places where other words were said than the script's, each with the nats that say so (inf: not asked)."""
    places = differences(laid.script, laid.heard)
    apart = bounds["other_sound"]
    doubtful = [p for p in places if _code(p) != "replaced_word" or apart.verdict(p.distance) is Verdict.PASS]
    evidence = dict(zip(doubtful, _evidence(laid, sound16k, doubtful), strict=True))
    nats = [(place, evidence.get(place, math.inf)) for place in places]
    return [(place, n) for place, n in nats if bounds[_code(place)].verdict(n) is not Verdict.PASS]


def _code(place: Difference) -> str:
    if place.a0 == place.a1:
        return "extra_word"
    return "missing_word" if place.b0 == place.b1 else "replaced_word"


def _evidence(laid: Laid, sound16k: Listening, places: Sequence[Difference]) -> list[float]:
    """For each place, nats by which the heard words explain the sound better than the script's words there."""
    nats = [math.inf] * len(places)
    words = laid.transcript.words
    start = 0
    while start < len(words):
        end = start + 1
        while end < len(words) and words[end].t1 - words[start].t0 <= WINDOW_SECONDS:
            end += 1
        here = [k for k, place in enumerate(places) if start <= _anchor(place, laid) < end]
        if here:
            t0, t1 = max(0.0, words[start].t0 - MARGIN), words[end - 1].t1 + MARGIN
            texts = [" ".join(word.text for word in words[start:end])]
            texts += [_as_scripted(places[k], laid, start, end) for k in here]
            found = likelihoods(sound16k[int(t0 * RATE) : int(t1 * RATE)], texts, laid.transcript.language)
            for k, value in zip(here, found[1:], strict=True):
                nats[k] = found[0] - value
        start = end
    return nats


def _anchor(place: Difference, laid: Laid) -> int:
    """Number of the heard word at the place; for missing words, the one before."""
    if place.b0 < place.b1:
        return laid.heard[place.b0].index
    return laid.heard[place.b0 - 1].index if place.b0 > 0 else 0


def _as_scripted(place: Difference, laid: Laid, start: int, end: int) -> str:
    """The heard words ``start``..``end``, with the script's words at the place."""
    words = [word.text for word in laid.transcript.words]
    mine = " ".join(token.text for token in laid.script[place.a0 : place.a1])
    if place.b0 < place.b1:
        first, last = laid.heard[place.b0], laid.heard[place.b1 - 1]
        # A chunk that was heard as one word may hold tokens outside the place ("High-tatic"): keep them.
        before = [t.text for t in laid.heard if t.index == first.index and t.start < first.start]
        after = [t.text for t in laid.heard if t.index == last.index and t.start > last.start]
        ending = words[last.index][len(words[last.index].rstrip(".,;:!?")) :]
        middle = " ".join([*before, mine, *after]).strip()
        parts = [*words[start : first.index], middle + ending if middle else "", *words[last.index + 1 : end]]
    else:
        at = _anchor(place, laid) + (1 if place.b0 > 0 else 0)
        parts = [*words[start:at], mine, *words[at:end]]
    return " ".join(part for part in parts if part)


def _finding(place: Difference, nats: float, laid: Laid, script: str) -> Finding:
    """What differs, where in the script, when in the sound. Words stand in spans only: they may be personal."""
    spans = []
    if place.a0 < place.a1:
        start, end = laid.script[place.a0].start, laid.script[place.a1 - 1].end
        spans.append(Span(source="script", start=start, end=end, text=script[start:end]))
    t0, t1 = _when(place, laid)
    said = " ".join(token.text for token in laid.heard[place.b0 : place.b1])
    spans.append(Span(source="transcript", t0=t0, t1=t1, text=said or None))
    return Finding(
        code=_code(place),
        severity="review",
        message=MESSAGES[_code(place)],
        spans=tuple(spans),
        score=round(nats, 2) if nats < math.inf else None,
        unit="nats against the script's words",
        hint="Listen to this place; render again, or approve it if the recogniser misheard.",
    )


def _when(place: Difference, laid: Laid) -> tuple[float, float]:
    words, theirs = laid.transcript.words, laid.heard
    if not theirs:
        return 0.0, 0.0
    if place.b0 < place.b1:
        return words[theirs[place.b0].index].t0, words[theirs[place.b1 - 1].index].t1
    before = words[theirs[place.b0 - 1].index].t1 if place.b0 > 0 else 0.0
    after = words[theirs[place.b0].index].t0 if place.b0 < len(theirs) else before
    return min(before, after), max(before, after)


def _spoken_rules(
    subject: Subject, heard: Transcript, theirs: Sequence[Token], confirmed: set[int]
) -> list[Finding]:
    """The rule packs over what is heard. What stands in the approved script was judged in step 3 and is not again."""
    if subject.check_text is None or not heard.words:
        return []
    out = []
    for finding in subject.check_text(heard.text):
        places = [span for span in finding.spans if span.start is not None and span.end is not None]
        if not places:
            continue  # what is missing from a text is a matter of the script
        spans, new = [], False
        for span in places:
            inside = [
                j for j, t in enumerate(theirs) if t.start < (span.end or 0) and t.end > (span.start or 0)
            ]
            new = new or any(j not in confirmed for j in inside)
            if inside:
                first, last = theirs[inside[0]].index, theirs[inside[-1]].index
                times = {"t0": heard.words[first].t0, "t1": heard.words[last].t1}
                spans.append(span.model_copy(update={"source": "transcript", **times}))
        if new and finding.severity != "note":
            out.append(finding.model_copy(update={"spans": tuple(spans), "severity": "review"}))
    return out


def _words(heard: Transcript) -> list[dict[str, object]]:
    """What was heard and when, for whoever looks at the video afterwards."""
    return [
        {"text": word.text, "t0": round(word.t0, 2), "t1": round(word.t1, 2)}
        for word in heard.words[:MOST_WORDS]
    ]


def _apart(subject: Subject, language: str, script: Sequence[Token] | None) -> list[Finding]:
    """What other ears say: words that the script does not have, and what the rule packs say of them."""
    by_ear: dict[EarName, list[OtherSpeech]] = {}
    for span in subject.other_speech():
        by_ear.setdefault(span.ear, []).append(span)
    out = []
    for ear, spans in by_ear.items():
        foreign = [span for span in spans if script is not None and not _stands_in(span, script)]
        if foreign:
            out.append(
                Finding(
                    code="other_words_on_a_channel",
                    severity="review",
                    message=f"{WHERE[ear]} other words are spoken.",
                    spans=spans_of(foreign),
                    score=float(sum(len(span.words) for span in foreign)),
                    unit="words",
                    hint=HINT,
                )
            )
        words = tuple(word for span in spans for word in span.words)
        said = Transcript(language, words, " ".join(word.text for word in words))
        for finding in _spoken_rules(subject, said, tokens_of_words([w.text for w in words]), set()):
            out.append(finding.model_copy(update={"message": f"{WHERE[ear]}: {finding.message}"}))
    return out


def _stands_in(span: OtherSpeech, script: Sequence[Token]) -> bool:
    """Whether the script has these words in this order, and nothing between them."""
    said = [token.text for token in tokens_of_words([word.text for word in span.words])]
    mine = [token.text for token in script]
    return any(mine[i : i + len(said)] == said for i in range(len(mine) - len(said) + 1))
