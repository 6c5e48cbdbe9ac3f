"""Signed notes (https://c2sp.org/signed-note) and checkpoints (https://c2sp.org/tlog-checkpoint).

A note is text, a blank line, and signature lines ``— <name> base64(key hash || signature)``. Only Ed25519
(type 0x01) is written; lines of unknown keys are ignored, as the specification asks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit import keys
from core.errors import IntegrityError

ED25519 = b"\x01"
MAX_NOTE = 100_000
MAX_SIGNATURES = 64


class NoteError(IntegrityError):
    """A note cannot be read, or no known key signed it."""

    code = "note"


@dataclass(frozen=True)
class Verifier:
    """A known key: its name (the log's origin, or a witness) and the public key."""

    name: str
    key: Ed25519PublicKey

    @property
    def key_hash(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || 0x01 || public key)."""
        data = self.name.encode() + b"\n" + ED25519 + keys.raw_public_key(self.key)
        return hashlib.sha256(data).digest()[:4]

    @property
    def vkey(self) -> str:
        """The text form that witnesses and verifiers are configured with."""
        encoded = base64.b64encode(ED25519 + keys.raw_public_key(self.key)).decode()
        return f"{self.name}+{self.key_hash.hex()}+{encoded}"


def parse_vkey(text: str) -> Verifier:
    """A verifier from ``<name>+<hash>+<key>``. Raises :class:`NoteError`."""
    try:
        name, key_hash, encoded = text.strip().split("+", 2)
        data = base64.b64decode(encoded, validate=True)
        if data[:1] != ED25519:
            raise ValueError("not an Ed25519 key")
        verifier = Verifier(name, Ed25519PublicKey.from_public_bytes(data[1:]))
    except (ValueError, binascii.Error) as error:
        raise NoteError("a verifier key cannot be read", where=text[:60]) from error
    if verifier.key_hash.hex() != key_hash or not _is_name(name):
        raise NoteError("a verifier key's hash does not fit its name and key", where=text[:60])
    return verifier


def check_text(text: str, name: str) -> None:
    """That a note can be made of this. Raises ValueError."""
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise ValueError("a note's text ends in a newline and has no other control characters")
    if not _is_name(name):
        raise ValueError("a key name is not empty and has no spaces and no plus")


def note_of(text: str, signer: Verifier, signature: bytes) -> str:
    """The note: ``text`` (ending in a newline) with one signature line, which is not checked here."""
    check_text(text, signer.name)
    line = base64.b64encode(signer.key_hash + signature).decode()
    return f"{text}\n— {signer.name} {line}\n"


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """As :func:`note_of`, signed with a key in hand."""
    check_text(text, name)
    return note_of(text, Verifier(name, key.public_key()), key.sign(text.encode()))


def signers_of(note: str) -> set[tuple[str, bytes]]:
    """(name, key hash) of each signature line, whoever wrote them; nothing is verified."""
    return {(name, data[:4]) for name, data in _split(note)[1]}


def open_note(note: str, known: Sequence[Verifier]) -> str:
    """The text of a note that a known key signed.

    Raises :class:`NoteError` when a known key's signature is wrong, or when no known key signed.
    """
    text, signatures = _split(note)
    by_key = {(verifier.name, verifier.key_hash): verifier for verifier in known}
    signed = False
    for name, data in signatures:
        verifier = by_key.get((name, data[:4]))
        if verifier is None:
            continue
        try:
            verifier.key.verify(data[4:], text.encode())
        except InvalidSignature as error:
            raise NoteError("a note's signature is wrong", where=name) from error
        signed = True
    if not signed:
        raise NoteError("no known key signed this note")
    return text


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE or any(character < " " and character != "\n" for character in note):
        raise NoteError("a note is too long or has control characters")
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteError("a note has no signatures")
    signatures = []
    for line in tail[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or not _is_name(parts[1]):
            raise NoteError("a signature line cannot be read")
        try:
            data = base64.b64decode(parts[2], validate=True)
        except binascii.Error as error:
            raise NoteError("a signature line cannot be read") from error
        if len(data) < 5:
            raise NoteError("a signature is too short")
        signatures.append((parts[1], data))
    if len(signatures) > MAX_SIGNATURES:
        raise NoteError("a note has too many signatures")
    return head + "\n", signatures


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


@dataclass(frozen=True)
class Checkpoint:
    """A tree head: the log's origin, its size and its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Three lines: origin, size in decimal, root in base64."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of an opened note; extension lines are allowed and ignored. Raises :class:`NoteError`."""
    lines = text.split("\n")
    try:
        origin, size, encoded = lines[0], lines[1], lines[2]
        root = base64.b64decode(encoded, validate=True)
        number = int(size)
    except (IndexError, ValueError, binascii.Error) as error:
        raise NoteError("a checkpoint cannot be read") from error
    if not origin or str(number) != size or number < 0 or len(root) != 32:
        raise NoteError("a checkpoint cannot be read")
    return Checkpoint(origin, number, root)
