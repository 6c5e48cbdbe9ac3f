"""What the network and the trees are tried on: the same pictures for both, people and engines that neither saw.

A trial is a face of the test part, real and forged, on its way (clean, JPEG 60, H.264 CRF 35). The two Poisson kinds
are in no training data: pairs of one source, forged in a way that nobody has seen yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import Image, Points
from detect.training.network.alike import CLEAN, CRF35, JPEG60, travel
from detect.training.network.crops import Faces, crc
from detect.training.network.forge import paste, self_blend
from detect.training.network.pairs import Pairs

WAYS = {"clean": CLEAN, "jpeg60": JPEG60, "crf35": CRF35}
KINDS = ("camera", "self_blend", "alpha_swap", "poisson_mouth", "poisson_swap")
CODED = ("camera", "self_blend", "poisson_mouth")  # the kinds that are tried on every way
STILLS = 60  # of the test part
LOOKS = 2  # of a clip


@dataclass(frozen=True)
class Trial:
    """One picture: of which row, forged how, on which way."""

    row: int
    kind: str
    way: str
    image: Image
    points: Points


def rows_of(faces: Faces, part: str, *, looks: int = LOOKS, stills: int = STILLS) -> NDArray[np.int64]:
    """Rows of a part: some looks of each clip, some stills, by a fixed draw. Generated stills keep their share."""
    rows = np.flatnonzero(faces.part == part)
    moving = [rows[(faces.source[rows] == s) & faces.clip[rows]] for s in np.unique(faces.source[rows])]
    kept = [r[np.linspace(0, len(r) - 1, min(looks, len(r))).astype(int)] for r in moving if len(r)]
    for made in (False, True):
        still = rows[~faces.clip[rows] & ((faces.generator[rows] != "") == made)]
        kept.append(np.random.default_rng(0).permutation(still)[: stills // 2 if made else stills])
    return np.concatenate(kept)


def trials(
    faces: Faces, rows: NDArray[np.int64], part: str, kinds: tuple[str, ...] = KINDS
) -> Iterator[Trial]:
    """Every camera row real and forged (engines' rows as they are), clean; the two codecs for some kinds."""
    makers = Pairs(faces, 7, part if part != "unseen" else "test")
    for row in rows.tolist():
        image, points = faces.crops[row], faces.points[row]
        if faces.generator[row]:
            for name, way in WAYS.items():
                yield Trial(row, "engine", name, *travel(image, points, way))
            continue
        # One clip is forged in one way, so the draw follows the source, not the frame.
        seed = crc(faces.sources[faces.source[row]].path.name)
        donor = makers.donor(row, np.random.default_rng(seed))
        for kind in kinds:
            forged = forge(kind, image, points, faces.crops[donor], faces.points[donor], seed=seed)
            for name, way in WAYS.items():
                if name == "clean" or (kind in CODED and part != "calibrate"):
                    yield Trial(row, kind, name, *travel(forged, points, way))


def forge(kind: str, image: Image, points: Points, donor: Image, donor_points: Points, *, seed: int) -> Image:
    """``image``, or its forgery of a kind."""
    rng = np.random.default_rng((seed, crc(kind)))
    if kind == "camera":
        return image
    if kind == "self_blend":
        return self_blend(image, points, rng)
    region = "mouth" if kind.endswith("mouth") else "face"
    poisson = kind.startswith("poisson")
    return paste(image, points, donor, donor_points, region, rng=rng, poisson=poisson)  # type: ignore[arg-type]
