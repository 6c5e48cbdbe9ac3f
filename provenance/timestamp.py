"""RFC 3161 timestamps: a development authority on loopback, and the choice between it and a real one.

Why a credential has one: a signature made while the certificate was valid stays provable after it expires
(C2PA 2.4 section 10.3.2.5). The development authority's clock is this machine's: it proves nothing to others.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import threading
import warnings
from datetime import UTC, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.errors import DevelopmentPart
from core.settings import Settings, get_settings
from provenance.errors import PkiError
from provenance.pki import Pki, development_pki

POLICY = "1.3.6.1.4.1.62558.99999.1"  # a made-up policy: no promise is behind a demonstration's clock
LOCAL_NAMES = (
    "localhost",
    "local",
    "internal",
    "lan",
    "test",
    "invalid",
    "home.arpa",
)  # RFC 6761, 6762, 8375
LARGEST_REQUEST = 8192  # bytes; a real request is about 60


class _Refusal(core.Sequence):  # type: ignore[misc]
    """A ``TimeStampResp`` without a token, which RFC 3161 allows and asn1crypto's class does not."""

    _fields = [("status", tsp.PKIStatusInfo)]


class TimestampAuthority:
    """Signs the time over a digest. One small answer a request; nothing is stored."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]):
        self._key = key
        self._chain = [
            asn1_x509.Certificate.load(item.public_bytes(serialization.Encoding.DER)) for item in chain
        ]

    @staticmethod
    def of(pki: Pki) -> TimestampAuthority:
        """The timestamp authority of a development PKI."""
        key = serialization.load_pem_private_key(pki.tsa_key.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise PkiError("the timestamp key is no EC key", where=str(pki.tsa_key))
        return TimestampAuthority(key, x509.load_pem_x509_certificates(pki.tsa_chain.read_bytes()))

    def answer(self, request: bytes) -> bytes:
        """A DER ``TimeStampResp`` for a DER ``TimeStampReq``; a malformed one is answered by a rejection."""
        try:
            asked = tsp.TimeStampReq.load(request, strict=True)
            imprint = asked["message_imprint"]
            digest = imprint["hash_algorithm"]["algorithm"].native
            if len(imprint["hashed_message"].native) != {"sha256": 32, "sha384": 48, "sha512": 64}[digest]:
                raise ValueError("the digest has the wrong length")
        except (ValueError, KeyError, TypeError):
            refused = {"status": "rejection", "fail_info": {"bad_data_format"}}
            return bytes(_Refusal({"status": tsp.PKIStatusInfo(refused)}).dump())
        token = self._token(self._info(asked), certificates=bool(asked["cert_req"].native))
        answer = {"status": tsp.PKIStatusInfo({"status": "granted"}), "time_stamp_token": token}
        return bytes(tsp.TimeStampResp(answer).dump())

    def _info(self, asked: Any) -> bytes:
        fields = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": asked["message_imprint"],
            "serial_number": secrets.randbits(64),
            "gen_time": datetime.now(UTC).replace(microsecond=0),
            "accuracy": {"seconds": 1},
        }
        if asked["nonce"].native is not None:
            fields["nonce"] = asked["nonce"].native
        return bytes(tsp.TSTInfo(fields).dump())

    def _token(self, info: bytes, *, certificates: bool) -> Any:
        """CMS SignedData over TSTInfo, with the ESS signing-certificate-v2 attribute (RFC 5816)."""
        leaf = self._chain[0]
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [_sha256(info)]},
                {"type": "signing_time", "values": [cms.Time({"utc_time": datetime.now(UTC)})]},
                {
                    "type": "signing_certificate_v2",
                    "values": [
                        tsp.SigningCertificateV2(
                            {"certs": [tsp.ESSCertIDv2({"cert_hash": _sha256(leaf.dump())})]}
                        )
                    ],
                },
            ]
        )
        # Signed attributes are hashed with the SET OF tag, not with the implicit one they are sent with.
        signature = self._key.sign(attributes.untag().dump(force=True), ec.ECDSA(hashes.SHA256()))
        sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {
                        "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                            {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
                        )
                    }
                ),
                "digest_algorithm": sha256,
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": signature,
            }
        )
        signed = {
            "version": "v3",
            "digest_algorithms": [sha256],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(info),
            },
            "signer_infos": [signer],
        }
        if certificates:
            signed["certificates"] = self._chain
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


class _Handler(BaseHTTPRequestHandler):
    authority: TimestampAuthority

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LARGEST_REQUEST:
            self.send_error(413)
            return
        body = self.authority.answer(self.rfile.read(length))
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: requests carry nothing worth a log line."""


class DevelopmentTimestamps:
    """The development authority behind HTTP on 127.0.0.1, in a daemon thread of this process."""

    def __init__(self, authority: TimestampAuthority):
        handler = type("Handler", (_Handler,), {"authority": authority, "timeout": 5})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="development-tsa", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@lru_cache(maxsize=4)
def _development_timestamps(folder: Path, _process: int) -> DevelopmentTimestamps:
    warnings.warn(
        "timestamps come from a DEVELOPMENT authority on loopback: its clock is this machine's",
        DevelopmentPart,
        stacklevel=3,
    )
    return DevelopmentTimestamps(TimestampAuthority.of(Pki(folder)))


def timestamp_url(settings: Settings | None = None) -> str:
    """Where signatures are timestamped: ``GREENROOM_TIMESTAMP_URL``, else the development authority.

    Raises:
        PkiError: none is set in ``production``.
    """
    settings = settings or get_settings()
    if settings.timestamp_url:
        return settings.timestamp_url
    return _development_timestamps(development_pki(settings).folder, os.getpid()).url


def timestamp_url_fault(url: str) -> str:
    """Why this cannot be a production timestamp authority, in words; empty when nothing speaks against it.

    Told from the address alone. A public name that resolves to a private address is not noticed, nor is whoever
    answers there: their certificate is, when the reader asks for a timestamp under the signing anchors.
    """
    if not url.strip():
        return "no timestamp authority is set"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        return "the timestamp authority's address is no http or https URL"
    return "the timestamp authority is on this machine or in a private network" if _local(host) else ""


def _local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            # "127.1", "0x7f000001" and "2130706433" are addresses too, as every client reads them.
            address = ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return "." not in host or any(f".{host}".endswith(f".{name}") for name in LOCAL_NAMES)
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global
