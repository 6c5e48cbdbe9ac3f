"""What the library does not look at, each with a file that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.models import Anchors
from provenance.structure import structure
from provenance.verify import verify
from tests.provenance.conftest import MARK_ID, Studio, write_clip
from tests.provenance.doubles import ToldSenses


def verdict(path: Path, anchors: Anchors) -> tuple[str, set[str]]:
    report = verify(path, registry=None, anchors=anchors, senses=ToldSenses(mark_id=MARK_ID))
    return report.verdict, {problem.code for problem in report.problems}


def test_our_files_have_the_usual_shape(studio: Studio) -> None:
    sealed, published = structure(studio.sealed.path), structure(studio.published.path)
    assert sealed.oddities == published.oddities == ()
    assert [store.purpose for store in published.stores] == ["original", "update"]
    assert [list(store.manifests) for store in published.stores] == [
        [studio.sealed.id],
        [studio.published.id],
    ]
    assert all(all(store.manifests.values()) for store in published.stores)
    assert sealed.ftyp_sha256 == published.ftyp_sha256 != ""


def test_the_padding_of_a_signature_hides_nothing(studio: Studio, tmp_path: Path) -> None:
    """Nobody signs it, and the library does not mind what is in it."""
    data = bytearray(studio.published.path.read_bytes())
    at = data.rindex(b"cpad") + 500
    assert data[at : at + 12] == bytes(12)
    data[at : at + 12] = b"hidden words"
    path = tmp_path / "hidden.mp4"
    path.write_bytes(data)
    assert verdict(path, studio.anchors) == ("tampered", {"credential_form"})


def test_the_parts_of_a_credential_keep_their_names(studio: Studio, tmp_path: Path) -> None:
    data = bytearray(studio.published.path.read_bytes())
    at = data.rindex(b"c2pa.signature\0")
    data[at : at + 14] = b"c2pa.sagnature"
    path = tmp_path / "renamed.mp4"
    path.write_bytes(data)
    assert verdict(path, studio.anchors) == ("tampered", {"credential_form"})


@pytest.mark.parametrize("box", [b"free", b"skip", b"mfra", b"uuid"])
def test_no_box_can_be_added(studio: Studio, tmp_path: Path, box: bytes) -> None:
    path = tmp_path / "added.mp4"
    path.write_bytes(
        studio.published.path.read_bytes() + b"\0\0\0\x20" + box + b"hidden words, 24 bytes.."[:24]
    )
    assert verdict(path, studio.anchors)[0] == "tampered"


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "type box"), (b"abc", "cannot be walked"), (b"\0\0\0\x08ftyp\0\0\0\x02moov", "cannot be walked")],
)
def test_what_cannot_be_walked_is_odd_and_no_error(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(data)
    assert said in " ".join(structure(path).oddities)


def test_a_video_without_a_credential(tmp_path: Path) -> None:
    shape = structure(write_clip(tmp_path / "clip.mp4", seconds=1))
    assert shape.oddities == () and shape.stores == ()
