"""Scripts as files: the words of captions, without their times."""

from __future__ import annotations

import codecs
import time
from contextlib import suppress

import pytest

from core.errors import InputError
from pipeline.script_files import MOST_BYTES, script_of

SRT = """1
00:00:00,000 --> 00:00:02,000
Hello <i>Asha</i>,

2
00:00:02,000 --> 00:00:04,500
your tea
is ready.
"""
VTT = """WEBVTT - a title

STYLE
::cue { color: red }

NOTE Nobody says this.

greeting
00:00.000 --> 00:02.000 align:start line:0
<v Presenter>Hello Asha,</v>

00:02.000 --> 01:00:04.500
Hello Asha,
your tea &amp; cake
is ready.
"""


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.srt", SRT, "Hello Asha, your tea is ready."),
        ("A.SRT", SRT.replace("\n", "\r\n"), "Hello Asha, your tea is ready."),
        ("a.vtt", VTT, "Hello Asha, your tea & cake is ready."),
        ("a.txt", "  Hello Asha,\n\nyour tea\tis ready. ", "Hello Asha, your tea is ready."),
        ("no-end", "1 --> 2 is said.", "1 --> 2 is said."),
    ],
)
def test_what_is_spoken_is_taken_and_nothing_else(name: str, text: str, words: str):
    assert script_of(name, text.encode()) == words


@pytest.mark.parametrize(
    ("bom", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_a_mark_of_the_encoding_is_no_word(bom: bytes, encoding: str):
    assert script_of("a.srt", bom + SRT.encode(encoding)) == "Hello Asha, your tea is ready."


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.srt", b"no captions"),
        ("a.vtt", b"WEBVTT\n"),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.txt", "Zoë".encode("latin-1")),
        ("a.txt", b"a\0b"),
        ("a.txt", b"x" * (MOST_BYTES + 1)),
    ],
)
def test_what_is_no_script_is_refused(name: str, data: bytes):
    with pytest.raises(InputError):
        script_of(name, data)


def test_a_large_hostile_file_takes_no_time():
    began = time.process_time()
    for line in ("<" * 1000, "{\\" * 500, "0:" * 500, "1:00.0 --> " * 100):
        data = ("0:00.0 --> 0:01.0\n" + f"{line}\n" * 150).encode()
        with suppress(InputError):
            script_of("a.vtt", data[:MOST_BYTES])
    assert time.process_time() - began < 2.0
