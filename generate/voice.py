"""Voices (trust step 4): text in, sound with phone and word timings out."""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import DevelopmentPart
from core.heartbeat import beat
from core.perception.models import Phone, Word
from generate.errors import VoiceError
from generate.loudness import normalise
from generate.models import Speech
from generate.phonemes import joined, timed_phones
from generate.sayable import first_unsayable

MAX_CHARACTERS = 15_000  # about 2,500 words, a quarter of an hour: longer scripts are several videos
SENTENCE_PAUSE = 0.28  # seconds between sentences; the voice's own silence at the ends is cut to fit
# The sound of a phone comes this much before its units say: median against forced alignment of four sentences (181
# phones, quartiles 50 and 85 ms) and against the silence of p, b, t before their bursts.
SOUND_LEADS = 0.055  # seconds
EDGE_PAUSE = 0.06  # seconds kept before the first and after the last sound

# "[word](/phonemes/)" makes the voice say something other than the text that passed the rule packs.
_RESPELLING = re.compile(r"\[[^\]]*\]\([^)]*\)")


class Voice(Protocol):
    """Speaks text. Every voice keeps the times of its phones: the lips need them."""

    @property
    def name(self) -> str:
        """Name and version, for the credential."""

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 primary codes that it speaks."""

    def speak(self, text: str, language: str = "en") -> Speech:
        """Sound at -16 LUFS, true peak <= -1 dBTP, phones from 0 to its end without gaps.

        Raises:
            VoiceError: a language that it does not speak; text that is empty, too long, or has letters that it
                cannot say (nothing is skipped in silence: what is heard is what was checked).
        """


def check_language(language: str, voice: Voice) -> None:
    """Raises VoiceError (``voice_language``) for a language that this voice does not speak."""
    if language.split("-", maxsplit=1)[0].lower() not in voice.languages:
        raise VoiceError(
            f"no voice here speaks '{language}'",
            where=f"voice {voice.name}",
            next_step=f"use one of: {', '.join(voice.languages)}; or bring a voice for that language",
            code="voice_language",
        )


def checked_text(text: str, language: str, voice: Voice) -> str:
    """``text`` in one line a paragraph, or a VoiceError: what every voice checks before it speaks."""
    check_language(language, voice)
    clean = re.sub(r"[ \t]+", " ", unicodedata.normalize("NFC", text)).strip()
    if not any(character.isalnum() for character in clean):
        raise VoiceError("there is nothing to say", where="script", next_step="write at least one word")
    if len(clean) > MAX_CHARACTERS:
        raise VoiceError(
            f"the script has {len(clean):,} characters, more than {MAX_CHARACTERS:,}",
            where="script",
            next_step="split it into several videos",
        )
    if (unsayable := first_unsayable(clean, language)) is not None:
        raise VoiceError(
            f"the voice reads Latin letters, and cannot say {unsayable[1]}",
            where="script",
            next_step="write it in Latin letters as it is spoken, and leave out emoji",
            code="voice_unsayable",
        )
    if _RESPELLING.search(clean):
        raise VoiceError(
            "the script holds pronunciation markup, which would say other words than were checked",
            where="script",
            next_step="write the words as they should be read",
        )
    return clean


class HibariVoice:
    """hibari-tts 0.2.1, voice "heart" (Apache-2.0, in the wheel): American English, 24 kHz, faster than real time.

    Its ONNX graph computes a length for each phoneme at the node ``/Round_output_0``, in units of 600 samples;
    the graph is opened with that node as one more output.
    """

    UNIT_SAMPLES = 600
    languages: tuple[str, ...] = ("en",)

    def __init__(self, speed: float = 1.0, seed: int = 0):
        """Args: speed 0.5..2.0, 1 is the voice's own pace; seed of its noise, so that the same text sounds the same."""
        self.speed, self.seed = speed, seed
        self.name = f"hibari-heart {metadata.version('hibari-tts')}"

    def speak(self, text: str, language: str = "en") -> Speech:
        text = checked_text(text, language, self)
        engine, session = _hibari()
        rng = np.random.default_rng(self.seed)
        pieces: list[NDArray[np.float32]] = []
        phones: list[Phone] = []
        words: list[Word] = []
        time = 0.0
        chunks = [
            chunk for sentence in engine.split_sentences(text) for chunk in _chunks(_tokens(engine, sentence))
        ]
        for number, chunk in enumerate(chunks):
            beat()
            lead = EDGE_PAUSE if number == 0 else SENTENCE_PAUSE / 2
            tail = EDGE_PAUSE if number == len(chunks) - 1 else SENTENCE_PAUSE / 2
            said = _say(engine, session, chunk, self.speed, rng, lead=lead, tail=tail)
            pieces.append(said.samples)
            phones += [Phone(p.symbol, p.t0 + time, p.t1 + time) for p in said.phones]
            words += [Word(w.text, w.t0 + time, w.t1 + time, 1.0) for w in said.words]
            time += len(said.samples) / engine.sample_rate
        samples = normalise(np.concatenate(pieces), engine.sample_rate)
        return Speech(samples, engine.sample_rate, tuple(joined(phones)), text, tuple(words), self.name)


