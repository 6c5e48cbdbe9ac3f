"""Who signs in a world. ``real``: the development authority and its timestamps. ``recorded``: NOBODY.

RECORDED SIGNING is for thousands of interleavings: sealing, publishing, the verifier and the reading of media are
replaced. A "credential" is then a box of text at the end of the file, and the verifier believes it and the registry.
What it proves about orders of events is real; it proves nothing about signatures or files.
"""

from __future__ import annotations

import json
import struct
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import core.media.reading
import provenance.credential
import provenance.timestamp
import provenance.verify
from core.canonical import digest_bytes, digest_file
from core.media.models import Essence, Presentation
from provenance.models import Credential, Registry, VerifyReport
from provenance.verdicts import SENTENCES
from tests.kit import media
from tests.kit.standing_in import standing_in

_TRACE = b"uuidgreenroom-kit---"  # a box type and its 16 bytes of name: players skip such a box


@contextmanager
def real_signing() -> Iterator[None]:
    """The development authority of the home. Its timestamp servers end with the block."""
    served: list[provenance.timestamp.DevelopmentTimestamps] = []

    class Ending(provenance.timestamp.DevelopmentTimestamps):
        def __init__(self, authority: provenance.timestamp.TimestampAuthority) -> None:
            super().__init__(authority)
            served.append(self)

    known = provenance.timestamp._development_timestamps
    known.cache_clear()
    try:
        with standing_in((provenance.timestamp.DevelopmentTimestamps, Ending)):
            yield
    finally:
        known.cache_clear()
        for server in served:  # a server takes half a second to notice that it is asked to end
            threading.Thread(target=server.close, daemon=True).start()


def recorded_signing() -> AbstractContextManager[None]:
    """Nothing is signed and nothing is read back, for the length of the block."""
    return standing_in(
        (provenance.credential.seal, _seal),
        (provenance.credential.publish, _publish),
        (provenance.verify.verify, _verify),
        (core.media.reading.read, _reading(core.media.reading.read)),
    )


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
    entry = None
    if registry is not None:
        entry = registry.find_asset(digest_file(path)) or registry.find_essence(_essence(path))
    release: Any = entry.release if entry is not None else "unreleased"
    verdict: Any = release
    if not traces or entry is None:
        verdict = "nothing_found"
    elif release == "released":
        verdict = "intact" if b'"published"' in traces[-1] else "unreleased"
    return VerifyReport(
        verdict=verdict,
        sentence=SENTENCES.get(verdict, verdict),
        trusted=verdict in ("unreleased", "intact"),
        release=release if verdict in ("recalled", "withdrawn", "intact") else "unreleased",
        credential={},
        watermark={},
        system={"name": "Greenroom"},
        essence=_essence(path),
    )


def _reading(read: Any) -> Any:
    """The presentation and the essence of a video of the kit without opening it; all else is read as ever."""

    @lru_cache(maxsize=1)
    def usual() -> Presentation:
        with tempfile.TemporaryDirectory() as folder:
            clip = media.write_clip(Path(folder) / "clip.mp4", 1)
            with read(clip, want="") as reading:
                presentation: Presentation = reading.presentation
                return presentation

    @contextmanager
    def reading_of(path: Path, *arguments: Any, want: str = "FH", **more: Any) -> Iterator[Any]:
        if want or media.mark_in(path) is None:
            with read(path, *arguments, want=want, **more) as reading:
                yield reading
            return
        presentation = replace(usual(), size=path.stat().st_size)
        yield SimpleNamespace(presentation=presentation, essence=Essence(_essence(path), ()))

    return reading_of


def _essence(path: Path) -> str:
    return digest_bytes(b"an essence of the kit: %d" % (media.mark_in(path) or 0))
