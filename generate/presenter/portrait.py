"""The face of nobody: thirty generated faces blended, one more for fine detail, one more for hair and teeth.

All coordinates named here are pixels of the source pictures (384 a side), times four after the upscaling.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from core.errors import InputError
from generate.presenter.figure import Figure
from generate.presenter.studio import dress
from generate.presenter.upscale import Upscaler, fetch_weights
from generate.presenter.wardrobe import smoothstep

Array = NDArray[np.float32]
Points = NDArray[np.float64]

SIDE = 384
SOURCES = Path(__file__).with_name("sources.json")
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip
STEADY = [33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 234, 454, 127, 356]
DETAIL_SIGMA = 5.0  # below this many pixels the picture is the detail face's, above it the blend's


@dataclass(frozen=True)
class Source:
    """One generated face: float32 BGR picture and its 478 mesh points."""

    image: Array
    points: Points


def load_sources(media: Path) -> dict[str, list[Source]]:
    """The generated faces named by digest in sources.json, by role.

    Raises InputError when one is missing: the build needs exactly these.
    """
    wanted = json.loads(SOURCES.read_text(encoding="utf-8"))
    folder = media / "faces" / "interfacegan_celebahq"
    by_digest = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in sorted(folder.glob("*.jpg"))}
    roles = {"blend": wanted["blend"], "detail": [wanted["detail"]], "frame": [wanted["frame"]]}
    missing = [digest for digests in roles.values() for digest in digests if digest not in by_digest]
    if missing:
        raise InputError(
            f"{len(missing)} of the presenter's source pictures are not in the test media",
            where=missing[0][:12],
            next_step="set GREENROOM_TEST_MEDIA to the folder that the presenter was made from",
        )
    with StillMesh() as mesh_of:
        return {
            role: [_read(by_digest[digest], mesh_of) for digest in digests] for role, digests in roles.items()
        }


def _read(file: Path, mesh_of: StillMesh) -> Source:
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    points = mesh_of(image) if image is not None else None
    if image is None or points is None:
        raise InputError(
            "a source picture cannot be read, or holds no face", where=file.name, next_step="restore it"
        )
    return Source(image.astype(np.float32), points)


class StillMesh:
    """MediaPipe's mesh on still pictures, one after another. Use it as a context manager."""

    def __enter__(self) -> StillMesh:
        import mediapipe

        self._follower = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._follower.close()

    def __call__(self, image: NDArray[np.uint8]) -> Points | None:
        """(478, 3) mesh points in pixels of a picture with one face; None when there is none."""
        found = self._follower.process(np.ascontiguousarray(image[..., ::-1])).multi_face_landmarks
        if not found:
            return None
        height, width = image.shape[:2]
        return np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark])


def mesh(image: NDArray[np.uint8]) -> Points:
    """(478, 3) mesh points of one picture. Raises InputError when there is no face in it."""
    with StillMesh() as follower:
        points = follower(image)
    if points is None:
        raise InputError(
            "no face in a picture of the presenter", where="mesh", next_step="choose another one"
        )
    return points


def similarity(source: Points, target: Points) -> Points:
    """2x3 matrix of the least-squares similarity that takes ``source`` to ``target``."""
    cs, ct = source.mean(axis=0), target.mean(axis=0)
    a = (source - cs) @ np.array([1, 1j])
    b = (target - ct) @ np.array([1, 1j])
    z = np.vdot(a, b) / np.vdot(a, a).real
    turn = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.hstack([turn, (ct - turn @ cs)[:, None]])


def warp(image: Array, source: Points, target: Points) -> Array:
    """``image`` with its mesh points ``source`` (468, 2) taken to ``target``, triangle by triangle."""
    ticks = np.linspace(0, SIDE - 1, 9)
    frame = np.array([(x, y) for x in ticks for y in ticks if x in (0, SIDE - 1) or y in (0, SIDE - 1)])
    back = LinearNDInterpolator(Delaunay(np.vstack([target, frame])), np.vstack([source, frame]))
    yy, xx = np.mgrid[0:SIDE, 0:SIDE]
    at = np.nan_to_num(back(xx, yy).astype(np.float32), nan=-1)
    at = cv2.GaussianBlur(at, (0, 0), 1.2)  # no creases along the triangles' edges
    return np.asarray(
        cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT),
        np.float32,
    )


