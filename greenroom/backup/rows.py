"""Rows as lines: one JSON array a row, in the order of the table's columns. Every database gives and takes them alike.

Times are RFC 3339 in UTC with microseconds, bytes are base64, JSON stays JSON, NULL is null.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Table, Text
from sqlalchemy import column as light_column
from sqlalchemy import table as light_table
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from core.database import UtcDateTime
from greenroom.backup.errors import BackupDamaged
from greenroom.backup.manifest import Kind, Part

MAX_LINE = 64 << 20  # characters: a fingerprint's data is the longest

_TYPES: dict[Kind, Any] = {
    "text": Text(),
    "int": BigInteger(),
    "float": Float(),
    "flag": Boolean(),
    "time": UtcDateTime(),
    "bytes": LargeBinary(),
    "json": JSON(none_as_null=True),
}


def columns_of(table: Table) -> tuple[tuple[str, Kind], ...]:
    """The columns of a declared table, each with what its values are. Raises TypeError for a type that has no form."""
    return tuple((column.name, _kind(column)) for column in table.columns)


def plain_table(name: str, columns: Iterable[tuple[str, Kind]]) -> TableClause:
    """A table to insert into, known by what a backup says of it: the code may declare it otherwise by now."""
    return light_table(name, *(light_column(column, _TYPES[kind]) for column, kind in columns))


def to_line(row: Iterable[Any], kinds: Iterable[Kind]) -> bytes:
    """One row, newline included."""
    values = [_encoded(value, kind) for value, kind in zip(row, kinds, strict=True)]
    return (
        json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
    )


def from_line(line: bytes, kinds: tuple[Kind, ...], where: str) -> list[Any]:
    """The values of one row. Raises :class:`BackupDamaged`."""
    try:
        values = json.loads(line.decode("utf-8", "surrogatepass"))
        if not isinstance(values, list):
            raise ValueError("not a row")
        return [_decoded(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, TypeError) as error:
        raise BackupDamaged("a row of the backup cannot be read", where=where) from error


class PartWriter:
    """A part in the making: gzipped lines in a file of its own. A context; :meth:`finish` ends it well."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        # No name and no time in it: the same rows make the same part.
        self._zipped = gzip.GzipFile("", "wb", 6, self._file, mtime=0)
        self._lines = 0

    def write(self, line: bytes) -> None:
        self._zipped.write(line)
        self._lines += 1

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._zipped.close()
        self._file.close()

    def finish(self) -> Part:
        """Close it; its digest, size and number of lines."""
        self._close()
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return Part(sha256=digest.hexdigest(), size=self.path.stat().st_size, lines=self._lines)


def lines_of(blocks: Iterable[bytes], part: Part, where: str) -> Iterator[bytes]:
    """The lines of a part, unzipped as they come. Raises :class:`BackupDamaged` where they are not all there."""
    unzip = zlib.decompressobj(wbits=31)
    rest, count = b"", 0
    try:
        for block in blocks:
            data = block
            while data:
                rest += unzip.decompress(data, 1 << 20)
                data = unzip.unconsumed_tail
                *whole, rest = rest.split(b"\n")
                count += len(whole)
                yield from whole
                if len(rest) > MAX_LINE:
                    raise BackupDamaged("a row of the backup is too long", where=where)
        rest += unzip.flush()
    except zlib.error as error:
        raise BackupDamaged("a part of the backup cannot be unzipped", where=where) from error
    *whole, rest = rest.split(b"\n")
    yield from whole
    if rest or not unzip.eof or count + len(whole) != part.lines:
        raise BackupDamaged("a part of the backup is cut short", where=where)


def _kind(column: Column[Any]) -> Kind:
    kind: TypeEngine[Any] = column.type
    for types, name in _KINDS:
        if isinstance(kind, types):
            return name
    raise TypeError(f"{column.table.name}.{column.name}: the backup has no form for {kind!r}")


# In this order: a Boolean is no Integer here, and our own type for times is no subclass of DateTime.
_KINDS: tuple[tuple[Any, Kind], ...] = (
    (UtcDateTime, "time"),
    (Boolean, "flag"),
    (Integer, "int"),
    (Float, "float"),
    (LargeBinary, "bytes"),
    (JSON, "json"),
    (String, "text"),
)


def _encoded(value: Any, kind: Kind) -> Any:
    if value is None or kind not in ("time", "bytes"):
        return value
    if kind == "bytes":
        return base64.b64encode(value).decode()
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _decoded(value: Any, kind: Kind) -> Any:
    if value is None or kind not in ("time", "bytes"):
        return value
    if kind == "bytes":
        return base64.b64decode(value, validate=True)
    return datetime.fromisoformat(value)
