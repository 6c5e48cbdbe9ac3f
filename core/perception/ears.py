"""What other ears say that the main one does not: words that a check of the mono sound would never hear.

Most sound differs between left and right without saying anything else: music, rooms, a late channel, the noise of a
codec. So, window by window, what the main ear explains is taken out of the other (``core.perception.remains``) and a
detector of voice says whether speech remains. Only there the recogniser listens, to what remains and, where that is
loud, to left and right as they are. Words count that the main ear does not say at about that time and that explain
the sound better than the main ear's words do.

Measured with ``make bench NAME=ears``: 28 hidings of another voice; 57 innocent sounds, 37 of them test clips:

    in antiphase, -10 to -45 dB, uncoded or AAC 128 kb/s   found, 10 of 10
    in antiphase, AAC 64 kb/s                              found at -10, -20, -30; MISSED at -40 and -45
    on the right only, 0 to -30 dB                         found, 4 of 4
    in antiphase in a room's echo                          found at -20; MISSED at -30
    under music; in the centre; left and right differ      found, 4 of 4
    three seconds of a minute, -20 and -40 dB              found, 2 of 2
    one word alone, -20 dB                                 MISSED
    innocent sounds                                        none flagged; 2 suspected (listened to, import made mono)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from core.heartbeat import beat
from core.media.heard import PRESENT_DB, RATE, Ear, EarName
from core.media.models import Samples
from core.perception.models import Word
from core.perception.remains import MARGIN, Remains, levelled, loudest, remains, spectra, windows
from core.perception.speech import likelihoods, plain, transcribe

SILENT = -80.0  # dBFS: nothing is heard at any ear
LONGEST = 60.0  # seconds that the recogniser hears at once
APART = 2.0  # seconds between the same word at two ears: a late channel, and the recogniser's own error
PAUSE = 1.5  # seconds that end a span
FEWEST = 2  # words: one alone is more often a slip of the recogniser
LIKELY = 0.5  # mean probability of the words
NATS = 2.0  # a word, by which the words explain the sound better than what the main ear says then
NATS_ALL = 8.0  # and all together
HALVED = 3.0  # dB: left less right is 6 dB above the side, and the side comes first where all explain alike
FOREIGN = 4.0  # dB that one channel explains of the other; a hall that is as loud as the voice in it: 9
ALOUD = -15.0  # dB beside the main ear
BESIDE = 5.0  # dB between left and right, that make it one of them
KEPT = 20.0  # seconds of the sound of a span that are kept
PAIRS: tuple[tuple[EarName, EarName], ...] = (
    ("left", "right"),
    ("right", "left"),
)  # these explain a late channel


@dataclass(frozen=True)
class OtherSpeech:
    """Words at one ear that the main ear does not say at about that time.

    Attributes:
        ear: where they are heard: "left" or "right", "side" where both have them in antiphase, "centre".
        t0, t1: seconds, from the first to the last of the words.
        words: as the recogniser wrote them.
        level_db: how loud, relative to the loudest ear.
        sound: the ear over these seconds without what the main ear explains, float32 at 16 kHz: whose voice is it?
    """

    ear: EarName
    t0: float
    t1: float
    words: tuple[Word, ...]
    level_db: float
    sound: Samples

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def agree(ears: Sequence[Ear]) -> bool:
    """Whether what differs between the ears holds no speech. Hears no words; bounded memory.

    False is a suspicion: the same voice in a room, or panned about, can give it. True where one ear is all.
    """
    return not any(True for _ in _Listener(ears).suspicions())


def other_speech(ears: Sequence[Ear], language: str | None = "en") -> tuple[OtherSpeech, ...]:
    """What other ears say that the main ear, ``ears[0]``, does not; in order, one a connected span.

    Costs nothing for one ear, and no recogniser where no speech remains. Bounded memory: a minute of each ear at a
    time, and at most ``KEPT`` seconds of each span that is found.

    Args:
        ears: of one file, the main one first, as ``Heard.ears`` gives them.
        language: as for :func:`core.perception.speech.transcribe`.

    Raises:
        WeightsError: something is to be listened to and `greenroom models pull` has not run.
    """
    listener = _Listener(ears)
    found = [span for region in listener.regions() for span in listener.hear(*region, language)]
    return tuple(_once(sorted(found, key=lambda span: (span.t0, -len(span.words)))))


class _Listener:
    def __init__(self, ears: Sequence[Ear]):
        self.main = ears[0] if ears else None
        self.named = {ear.name: ear for ear in ears}
        self.loudest = max((ear.level for ear in ears), default=SILENT)

    def others(self) -> list[Ear]:
        """The ears that hold what the main one lacks: left and right are sums of main and side, so one is enough."""
        if self.main is None or self.loudest <= SILENT:
            return []
        across = "side" if self.main.name == "mid" else "mid"
        return [self.named[name] for name in (across, "centre") if name in self.named]

    def suspicions(self) -> Iterator[tuple[int, int, Ear]]:
        """Windows (first sample, end) in which an ear may say something else."""
        others = self.others()
        for start, stop in windows(len(self.main)) if self.main is not None and others else ():
            for other in others:
                beat()
                if self._differs(other, start, stop):
                    yield start, stop, other

    def _differs(self, other: Ear, start: int, stop: int) -> bool:
        assert self.main is not None
        floor = self.loudest + PRESENT_DB
        across = Remains(self.main, other, start, stop)
        if not across.speaks(across.linear, floor):
            return False
        if other.name == "centre":
            return across.speaks(across.unexplained(), floor)
        pairs = [Remains(self.named[a], self.named[b], start, stop, late=True) for a, b in PAIRS]
        best = min([across, *pairs], key=lambda pair: pair.level - (0 if pair is across else HALVED))
        if best.level < floor:
            return False
        if best.speaks(best.unexplained(), floor):
            return True
        # Two voices of one power, left and right, rise and fall alike: but neither channel explains the other.
        return all(pair.explained < FOREIGN and pair.speaks(pair.linear, floor) for pair in pairs)

    def regions(self) -> Iterator[tuple[int, int, Ear]]:
        """Suspicious windows in a row, at most ``LONGEST`` seconds together."""
        growing: dict[EarName, tuple[int, int, Ear]] = {}
        for start, stop, other in self.suspicions():
            held = growing.get(other.name)
            if held is not None and held[1] == start and stop - held[0] <= LONGEST * RATE:
                growing[other.name] = (held[0], stop, other)
                continue
            if held is not None:
                yield held
            growing[other.name] = (start, stop, other)
        yield from growing.values()

    def hear(self, start: int, stop: int, other: Ear, language: str | None) -> Iterator[OtherSpeech]:
        """What is said in a region at the other ear."""
        assert self.main is not None
        lead, around = int(MARGIN * RATE), int(APART * RATE)
        begin, end = max(0, start - lead), min(len(self.main), stop + lead)
        first = max(0, begin - around)
        said = _words(self.main[first : end + around], first, language)
        rest = remains(self.main, other, begin, end)
        if other.name != "centre":
            pairs = [remains(self.named[a], self.named[b], begin, end, late=True) for a, b in PAIRS]
            rest = min([rest, *pairs], key=lambda sound: loudest(sound) - (0 if sound is rest else HALVED))
        for words in _other_words(rest, begin, said, language):
            yield self._span(self._ear_of(words, rest, begin, other), words, rest, begin)
        if other.name == "centre" or loudest(rest) <= loudest(self.main[begin:end]) + ALOUD:
            return
        # So loud that left and right can be understood as they are, and that what remains may be two voices.
        for _, name in PAIRS:
            if name != self.main.name:
                plainly = self.named[name][begin:end]
                for words in _other_words(plainly, begin, said, language):
                    yield self._span(name, words, plainly, begin)

    def _ear_of(self, words: Sequence[Word], rest: Samples, begin: int, other: Ear) -> EarName:
        """Left or right, where the rest is heard on one of them only: told where it is loudest beside the others."""
        assert self.main is not None
        if other.name == "centre":
            return other.name
        first, end = max(0, int(words[0].t0 * RATE) - begin), int(words[-1].t1 * RATE) - begin
        power = np.abs(spectra(rest[first:end])) ** 2
        left, right = (
            np.abs(spectra(self.named[name][begin + first : begin + first + len(rest[first:end])])) ** 2
            for name, _ in PAIRS
        )
        share = power / (left + right + 1e-9)
        clear = share >= np.quantile(share[power > np.quantile(power, 0.8)], 0.8)
        ratio = 10 * np.log10((left[clear].sum() + 1e-12) / (right[clear].sum() + 1e-12))
        name: EarName = "left" if ratio > BESIDE else "right" if ratio < -BESIDE else other.name
        return other.name if name == self.main.name else name

    def _span(self, ear: EarName, words: list[Word], sound: Samples, begin: int) -> OtherSpeech:
        t0, t1 = words[0].t0, words[-1].t1
        first, end = max(0, int(t0 * RATE) - begin), int(t1 * RATE) - begin
        level = loudest(sound[first:end]) - self.loudest
        kept = sound[first : min(end, first + int(KEPT * RATE))].copy()
        return OtherSpeech(ear, t0, t1, tuple(words), round(level, 1), kept)


def _words(sound: Samples, begin: int, language: str | None) -> list[Word]:
    offset = begin / RATE
    return [
        Word(word.text, word.t0 + offset, word.t1 + offset, word.probability)
        for word in transcribe(levelled(sound), language).words
    ]


def _other_words(
    sound: Samples, begin: int, said: Sequence[Word], language: str | None
) -> Iterator[list[Word]]:
    """Runs of words in ``sound`` that were not ``said``, each surer than what was said then."""
    words = _words(sound, begin, language)
    theirs, mine = [plain(word.text) for word in words], [plain(word.text) for word in said]
    same = {i for i, text in enumerate(theirs) if not text}
    for a, b, size in SequenceMatcher(None, theirs, mine, autojunk=False).get_matching_blocks():
        same |= {a + i for i in range(size) if abs(words[a + i].t0 - said[b + i].t0) < APART}
    for run in _runs(words, same):
        if _sure(run, sound, begin, said, language or "en"):
            yield run


def _runs(words: Sequence[Word], same: set[int]) -> Iterator[list[Word]]:
    run: list[int] = []
    for i, word in enumerate(words):
        if i in same:
            continue
        if run and (word.t0 - words[run[-1]].t1 > PAUSE or i - run[-1] > 2):
            yield [words[k] for k in run]
            run = []
        run.append(i)
    if run:
        yield [words[k] for k in run]


def _sure(run: list[Word], sound: Samples, begin: int, said: Sequence[Word], language: str) -> bool:
    if len(run) < FEWEST or sum(word.probability for word in run) / len(run) < LIKELY:
        return False
    t0, t1 = run[0].t0 - 0.3, run[-1].t1 + 0.3
    then = [word.text for word in said if word.t1 > t0 and word.t0 < t1]
    if not then:
        return True
    part = sound[max(0, int(t0 * RATE) - begin) : int(t1 * RATE) - begin]
    own, others = likelihoods(levelled(part), [" ".join(w.text for w in run), " ".join(then)], language)
    return own - others >= max(NATS * len(run), NATS_ALL)


def _once(spans: Sequence[OtherSpeech]) -> Iterator[OtherSpeech]:
    """The same words are often heard in more than one way: a span that lies mostly in one before it goes."""
    kept: list[OtherSpeech] = []
    for span in spans:
        shared = [
            min(span.t1, one.t1) - max(span.t0, one.t0)
            for one in kept
            if one.ear == span.ear or {plain(w.text) for w in one.words} & {plain(w.text) for w in span.words}
        ]
        if not shared or max(shared) < 0.5 * (span.t1 - span.t0):
            kept.append(span)
            yield span
