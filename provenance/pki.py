"""The development certificate authority: root, intermediate, claim-signing leaf, timestamp leaf.

For demonstrations and tests only, and loud about it. The profiles are the ones a production certificate
must have too (C2PA 2.4 section 14.5 and the conformance program's assurance level 1): ES256 on P-256, key
usage digitalSignature + nonRepudiation (critical), extended key usage claimSigning + documentSigning,
authority and subject key identifiers, basic constraints CA=FALSE (critical), at most 366 days. The timestamp
leaf has timeStamping only, critical (RFC 3161 section 2.3).
"""

from __future__ import annotations

import fcntl
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from sqlalchemy import select

from core.errors import DevelopmentPart
from core.installation import DEVELOPMENT_ROOT, known, looking
from core.settings import Settings, get_settings
from core.tables import InstallationRow
from provenance.errors import PkiError
from provenance.tables import ManifestRow

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
ORGANISATION = "Greenroom DEMONSTRATION (not a real identity)"

ROOT_DAYS, INTERMEDIATE_DAYS, LEAF_DAYS = 3650, 1825, 365  # AL1 allows a leaf 366 days
RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Pki:
    """Where the parts of the development authority lie; keys are PKCS #8 PEM, mode 0600."""

    folder: Path

    @property
    def anchors(self) -> Path:
        """The root certificate: what a verifier must trust."""
        return self.folder / "root.pem"

    @property
    def chain(self) -> Path:
        """Leaf, then intermediate (never the root: a verifier brings its own)."""
        return self.folder / "chain.pem"

    @property
    def key(self) -> Path:
        """The claim-signing key."""
        return self.folder / "leaf.key"

    @property
    def tsa_chain(self) -> Path:
        """Timestamp leaf, then intermediate."""
        return self.folder / "tsa_chain.pem"

    @property
    def tsa_key(self) -> Path:
        """The timestamp authority's key."""
        return self.folder / "tsa.key"


def pki_folder(settings: Settings | None = None) -> Path:
    """Where the development authority of these settings lives."""
    settings = settings or get_settings()
    return Path(settings.development_pki) if settings.development_pki else settings.keys_dir / "pki"


