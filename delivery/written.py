"""Words that a person typed, as they are stored."""

from __future__ import annotations

from core.errors import InputError


def as_written(words: str, *, most: int, where: str) -> str:
    """The words without space around them. Raises InputError for too many, or for what no database keeps."""
    if len(words) > most:
        raise InputError(f"this is longer than {most} characters", where=where, next_step="say it shorter")
    if "\0" in words:
        raise InputError("this holds a character that is no text", where=where, next_step="type it again")
    return words.strip()
