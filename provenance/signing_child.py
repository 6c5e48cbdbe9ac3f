"""The confined child in which the C2PA library builds a credential (trust steps 9 and 12). It holds no key.

Started by :mod:`provenance.signing` as ``python -m provenance.signing_child REQUEST``; never imported. What it reads
may be hostile: an import, a persona's reference, and the credentials that those carry. It gets open descriptors (the
video, the file that it writes, the ingredients) and a socket to the process that holds the key, which signs one claim
for it and has the signature timestamped (:mod:`provenance.exchange`). It has no network, opens no file, and its memory,
its time and what it may write are limited.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any, BinaryIO

from core.media.child import confine
from core.media.walls import lock
from provenance.exchange import LARGEST_TOKEN, receive, send

MEDIA_TYPE = "video/mp4"
SIGNATURE = 64  # bytes of ES256
_BEFORE_SIGNATURE = b"\xf6\x58\x40"  # COSE: no payload (it is detached), then a string of 64 bytes
_PAD = b"\xa1\x63pad\x59"  # COSE's unprotected header, as the library leaves it: "pad" alone, whose length is two bytes


def answer(request: dict[str, Any], given: dict[str, Any]) -> bytes:
    """Sign the video into the file that was opened for it; the manifest store. Raises whatever keeps it from that."""
    import c2pa  # after the limits: even loading the library is confined

    talk: int = request["out"]
    signed: dict[str, bytes] = {}

    def sign(claim: bytes) -> bytes:
        send(talk, b"C", claim)
        signed["claim"] = claim
        signed["signature"] = receive(talk, {b"c": SIGNATURE})[1]
        return signed["signature"]

    context = c2pa.Context(c2pa.Settings.from_dict(given["settings"]))
    signer = c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, given["chain"], None)
    out, *materials = request["more"]
    with os.fdopen(os.dup(request["file"]), "rb") as video, os.fdopen(os.dup(out), "w+b") as writing:
        lock()  # what it reads now may take it over
        builder = c2pa.Builder(given["manifest"], context)
        if given["intent"]:
            builder.set_intent(c2pa.C2paBuilderIntent[given["intent"]])
        for (entry, media_type), descriptor in zip(given["materials"], materials, strict=True):
            with os.fdopen(os.dup(descriptor), "rb") as file:
                file.seek(0)
                builder.add_ingredient(entry, media_type, file)
        video.seek(0)
        store = bytes(builder.sign(signer, MEDIA_TYPE, video, writing))
        send(talk, b"T", hashlib.sha256(countersigned(signed["claim"], signed["signature"])).digest())
        token = receive(talk, {b"t": LARGEST_TOKEN})[1]
        old, new = timestamped(store, signed["signature"], token)
        _replace(writing, old, new)
    return store.replace(old, new)


def countersigned(claim: bytes, signature: bytes) -> bytes:
    """What a timestamp is over (C2PA 2.4 section 10.3.2.5, "sigTst2"): COSE's structure for a counter-signature.

    Args:
        claim: COSE's structure for the signature: an array of "Signature1", the protected header, nothing, the claim.
    """
    begin = b"\x84\x6aSignature1"
    if not claim.startswith(begin) or claim[len(begin)] != 0x59:
        raise ValueError("not the structure that a claim is signed in")
    size = int.from_bytes(claim[len(begin) + 1 : len(begin) + 3], "big")
    protected = claim[len(begin) : len(begin) + 3 + size]
    return b"\x84\x70CounterSignature" + protected + b"\x40" + b"\x58\x42\x58\x40" + signature


def timestamped(store: bytes, signature: bytes, token: bytes) -> tuple[bytes, bytes]:
    """The end of the signature's box, and the same with the token in it: of one length, taken from its padding.

    The library would ask the authority by itself, and so would need the network. Nothing that is signed changes: what
    is filled in here is the unprotected header, and every length stays.
    """
    end = _BEFORE_SIGNATURE + signature
    at = store.index(end)
    begin = store.rindex(_PAD, 0, at)
    first = begin + len(_PAD)
    size = int.from_bytes(store[first : first + 2], "big")
    if first + 2 + size != at:
        raise ValueError("the padding is not where it was left")
    stamp = b"\x67sigTst2\xa1\x69tstTokens\x81\xa1\x63val\x59" + len(token).to_bytes(2, "big") + token
    left = size - len(stamp)
    if left < 0x100:
        raise ValueError("the timestamp is too long for the place that was kept for it")
    header = b"\xa2" + stamp + _PAD[1:] + left.to_bytes(2, "big") + bytes(left)
    return store[begin : at + len(end)], header + end


def _replace(file: BinaryIO, old: bytes, new: bytes) -> None:
    """Overwrite the one place of a file that has these bytes. Raises ValueError where there is none."""
    file.flush()
    file.seek(0)
    window, begin = b"", 0
    while block := file.read(1 << 20):
        window += block
        at = window.find(old)
        if at >= 0:
            file.seek(begin + at)
            file.write(new)
            file.flush()
            return
        kept = window[-len(old) :]
        begin, window = begin + len(window) - len(kept), kept
    raise ValueError("the file does not hold the manifest that was made for it")


def load() -> None:
    """Import what the child works with: in a nursery, before it forks."""
    import c2pa  # noqa: F401


def main(argument: str) -> int:
    request = json.loads(argument)
    given = json.loads(sys.stdin.buffer.read())
    confine(request["memory_bytes"], request["cpu_seconds"], request["file_bytes"])
    try:
        kind, said = b"Z", answer(request, given)
    except EOFError:
        return 1  # the key holder has hung up, and knows why
    except Exception as error:
        # Not the text: it can quote a file.
        kind, said = b"E", type(error).__name__.strip("_").encode()
    send(request["out"], kind, said)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    os._exit(code)
