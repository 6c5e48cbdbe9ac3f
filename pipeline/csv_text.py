"""The text of a file that a spreadsheet wrote: its encoding and its lines, in a stream, with bounds.

Spreadsheets write UTF-8 with and without a byte-order mark, UTF-16 ("Unicode text"), and lines that end in LF, CR LF or
CR. What is held at once is one line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from core.errors import InputError

LONGEST_LINE = 65_536  # characters
_END = re.compile(r"\n|\r\n|\r(?=.)", re.DOTALL)
"""A CR at the very end may be half of a CR LF: it waits for what follows."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def text_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a file with their line ends.

    Args:
        blocks: the file in pieces of any length, cut anywhere.

    Raises InputError (``recipients_unusable``): neither UTF-8 nor UTF-16, a zero character, an endless line.
    """
    number, held = 1, ""
    for text in _decoded(blocks):
        held += text
        start = 0
        while (end := _END.search(held, start)) is not None:
            yield _line(held[start : end.end()], number)
            start, number = end.end(), number + 1
        held = held[start:]
        _line(held, number)  # what is held stays bounded
    if held:
        yield held


def _decoded(blocks: Iterable[bytes]) -> Iterator[str]:
    pieces = iter(blocks)
    first = b""
    while len(first) < len(codecs.BOM_UTF8) and (piece := next(pieces, None)) is not None:
        first += piece
    decoder, first = _decoder(first)
    for piece in chain([first], pieces):
        yield _decode(decoder, piece)
    yield _decode(decoder, b"", final=True)


def _decoder(start: bytes) -> tuple[codecs.IncrementalDecoder, bytes]:
    """What reads a file that begins so, and the beginning without its mark."""
    for mark, name in _MARKS:
        if start.startswith(mark):
            return codecs.getincrementaldecoder(name)(), start[len(mark) :]
    return codecs.getincrementaldecoder("utf-8")(), start


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> str:
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError as error:
        raise unusable("the file is in neither UTF-8 nor UTF-16") from error


def _line(text: str, number: int) -> str:
    if len(text) > LONGEST_LINE:
        raise unusable(f"a line is longer than {LONGEST_LINE:,} characters", number)
    if "\0" in text:
        raise unusable("the file holds a zero character", number)
    return text


_FORM = "send CSV with a header, or one JSON object a line, in UTF-8 or UTF-16"


def unusable(what: str, line: int | None = None, next_step: str = _FORM) -> InputError:
    """A file of recipients that cannot be used as a whole."""
    return InputError(
        what,
        where="" if line is None else f"line {line}",
        next_step=next_step,
        code="recipients_unusable",
    )


_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def safe_cell(value: object) -> str:
    """A value as a cell that no spreadsheet calculates: a text that begins as a formula does gets a quote before it."""
    text = str(value)
    risky = text.startswith(_RISKY) or text.lstrip().startswith(_RISKY)
    return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text
