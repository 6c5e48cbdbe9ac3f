"""Who signs in a world. ``real``: the development authority and its timestamps. ``recorded``: NOBODY.

RECORDED SIGNING is for thousands of interleavings: sealing, publishing, the verifier and the reading of media are
replaced. A "credential" is then a box of text at the end of the file, and the verifier believes it and the registry.
What it proves about orders of events is real; it proves nothing about signatures or files.
"""

from __future__ import annotations

import json
import struct
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import core.media.reading
import provenance.credential
import provenance.verify
from core.canonical import digest_bytes, digest_file
from core.media.models import Essence
from provenance.models import Credential, Registry, VerifyReport
from provenance.verdicts import SENTENCES
from tests.kit import media
from tests.kit.standing_in import standing_in

_TRACE = b"uuidgreenroom-kit---"  # a box type and its 16 bytes of name: players skip such a box
_read = core.media.reading.read


@contextmanager
def recorded_signing() -> Iterator[None]:
    """Nothing is signed and nothing is read back, for the length of the block."""
    doubles = (
        (provenance.credential.seal, _seal),
        (provenance.credential.publish, _publish),
        (provenance.verify.verify, _verify),
        (_read, _reading),
    )
    with ExitStack() as stack:
        for original, double in doubles:
            stack.enter_context(standing_in(original, double))
        yield


def _seal(asset: Path, out: Path, *_facts: Any, **_more: Any) -> Credential:
    return _with_trace(asset, out, "sealed")


def _publish(sealed: Path, out: Path, *_facts: Any, **_more: Any) -> Credential:
    return _with_trace(sealed, out, "published")


def _with_trace(source: Path, out: Path, state: str) -> Credential:
    urn = f"urn:kit:{uuid.uuid4()}"
    manifest = json.dumps({"recorded": state, "id": urn}).encode()
    box = struct.pack(">I", len(_TRACE) + 4 + len(manifest)) + _TRACE + manifest
    out.write_bytes(source.read_bytes() + box)
    return Credential(out, urn, manifest, digest_file(out), _essence(out))


def _verify(path: Path, *, registry: Registry | None, **_more: Any) -> VerifyReport:
    """Believes the trace in the file and what the registry says of exactly these bytes."""
    traces = path.read_bytes().split(_TRACE)[1:]
    entry = (
        registry.find_asset(digest_file(path)) or registry.find_essence(_essence(path)) if registry else None
    )
    release = entry.release if entry is not None else "unreleased"
    if not traces or entry is None:
        verdict = "nothing_found"
    elif release in ("recalled", "withdrawn"):
        verdict = release
    elif release != "released" or b'"published"' not in traces[-1]:
        verdict = "unreleased"
    else:
        verdict = "intact"
    return VerifyReport(
        verdict=verdict,  # type: ignore[arg-type]
        sentence=SENTENCES.get(verdict, verdict),  # type: ignore[call-overload]
        trusted=verdict in ("unreleased", "intact"),
        release=release if verdict in ("recalled", "withdrawn", "intact") else "unreleased",  # type: ignore[arg-type]
        credential={},
        watermark={},
        system={"name": "Greenroom"},
    )


@contextmanager
def _reading(path: Path, *arguments: Any, want: str = "FH", **more: Any) -> Iterator[Any]:
    """The presentation and the essence of a video of the kit without opening it; all else is read as ever."""
    if want or media.mark_in(path) is None:
        with _read(path, *arguments, want=want, **more) as reading:
            yield reading
        return
    presentation = replace(_presentation(), size=path.stat().st_size)
    yield SimpleNamespace(presentation=presentation, essence=Essence(_essence(path), ()))


def _essence(path: Path) -> str:
    return digest_bytes(b"an essence of the kit: %d" % (media.mark_in(path) or 0))


@lru_cache(maxsize=1)
def _presentation() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        clip = media.write_clip(Path(folder) / "clip.mp4", 1)
        with _read(clip, want="") as reading:
            return reading.presentation