def compose(sources: dict[str, list[Source]]) -> Array:
    """The portrait at 384 pixels: blend's shape and shading, detail's pores and lashes, frame's hair and neck."""
    frame = sources["frame"][0]
    home = frame.points[:468, :2]
    shapes = [_moved(source.points[:468, :2], home) for source in sources["blend"]]
    mean = np.mean(shapes, axis=0)
    rim = np.min(np.linalg.norm(mean[:, None] - mean[OVAL][None], axis=2), axis=1)
    inside = np.clip(rim / 25, 0, 1)[:, None]
    target = inside * mean + (1 - inside) * 0.5 * (mean + home)

    hair = warp(frame.image, home, target)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(target[OVAL].astype(np.int32)), 1)
    skin = _lab(hair)[mask > 0].mean(axis=0)

    def fitted(source: Source) -> Array:
        matrix = similarity(source.points[STEADY, :2], home[STEADY])
        image = cv2.warpAffine(
            source.image, matrix, (SIDE, SIDE), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
        )
        lab = _lab(warp(image, _moved(source.points[:468, :2], home), target))
        lab += skin - lab[mask > 0].mean(axis=0)
        return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), 0, 1) * 255, np.float32)

    blend = np.mean([fitted(source) for source in sources["blend"]], axis=0).astype(np.float32)
    detail = fitted(sources["detail"][0])
    soft = cv2.GaussianBlur(blend, (0, 0), DETAIL_SIGMA)
    face = soft + detail - cv2.GaussianBlur(detail, (0, 0), DETAIL_SIGMA)
    edge = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    alpha = cv2.GaussianBlur(smoothstep(edge, 2, 18), (0, 0), 2)
    hair = _matched(hair, face, alpha, mask, skin)
    return np.asarray(np.clip(hair + (face - hair) * alpha[..., None], 0, 255), np.float32)


def _matched(frame: Array, face: Array, alpha: Array, mask: NDArray[np.uint8], skin: Array) -> Array:
    """The frame's forehead and neck in the light of the face: their difference along the rim, faded outwards."""
    rim = np.exp(-(((alpha - 0.35) / 0.2) ** 2))
    rim *= smoothstep(np.linalg.norm(_lab(frame) - skin, axis=2), 30, 18)
    weight = cv2.GaussianBlur(rim, (0, 0), 12)
    difference = cv2.GaussianBlur((face - frame) * rim[..., None], (0, 0), 12) / (weight[..., None] + 1e-4)
    away = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    where = smoothstep(np.linalg.norm(_lab(frame) - skin, axis=2), 38, 22) * np.exp(-((away / 70) ** 2))
    where = cv2.GaussianBlur(where.astype(np.float32), (0, 0), 1.5)
    return np.asarray(frame + difference * where[..., None], np.float32)


def _moved(points: Points, home: Points) -> Points:
    matrix = similarity(points[STEADY], home[STEADY])
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def _lab(image: Array) -> Array:
    return np.asarray(
        cv2.cvtColor(np.clip(image, 0, 255).astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32
    )


def make_figure(sources: dict[str, list[Source]], cache: Path, seed: int = 7) -> Figure:
    """Compose, upscale (kept in ``cache`` by the digest of what goes in) and dress."""
    frame = sources["frame"][0]
    portrait = upscaled(compose(sources), cache)
    return dress(portrait, upscaled(frame.image, cache), frame.points[:, :2] * 4, seed)


def upscaled(image: Array, cache: Path) -> Array:
    """Four times the side. Two minutes a picture on one core, so the result is kept in ``cache``."""
    picture = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    kept = cache / f"{hashlib.sha256(picture.tobytes()).hexdigest()[:32]}.png"
    if not kept.is_file():
        large = Upscaler(fetch_weights(cache))(picture.astype(np.float32))
        cv2.imwrite(str(kept), np.clip(np.rint(large), 0, 255).astype(np.uint8))
    stored = cv2.imread(str(kept), cv2.IMREAD_COLOR)
    if stored is None:
        raise InputError("a cached picture is damaged", where=kept.name, next_step="delete it")
    return np.asarray(stored, np.float32)
