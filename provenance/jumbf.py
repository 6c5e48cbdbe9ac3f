"""The inside of a C2PA box, read by ourselves: JUMBF superboxes and the COSE signature's unprotected part.

The library names boxes by their type and ignores their labels, and nobody signs the padding of a COSE signature
(RFC 9052 section 3: the unprotected header): a place to hide bytes, in a file that still reads "Trusted". Here
labels must be the standard's and padding zeros. Bounded; raises ValueError or struct.error for anything unusual.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from asn1crypto import cms

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
MOST_MANIFESTS = 200
PARTS = ["c2pa.assertions", "c2pa.claim.v2", "c2pa.signature"]


@dataclass(frozen=True)
class Store:
    """One C2PA box: its purpose, and for each manifest in it, by label, whether its form is that of ours."""

    purpose: str
    manifests: dict[str, bool]


def read_store(payload: bytes) -> Store:
    """A C2PA ``uuid`` box's payload: type, version and flags, purpose, offset, then one JUMBF superbox, no slack."""
    end = payload.index(b"\0", 20)
    purpose = payload[20:end].decode("ascii")
    jumbf = payload[end + 9 :]
    if payload[:16] != C2PA_UUID or any(payload[16:20]) or any(payload[end + 1 : end + 9]):
        raise ValueError("the credential's box has an unexpected header")
    children = _children(jumbf, 0, len(jumbf))
    if len(children) != 1 or children[0][0] != b"jumb" or _label(jumbf, children[0][1]) != "c2pa":
        raise ValueError("something beside the credential is in its box")
    manifests: dict[str, bool] = {}
    for kind, start, stop in _children(jumbf, children[0][1], children[0][2])[1:]:
        label = _label(jumbf, start) if kind == b"jumb" else ""
        if not label or label in manifests or len(manifests) >= MOST_MANIFESTS:
            raise ValueError("the credential's box is not a list of manifests")
        manifests[label] = _usual(jumbf, start, stop)
    return Store(purpose, manifests)


def _usual(data: bytes, start: int, stop: int) -> bool:
    """Does a manifest have exactly the parts that ours have, under their names, with zeros as padding?"""
    try:
        return _has_our_form(data, start, stop)
    except (ValueError, IndexError, KeyError, TypeError, struct.error):
        return False


def _has_our_form(data: bytes, start: int, stop: int) -> bool:
    parts = _children(data, start, stop)[1:]
    if (
        any(kind != b"jumb" for kind, _, _ in parts)
        or [_label(data, first) for _, first, _ in parts] != PARTS
    ):
        return False
    content = _children(data, parts[2][1], parts[2][2])[1:]
    if len(content) != 1 or content[0][0] != b"cbor":
        return False
    message = data[content[0][1] : content[0][2]]
    if message[:2] != b"\xd2\x84":  # tag 18: COSE_Sign1, an array of four
        return False
    _, at = _cbor(message, 2)
    unprotected, at = _cbor(message, at)
    payload, at = _cbor(message, at)
    _, at = _cbor(message, at)
    if at != len(message) or payload is not None or not isinstance(unprotected, dict):
        return False
    if not set(unprotected) <= {"sigTst2", "pad", "pad2"}:
        return False
    padding = (value for name, value in unprotected.items() if name.startswith("pad"))
    tokens = [entry["val"] for entry in unprotected.get("sigTst2", {"tstTokens": []})["tstTokens"]]
    return not any(any(value) for value in padding) and len(tokens) <= 1 and all(map(_consistent, tokens))


def _consistent(token: bytes) -> bool:
    """Do the unsigned algorithm names of a timestamp token (RFC 5652 section 5.1) fit the signed ones?

    The library takes no notice of them. Certificates that a token carries beside its chain are not looked at.
    """
    signed = cms.ContentInfo.load(token, strict=True)["content"]
    if len(signed["signer_infos"]) != 1:
        return False
    signer = signed["signer_infos"][0]
    digest = signer["digest_algorithm"]["algorithm"].native
    named = [entry["algorithm"].native for entry in signed["digest_algorithms"]]
    signature = signer["signature_algorithm"]
    kind = signature.signature_algo
    if kind == "rsassa_pkcs1v15" and signature["algorithm"].native == "rsassa_pkcs1v15":
        return bool(named == [digest])  # plain rsaEncryption names no digest
    known = kind in ("ecdsa", "rsassa_pkcs1v15", "rsassa_pss", "ed25519")
    return bool(named == [digest] and known and signature.hash_algo == digest)


def _children(data: bytes, start: int, stop: int) -> list[tuple[bytes, int, int]]:
    """(kind, start, end) of the payloads of the boxes in data[start:stop]; they must fill it exactly."""
    found = []
    while start < stop:
        length, kind = struct.unpack_from(">I4s", data, start)
        if length < 8 or start + length > stop:
            raise ValueError("a box inside the credential has a wrong size")
        found.append((kind, start + 8, start + length))
        start += length
    return found


def _label(data: bytes, start: int) -> str:
    """The label in a superbox's description box: 16 bytes of type, toggles, then the name (ISO 19566-5 A.3)."""
    length, kind = struct.unpack_from(">I4s", data, start)
    if kind != b"jumd" or length < 26:
        return ""
    end = data.index(b"\0", start + 25, start + length)
    return data[start + 25 : end].decode("utf-8")


def _cbor(data: bytes, at: int, depth: int = 0) -> tuple[Any, int]:
    """One data item (RFC 8949) and where it ends: integers, strings, arrays, maps, null; definite lengths only."""
    if depth > 8:
        raise ValueError("nested too deeply")
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    if short < 24:
        value = short
    elif short <= 27:
        size = 1 << (short - 24)
        value = int.from_bytes(data[at : at + size], "big")
        at += size
    else:
        raise ValueError("an indefinite length")
    if major in (0, 1):
        return (value if major == 0 else -1 - value), at
    if major in (2, 3):
        if at + value > len(data):
            raise ValueError("a string ends after its box does")
        text = data[at : at + value]
        return (text if major == 2 else text.decode("utf-8")), at + value
    if major in (4, 5):
        items: list[Any] = []
        for _ in range(value * (2 if major == 5 else 1)):
            item, at = _cbor(data, at, depth + 1)
            items.append(item)
        if major == 4:
            return items, at
        pairs = dict(zip(items[::2], items[1::2], strict=True))
        if len(pairs) != value:
            raise ValueError("a name twice")
        return pairs, at
    if major == 7 and short == 22:
        return None, at
    raise ValueError("an item of another kind")
