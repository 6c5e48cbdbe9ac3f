"""What a signing certificate is worth, from the certificates alone: no network, no clock but the caller's.

Nothing here trusts a setting's name, a URL or a label. A certificate is a production one when its chain leads, by
signatures, to a root that the operator named among the anchors, every certificate of it is valid now, none is of the
development authority, and the leaf was issued for signing claims. What cannot be told here: whether a certificate
was revoked, and whether whoever runs the root deserves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance.pki import CLAIM_SIGNING, DOCUMENT_SIGNING, ORGANISATION

LONGEST_CHAIN = 8


@dataclass(frozen=True)
class ChainFault:
    """One reason why a chain is no production chain; ``code`` is stable."""

    code: str
    what: str


def chain_faults(chain: bytes, anchors: bytes, *, now: datetime) -> list[ChainFault]:
    """Every reason why claims signed under ``chain`` are not production's; empty when there is none.

    Args:
        chain: PEM, the leaf first, then its intermediates.
        anchors: PEM of the roots that the operator trusts; empty: none.
        now: aware.
    """
    certificates, roots = _load(chain), _load(anchors)
    if certificates is None or not certificates:
        return [ChainFault("signing_unreadable", "the signing certificate cannot be read")]
    if roots is None:
        return [ChainFault("anchors_unreadable", "the file of signing anchors cannot be read")]
    leaf = certificates[0]
    path, anchored = _path([leaf], certificates[1 : LONGEST_CHAIN + 1], roots, now)
    found: list[ChainFault] = []
    if any(is_development(certificate) for certificate in (*certificates, *path)):
        found.append(
            ChainFault("signing_development", "the signing certificate is a development authority's")
        )
    if leaf.subject == leaf.issuer:
        found.append(ChainFault("signing_self_signed", "the signing certificate signs itself"))
    if not anchored:
        found.append(
            ChainFault(
                "signing_untrusted", "the signing certificate leads to no root among the signing anchors"
            )
        )
    if not all(_valid(certificate, now) for certificate in path):
        found.append(
            ChainFault(
                "signing_expired", "the signing certificate, or one above it, is not valid at this time"
            )
        )
    if not _may_sign_claims(leaf):
        found.append(
            ChainFault("signing_purpose", "the signing certificate was not issued for signing claims")
        )
    return found


def anchor_faults(anchors: bytes, *, now: datetime) -> list[ChainFault]:
    """What can be told of the anchors themselves, and through them of the timestamp authority, without asking it.

    A credential needs a timestamp under the same anchors: the reader of steps 10 and 12 holds it to that, token by
    token. Here only what no token could satisfy is found: a development root that would let a demonstration's clock
    pass, and anchors of which none may vouch for a clock.
    """
    roots = _load(anchors)
    if roots is None:
        return [ChainFault("anchors_unreadable", "the file of signing anchors cannot be read")]
    found: list[ChainFault] = []
    if any(is_development(root) for root in roots):
        found.append(ChainFault("anchors_development", "a development root is among the signing anchors"))
    clocks = [root for root in roots if _may_vouch_for_time(root) and _valid(root, now)]
    if not clocks:
        found.append(
            ChainFault("timestamp_untrusted", "no signing anchor can be the root of a timestamp authority")
        )
    return found


def is_development(certificate: x509.Certificate) -> bool:
    """Whether the demonstration's authority made it, or is named in it."""
    names = [
        str(attribute.value)
        for name in (certificate.subject, certificate.issuer)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for attribute in name.get_attributes_for_oid(oid)
    ]
    return any(name == ORGANISATION or "DEMONSTRATION" in name.upper() for name in names)


def _load(pem: bytes) -> list[x509.Certificate] | None:
    """The certificates of a PEM file; an empty file has none, and None means that it cannot be read."""
    if not pem.strip():
        return []
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return None


def _path(
    path: list[x509.Certificate],
    between: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> tuple[list[x509.Certificate], bool]:
    """The way from the leaf up, each step proven by its signature, and whether it ends at one of the roots.

    Of several ways (cross-signed or renewed authorities) one whose certificates are valid now comes first.
    """
    below = len(path) - 1  # authorities under the next one
    for root in sorted(roots, key=lambda item: not _valid(item, now)):
        if _issued(root, path[-1], below):
            return [*path, root], True
    for above in sorted(between, key=lambda item: not _valid(item, now)):
        if len(path) < LONGEST_CHAIN and above not in path and _issued(above, path[-1], below):
            longer, anchored = _path([*path, above], between, roots, now)
            if anchored:
                return longer, True
    return path, False


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _issued(authority: x509.Certificate, certificate: x509.Certificate, below: int) -> bool:
    """Whether ``authority`` may issue, and did issue, this certificate. One that signs itself has no issuer."""
    if authority == certificate:
        return False
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (constraints.path_length is not None and constraints.path_length < below):
            return False
        usage = _extension(authority, x509.KeyUsage)
        if usage is not None and not usage.key_cert_sign:
            return False
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _may_sign_claims(leaf: x509.Certificate) -> bool:
    try:
        usage, purposes = _extension(leaf, x509.KeyUsage), _extension(leaf, x509.ExtendedKeyUsage)
        constraints = _extension(leaf, x509.BasicConstraints)
    except ValueError:
        return False
    if usage is None or not usage.digital_signature or (constraints is not None and constraints.ca):
        return False
    return purposes is not None and not {CLAIM_SIGNING, DOCUMENT_SIGNING}.isdisjoint(purposes)


def _may_vouch_for_time(root: x509.Certificate) -> bool:
    """A root without key purposes may vouch for any; one with them only for those."""
    try:
        constraints, purposes = (
            _extension(root, x509.BasicConstraints),
            _extension(root, x509.ExtendedKeyUsage),
        )
    except ValueError:
        return False
    if constraints is None or not constraints.ca:
        return False
    every = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return purposes is None or not every.isdisjoint(purposes)


_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
