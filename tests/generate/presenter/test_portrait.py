"""The portrait is composed of exactly the named pictures, and the clip shows that portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import InputError, IntegrityError
from core.perception.embed import face_embedding
from generate.presenter.measure import clip_embeddings
from generate.presenter.portrait import compose, load_sources, mesh, similarity
from generate.presenter.upscale import fetch_weights


def test_a_similarity_is_found_again() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (9, 2))
    turned = 1.3 * points @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + np.array([4.0, -2.0])
    matrix = similarity(points, turned)
    assert points @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(turned, abs=1e-6)


def test_missing_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source pictures are not in the test media"):
        load_sources(tmp_path)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "realesrgan-x4plus.bin").write_bytes(b"something else")
    with pytest.raises(IntegrityError):
        fetch_weights(tmp_path)


def test_the_clip_shows_the_composed_portrait(
    test_media: Path, clip: Path, marks: NDArray[np.float32]
) -> None:
    sources = load_sources(test_media)
    assert len(sources["blend"]) == 30
    picture = np.rint(compose(sources)).astype(np.uint8)
    own = face_embedding(picture, mesh(picture).astype(np.float32))
    assert np.linalg.norm(clip_embeddings(clip, marks, every=100).mean(axis=0) - own) < 0.4
