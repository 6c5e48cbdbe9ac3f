"""Words that a person typed, as they are stored."""

from __future__ import annotations

from core.errors import InputError


def one_line_end(words: str) -> str:
    """Every end of a line as one character, as browsers count them."""
    return words.replace("\r\n", "\n").replace("\r", "\n")


def as_written(words: str, *, most: int, where: str) -> str:
    """The words without space around them, a new line as one character. Raises InputError for too many, or for what no
    database keeps.

    Browsers count a new line as one character against ``maxlength`` and send two: what fits in the form fits here.
    """
    words = one_line_end(words)
    if len(words) > most:
        raise InputError(f"this is longer than {most} characters", where=where, next_step="say it shorter")
    if "\0" in words:
        raise InputError("this holds a character that is no text", where=where, next_step="type it again")
    return words.strip()