@dataclass(frozen=True)
class _Token:
    text: str
    phonemes: str
    space: str


@dataclass(frozen=True)
class _Said:
    samples: NDArray[np.float32]
    phones: list[Phone]
    words: list[Word]


def _tokens(engine: Any, sentence: str) -> list[_Token]:
    """Words of a sentence with their phonemes. Raises VoiceError where the voice would skip one."""
    from hibari.g2p.normalize import normalize as spell_out

    g2p = engine.g2p
    tokens = [
        _Token(t.text, t.phonemes or "", t.whitespace)
        for t in g2p.phonemize_tokens(g2p.tokenize(spell_out(sentence)))
    ]
    for token in tokens:
        letters = any(character.isalpha() for character in token.text)
        symbol = any(unicodedata.category(character) in ("So", "Sk", "Cs", "Co") for character in token.text)
        if symbol or (letters and not any(p.isalpha() for p in token.phonemes)):
            raise VoiceError(
                f"the voice cannot say '{token.text[:40]}'",
                where="script",
                next_step="write it in Latin letters as it is spoken, and leave out emoji and symbols",
                code="voice_unsayable",
            )
    return tokens


def _chunks(tokens: list[_Token], most: int = 400) -> list[list[_Token]]:
    """A sentence in pieces that the model takes at once (400 phonemes), cut after a comma or at least at a word."""
    chunks: list[list[_Token]] = [[]]
    size = 0
    for token in tokens:
        clause = chunks[-1] and chunks[-1][-1].phonemes in {",", ";", ":", "—"}
        if chunks[-1] and (size + len(token.phonemes) > most or (clause and size > 0.7 * most)):
            chunks.append([])
            size = 0
        chunks[-1].append(token)
        size += len(token.phonemes) + len(token.space)
    return [chunk for chunk in chunks if any(any(p.isalpha() for p in t.phonemes) for t in chunk)]


def _say(
    engine: Any,
    session: Any,
    tokens: list[_Token],
    speed: float,
    rng: np.random.Generator,
    *,
    lead: float,
    tail: float,
) -> _Said:
    from hibari import dsp

    letters = [(p, n) for n, t in enumerate(tokens) for p in t.phonemes + t.space if p in engine.vocab]
    while letters and letters[-1][0] == " ":
        letters.pop()
    ids = np.array([[0, *(engine.vocab[p] for p, _ in letters), 0]], np.int64)
    *parts, units = session.run(None, {"ids": ids, "speed": np.array([speed], np.float32)})
    rate = engine.sample_rate
    seconds = np.round(np.asarray(units, np.float64).reshape(-1)) * HibariVoice.UNIT_SAMPLES / rate
    samples = dsp.synth(*(part[0] for part in parts), rng)
    # The silence that the voice leaves at either end varies; fit it to the pause that is wanted here.
    sounding = [i for i, (p, _) in enumerate(letters, start=1) if p.isalpha()]
    first, last = sounding[0], sounding[-1]
    while first > 1 and letters[first - 2][0] in "ˈˌ":
        first -= 1
    ends = np.cumsum(seconds) - SOUND_LEADS
    cut0, cut1 = float(ends[first - 1]), float(ends[last])
    # A voice breathes out: keep what still sounds past the last phone's end.
    samples = _faded(samples, rate, cut0 - lead, cut1 + tail)
    symbols = [p for p, _ in letters[first - 1 : last]]
    phones = timed_phones(["", *symbols, ""], [lead, *seconds[first : last + 1], tail], 0.0)
    words = []
    for number, token in enumerate(tokens):
        own = [
            i for i in range(first, last + 1) if letters[i - 1][1] == number and letters[i - 1][0].isalpha()
        ]
        if own:
            words.append(
                Word(
                    token.text, float(ends[own[0] - 1] - cut0 + lead), float(ends[own[-1]] - cut0 + lead), 1.0
                )
            )
    return _Said(samples, phones, words)


