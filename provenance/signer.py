"""Who signs: the key may live in a file, or at a remote signer, a key service or a hardware module.

The contract of :class:`Signer` is what a key management service offers: bytes in (the COSE Sig_structure of
the claim, 1-2 KB, never the video), an ES256 signature out. Rotation is a new key and chain: old credentials
stay valid through their timestamps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from core.remote_signer import RemoteSigner, is_address
from core.settings import Settings, get_settings
from provenance.chain import anchor_faults, chain_faults
from provenance.errors import PkiError
from provenance.pki import development_pki
from provenance.timestamp import timestamp_url, timestamp_url_fault


@runtime_checkable
class Signer(Protocol):
    """Signs claims with ES256 (ECDSA on P-256 with SHA-256).

    A remote one holds the key elsewhere: implement ``sign`` with the service's "sign message" call, raise any
    exception when it fails (it reaches the caller of ``seal`` unchanged), and give the public chain.
    """

    @property
    def chain(self) -> str:
        """PEM: the leaf, then its intermediates; never the root."""
        ...

    @property
    def timestamp_url(self) -> str:
        """RFC 3161 authority asked at signing."""
        ...

    @property
    def development(self) -> bool:
        """True unless certificate and clock are proven to be production's; the credential then says "demonstration"."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data`` (the whole message, not its digest): 64 bytes, r || s."""
        ...


@dataclass(frozen=True)
class FileSigner:
    """A key in a PEM file: for development, and for installations that accept that."""

    key: ec.EllipticCurvePrivateKey
    chain: str
    timestamp_url: str
    development: bool = True

    @staticmethod
    def load(key: Path, chain: Path, *, timestamp_url: str, development: bool = True) -> FileSigner:
        """Read and cross-check both files.

        Args:
            development: whether credentials say "demonstration"; :func:`signer_of` decides it from the chain.

        Raises:
            PkiError: unreadable, not P-256, or the key does not belong to the chain's leaf.
        """
        try:
            private = serialization.load_pem_private_key(key.read_bytes(), None)
            pem, public = _leaf_of(chain)
        except (OSError, ValueError, TypeError) as error:
            raise PkiError(
                f"the signing key or its certificate cannot be read ({type(error).__name__})",
                where=f"{key} and {chain}",
                next_step="check both files: PEM, the key without a passphrase",
            ) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
            raise PkiError("the signing key is not on P-256", where=str(key), next_step="use an ES256 key")
        if private.public_key() != public:
            raise PkiError(
                "the signing key does not belong to the certificate",
                where=f"{key} and {chain}",
                next_step="give the key that the first certificate of the chain was issued for",
            )
        return FileSigner(private, pem, timestamp_url, development)

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True)
class RemoteClaimSigner:
    """A key that a remote signer holds; the chain says which. Each signature is checked under the chain's leaf."""

    signer: RemoteSigner
    public: ec.EllipticCurvePublicKey
    chain: str
    timestamp_url: str
    development: bool = True

    @staticmethod
    def load(address: str, chain: Path, *, timestamp_url: str, development: bool = True) -> RemoteClaimSigner:
        """Read the chain; nobody is asked yet.

        Raises:
            PkiError: the chain is unreadable, or its leaf not on P-256.
            RemoteSignerProblem: the address is none.
        """
        try:
            pem, public = _leaf_of(chain)
        except (OSError, ValueError) as error:
            raise PkiError(
                f"the certificate of the remote signer cannot be read ({type(error).__name__})",
                where=str(chain),
                next_step="set GREENROOM_SIGNING_CHAIN to its PEM file",
            ) from error
        if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
            raise PkiError("the signing key is not on P-256", where=str(chain), next_step="use an ES256 key")
        signer = RemoteSigner(address, "GREENROOM_SIGNING_KEY")
        return RemoteClaimSigner(signer, public, pem, timestamp_url, development)

    @property
    def key_id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the uncompressed point."""
        point = self.public.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return hashlib.sha256(point).hexdigest()[:16]

    def sign(self, data: bytes) -> bytes:
        return self.signer.sign(self.key_id, data, checked=lambda signature: self._signed(signature, data))

    def _signed(self, signature: bytes, data: bytes) -> bool:
        if len(signature) != 64:
            return False
        pair = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            self.public.verify(encode_dss_signature(*pair), data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def signer_of(settings: Settings | None = None) -> Signer:
    """The signer that the settings name; without any, the development authority's (never in production).

    Raises:
        PkiError: nothing usable is configured.
    """
    settings = settings or get_settings()
    if settings.signing_key:
        return configured_signer(
            settings,
            timestamp_url=timestamp_url(settings),
            development=not proven(settings, datetime.now(UTC)),
        )
    pki = development_pki(settings)
    return FileSigner.load(pki.key, pki.chain, timestamp_url=timestamp_url(settings), development=True)


def configured_signer(settings: Settings, *, timestamp_url: str, development: bool = True) -> Signer:
    """The signer that ``GREENROOM_SIGNING_KEY`` and ``_CHAIN`` name, cross-checked. Nobody is asked.

    Raises:
        PkiError, RemoteSignerProblem: key, chain or address cannot be used.
    """
    chain = Path(settings.signing_chain)
    if is_address(settings.signing_key):
        return RemoteClaimSigner.load(
            settings.signing_key, chain, timestamp_url=timestamp_url, development=development
        )
    return FileSigner.load(
        Path(settings.signing_key), chain, timestamp_url=timestamp_url, development=development
    )


def _leaf_of(chain: Path) -> tuple[str, object]:
    """A chain's text and its leaf's public key. Raises OSError, ValueError."""
    pem = chain.read_text(encoding="ascii")
    return pem, x509.load_pem_x509_certificate(pem.encode()).public_key()


def proven(settings: Settings, now: datetime) -> bool:
    """Whether certificate and clock of these settings are production's, as far as certificates can say.

    Decided from the chain, never from a URL being set: a private authority is not a production one because somebody
    named a timestamp server.
    """
    if not settings.signing_key or timestamp_url_fault(settings.timestamp_url):
        return False
    anchors = read_pem(settings.signing_anchors)
    chain = read_pem(settings.signing_chain)
    return not [*chain_faults(chain, anchors, now=now), *anchor_faults(anchors, now=now)]


def read_pem(path: str) -> bytes:
    """The bytes of a PEM file that a setting names; empty when none is named or it cannot be read."""
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""
