"""What a backup says of itself: a manifest of every part by digest, and an envelope that the ledger's key signs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.notes import Checkpoint, NoteError, parse_checkpoint
from greenroom.backup.errors import BackupDamaged

M = TypeVar("M", bound=BaseModel)
MAX_MANIFEST = 16 << 20
ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Count = Annotated[int, Field(ge=0)]
Kind = Literal["text", "int", "float", "flag", "time", "bytes", "json"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """One object of the place: gzipped lines of JSON."""

    sha256: Digest
    size: Count
    lines: Count


class Table(_Strict):
    """One table: its columns with what their values are, and its rows in the order in which they are put back."""

    name: Name
    columns: tuple[tuple[Name, Kind], ...]
    part: Part


class Lacking(_Strict):
    """A file that a row named and that was not there, or was not what its name says."""

    role: Name
    sha256: Digest
    what: str


class Ledger(_Strict):
    """The log as the snapshot holds it.

    Attributes:
        assigned: positions given.
        root: over that many entries, hex.
        note: the newest signed checkpoint over at most as many; "" for an empty log.
    """

    origin: str
    assigned: Count
    pending: Count
    root: Digest
    note: str

    def checkpoint(self) -> Checkpoint | None:
        """What the note says; its signature is not checked."""
        try:
            return parse_checkpoint(self.note) if self.note else None
        except NoteError as error:
            raise BackupDamaged("the backup's checkpoint cannot be read", where="ledger") from error


class Manifest(_Strict):
    """A backup.

    Attributes:
        files: the list of files, a line each: role, digest, size (null for one that is lacking).
        lacking: the first of those that it lacks.
        keys: PEM of public halves, by key name and key id.
        secret_check: tells the right master secret from another.
    """

    format: Literal[1] = 1
    id: str = Field(pattern=ID.pattern)
    taken_at: str
    greenroom: str
    revision: str = Field(pattern=r"^[0-9a-z_]{1,32}$")
    dialect: str
    tables: tuple[Table, ...]
    files: Part
    file_bytes: Count
    lacking: tuple[Lacking, ...] = ()
    lacking_in_all: Count = 0
    ledger: Ledger
    keys: Mapping[Name, Mapping[str, str]]
    secret_check: str

    def to_bytes(self) -> bytes:
        return self.model_dump_json(indent=1).encode()


class Envelope(_Strict):
    """The object that makes a backup one: its id, the digest of its manifest, and the signature over both."""

    greenroom_backup: Literal[1] = 1
    id: str = Field(pattern=ID.pattern)
    manifest: Digest
    key_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")

    def signed(self) -> bytes:
        return signed_bytes(self.id, self.manifest)


def signed_bytes(backup_id: str, manifest: str) -> bytes:
    """What the signature is over. It begins with what no checkpoint of the same key begins with."""
    return f"greenroom backup v1\n{backup_id}\n{manifest}\n".encode()


def read_manifest(data: bytes, where: str) -> Manifest:
    """Raises :class:`BackupDamaged` for what cannot be read, or is of another format."""
    return _read(Manifest, data, where)


def read_envelope(data: bytes, where: str) -> Envelope:
    """As :func:`read_manifest`."""
    return _read(Envelope, data, where)


def _read(kind: type[M], data: bytes, where: str) -> M:
    try:
        return kind.model_validate(json.loads(data))
    except (ValidationError, ValueError) as error:
        raise BackupDamaged(
            "a part of the backup cannot be read",
            where=where,
            next_step="take another backup of the same place, or restore with the version that wrote it",
        ) from error
