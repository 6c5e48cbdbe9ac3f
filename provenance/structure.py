"""Our own look at the container: what the C2PA library does not check, or is not asked to (trust step 10).

The hard binding leaves out `ftyp`, `mfra` and the C2PA boxes themselves (C2PA 2.4 section 18.7). Here nothing may
hide in those places: there is one C2PA box, or one and its update; they have no slack and no manifest twice; that
each manifest is referenced is checked by ``judgement.py``.
Pure Python over plain reads of a file that may be hostile; sizes are bounded.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path

from core.media.boxes import BrokenBoxes, digest_range, top_level

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
LARGEST_STORE = 32_000_000  # bytes; ours have about 20,000
MOST_MANIFESTS = 200


@dataclass(frozen=True)
class Store:
    """One C2PA box: its purpose and the SHA-256 of each manifest in it by label."""

    purpose: str
    manifests: dict[str, str]


@dataclass(frozen=True)
class Structure:
    """The outer shape of an mp4.

    Attributes:
        kinds: the top-level boxes in order.
        ftyp_sha256: of the ftyp box's payload, "" when there is none or several.
        stores: the C2PA boxes in order.
        oddities: what no file of ours has; a plain sentence each.
    """

    kinds: tuple[str, ...] = ()
    ftyp_sha256: str = ""
    stores: tuple[Store, ...] = ()
    oddities: tuple[str, ...] = field(default_factory=tuple)


def structure(path: Path) -> Structure:
    """Walk the file. Never raises for its content: what cannot be walked is an oddity."""
    oddities: list[str] = []
    stores: list[Store] = []
    ftyp = ""
    try:
        with path.open("rb") as file:
            boxes = list(top_level(file))
            size = file.seek(0, 2)
            for box in boxes:
                if box.end > size:
                    raise BrokenBoxes("a box ends after the file does")
                if box.kind == "ftyp":
                    ftyp = digest_range(file, box.start, box.end)
                if box.kind == "uuid" and box.end - box.start <= LARGEST_STORE:
                    file.seek(box.start)
                    payload = file.read(box.end - box.start)
                    if payload.startswith(C2PA_UUID):
                        stores.append(_store(payload))
    except (OSError, BrokenBoxes, ValueError, struct.error) as error:
        return Structure(oddities=(f"the container cannot be walked ({error})",))
    kinds = tuple(box.kind for box in boxes)
    if kinds.count("ftyp") != 1 or kinds[0] != "ftyp":
        oddities.append("the file does not begin with its one type box")
    if kinds.count("moov") != 1:
        oddities.append("the file has more than one index, or none")
    if "mfra" in kinds:
        oddities.append("a box that the signature does not cover was added")
    purposes = tuple(store.purpose for store in stores)
    if purposes not in ((), ("manifest",), ("original", "update")):
        oddities.append("the file carries more credentials than one chain")
    labels = [label for store in stores for label in store.manifests]
    if len(set(labels)) != len(labels):
        oddities.append("the file carries a manifest twice")
    return Structure(kinds, ftyp, tuple(stores), tuple(oddities))


def _store(payload: bytes) -> Store:
    """``uuid`` payload: 16 bytes of type, version and flags, purpose, offset, then one JUMBF superbox, no slack."""
    end = payload.index(b"\0", 20)
    purpose = payload[20:end].decode("ascii")
    jumbf = payload[end + 9 :]
    if payload[16:20] != bytes(4) or any(payload[end + 1 : end + 9]):
        raise ValueError("the credential's box has an unexpected header")
    children = _children(jumbf, 0, len(jumbf))
    if len(children) != 1 or children[0][0] != b"jumb":
        raise ValueError("something beside the credential is in its box")
    _, start, stop = children[0]
    manifests: dict[str, str] = {}
    for kind, first, last in _children(jumbf, start, stop)[1:]:
        label = _label(jumbf, first) if kind == b"jumb" else ""
        if not label or label in manifests or len(manifests) >= MOST_MANIFESTS:
            raise ValueError("the credential's box is not a list of manifests")
        manifests[label] = hashlib.sha256(jumbf[first:last]).hexdigest()
    return Store(purpose, manifests)


def _children(data: bytes, start: int, stop: int) -> list[tuple[bytes, int, int]]:
    """(kind, start, end) of the payloads of the boxes in data[start:stop]; they must fill it exactly."""
    found = []
    while start < stop:
        length, kind = struct.unpack_from(">I4s", data, start)
        if length < 8 or start + length > stop:
            raise ValueError("a box inside the credential has a wrong size")
        found.append((kind, start + 8, start + length))
        start += length
    return found


def _label(data: bytes, start: int) -> str:
    """The label in a superbox's description box: 16 bytes of type, toggles, then the name (ISO 19566-5 A.3)."""
    length, kind = struct.unpack_from(">I4s", data, start)
    if kind != b"jumd" or length < 26:
        return ""
    end = data.index(b"\0", start + 25, start + length)
    return data[start + 25 : end].decode("utf-8")
