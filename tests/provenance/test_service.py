"""Mark ids are random, unique and given once; manifests and fingerprints are kept by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import exc

from core.canonical import digest_bytes
from core.database import transaction
from core.errors import IntegrityError
from core.tables import BrandRow
from provenance import service
from provenance.errors import ProvenanceError
from provenance.models import Credential
from provenance.service import allocate_mark, find_manifest, find_mark, manifests_of, save_manifest

CREDENTIAL = Credential(Path("sealed.mp4"), "urn:c2pa:1", b"a manifest store", "aa" * 32, "ee" * 32)


@pytest.fixture
def brand(home: Path) -> str:
    with transaction() as session:
        session.add(BrandRow(id="brd_1", name="Acme"))
    return "brd_1"


def test_a_mark_is_given_once_and_stays(brand: str) -> None:
    with transaction() as session:
        first = allocate_mark(session, brand_id=brand, render_id="rnd_1", kind="personal")
        other = allocate_mark(session, brand_id=brand, render_id="rnd_2", kind="personal")
        shared = allocate_mark(session, brand_id=brand, render_id="rnd_1", kind="shared")
    assert len({first, other, shared}) == 3
    assert all(0 < mark < 2**40 for mark in (first, other, shared))
    with transaction() as session:
        assert allocate_mark(session, brand_id=brand, render_id="rnd_1", kind="personal") == first
        row = find_mark(session, first)
        assert row is not None and (row.render_id, row.kind, row.brand_id) == ("rnd_1", "personal", brand)
        assert find_mark(session, 0) is None


def test_a_taken_id_is_drawn_again(brand: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([6, 6, 8])
    monkeypatch.setattr(service.secrets, "randbelow", lambda bound: next(draws))
    with transaction() as session:
        assert allocate_mark(session, brand_id=brand, render_id="rnd_1", kind="personal") == 7
        assert allocate_mark(session, brand_id=brand, render_id="rnd_2", kind="personal") == 9
    monkeypatch.setattr(service.secrets, "randbelow", lambda bound: 6)
    with pytest.raises(ProvenanceError, match="no free mark id"), transaction() as session:
        allocate_mark(session, brand_id=brand, render_id="rnd_3", kind="personal")


def test_a_mark_belongs_to_a_known_brand(home: Path) -> None:
    with pytest.raises(exc.IntegrityError), transaction() as session:
        allocate_mark(session, brand_id="brd_nobody", render_id="rnd_1", kind="personal")


def test_a_manifest_is_found_by_its_credential_and_by_its_essence(brand: str) -> None:
    published = replace(CREDENTIAL, id="urn:c2pa:2", manifest=b"a longer manifest store", sha256="bb" * 32)
    with transaction() as session:
        saved = save_manifest(session, brand_id=brand, credential=CREDENTIAL)
        assert saved.manifest_sha256 == digest_bytes(b"a manifest store")
        save_manifest(session, brand_id=brand, credential=CREDENTIAL)
        save_manifest(session, brand_id=brand, credential=published)
    with transaction() as session:
        row = find_manifest(session, "urn:c2pa:1")
        assert row is not None and row.asset_sha256 == "aa" * 32 and row.size == 16
        assert [row.credential_id for row in manifests_of(session, "ee" * 32)] == ["urn:c2pa:1", "urn:c2pa:2"]
        with pytest.raises(IntegrityError, match="another manifest"):
            save_manifest(session, brand_id=brand, credential=replace(CREDENTIAL, manifest=b"forged"))


@dataclass(frozen=True)
class Print:
    """Stands for a fingerprint: only its bytes matter to the table."""

    data: bytes

    def to_bytes(self) -> bytes:
        return self.data


def test_a_fingerprint_is_kept_once_by_essence(brand: str) -> None:
    from provenance.tables import FingerprintRow

    with transaction() as session:
        for data in (b"first", b"second"):
            service.save_fingerprint(session, brand_id=brand, essence="ee" * 32, fingerprint=Print(data))  # type: ignore[arg-type]
    with transaction() as session:
        row = session.get(FingerprintRow, ("ee" * 32, brand))
        assert row is not None and row.data == b"first"
        assert service.load_fingerprint(session, "dd" * 32) is None
