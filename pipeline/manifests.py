"""The manifest store: a sidecar of every credential, so that one survives when a file loses its own."""

from __future__ import annotations

from pathlib import Path

from core.blobs import blobs
from provenance.models import Credential


def keep_manifest(credential: Credential, folder: Path) -> None:
    """Put a credential's manifest store into the blob store, under its digest."""
    path = folder / "manifest.c2pa"
    path.write_bytes(credential.manifest)
    blobs().put_file(path, "manifest")
