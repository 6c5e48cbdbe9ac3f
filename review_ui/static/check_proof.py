"""Check that an entry is in a Greenroom ledger: offline, with this file, a proof and the ledger's verifier key.

    python check_proof.py PROOF KEY

PROOF is a file in the form of https://c2sp.org/tlog-proof, as a page of the record or ``greenroom ledger prove`` gives
it. KEY is the ledger's verifier key, ``name+hash+key``, or a file with one such key a line; get it from somebody else
than whoever hands you the proof. Exit 0: the entry is in the log, and is printed. Exit 1: that is not proven. Exit 2:
wrong use.

It needs Python 3.9 or later and the package ``cryptography``, and nothing of Greenroom.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER = "c2sp.org/tlog-proof@v1"
ED25519 = b"\x01"
MOST = 200_000  # characters of a proof


class NotProven(Exception):
    """What is wrong with the proof."""


def read_key(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """The log's name, its key's hash (4 bytes) and the key, of ``name+hash+key``. Raises ValueError."""
    name, key_hash, encoded = text.strip().split("+", 2)
    data = _bytes(encoded)
    if data[:1] != ED25519:
        raise ValueError("it is no Ed25519 key")
    computed = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    if computed.hex() != key_hash:
        raise ValueError("its hash does not fit its name and key")
    return name, computed, Ed25519PublicKey.from_public_bytes(data[1:])


def check(proof: str, key: str) -> tuple[str, int, int, bytes]:
    """The log's name, its size, the entry's index and the entry's bytes. Raises NotProven; ValueError for the key."""
    name, key_hash, public = read_key(key)
    try:
        entry, index, path, note = _split(proof)
        text, signatures = _signatures(note)
        origin, size_text, root_text = text.split("\n")[:3]
        size, root = int(size_text), _bytes(root_text)
    except (ValueError, IndexError) as error:
        raise NotProven("the proof cannot be read: it is cut short or was changed") from error
    mine = [signature for signer, hashed, signature in signatures if (signer, hashed) == (name, key_hash)]
    if not mine:
        raise NotProven("the checkpoint was not signed by this log's key")
    for signature in mine:
        try:
            public.verify(signature, text.encode())
        except InvalidSignature as error:
            raise NotProven("the checkpoint's signature is wrong") from error
    if origin != name:
        raise NotProven("the checkpoint is of another log")
    if _root(hashlib.sha256(b"\x00" + entry).digest(), index, size, path) != root:
        raise NotProven("the entry does not lead to the signed root")
    return name, size, index, entry


def _split(proof: str) -> tuple[bytes, int, list[bytes], str]:
    """Entry, index, path and signed note. Raises ValueError, IndexError."""
    if len(proof) > MOST:
        raise ValueError("too long")
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != HEADER or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise ValueError("no proof that brings its entry along")
    index = int(lines[2][6:])
    if str(index) != lines[2][6:] or index < 0:
        raise ValueError("no index")
    path = [_bytes(line) for line in lines[3:]]
    if any(len(item) != 32 for item in path) or len(path) > 63:
        raise ValueError("no path")
    return _bytes(lines[1][6:]), index, path, note


def _bytes(text: str) -> bytes:
    """What base64 says, in its one form. Raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the one form of these bytes")
    return data


def _signatures(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The signed text, and (name, key hash, signature) of each line under it. Raises ValueError, IndexError."""
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise ValueError("no signatures")
    found = []
    for line in tail[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        data = _bytes(encoded)
        if dash != "\u2014" or len(data) < 5:
            raise ValueError("no signature line")
        found.append((name, data[:4], data[4:]))
    return head + "\n", found


def _root(node: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a leaf's hash leads to, by RFC 9162, 2.1.3.2; b"" where the path does not fit the size."""
    if index >= size:
        return b""
    here, last = index, size - 1
    for beside in path:
        if last == 0:
            return b""
        if here & 1 or here == last:
            node = hashlib.sha256(b"\x01" + beside + node).digest()
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + beside).digest()
        here, last = here >> 1, last >> 1
    return node if last == 0 else b""


def _check_any(proof: str, keys: list[str]) -> tuple[str, int, int, bytes]:
    """As :func:`check`, by the first key that proves it: a log whose key was replaced has several."""
    problem = NotProven("there is no key to check it with")
    for key in keys:
        try:
            return check(proof, key)
        except NotProven as error:
            problem = error
    raise problem


def main(arguments: list[str]) -> int:
    """What the command line asks for; its exit code."""
    if len(arguments) != 2:
        sys.stderr.write("use: python check_proof.py PROOF KEY\n")
        return 2
    try:
        with Path(arguments[0]).open("rb") as file:
            proof = file.read(MOST + 1).decode()
        named = Path(arguments[1])
        keys = (named.read_text() if named.is_file() else arguments[1]).split()
        for key in keys:
            read_key(key)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"This cannot be read: {error}\n")
        return 2
    try:
        name, size, index, entry = _check_any(proof, keys)
        stated = json.dumps(json.loads(entry), indent=1, ensure_ascii=True)
    except (NotProven, ValueError) as error:
        sys.stdout.write(f"NOT PROVEN: {error}.\n")
        return 1
    sys.stdout.write(f"PROVEN: this is entry {index} of the {size} entries of {name}.\n{stated}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