def _faded(samples: NDArray[np.float32], rate: int, t0: float, t1: float) -> NDArray[np.float32]:
    """``samples`` from ``t0`` to ``t1`` seconds, silence where that reaches outside, 10 ms ramps at the ends."""
    start, stop = round(t0 * rate), round(t1 * rate)
    inside = samples[max(0, start) : max(0, min(stop, len(samples)))]
    piece = np.pad(inside, (max(0, -start), max(0, stop - len(samples)))).astype(np.float32)
    ramp = np.linspace(0, 1, min(rate // 100, len(piece) // 2), dtype=np.float32)
    piece[: len(ramp)] *= ramp
    piece[len(piece) - len(ramp) :] *= ramp[::-1]
    return piece


@lru_cache(maxsize=1)
def _hibari() -> tuple[Any, Any]:
    """The engine, and a session of its graph that also gives the phoneme lengths."""
    import onnxruntime
    from hibari import Hibari

    engine = Hibari(voice="heart", threads=1)
    # Protobuf messages merge when their bytes are joined (protobuf encoding, "Last One Wins"): this appends
    # ModelProto.graph (7) { output (12) { name (1) } } and needs no ONNX library.
    name = b"/Round_output_0"
    info = b"\x0a" + bytes([len(name)]) + name
    output = b"\x62" + bytes([len(info)]) + info
    graph = Path(engine.model_path).read_bytes() + b"\x3a" + bytes([len(output)]) + output
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return engine, onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@cache
def _plugins() -> dict[str, metadata.EntryPoint]:
    """Voices of installed packages: asked for once, as every package's own list is read for it."""
    return {entry.name: entry for entry in metadata.entry_points(group="greenroom.voices")}


def load_voice(name: str = "hibari") -> Voice:
    """The voice of that name: ``hibari``, ``null``, or one that a package offers under ``greenroom.voices``.

    Raises VoiceError for an unknown one.
    """
    made: dict[str, Any] = {"hibari": HibariVoice, "null": NullVoice}
    plugins = _plugins()
    if name not in made and name not in plugins:
        raise VoiceError(
            f"there is no voice '{name[:40]}'",
            where="voice",
            next_step=f"use one of: {', '.join(sorted({*made, *plugins}))}",
            code="voice_unknown",
        )
    voice: Voice = made[name]() if name in made else plugins[name].load()()
    return voice


class NullVoice:
    """Hums one tone a word at a steady pace: shows the flow, never releases. Warns each time."""

    name = "null-voice 1"
    languages: tuple[str, ...] = ("en",)
    RATE = 24_000
    WORD, GAP = 0.30, 0.10  # seconds

    def speak(self, text: str, language: str = "en") -> Speech:
        text = checked_text(text, language, self)
        warnings.warn("NullVoice hums instead of speaking: no release", DevelopmentPart, stacklevel=2)
        spoken = [word for word in text.split() if any(c.isalnum() for c in word)]
        phones, words, time = [Phone("SIL", 0.0, self.GAP)], [], self.GAP
        sound = [np.zeros(round(self.GAP * self.RATE), np.float32)]
        moment = np.arange(round(self.WORD * self.RATE)) / self.RATE
        hum = (0.1 * np.sin(2 * np.pi * 180 * moment) * np.hanning(len(moment))).astype(np.float32)
        for word in spoken:
            phones += [
                Phone("AH", time, time + self.WORD),
                Phone("SIL", time + self.WORD, time + self.WORD + self.GAP),
            ]
            words.append(Word(word, time, time + self.WORD, 1.0))
            sound += [hum, np.zeros(round(self.GAP * self.RATE), np.float32)]
            time += self.WORD + self.GAP
        samples = normalise(np.concatenate(sound), self.RATE)
        return Speech(samples, self.RATE, tuple(phones), text, tuple(words), self.name)
