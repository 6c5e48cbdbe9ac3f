"""Scripts as files: plain text, or captions (SubRip, WebVTT) whose words are taken and whose times are not."""

from __future__ import annotations

import codecs
import html
import re

from core.errors import InputError

MOST_BYTES = 200_000
KINDS = (".txt", ".srt", ".vtt")

_TIMES = re.compile(
    r"\s*(?:\d{1,3}:)?\d{1,3}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d{1,3}:)?\d{1,3}:\d{2}[.,]\d{1,3}.*", re.ASCII
)
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def script_of(name: str, data: bytes) -> str:
    """The spoken words of a script's file, in one piece.

    Args:
        name: the file's, which says by its end what it is.

    Raises:
        InputError: too large, no text in UTF-8 or UTF-16, or captions without any cue.
    """
    if len(data) > MOST_BYTES:
        raise InputError(
            f"a script's file has at most {MOST_BYTES // 1000} kB", where="script", next_step="shorten it"
        )
    lines = _text(data).splitlines()
    if not name.lower().endswith((".srt", ".vtt")):
        return " ".join(" ".join(lines).split())
    spoken = _spoken(lines)
    if not spoken:
        raise InputError(
            "this file holds no captions",
            where="script",
            next_step="send a .srt or .vtt file, or paste the words",
        )
    return " ".join(" ".join(spoken).split())


def _text(data: bytes) -> str:
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    bom = next((bom for bom, _ in _BOMS if data.startswith(bom)), b"")
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            "this script is no text in UTF-8 or UTF-16", where="script", next_step="save it as UTF-8"
        ) from error
    if "\0" in text:
        raise InputError(
            "this script holds a character that is no text", where="script", next_step="save it as UTF-8"
        )
    return text


def _spoken(lines: list[str]) -> list[str]:
    """The lines of cues, in order. What stands before a cue's times (numbers, names), and notes and styles between
    cues, is not spoken; a line that the next cue repeats is told once."""
    spoken: list[str] = []
    within = False
    for line in lines:
        if _TIMES.fullmatch(line):
            within = True
        elif not line.strip():
            within = False
        elif within:
            words = html.unescape(_TAG.sub("", line)).strip()
            if words and (not spoken or spoken[-1] != words):
                spoken.append(words)
    return spoken
