"""The development authority follows the profile that production certificates must have, and is loud."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import DevelopmentPart
from core.settings import get_settings
from provenance.errors import PkiError
from provenance.pki import CLAIM_SIGNING, DOCUMENT_SIGNING, Pki, development_pki, init_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    with pytest.warns(DevelopmentPart, match="DEVELOPMENT certificate authority"):
        return init_pki(tmp_path_factory.mktemp("pki"))


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_claim_leaf_has_the_assurance_level_1_profile(pki: Pki) -> None:
    leaf = load(pki.chain)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and usage.value.content_commitment
    assert not usage.value.key_cert_sign
    purposes = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert purposes == {CLAIM_SIGNING, DOCUMENT_SIGNING}
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and not constraints.value.ca
    assert leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 366


def test_the_timestamp_leaf_may_do_nothing_else(pki: Pki) -> None:
    purposes = load(pki.tsa_chain).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert purposes.critical and list(purposes.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def test_the_chain_leads_to_the_root(pki: Pki) -> None:
    leaf, intermediate = x509.load_pem_x509_certificates(pki.chain.read_bytes())
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(load(pki.anchors))


def test_every_subject_says_demonstration(pki: Pki) -> None:
    for path in (pki.anchors, pki.chain, pki.tsa_chain):
        for certificate in x509.load_pem_x509_certificates(path.read_bytes()):
            assert certificate.subject.rfc4514_string().count("DEMONSTRATION") == 2


def test_only_the_owner_can_read_keys(pki: Pki) -> None:
    keys = list(pki.folder.glob("*.key"))
    assert len(keys) == 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_an_authority_is_not_replaced_by_accident(pki: Pki) -> None:
    root = pki.anchors.read_bytes()
    with pytest.raises(PkiError, match="exists already"):
        init_pki(pki.folder)
    assert pki.anchors.read_bytes() == root


def test_production_never_gets_a_development_authority(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    with pytest.raises(PkiError, match="cannot sign in production"):
        development_pki()
    assert not (home / "keys" / "pki").exists()


def test_leaves_that_near_their_end_are_renewed_under_the_same_root(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.pki.LEAF_DAYS", 10)
    first = development_pki()
    short, root = first.chain.read_bytes(), first.anchors.read_bytes()
    monkeypatch.setattr("provenance.pki.LEAF_DAYS", 365)
    second = development_pki()
    assert second.chain.read_bytes() != short and second.anchors.read_bytes() == root
    assert development_pki().chain.read_bytes() == second.chain.read_bytes()
