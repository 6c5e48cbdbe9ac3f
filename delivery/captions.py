"""Captions from timed words: lines that can be read while they are heard, as WebVTT.

The words and their times are the voice's own, so that nothing is recognised and nothing guessed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.perception.models import Word

LINE = 40  # characters, as subtitles for adults have
LINES = 2
LONGEST = 6.0  # seconds that a cue stays
PAUSE = 0.7  # seconds of silence that end a cue
LABEL_SECONDS = 3.0
ENDS = (".", "!", "?", "…", "।")


@dataclass(frozen=True)
class Cue:
    """Words that are shown together, from ``t0`` to ``t1`` seconds."""

    t0: float
    t1: float
    text: str


def cues_of(text: str, words: Sequence[Word]) -> Iterator[Cue]:
    """The words in order, in cues of at most two lines that end with a sentence, a pause or the space.

    Args:
        text: what was spoken, from which the words take their punctuation.
    """
    together: list[Word] = []
    for word in _as_written(text, words):
        if together and _ends_before(together, word):
            yield _cue(together)
            together = []
        together.append(word)
    if together:
        yield _cue(together)


def webvtt(cues: Iterable[Cue], *, label: str) -> str:
    """A WebVTT file. It carries the label: a derivative says what the video says of itself."""
    parts = ["WEBVTT", f"{_time(0)} --> {_time(LABEL_SECONDS)} line:0\n{_plain(label)}"]
    parts += [f"{_time(cue.t0)} --> {_time(cue.t1)}\n{_lines(cue.text)}" for cue in cues]
    return "\n\n".join(parts) + "\n"


def _as_written(text: str, words: Sequence[Word]) -> Iterator[Word]:
    """Each word with what follows it in the text up to the next one; a word that is not there stays as it is."""
    starts: list[int | None] = []
    place = 0
    for word in words:
        found = text.find(word.text, place)
        starts.append(found if found >= 0 else None)
        place = found + len(word.text) if found >= 0 else place
    for word, start, after in zip(words, starts, [*starts, len(text)][1:], strict=True):
        known = start is not None and after is not None
        yield replace(word, text=text[start:after].strip()) if known else word


def _ends_before(together: list[Word], word: Word) -> bool:
    text = " ".join(each.text for each in [*together, word])
    return (
        together[-1].text.endswith(ENDS)
        or word.t0 - together[-1].t1 > PAUSE
        or word.t1 - together[0].t0 > LONGEST
        or len(textwrap.wrap(text, LINE)) > LINES
    )


def _cue(words: list[Word]) -> Cue:
    return Cue(words[0].t0, words[-1].t1, " ".join(word.text for word in words))


def _lines(text: str) -> str:
    return "\n".join(_plain(line) for line in textwrap.wrap(text, LINE))


def _plain(text: str) -> str:
    """As text of a cue: nothing in it is markup, and no arrow ends it."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float) -> str:
    whole = round(max(0.0, seconds) * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
