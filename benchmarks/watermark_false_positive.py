"""How often a mark is read where there is none.

A trial is one reader's whole work on three unmarked seconds under a key of its own: the search over every scale,
shift and mirror image, and up to four decodes. Pictures are real (the test media, the sample presenter), clean and
re-encoded, and marked under another key; keys are new in every trial. Besides, the decoder alone is given noise, so
that the check bits are tried far more often than the search would let them.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import finish, full, inputs_digest
from benchmarks.watermark import attacks
from benchmarks.watermark.material import clips, frames
from provenance.mark import MarkEmbedder, search
from provenance.mark.code import CODED_BITS, CRC_BITS, decode, payload_id
from provenance.mark.reader import MAX_DECODES, WEAK, MarkReader

GOAL = {"accepted": "<= 0", "accepted_codewords": "<= 0", "bound": "<= 1e-9", "trials": ">= 500"}
SECONDS_BY_DEFAULT = 480.0
TRIALS_IN_FULL = 10_000
KEYS_A_PICTURE = 60


def key_of(number: int) -> bytes:
    return hashlib.sha256(f"trial {number}".encode()).digest()


def accepted(picture: search.Picture, key: bytes) -> tuple[bool, float, int]:
    """Whether a reader of this key would read a mark, the strongest sync peak, and the codewords it tried."""
    reader = MarkReader(key)
    found = search.find(picture, key, 1.0, everywhere=True)
    for geometry in found:
        reader.consider(picture, geometry, WEAK)
    return reader.reading().present, max(geometry.z for geometry in found), reader.decodes


def pictures() -> Any:
    """Endless (source, accumulated whitened picture): unmarked, re-encoded, marked under another key."""
    for number, clip in enumerate(clips()):
        shown = frames(clip)
        kind = number % 3
        if kind == 1:
            shown = attacks.x264(shown, 28)[0]
        if kind == 2:
            embed = MarkEmbedder(number + 1, shown[0].shape[1], shown[0].shape[0], key_of(-number))
            shown = [embed(index, image) for index, image in enumerate(shown)]
        looks = [search.whiten(image) for image in shown[::5]]
        yield clip.path, search.Picture(np.sum(looks, axis=0, dtype=np.float32), keep=True)


def run() -> dict[str, Any]:
    begin = time.monotonic()
    trials = hits = codewords = 0
    strongest = 0.0
    used: set[Path] = set()

    def over() -> bool:
        if full():
            return trials >= TRIALS_IN_FULL
        return time.monotonic() - begin > SECONDS_BY_DEFAULT

    for source, picture in pictures():
        used.add(source)
        for _ in range(KEYS_A_PICTURE):
            if over():
                break
            present, peak, tried = accepted(picture, key_of(trials))
            trials, hits, codewords = trials + 1, hits + present, codewords + tried
            strongest = max(strongest, peak)
        print(f"{trials} trials, {hits} accepted, highest peak {strongest:.2f}", file=sys.stderr)
        if over():
            break
    noise, noise_hits = 0, 0
    random = np.random.default_rng(11)
    for noise in range(1, (100_000 if full() else 5_000) + 1):
        soft = random.normal(size=CODED_BITS).astype(np.float32)
        noise_hits += payload_id(decode(soft), key_of(noise)) is not None
    return {
        "trials": trials,
        "accepted": hits,
        "bound": MAX_DECODES * 2.0**-CRC_BITS,
        "bound_is": "decodes in one reading, at most 4, times 2^-32; the sync peak and the registry are not counted",
        "highest_sync_peak": round(strongest, 2),
        "sync_peak_needed": WEAK,
        "decodes": codewords,
        "noise_codewords": noise,
        "accepted_codewords": noise_hits,
        "n": {"trials": trials, "pictures": len(used)},
        "interval": {"accepted": [0.0, round(3.0 / max(trials, 1), 6)] if not hits else None},
        "inputs_sha256": inputs_digest(used),
    }


if __name__ == "__main__":
    finish(run(), GOAL)
