"""What was heard beside what the script says, word by word, in lines that a person reads one after the other.

The two are laid side by side by their letters alone; what the transcript gate makes of a difference (a number that is
spoken, a name that sounds alike) it says itself, as a finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

LONGEST_LINE = 10
MOST_WORDS = 3_000
_END = re.compile(r"[.!?]['\")\]]*\Z")


class Heard(NamedTuple):
    """A word with the seconds in which it was heard."""

    text: str
    t0: float
    t1: float


class Word(NamedTuple):
    """A word of a line. ``other``: the other side has none like it there; ``t0`` is None for one of the script."""

    text: str
    other: bool
    t0: float | None = None


@dataclass
class Line:
    """Some words of the script, and those that were heard in their place, from ``t0`` to ``t1`` seconds."""

    t0: float
    t1: float
    script: list[Word] = field(default_factory=list)
    heard: list[Word] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return any(word.other for word in (*self.script, *self.heard))


def lines_of(script: str, heard: Sequence[Heard]) -> list[Line]:
    """The lines of a video; none where no words were heard. ``script``: "" where there is none to compare with."""
    return _laid(script, tuple(heard[:MOST_WORDS])) if heard else []


@lru_cache(maxsize=64)
def _laid(script: str, heard: tuple[Heard, ...]) -> list[Line]:
    mine = script.split()[:MOST_WORDS]
    ways = SequenceMatcher(
        None, [_plain(word) for word in mine], [_plain(word.text) for word in heard], autojunk=False
    )
    lines: list[Line] = []
    end = 0.0
    for kind, a0, a1, b0, b1 in ways.get_opcodes():
        other = kind != "equal" and bool(mine)
        for step in range(max(a1 - a0, b1 - b0)):
            said = heard[b0 + step] if b0 + step < b1 else None
            begin = said.t0 if said is not None else end
            if not lines or _is_full(lines[-1]):
                lines.append(Line(begin, begin))
            line = lines[-1]
            if a0 + step < a1:
                line.script.append(Word(mine[a0 + step], other))
            if said is not None:
                line.heard.append(Word(said.text, other, said.t0))
                line.t1 = end = said.t1
    return lines


def _is_full(line: Line) -> bool:
    longest = max(line.script, line.heard, key=len)
    ended = bool(longest) and bool(_END.search(longest[-1].text)) and not longest[-1].other
    return len(longest) >= LONGEST_LINE or (ended and len(longest) > 2)


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
