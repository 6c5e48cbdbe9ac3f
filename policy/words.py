"""Words as a reader would read them: leet, stretching, spacing and misspelling undone towards a vocabulary.

A token keeps the span of the original characters that it came from. Repair only ever turns a token into
a word that some rule speaks of, so ordinary text is left alone, and each step is a dictionary look-up:
the whole is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from policy.fold import Folded

END = "."  # the end of a sentence: no phrase crosses it
MAX_WORD = 24  # letters of the longest word that is looked up

_ABBREVIATIONS = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "nr", "no", "jr", "sr", "vs", "approx"})

_CHUNK = re.compile(r"\S+")
_PIECE = re.compile(r"\d+(?:[.,]\d+){0,8}|[^\W\d_]+|[%$€£₹]")
_SPLIT = re.compile(r"([-/_:;]|,(?!\d)|\.(?=\D)|'(?=s\b))")
_STRETCHED = re.compile(r"(.)\1{2,}")
_LEET = str.maketrans("013456789@$!|+€(", "oieasgtbgasiitec")
_MASKED = re.compile(r"[a-z][a-z*#_.\-@!$%&+]{1,14}[a-z]")


@dataclass(frozen=True)
class Token:
    """A word and the original span [start, end) it was read from. ``how``: as_is, visual, sound, joined."""

    word: str
    start: int
    end: int
    how: str = "as_is"


def sound_key(word: str) -> str:
    """How a word sounds, roughly: look-alike spellings of one sound are merged, doubles are single."""
    key = word.replace("ph", "f").replace("ck", "k").translate(str.maketrans("cqzyx", "kksis"))
    return re.sub(r"(.)\1+", r"\1", key)


@dataclass
class Vocabulary:
    """Every word that the loaded rules speak of, and quick ways to it.

    ``strong`` words (profanity and slurs) are also found masked, by sound, and across two fields.
    ``ordinary`` words are never repaired: real names and words that look like a strong one.
    """

    words: frozenset[str]
    strong: frozenset[str] = frozenset()
    ordinary: frozenset[str] = frozenset()
    _sounds: dict[str, str] = field(default_factory=dict, repr=False)
    _squeezed: dict[str, str] = field(default_factory=dict, repr=False)
    _near: dict[str, str] = field(default_factory=dict, repr=False)
    _masks: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for word in sorted(self.words | self.strong):
            if len(word) >= 4:
                self._sounds.setdefault(sound_key(word), word)
            self._squeezed.setdefault(re.sub(r"(.)\1+", r"\1", word), word)
            # Not for strong words: Bastardi, Dikshit and Chutia are family names.
            if len(word) >= 7 and word not in self.strong:
                for near in _deletions(word, 2 if len(word) >= 10 else 1):
                    self._near.setdefault(near, word)
        for word in sorted(self.strong):
            for start in range(1, len(word) - 1):
                for width in (1, 2, 3):
                    if start + width < len(word):
                        self._masks[word[:start] + "*" * width + word[start + width :]] = word

    def knows(self, word: str) -> bool:
        return word in self.words or word in self.strong

    def visual(self, raw: str) -> str | None:
        """The known word that a leet, stretched or punctuated form shows, or None."""
        for variant in (raw, raw.replace("1", "l"), raw.replace("|_|", "u"), raw.replace("!", "l")):
            plain = "".join(character for character in variant.translate(_LEET) if character.isalnum())
            if self.knows(plain):
                return plain
            if _STRETCHED.search(plain):
                squeezed = re.sub(r"(.)\1+", r"\1", plain)
                if squeezed in self._squeezed:
                    return self._squeezed[squeezed]
        if "v" in raw and self.knows(raw.translate(_LEET).replace("v", "u")):
            return raw.translate(_LEET).replace("v", "u")
        return None

    def masked(self, raw: str) -> str | None:
        """The strong word behind ``f**k``: symbols in place of inner letters."""
        if raw.isalpha() or not _MASKED.fullmatch(raw):
            return None
        return self._masks.get("".join(c if c.isalpha() else "*" for c in raw))

    def spoken(self, word: str) -> str | None:
        """The known word that sounds or is spelt nearly like this one, or None."""
        if word in self.ordinary or not 3 <= len(word) <= MAX_WORD or not word.isascii():
            return None
        found = self._sounds.get(sound_key(word))
        if found is not None:
            return found
        if len(word) >= 6:
            for near in _deletions(word, 2 if len(word) >= 9 else 1):
                candidate = self._near.get(near)
                if candidate is not None and candidate[0] == word[0] and _close(word, candidate):
                    return candidate
        return None


def tokens(folded: Folded, vocabulary: Vocabulary, fields: Sequence[tuple[int, int]] = ()) -> list[Token]:
    """The repaired words of a folded text, in order, with sentence ends. ``fields``: original spans."""
    found: list[Token] = []
    for chunk in _CHUNK.finditer(folded.text):
        found.extend(_read_chunk(folded, chunk.start(), chunk.end(), vocabulary, fields))
    return _join(_spell(found, vocabulary), vocabulary, fields)


def _read_chunk(
    folded: Folded, start: int, end: int, vocabulary: Vocabulary, fields: Sequence[tuple[int, int]]
) -> Iterator[Token]:
    """Read one run of characters without a space."""
    chunk = folded.text[start:end]
    core = chunk.strip("\"'()[]{}<>.,;:!?…*“”«»-")
    if core:
        yield from _read_core(folded, core, start + chunk.index(core), vocabulary)
    tail = chunk[len(chunk.rstrip("\"')]}.,;:!?…*”»")) :]
    if any(character in ".!?…" for character in tail) and core not in _ABBREVIATIONS:
        at = folded.ends[end - 1]
        # An initial inside a name ("J. Smith") ends no sentence.
        if not any(a < at <= b for a, b in fields):
            yield Token(END, at - 1, at)


def _read_core(folded: Folded, core: str, offset: int, vocabulary: Vocabulary) -> Iterator[Token]:
    """Read what is left of a run when the punctuation around it is gone."""

    def token(word: str, start: int, length: int, how: str = "as_is") -> Token:
        begin, end = folded.span(offset + start, offset + start + length)
        return Token(word, begin, end, how)

    if core.isalpha():
        yield token(*_as_read(core, vocabulary, 0))
        return
    if len(core) <= 2 * MAX_WORD and not core.isdigit():
        whole = vocabulary.visual(core) or vocabulary.masked(core)
        if whole is not None:
            yield token(whole, 0, len(core), "visual")
            return
    # Hyphens and slashes join words ("risk-free"); leet is undone part by part.
    position = 0
    for part in _SPLIT.split(core):
        start, position = position, position + len(part)
        if not part or _SPLIT.fullmatch(part):
            continue
        plain = part.replace("'", "")
        if plain.isalpha():
            word, _, _, how = _as_read(plain, vocabulary, start)
            yield token(word, start, len(part), how)
            continue
        whole = vocabulary.visual(part) if any(character.isalpha() for character in part) else None
        if whole is not None:
            yield token(whole, start, len(part), "visual")
            continue
        for piece in _PIECE.finditer(part):
            yield token(piece.group(), start + piece.start(), len(piece.group()))


def _as_read(word: str, vocabulary: Vocabulary, start: int) -> tuple[str, int, int, str]:
    if vocabulary.knows(word) or word in vocabulary.ordinary:
        return word, start, len(word), "as_is"
    seen = vocabulary.visual(word) if len(word) <= 4 * MAX_WORD else None
    if seen is not None:
        return seen, start, len(word), "visual"
    heard = vocabulary.spoken(word)
    if heard is not None:
        return heard, start, len(word), "sound"
    return word, start, len(word), "as_is"


def _spell(found: list[Token], vocabulary: Vocabulary) -> list[Token]:
    """Undo ``g u a r a n t e e d``: runs of single characters become the words that they spell."""
    out: list[Token] = []
    run: list[Token] = []
    for token in [*found, Token(END, 0, 0)]:
        if len(token.word) == 1 and token.word.isalnum():
            run.append(token)
            continue
        out.extend(_segment(run, vocabulary) if len(run) >= 3 else run)
        run = []
        out.append(token)
    return out[:-1]


def _segment(run: list[Token], vocabulary: Vocabulary) -> list[Token]:
    """Cover a run of letters with known words, as many letters as possible, in words as few as possible."""
    letters = "".join(token.word for token in run).translate(_LEET)
    count = len(letters)
    best: list[tuple[int, int, int]] = [(0, 0, 0)] * (count + 1)  # (uncovered letters, words, length taken)
    for start in range(count - 1, -1, -1):
        uncovered, words, _ = best[start + 1]
        choice = (uncovered + 1, words + 1, 1)
        for length in range(2, min(MAX_WORD, count - start) + 1):
            if vocabulary.knows(letters[start : start + length]):
                uncovered, words, _ = best[start + length]
                choice = min(choice, (uncovered, words + 1, length))
        best[start] = choice
    out: list[Token] = []
    start = 0
    while start < count:
        length = best[start][2]
        if length == 1:
            out.append(run[start])
        else:
            word = letters[start : start + length]
            out.append(Token(word, run[start].start, run[start + length - 1].end, "joined"))
        start += length
    return out


def _join(found: list[Token], vocabulary: Vocabulary, fields: Sequence[tuple[int, int]]) -> list[Token]:
    """Join neighbours that together spell a known word: "guaran teed", first name "Fu", last name "Ck"."""
    out: list[Token] = []
    index = 0
    while index < len(found):
        joined = _joined_at(found, index, vocabulary, fields)
        if joined is None:
            out.append(found[index])
            index += 1
        else:
            token, used = joined
            out.append(token)
            index += used
    return out


def _joined_at(
    found: list[Token], index: int, vocabulary: Vocabulary, fields: Sequence[tuple[int, int]]
) -> tuple[Token, int] | None:
    for used in (3, 2):
        group = found[index : index + used]
        word = "".join(token.word for token in group)
        if len(group) < used or not 4 <= len(word) <= MAX_WORD or not vocabulary.knows(word):
            continue
        whole = Token(word, group[0].start, group[-1].end, "joined")
        if word in vocabulary.strong and any(a <= token.start < b for token in group for a, b in fields):
            return whole, used
        # Two short words of everyday text may spell a third by chance ("no thing"): long ones only.
        if len(word) >= 6 and not all(vocabulary.knows(token.word) for token in group):
            return whole, used
    return None


def _deletions(word: str, depth: int) -> set[str]:
    """The word with up to ``depth`` letters taken out (after SymSpell's symmetric delete)."""
    found = {word}
    layer = {word}
    for _ in range(depth):
        layer = {item[:i] + item[i + 1 :] for item in layer for i in range(len(item))}
        found |= layer
    return found


def _close(word: str, known: str) -> bool:
    """Whether two words are a typing slip apart: one edit, two from ten letters on."""
    allowed = 2 if len(known) >= 10 else 1
    return _distance(word, known) <= allowed


def _distance(a: str, b: str) -> int:
    """Edit distance with transpositions (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        previous, row = row, [i]
        for j, right in enumerate(b, 1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = previous
    return row[-1]