def init_pki(folder: Path, *, force: bool = False) -> Pki:
    """Make a development authority in ``folder`` (``greenroom pki init``). Warns with ``DevelopmentPart``.

    Args:
        force: replace an existing authority; everything signed under the old one becomes untrusted.

    Raises:
        PkiError: one exists already and ``force`` is false.
    """
    warnings.warn(
        "a DEVELOPMENT certificate authority is made: credentials signed under it prove nothing to "
        "the outside world",
        DevelopmentPart,
        stacklevel=2,
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki = Pki(folder)
    with _locked(folder):
        if pki.anchors.exists() and not force:
            raise PkiError(
                "a development certificate authority exists already",
                where=str(folder),
                next_step="keep it, or replace it with `greenroom pki init --force`",
            )
        root_key, root = _authority("Root", ROOT_DAYS, None)
        _write_key(folder / "root.key", root_key)
        intermediate_key, intermediate = _authority("Intermediate", INTERMEDIATE_DAYS, (root_key, root))
        _write_key(folder / "intermediate.key", intermediate_key)
        _write_public(folder / "intermediate.pem", _pem(intermediate))
        _issue_leaves(pki)
        _write_public(pki.anchors, _pem(root))  # last: its presence says that all is there
    return pki


def development_pki(settings: Settings | None = None) -> Pki:
    """The development authority of these settings, leaves renewed in time; on SQLite made on first use.

    Raises:
        PkiError: in ``production``, where no development authority may sign; or there is none on this machine and none
            may be made: the database was used with one, or is shared. Or this machine's is not the database's.
    """
    settings = settings or get_settings()
    if settings.environment == "production":
        raise PkiError(
            "a development certificate authority cannot sign in production",
            where="GREENROOM_SIGNING_KEY",
            next_step="set GREENROOM_SIGNING_KEY, GREENROOM_SIGNING_CHAIN and GREENROOM_SIGNING_ANCHORS",
        )
    folder = pki_folder(settings)
    pki = Pki(folder)
    if not pki.anchors.exists():
        _check_may_make(settings, folder)
        try:
            return init_pki(folder)
        except PkiError:
            return pki  # another process made it a moment ago
    _check_ours(settings, pki)
    leaf = x509.load_pem_x509_certificate(pki.chain.read_bytes())
    if leaf.not_valid_after_utc - datetime.now(UTC) < RENEW_BEFORE:
        with _locked(folder):
            _issue_leaves(pki)
    return pki


def root_fingerprint(pki: Pki) -> str:
    """SHA-256 of the root certificate, lower-case hex: what the database remembers of a development authority."""
    root = x509.load_pem_x509_certificate(pki.anchors.read_bytes())
    return root.fingerprint(hashes.SHA256()).hex()


def development_root() -> tuple[str | None, bool]:
    """The fingerprint that the database remembers, None for none; and whether credentials were made with it."""
    with looking(InstallationRow, ManifestRow) as session:
        if session is None:
            return None, False
        used = session.scalars(select(ManifestRow.credential_id).limit(1)).first() is not None
        return known(session, DEVELOPMENT_ROOT), used


_OURS: set[tuple[str, str]] = set()
"""Databases and roots that this process has found to belong together."""


def _check_ours(settings: Settings, pki: Pki) -> None:
    ours = settings.effective_database_url, root_fingerprint(pki)
    if ours in _OURS:
        return
    remembered, _ = development_root()
    if remembered == ours[1]:
        _OURS.add(ours)
    elif remembered is not None:
        raise PkiError(
            "this machine's development authority is not the one that the database is used with",
            where=str(pki.folder),
            next_step="copy the folder from the machine that made it, or name a shared one: GREENROOM_DEVELOPMENT_PKI",
        )


def _check_may_make(settings: Settings, folder: Path) -> None:
    remembered, used = development_root()
    if remembered is not None or (used and not settings.signing_key):
        raise PkiError(
            "the database is used with a development authority that is not on this machine; no other one is made",
            where=str(folder),
            next_step="copy the folder from the machine that made it, or name a shared one: GREENROOM_DEVELOPMENT_PKI",
        )
    if settings.shared_database:
        raise PkiError(
            "no development authority is made by itself for a shared database",
            where=str(folder),
            next_step="run `greenroom pki init` once and give every machine its folder (GREENROOM_DEVELOPMENT_PKI), or "
            "set GREENROOM_SIGNING_KEY",
        )


def export_anchors(settings: Settings | None = None) -> str:
    """The PEM that a verifier elsewhere needs to trust this installation (``greenroom pki anchors``)."""
    settings = settings or get_settings()
    if settings.signing_anchors:
        return Path(settings.signing_anchors).read_text(encoding="ascii")
    return development_pki(settings).anchors.read_text(encoding="ascii")


Issuer = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _issue_leaves(pki: Pki) -> None:
    """New leaf keys and certificates under the intermediate. Chains are written last, atomically."""
    key = serialization.load_pem_private_key((pki.folder / "intermediate.key").read_bytes(), None)
    intermediate = x509.load_pem_x509_certificate((pki.folder / "intermediate.pem").read_bytes())
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError("the intermediate key is no EC key", where=str(pki.folder))
    issuer = (key, intermediate)
    for stem, chain, name, usages, critical in (
        ("leaf", pki.chain, "Claim signer", [CLAIM_SIGNING, DOCUMENT_SIGNING], False),
        ("tsa", pki.tsa_chain, "Timestamp authority", [ExtendedKeyUsageOID.TIME_STAMPING], True),
    ):
        leaf_key, leaf = _leaf(name, usages, critical, issuer)
        _write_key(pki.folder / f"{stem}.key", leaf_key)
        _write_public(chain, _pem(leaf) + _pem(intermediate))


def _authority(role: str, days: int, issuer: Issuer | None) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _base(f"Greenroom DEMONSTRATION {role} CA", key, days, issuer)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=1 if issuer is None else 0), critical=True
    ).add_extension(_key_usage(signing=False), critical=True)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


def _leaf(name: str, usages: list[ObjectIdentifier], eku_critical: bool, issuer: Issuer) -> Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _base(f"Greenroom DEMONSTRATION {name}", key, LEAF_DAYS, issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signing=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=eku_critical)
    )
    return key, builder.sign(issuer[0], hashes.SHA256())


def _base(
    common_name: str, key: ec.EllipticCurvePrivateKey, days: int, issuer: Issuer | None
) -> x509.CertificateBuilder:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    signer = (
        issuer[1].public_key() if issuer else key.public_key()
    )  # an AKI is required on every leaf, harmless on a root
    assert isinstance(signer, ec.EllipticCurvePublicKey)
    start = datetime.now(UTC) - timedelta(minutes=5)  # clocks differ a little
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _key_usage(*, signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signing,
        content_commitment=signing,  # nonRepudiation's modern name
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signing,
        crl_sign=not signing,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(path, pem, 0o600)


def _write_public(path: Path, pem: bytes) -> None:
    _replace(path, pem, 0o644)


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Atomically, and never readable by others for a moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
