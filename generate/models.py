"""What passes between the parts of generation: speech, and the candidate that comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.perception.models import Phone, Word


@dataclass(frozen=True)
class Speech:
    """Spoken text with the timings that the lips follow (trust step 4).

    Attributes:
        samples: float32 (n,) mono in [-1, 1].
        rate: samples a second.
        phones: ARPAbet without stress, "SIL" for silence; they cover the sound from 0 to its end without gaps.
            Empty when nobody knows them (recorded sound in a language without an aligner).
        text: what is said.
        words: word texts with times, probability 1 where the voice itself set them.
        voice: name and version of the voice, or "recorded".
    """

    samples: NDArray[np.float32]
    rate: int
    phones: tuple[Phone, ...]
    text: str
    words: tuple[Word, ...] = ()
    voice: str = "recorded"

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def save(self, path: Path) -> None:
        """Write as npz (numbers and text only)."""
        np.savez_compressed(
            path,
            samples=self.samples,
            rate=np.array(self.rate),
            phones=np.array([phone.symbol for phone in self.phones], dtype="U4"),
            phone_times=np.array([(phone.t0, phone.t1) for phone in self.phones]).reshape(-1, 2),
            words=np.array([word.text for word in self.words], dtype=str),
            word_times=np.array([(w.t0, w.t1, w.probability) for w in self.words]).reshape(-1, 3),
            text=np.array(self.text),
            voice=np.array(self.voice),
        )

    @staticmethod
    def load(path: Path) -> Speech:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            phones = zip(stored["phones"].tolist(), stored["phone_times"].tolist(), strict=True)
            words = zip(stored["words"].tolist(), stored["word_times"].tolist(), strict=True)
            return Speech(
                samples=stored["samples"],
                rate=int(stored["rate"]),
                phones=tuple(Phone(symbol, *times) for symbol, times in phones),
                text=str(stored["text"]),
                words=tuple(Word(text, *times) for text, times in words),
                voice=str(stored["voice"]),
            )


@dataclass(frozen=True)
class Candidate:
    """A finished, marked and labelled video, not yet examined (after trust step 7).

    Attributes:
        path: the file; complete, because it was renamed into place.
        seconds, frames: of the picture.
        sha256: of the file. essence: of its packets; sealing and publishing keep it.
        engine, voice: name and version of what made lips and sound, for the credential.
    """

    path: Path
    seconds: float
    frames: int
    sha256: str
    essence: str
    engine: str
    voice: str
