"""Files of recipients as spreadsheets write them: encodings, separators, ragged rows, formulas; in a stream."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import InputError
from pipeline.csv_text import LONGEST_LINE, text_lines
from pipeline.recipients import recipients

SCHEMA = {"properties": {"first_name": {"type": "string"}, "age": {"type": "integer"}}}
PLAIN = 'first_name,age\r\nÅsa,31\r\n"One, two",4\r\n'


def read(data: bytes, cut: int = 0) -> list[Any]:
    """Fields or the error's code of each row; the file comes in pieces of ``cut`` bytes."""
    size = cut or max(1, len(data))
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    return [one.error.code if one.error else dict(one.fields) for one in recipients(blocks, "csv", SCHEMA)]


ROWS = [{"first_name": "Åsa", "age": 31}, {"first_name": "One, two", "age": 4}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_a_spreadsheet_writes_is_read_wherever_its_bytes_are_cut(
    encoding: str, ends: str, separator: str
):
    text = PLAIN.replace("_name,", f"_name{separator}").replace("sa,", f"sa{separator}")
    text = text.replace('",', f'"{separator}').replace("\r\n", ends)
    if encoding == "utf-16-be":
        text = f"\ufeff{text}"
    for cut in (0, 1, 3, 10):
        assert read(text.encode(encoding), cut) == ROWS


def test_the_separator_is_the_one_that_makes_fields_of_the_header():
    assert read(b"first_name;age\nOne, two, three;5\n") == [{"first_name": "One, two, three", "age": 5}]
    assert read(b"sep=;\nfirst_name;age\nAda;5\n") == [{"first_name": "Ada", "age": 5}]


def test_a_header_in_a_persons_words_means_the_field():
    assert read(b"First name, AGE\nAda,5\n") == [{"first_name": "Ada", "age": 5}]


@pytest.mark.parametrize("header", ["first_name,first_name", "first_name,First Name", "age,first_name,age"])
def test_a_column_that_is_named_twice_is_named_in_the_refusal(header: str):
    with pytest.raises(InputError, match=r"the header names `(first_name|age)` twice"):
        read(f"{header}\n".encode())


def test_ragged_rows_are_named_and_empty_cells_past_the_table_are_not():
    data = b"first_name,age,,\nAda,5,,\nBea\nCid,6,7\n,,,\nDan,8\n"
    assert read(data) == [
        {"first_name": "Ada", "age": 5},
        "row_unreadable",
        "row_unreadable",
        {"first_name": "Dan", "age": 8},
    ]


@pytest.mark.parametrize("cell", ["=1+1", ' =HYPERLINK("x")', "#REF!", " #N/A "])
def test_a_formula_is_never_spoken(cell: str):
    quoted = '"' + cell.replace('"', '""') + '"'
    assert read(f"first_name,age\n{quoted},5\n".encode()) == ["cell_formula"]


@pytest.mark.parametrize("cell", ["+44 people", "-5", "@home", "a = b"])
def test_what_only_looks_like_a_formula_is_text(cell: str):
    assert read(f"first_name,age\n{cell},5\n".encode()) == [{"first_name": cell, "age": 5}]


@pytest.mark.parametrize(
    "data",
    [
        "first_name\nZoë\n".encode("latin-1"),
        "first_name\nZoë\n".encode("utf-16")[:-1],
        b"first_name\nA\0da\n",
        b"first_name\n" + b"x" * (LONGEST_LINE + 1),
        b"\xef\xbb\xbf",
        b"\xff\xfe",
    ],
)
def test_a_file_that_is_no_text_is_refused_as_a_whole(data: bytes):
    with pytest.raises(InputError) as refused:
        read(data)
    assert refused.value.code == "recipients_unusable"


def test_a_line_that_never_ends_is_refused_before_it_is_held():
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    tracemalloc.start()
    with pytest.raises(InputError):
        list(recipients(endless(), "csv", SCHEMA))
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_lines_of_any_kind_take_time_in_proportion():
    """100,000 ends of line in one piece; cutting each off the front would take many seconds."""
    for end in (b"\r", b"\n"):
        began = time.process_time()
        assert sum(1 for _ in text_lines([end * 100_000])) == 100_000
        assert time.process_time() - began < 2
