"""No foreign file is read in a nursery, whose children share a layout of memory: each way in is tried.

And the code says so: who vouches for a file, and who passes the word on, is listed here.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.blobs import blobs
from core.media import nurseries
from core.media.own import OwnFile
from core.models import AssetRole
from core.settings import get_settings
from delivery.links import make_link, open_link
from pipeline.intake import import_video
from pipeline.onboarding import add_persona
from pipeline.own import own_encoded, own_examined, own_sealed
from pipeline.registry import DatabaseRegistry
from pipeline.tables import PersonaRow, RenderRow
from provenance.credential import seal
from provenance.models import GateFact, SealFacts
from provenance.pki import export_anchors
from provenance.signer import signer_of
from provenance.verify import verify
from review_ui.child import main as check_upload
from tests.kit import media
from tests.kit.authorities import full_scope, make_authority
from tests.kit.world import World, world
from tests.packages import PACKAGES

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture(scope="module")
def w(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("foreign") / "home", signer="real", confined=True) as made:
        yield made
    for nursery in nurseries.OPEN.values():
        nursery.close()


@contextmanager
def nurseries_noted() -> Iterator[list[str]]:
    """The names of the files that nurseries are given, in order."""
    names: list[str] = []
    fork = nurseries.Nursery.fork

    def noted(self: nurseries.Nursery, request: Any, descriptors: tuple[int, int, int]) -> Any:
        names.append(Path(f"/proc/self/fd/{descriptors[0]}").readlink().name)
        return fork(self, request, descriptors)

    assert get_settings().media.files_a_nursery > 0, "as the settings are by default"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nurseries.Nursery, "fork", noted)
        yield names


@pytest.fixture
def read_in_a_nursery(made: Made) -> Iterator[list[str]]:
    with nurseries_noted() as names:
        yield names


@dataclass(frozen=True)
class Made:
    """A video that was made, released and delivered here, and what nurseries read for it."""

    row: RenderRow
    names: list[str]
    sealed: Path
    published: Path


@pytest.fixture(scope="module")
def made(w: World) -> Made:
    with nurseries_noted() as names:
        row = w.released()
    sealed = blobs().get_file(row.sealed_sha256 or "", AssetRole.SEALED)
    _, published = open_link(make_link(row.id, brand_id=w.brand_id))
    return Made(row, names, sealed, published)


def kinds(names: list[str]) -> Counter[str]:
    return Counter("from the store" if len(name) >= 64 else name.partition(".")[0] for name in names)


def test_a_made_video_is_read_there_from_its_encoding_to_its_release(made: Made) -> None:
    """The other tests would pass, too, if nothing ever were."""
    assert kinds(made.names) == {"examined": 1, "sealed": 1, "published": 2, "from the store": 5}


def test_an_import_never_is(w: World, read_in_a_nursery: list[str], tmp_path: Path) -> None:
    """Not as it comes in, and not after it was labelled, marked, encoded, sealed and released here."""
    campaign = w.campaign(release_on_approval=False)
    row = import_video(
        media.write_clip(tmp_path / "theirs.mp4", 7),
        campaign.id,
        brand_id=w.brand_id,
        maker_id=w.operator,
        script="Hello.",
    )
    released = w.release(w.approved(w.to_review(row)))
    assert released.published_sha256 is not None
    assert read_in_a_nursery == []


def test_a_strangers_upload_never_is_not_even_our_own_video(
    made: Made, read_in_a_nursery: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent to the public verifier, the API's `analyze_video`, `greenroom verify` and `analyze`."""
    monkeypatch.setattr("pipeline.analyze.document", lambda *_: {})  # of measures, which are recorded here
    assert verify(made.published, registry=DatabaseRegistry()).verdict == "intact"
    check_upload("verify", made.published)
    check_upload("analyze", made.published)
    assert read_in_a_nursery == []


def test_a_reference_never_is_and_what_carries_its_credential_is_not_either(
    w: World, read_in_a_nursery: list[str], tmp_path: Path
) -> None:
    """The credential of the reference is kept inside of the sealed file, as somebody else wrote it."""
    facts = SealFacts("theirs", "ab" * 32, (GateFact("technical", "1", "pass"),), 7, environment="test")
    plain = media.write_clip(tmp_path / "plain.mp4", 0)
    reference = seal(plain, tmp_path / "signed.mp4", facts, signer_of(), anchors=export_anchors()).path
    assert read_in_a_nursery == []
    persona = _persona(w, reference)
    assert read_in_a_nursery == []
    row = w.release(w.approved(campaign=w.campaign(persona)))
    assert row.published_sha256 is not None
    assert kinds(read_in_a_nursery) == {"examined": 1}


def _persona(w: World, reference: Path) -> PersonaRow:
    def make(session: Any, persona_id: str) -> Any:
        scope = full_scope(w.brand_id)
        return make_authority(session, w.brand_id, persona_id, "provenance", scope, actor=w.operator)

    return add_persona(
        brand_id=w.brand_id, name="Nobody", reference=reference, voice="hibari", make_authority=make
    )


def test_an_imports_row_vouches_for_nothing(made: Made) -> None:
    row = RenderRow(origin="made", sealed_sha256="aa", examined_sha256="bb")
    assert own_sealed(row, made.sealed) == OwnFile("aa") and own_examined(row) == OwnFile("bb")
    row.origin = "import"
    assert [own_sealed(row, made.sealed), own_examined(row), own_encoded(row, made.sealed)] == [None] * 3


# What the code says

VOUCHES = {"pipeline/own.py", "provenance/credential.py"}
"""Who makes the word for a file: from a render's row, and of what was signed here from a file of our own."""

ASKS = {
    "pipeline/stages/picture.py": "own_encoded",
    "pipeline/stages/seal.py": "own_examined",
    "pipeline/stages/inspect.py": "own_sealed",
    "delivery/release.py": "own_sealed",
}
"""Who asks for one, for the file that it reads."""

HANDS_ON = {
    "core/media/confined.py",
    "core/media/decode.py",
    "core/media/essence.py",
    "core/media/reading.py",
    "provenance/credential.py",
    "provenance/reader.py",
    "provenance/senses.py",
    "provenance/signing.py",
    "provenance/verify.py",
} | ASKS.keys()
"""Who passes one to a reading."""


OTHERS = {"Anchors", "Parts"}
"""Whose `own` is something else."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if not any(word in text for word in ("OwnFile", "own=", "own_", "nursery_of")):
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call):
                    yield str(path.relative_to(ROOT)), node


def test_nobody_else_vouches_for_a_file_or_passes_the_word_on() -> None:
    vouch, ask, hand_on, start = set(), set(), set(), set()
    for path, call in calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "OwnFile":
            vouch.add(path)
        if name in ("own_encoded", "own_examined", "own_sealed"):
            ask.add((path, name))
        if name not in OTHERS and any(word.arg == "own" for word in call.keywords):
            hand_on.add(path)
        if name == "nursery_of":
            start.add(path)
    assert vouch == VOUCHES
    assert ask == set(ASKS.items())
    assert hand_on == HANDS_ON
    assert start == {"core/media/starting.py"}
