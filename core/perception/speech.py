"""What is said and when: faster-whisper hears words, pocketsphinx aligns known words to phones.

Everything runs from verified local files; nothing is looked up on a network. Both are loaded once a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.heartbeat import beat
from core.media.heard import Listening
from core.perception.models import Phone, Transcript, Word
from core.perception.phones import SILENCE, pronounce
from core.settings import get_settings
from core.threads import torch_undisturbed

RATE = 16_000
BLOCK_SECONDS = 240.0  # longer sound is heard in blocks, cut at a quiet moment
GROUP_WORDS = 12  # the aligner drifts in longer groups
GROUP_PAUSE = 0.25  # seconds of silence that end a group
MARGIN = 0.12  # seconds of sound kept around a group

Samples = NDArray[np.float32]


def transcribe(samples16k: Listening, language: str | None = "en", prompt: str | None = None) -> Transcript:
    """Words with times, recognised by Whisper base (int8). Greedy fallbacks are off: the same sound, the same words.

    Args:
        samples16k: mono at 16 kHz, float32 (n,) or what is read in slices; read in blocks.
        language: BCP 47 code; its first part counts. None lets the recogniser choose.
        prompt: text that the recogniser believes came before. Never the script that is to be checked:
            Whisper then hears the script, whatever was said.

    Raises:
        WeightsError: `greenroom models pull` has not run.
    """
    code = language.split("-")[0].lower() if language else None
    words: list[Word] = []
    for start, block in _blocks(samples16k):
        beat()
        segments, info = _whisper().transcribe(
            block,
            language=code,
            initial_prompt=prompt,
            word_timestamps=True,
            condition_on_previous_text=False,
            temperature=0.0,
            beam_size=5,
            vad_filter=True,  # Whisper invents words in silence
            vad_parameters={"min_silence_duration_ms": 700, "speech_pad_ms": 300},
        )
        code = code or info.language
        for segment in segments:  # each is recognised when it is asked for
            beat()
            for word in segment.words or ():
                text, t0, t1 = word.word.strip(), start + float(word.start), start + float(word.end)
                if words and not word.word.startswith(" ") and not words[-1].text.endswith(("?", "!")):
                    words[-1] = _joined(words[-1], Word(text, t0, t1, float(word.probability)))
                elif text:
                    words.append(Word(text, t0, t1, float(word.probability)))
    return Transcript(language=code or "", words=tuple(words), text=" ".join(word.text for word in words))


def _joined(a: Word, b: Word) -> Word:
    """One written word that the recogniser's timing cut in two ("$12" and ".50")."""
    return Word(a.text + b.text, a.t0, b.t1, min(a.probability, b.probability))


def likelihoods(samples16k: Samples, texts: Sequence[str], language: str = "en") -> list[float]:
    """How well each text explains the sound, to Whisper: the natural logarithm of its probability, 0 or less.

    Only differences between texts over the same sound mean something.

    Args:
        samples16k: float32 (n,) mono at 16 kHz, at most 30 s.
        texts: what might have been said in all of it.
    """
    from faster_whisper.tokenizer import Tokenizer

    model = _whisper()
    features = model.feature_extractor(np.asarray(samples16k[: 30 * RATE], np.float32))
    frames = features.shape[-1]
    size = model.feature_extractor.nb_max_frames
    encoded = model.encode(np.pad(features, ((0, 0), (0, max(0, size - frames))))[:, :size])
    tokenizer = Tokenizer(
        model.hf_tokenizer,
        model.model.is_multilingual,
        task="transcribe",
        language=language.split("-", maxsplit=1)[0].lower(),
    )
    out = []
    for text in texts:
        beat()
        ids = tokenizer.encode(" " + text.strip())[:400]
        aligned = model.model.align(encoded, tokenizer.sot_sequence, [ids], min(frames, size))
        out.append(float(np.log(np.maximum(aligned[0].text_token_probs, 1e-12)).sum()))
    return out


def align(samples16k: Samples, words: Sequence[Word] | Sequence[str] | str) -> list[Phone]:
    """Which phone sounds when, for words that are known to be said (English).

    Args:
        samples16k: float32 (n,) mono at 16 kHz.
        words: heard words with times, or the words or text alone; text is first laid over what Whisper hears.

    Returns:
        Phones in order without gaps inside a group of words, with ``SIL`` between; 10 ms grain. A group that
        cannot be aligned (the words are not what is said) is left out as silence.
    """
    if isinstance(words, str):
        words = words.split()
    if words and not isinstance(words[0], Word):
        timed = _lay_over(samples16k, [str(word) for word in words])
    else:
        timed = [word for word in words if isinstance(word, Word)]
    end = len(samples16k) / RATE
    phones: list[Phone] = []
    for group in _groups(timed):
        beat()
        begin = phones[-1].t1 if phones else 0.0
        t0 = max(begin, group[0].t0 - MARGIN, 0.0)
        t1 = min(end, group[-1].t1 + MARGIN)
        for phone in _align_group(samples16k[int(t0 * RATE) : int(t1 * RATE)], group, t0):
            _append(phones, phone)
    _append(phones, Phone(SILENCE, phones[-1].t1 if phones else 0.0, end))
    return phones


