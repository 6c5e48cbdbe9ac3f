"""An installation that is fit for production, made in a test: its own certificate authority, keys and secret.

The authority is not the development one and shares no code with it: what is proven about it is proven from bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from core.settings import Settings

CLAIMS = [ObjectIdentifier("1.3.6.1.4.1.62558.2.1")]
CLOCKS = [ExtendedKeyUsageOID.TIME_STAMPING]


@dataclass(frozen=True)
class Holder:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def issue(
    name: str,
    issuer: Holder | None = None,
    *,
    ca: bool = False,
    purposes: list[ObjectIdentifier] | None = None,
    starts: float = -1.0,
    ends: float = 300.0,
    path_length: int | None = None,
    organisation: str = "Example Broadcasting plc",
    key: ec.EllipticCurvePrivateKey | None = None,
    **rights: bool,
) -> Holder:
    """A certificate, from ``starts`` to ``ends`` days from now; without an issuer it signs itself.

    ``rights`` change single bits of the key usage.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    ) | {"digital_signature": not ca, "content_commitment": not ca, "key_cert_sign": ca, "crl_sign": ca}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) + timedelta(days=starts))
        .not_valid_after(datetime.now(UTC) + timedelta(days=ends))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(
            x509.KeyUsage(**usage | rights),
            critical=True,
        )
    )
    above = issuer.key if issuer else key
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    ).add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=purposes == CLOCKS)
    return Holder(key, builder.sign(above, hashes.SHA256()))


@dataclass
class Authority:
    """Root, intermediate, and a leaf that may sign claims."""

    root: Holder = field(default_factory=lambda: issue("Example Root", ca=True, ends=3000))
    between: Holder = field(init=False)
    leaf: Holder = field(init=False)

    def __post_init__(self) -> None:
        self.between = issue("Example Issuing CA", self.root, ca=True, ends=2000, path_length=0)
        self.leaf = issue("Example Claim Signer", self.between, purposes=CLAIMS)


@dataclass
class Installation:
    """Settings and files of one installation; a test breaks one thing and asks for :attr:`settings` again."""

    folder: Path
    authority: Authority
    environment: str = "production"
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir()
        for folder in ("keys", "keys/receipts", "keys/authorities", "keys/ledger"):
            (self.home / folder).mkdir(mode=0o700)
        (self.home / "keys" / "approvals").mkdir()
        (self.home / "keys" / "approvals").chmod(0o755)
        for name in ("receipts", "authorities", "ledger", "approvals"):
            self.write(self.home / "keys" / name / f"{'ab' * 8}.pem", b"a private key", 0o600)
        (self.folder / "signing").mkdir(mode=0o755)
        self.sign_with(self.authority.leaf, self.authority.between)
        self.trust(self.authority.root)
        self.values |= {
            "timestamp_url": "https://time.example/tsr",
            "master_secret": "7d1f3b6c9a20e4587d1f3b6c9a20e458",
        }

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def signing_key(self) -> Path:
        return self.folder / "signing" / "claims.key"

    def sign_with(self, leaf: Holder, *between: Holder) -> None:
        chain = self.folder / "signing" / "chain.pem"
        self.write(self.signing_key, leaf.key_pem, 0o600)
        self.write(chain, b"".join(holder.pem for holder in (leaf, *between)))
        self.values |= {"signing_key": str(self.signing_key), "signing_chain": str(chain)}

    def trust(self, *roots: Holder) -> None:
        anchors = self.folder / "signing" / "anchors.pem"
        self.write(anchors, b"".join(root.pem for root in roots))
        self.values["signing_anchors"] = str(anchors)

    @staticmethod
    def write(path: Path, data: bytes, mode: int = 0o644) -> None:
        path.write_bytes(data)
        path.chmod(mode)

    @property
    def settings(self) -> Settings:
        return Settings(environment=self.environment, home=self.home, **self.values)  # type: ignore[arg-type]
