"""Lay the approved text beside what was heard, and keep only the places where other words may have been said.

Pure text and phones, no sound. A recogniser writes the same speech in many ways ("High Tarik, are van" for "Hi
Tariq, our van"): each place where the two texts differ gets a distance between how they sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.perception.phones import phone_distance, pronounce
from detect.words import NEGATIONS, NUMBER_WORDS, Spoken, Token, readings_of, without_and

Run = tuple[int, int, int, int]  # tokens a0..a1 of the script against b0..b1 of what was heard

GAP = 0.75  # cost of a word more or less; a pair of words that sound alike costs less, unlike ones up to 1

# Up to these distances two groups of words are taken for the same speech, written otherwise. Measured on the `tune`
# sentences of benchmarks/data/transcript.yaml: names outside the lexicon came back up to .35 away when they were
# spoken ("Anneliese" as "Analysts"), the nearest other name was .42 away; other words up to .06, and .10.
ALIKE = 0.07
ALIKE_RARE_NAME = 0.38
MOST_PIECES = 4  # words into which one rare name falls apart


@dataclass(frozen=True)
class Difference:
    """A place where the texts differ: some tokens of the script (``a0``..``a1``) against some that were heard.

    Attributes:
        distance: between how the two sound, 0..1; 1 where one side is empty.
    """

    a0: int
    a1: int
    b0: int
    b1: int
    distance: float


def differences(script: Sequence[Token], heard: Sequence[Token]) -> list[Difference]:
    """The places where other words may have been said, in order. What only sounds alike is left out."""
    places = []
    for run in _unequal(script, heard):
        if _alike(script[run[0] : run[1]], heard[run[2] : run[3]]):
            continue
        a0, a1, b0, b1 = _peeled(script, heard, run)
        mine, theirs = script[a0:a1], heard[b0:b1]
        if (mine or theirs) and not _alike(mine, theirs):
            places.append(Difference(a0, a1, b0, b1, _distance(mine, theirs)))
    return places


def _peeled(script: Sequence[Token], heard: Sequence[Token], run: Run) -> Run:
    """The run without script tokens at its ends that the heard words there are taken for."""
    a0, a1, b0, b1 = run
    while a0 < a1 and (count := _taken(script[a0], [heard[b0 : b0 + n] for n in _pieces(b1 - b0)])):
        a0, b0 = a0 + 1, b0 + count
    while a0 < a1 and (count := _taken(script[a1 - 1], [heard[b1 - n : b1] for n in _pieces(b1 - b0)])):
        a1, b1 = a1 - 1, b1 - count
    return a0, a1, b0, b1


def _pieces(available: int) -> range:
    return range(1, min(MOST_PIECES, available) + 1)


def _taken(token: Token, candidates: Sequence[Sequence[Token]]) -> int:
    """How many heard words are best taken for the token; 0 where none sound like it."""
    like = [(_distance((token,), words), len(words)) for words in candidates if _alike((token,), words)]
    return min(like)[1] if like else 0


def _alike(mine: Sequence[Token], theirs: Sequence[Token]) -> bool:
    distance = _distance(mine, theirs)
    if distance == 0.0:
        return True  # nobody could tell them apart by ear
    if _weighty(mine) != _weighty(theirs):
        return False
    if not mine or not all(token.rare for token in mine) or len(theirs) > MOST_PIECES * len(mine):
        return distance <= ALIKE
    # "another Zaynab" is a word and Zainab: a name owns only the words that make it sound more alike.
    parts = [
        theirs[i:j] for i in range(len(theirs)) for j in range(i + 1, len(theirs) + 1) if j - i < len(theirs)
    ]
    return distance <= min([ALIKE_RARE_NAME, *(_distance(mine, part) for part in parts)])


def _weighty(group: Sequence[Token]) -> set[str]:
    """Numbers and negations: one sound may turn the sense, so sounding nearly alike excuses nothing."""
    return _set(group) & (NUMBER_WORDS | NEGATIONS)


def _set(group: Sequence[Token]) -> set[str]:
    return {word for token in group for word in token.words}


def _distance(a: Sequence[Token], b: Sequence[Token]) -> float:
    """The least distance between any way to say the one and any way to say the other."""
    if not a or not b:
        return 1.0 if readings_of(a) != readings_of(b) else 0.0
    if readings_of(a) & readings_of(b):
        return 0.0
    mine = {_phones(reading) for reading in sorted(readings_of(a, 8))} | {_phones(tuple(t.text for t in a))}
    theirs = {_phones(reading) for reading in sorted(readings_of(b, 8))} | {_phones(tuple(t.text for t in b))}
    return min(phone_distance(x, y) for x in mine for y in theirs)


def _phones(words: Spoken) -> tuple[str, ...]:
    return tuple(phone for word in words for phone in pronounce(word))


def _unequal(script: Sequence[Token], heard: Sequence[Token]) -> list[Run]:
    """Maximal runs of tokens that the cheapest alignment of the spoken words does not pair as equal."""
    a, b = _spoken(script), _spoken(heard)
    steps = _align([word for word, _ in a], [word for word, _ in b])
    bad_a, bad_b = set(), set()
    pairs: list[tuple[int, int]] = []  # tokens that some equal word joins
    for i, j in steps:
        if i is not None and j is not None and a[i][0] == b[j][0]:
            pairs.append((a[i][1], b[j][1]))
        else:
            if i is not None:
                bad_a.add(a[i][1])
            if j is not None:
                bad_b.add(b[j][1])
    # "$5" against "five odd dollars": something stands between two words of one token.
    for (i0, j0), (i1, j1) in pairwise(pairs):
        if i0 == i1 and j1 - j0 > 1:
            bad_a.add(i0)
        if j0 == j1 and i1 - i0 > 1:
            bad_b.add(j0)
    # A token is sound when every one of its words is; an anchor joins two sound tokens.
    anchors = [(i, j) for i, j in dict.fromkeys(pairs) if i not in bad_a and j not in bad_b]
    anchors = [(-1, -1), *anchors, (len(script), len(heard))]
    out = []
    for (i0, j0), (i1, j1) in pairwise(anchors):
        a0, a1, b0, b1 = i0 + 1, i1, j0 + 1, j1
        if (a0 < a1 or b0 < b1) and any((*script[a0:a1], *heard[b0:b1])):
            out.append((a0, max(a0, a1), b0, max(b0, b1)))
    return out


def _spoken(group: Sequence[Token]) -> list[tuple[str, int]]:
    """(word, number of its token), without the "and" that a number may have or not."""
    words = [(word, i) for i, token in enumerate(group) for word in token.words]
    keep = without_and([word for word, _ in words])
    return [words[k] for k in keep]


def _align(a: list[str], b: list[str]) -> list[tuple[int | None, int | None]]:
    """Cheapest alignment of two lists of words: pairs of indices, None for a gap."""
    table = [[(0.0, 0)] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        table[i][0] = (i * GAP, 1)
    for j in range(1, len(b) + 1):
        table[0][j] = (j * GAP, 2)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                (table[i - 1][j - 1][0] + _cost(a[i - 1], b[j - 1]), 0),
                (table[i - 1][j][0] + GAP, 1),
                (table[i][j - 1][0] + GAP, 2),
            )
    steps: list[tuple[int | None, int | None]] = []
    i, j = len(a), len(b)
    while i or j:
        way = table[i][j][1] if i and j else (1 if i else 2)
        steps.append((i - 1 if way != 2 else None, j - 1 if way != 1 else None))
        i, j = i - (way != 2), j - (way != 1)
    return steps[::-1]


def _cost(a: str, b: str) -> float:
    return 0.0 if a == b else 0.2 + 0.8 * phone_distance(pronounce(a), pronounce(b))
