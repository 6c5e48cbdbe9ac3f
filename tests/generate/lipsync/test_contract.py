"""One contract for every lip-sync engine, real and null."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest

from core.errors import DevelopmentPart, InputError
from generate.lipsync import load_lipsync
from generate.lipsync.hybrid import HybridLipSync
from generate.lipsync.models import LipSync, Prepared
from generate.lipsync.null import NullLipSync
from generate.models import Speech


@pytest.fixture(params=["hybrid", "null"], scope="module")
def engine(request: pytest.FixtureRequest) -> LipSync:
    return load_lipsync(request.param)


@pytest.fixture(scope="module")
def ready(
    engine: LipSync, prepared: Prepared, reference: Path, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    if engine.engine == prepared.engine:
        return prepared
    return engine.prepare(reference, tmp_path_factory.mktemp("null"))


def test_what_is_prepared_says_what_it_is(engine: LipSync, ready: Prepared) -> None:
    assert ready.engine == engine.engine
    assert (ready.width, ready.height, ready.fps) == (1280, 720, 25)
    assert len(ready.reference_sha256) == 64


def test_preparing_again_reads_the_cache(engine: LipSync, ready: Prepared, reference: Path) -> None:
    before = sorted(path.name for path in ready.folder.parent.iterdir())
    again = engine.prepare(reference, ready.folder.parent)
    assert again.folder == ready.folder
    assert again.examination == ready.examination
    assert sorted(path.name for path in ready.folder.parent.iterdir()) == before


def test_pictures_have_the_size_and_number_that_speech_needs(
    engine: LipSync, ready: Prepared, speech: Speech
) -> None:
    count = 0
    for picture in engine.animate(ready, speech, head=0.3, tail=0.3):
        assert picture.shape == (720, 1280, 3)
        assert picture.dtype == np.uint8
        count += 1
    assert count == int(np.ceil((speech.seconds + 0.6) * 25))


def test_the_same_speech_gives_the_same_pictures(engine: LipSync, ready: Prepared, speech: Speech) -> None:
    first = itertools.islice(engine.animate(ready, speech), 20)
    second = itertools.islice(engine.animate(ready, speech), 20)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_pictures_come_one_at_a_time(engine: LipSync, ready: Prepared, speech: Speech) -> None:
    """Ten minutes of speech give the first picture at once; nothing waits for the rest."""
    long = Speech(np.tile(speech.samples, 8), speech.rate, (), "")
    pictures = engine.animate(ready, long)
    assert next(iter(pictures)).shape == (720, 1280, 3)


def test_another_engines_work_is_refused(engine: LipSync, ready: Prepared, speech: Speech) -> None:
    other = NullLipSync() if isinstance(engine, HybridLipSync) else HybridLipSync()
    with pytest.raises(ValueError, match="prepare the reference again"):
        next(iter(other.animate(ready, speech)))


def test_the_null_engine_copies_the_reference_and_says_so(
    reference: Path, presenter_pictures: list[np.ndarray], speech: Speech, tmp_path: Path
) -> None:
    null = NullLipSync()
    ready = null.prepare(reference, tmp_path)
    with pytest.warns(DevelopmentPart, match="does not move the lips"):
        pictures = null.animate(ready, speech)
    shown = next(iter(pictures)).astype(int)
    nearest = min(np.abs(shown - frame).mean() for frame in presenter_pictures[:40])
    assert nearest < 2.0


def test_the_real_engine_warns_of_nothing(prepared: Prepared, speech: Speech) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(iter(HybridLipSync().animate(prepared, speech)))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InputError, match="no lip-sync engine 'magic'"):
        load_lipsync("magic")
