"""The files that rows name, copied from one store to another by digest: each is verified on the way, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from core.settings import get_settings
from greenroom.backup.errors import BackupDamaged
from greenroom.backup.manifest import Kind, Lacking, Part
from greenroom.backup.place import Place, blob_key, checked, part_key
from greenroom.backup.rows import from_line, lines_of

AT_ONCE = 8  # copies at a time: most of the time is waiting
LINE: tuple[Kind, ...] = ("text", "text", "int")  # role, digest, size: null for one that the backup lacks
_NAMED = 1000

File = tuple[str, str]  # role, digest


@dataclass(frozen=True)
class Result:
    """What became of one file. ``size``: None where the target has none, and ``why`` then says so."""

    file: File
    size: int | None
    new: bool = False
    why: str = ""


@dataclass
class Copied:
    """What a copy came to: ``files`` and ``bytes`` are all that the target has, ``new_*`` what this run brought."""

    files: int = 0
    bytes: int = 0
    new_files: int = 0
    new_bytes: int = 0
    lacking_in_all: int = 0
    lacking: list[Lacking] = field(default_factory=list)  # the first of them

    def add(self, result: Result) -> None:
        if result.size is None:
            self.lacking_in_all += 1
            if len(self.lacking) < _NAMED:
                role, sha256 = result.file
                self.lacking.append(Lacking(role=role, sha256=sha256, what=result.why))
            return
        self.files += 1
        self.bytes += result.size
        self.new_files += result.new
        self.new_bytes += result.size * result.new


@dataclass(frozen=True)
class Store:
    """A place, and what a file is called in it."""

    place: Place
    key: Callable[[str, str], str]

    def size(self, file: File) -> int | None:
        return self.place.size(self.key(*file))

    def get(self, file: File) -> Iterator[bytes]:
        """Raises :class:`BackupDamaged` after the last byte where they are not those of the name."""
        key = self.key(*file)
        return checked(self.place.get(key), file[1], key)


def of_backups(place: Place) -> Store:
    return Store(place, blob_key)


def of_settings() -> Store:
    """This installation's own blob store, read and written in a stream: a copy of everything fits no cache."""
    url = get_settings().effective_blob_url
    return Store(Place(url, make=True), lambda role, sha256: f"{role}/{sha256[:2]}/{sha256}")


def files_of(place: Place, listed: Part) -> Iterator[tuple[File, int | None]]:
    """The list of a backup's files, each with its size; None for one that the backup lacks."""
    where = f"list of files ({part_key(listed.sha256)})"
    blocks = checked(place.get(part_key(listed.sha256)), listed.sha256, where)
    for line in lines_of(blocks, listed, where):
        role, sha256, size = from_line(line, LINE, where)
        yield (str(role), str(sha256)), size


def copy_files(source: Store, target: Store, files: Iterable[File]) -> Iterator[Result]:
    """Copy what the target lacks. What the source lacks, or has changed, is told and not copied."""
    waiting = iter(files)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while chunk := list(islice(waiting, 32 * AT_ONCE)):
            yield from pool.map(lambda file: _copy(source, target, file), chunk)


def _copy(source: Store, target: Store, file: File) -> Result:
    here, there = source.size(file), target.size(file)
    if there is not None and here in (None, there):
        return Result(file, there)
    if here is None:
        return Result(file, None, why="it is not there")
    try:
        target.place.put(target.key(*file), source.get(file))
    except BackupDamaged:
        return Result(file, None, why="its bytes are not those that were stored")
    for _ in target.get(file):
        pass  # what was written is read back: a damaged one raises
    return Result(file, here, new=True)
