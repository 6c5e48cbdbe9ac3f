"""Our own look at the container: what the C2PA library does not check, or is not asked to (trust step 10).

The hard binding leaves out `ftyp`, `mfra` and the C2PA boxes themselves (C2PA 2.4 section 18.7). Here nothing may
hide in those places: there is one C2PA box, or one and its update; they have no slack and no manifest twice; that
each manifest is referenced is checked by ``judgement.py``.
Pure Python over plain reads of a file that may be hostile; sizes are bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from core.media.boxes import BrokenBoxes, digest_range, top_level
from provenance.jumbf import C2PA_UUID, Store, read_store

LARGEST_STORE = 32_000_000  # bytes; ours have about 20,000


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
                        stores.append(read_store(payload))
    except (OSError, ValueError, IndexError, TypeError, struct.error, RecursionError) as error:
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