def _append(phones: list[Phone], phone: Phone) -> None:
    """Add a phone, filling a gap before it with silence and joining silences."""
    last = phones[-1].t1 if phones else 0.0
    if phone.t0 > last + 1e-6 and phone.symbol != SILENCE:
        _append(phones, Phone(SILENCE, last, phone.t0))
    start = min(phone.t0, last) if phone.symbol == SILENCE else phone.t0
    if phone.t1 <= last + 1e-6:
        return
    if phones and phone.symbol == SILENCE and phones[-1].symbol == SILENCE:
        phones[-1] = Phone(SILENCE, phones[-1].t0, phone.t1)
    else:
        phones.append(Phone(phone.symbol, max(start, last), phone.t1))


def _blocks(samples: Listening) -> Iterator[tuple[float, Samples]]:
    """(start in seconds, samples) of at most BLOCK_SECONDS, cut where the last ten seconds are quietest."""
    longest, window = int(BLOCK_SECONDS * RATE), RATE // 5
    start = 0
    while len(samples) - start > longest:
        tail = samples[start + longest - 10 * RATE : start + longest]
        power = (tail[: len(tail) // window * window].reshape(-1, window) ** 2).mean(axis=1)
        cut = start + longest - 10 * RATE + int(power.argmin()) * window + window // 2
        yield start / RATE, samples[start:cut]
        start = cut
    if len(samples) - start >= RATE // 10:
        yield start / RATE, samples[start:]


def _groups(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Runs of at most GROUP_WORDS words without a pause inside."""
    group: list[Word] = []
    for word in words:
        if group and (len(group) >= GROUP_WORDS or word.t0 - group[-1].t1 > GROUP_PAUSE):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _lay_over(samples: Samples, script: list[str]) -> list[Word]:
    """The script's words with the times of what Whisper hears; unmatched ones share the gap that they fall into."""
    heard = transcribe(samples).words
    mine, theirs = [plain(word) for word in script], [plain(word.text) for word in heard]
    times: list[tuple[float, float] | None] = [None] * len(script)
    for a, b, size in SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks():
        for i in range(size):
            times[a + i] = (heard[b + i].t0, heard[b + i].t1)
    end = heard[-1].t1 if heard else len(samples) / RATE
    known = [(-1, 0.0, heard[0].t0 if heard else 0.0)]
    known += [(i, *span) for i, span in enumerate(times) if span is not None]
    known.append((len(script), end, end))
    for (before, _, left), (after, right, _) in pairwise(known):
        missing = after - before - 1
        for k in range(missing):
            width = max(0.0, right - left) / missing
            times[before + 1 + k] = (left + k * width, left + (k + 1) * width)
    return [Word(text, *span, 1.0) for text, span in zip(script, times, strict=True) if span is not None]


def _align_group(samples: Samples, group: Sequence[Word], t0: float) -> list[Phone]:
    decoder = _sphinx()
    names = []
    for word in group:
        name = plain(word.text)
        spoken = " ".join(pronounce(name if name.isalpha() else word.text))
        if not name or not spoken:
            continue
        if not name.isalpha() or decoder.lookup_word(name) is None:
            name = "oov_" + re.sub(r"\W", "_", name)
            if decoder.lookup_word(name) is None:
                decoder.add_word(name, spoken, True)
        names.append(name)
    if not names or len(samples) < RATE // 20:
        return []
    sound = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    try:
        decoder.set_align_text(" ".join(names))
        _decode(decoder, sound)
        decoder.set_alignment()
        _decode(decoder, sound)
        alignment = decoder.get_alignment()
    except RuntimeError:
        return []  # the words are not what is said
    return [
        Phone(
            SILENCE if phone.name in ("SIL", "+SPN+", "+NSN+") else phone.name,
            t0 + phone.start / 100,
            t0 + (phone.start + phone.duration) / 100,
        )
        for word in alignment or ()
        for phone in word
    ]


def _decode(decoder: Any, sound: bytes) -> None:
    decoder.start_utt()
    try:
        decoder.process_raw(sound, full_utt=True)
    finally:
        decoder.end_utt()


def plain(word: str) -> str:
    """Lower case, letters, digits and inner apostrophes only."""
    return re.sub(r"[^\w']", "", word.lower().replace("’", "'")).strip("'")


@lru_cache(maxsize=1)
def _whisper() -> Any:
    from faster_whisper import WhisperModel

    from core.weights import weight_folder

    with torch_undisturbed():
        return WhisperModel(
            str(weight_folder("whisper-base")),
            device="cpu",
            compute_type="int8",
            cpu_threads=get_settings().threads,
            local_files_only=True,
        )


@lru_cache(maxsize=1)
def _sphinx() -> Any:
    import pocketsphinx

    model = Path(pocketsphinx.get_model_path()) / "en-us"
    return pocketsphinx.Decoder(
        hmm=str(model / "en-us"), dict=str(model / "cmudict-en-us.dict"), lm=None, loglevel="FATAL"
    )
