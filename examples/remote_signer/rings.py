"""Key rings on disk: ``<folder>/<ring>/<key id>.pem``, mode 0600. Ed25519, and P-256 for claims."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from examples.remote_signer.documents import KINDS

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_KEY_ID = re.compile(r"[0-9a-f]{16}")


class Rings:
    """The rings below one folder. A key that is not there, or that others can read, signs nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sign(self, ring: str, key_id: str, data: bytes) -> bytes | None:
        """64 bytes; None where there is no such key. ES256 signatures are r || s."""
        if ring not in KINDS or not _KEY_ID.fullmatch(key_id):
            return None
        path = self._folder / ring / f"{key_id}.pem"
        try:
            if path.stat().st_mode & 0o077:
                return None
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError):
            return None
        if isinstance(key, Ed25519PrivateKey):
            return key.sign(data)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return None
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def make(self, ring: str) -> str | None:
        """A new key; its public half as PEM. None for no such ring, and for claims: a certificate comes with those."""
        if ring not in KINDS or ring == "claims":
            return None
        return self.keep(ring, Ed25519PrivateKey.generate())

    def keep(self, ring: str, key: PrivateKey) -> str:
        """Take a key in; its public half as PEM."""
        folder = self._folder / ring
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{key_id_of(key)}.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
            file.flush()
            os.fsync(file.fileno())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public.decode("ascii")


def key_id_of(key: PrivateKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key (P-256: the uncompressed point)."""
    public = key.public_key()
    if isinstance(key, Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        raw = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return hashlib.sha256(raw).hexdigest()[:16]
