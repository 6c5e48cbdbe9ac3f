"""``python -m supply.bom``: write ``supply/bom.json``, the bill of materials (CycloneDX 1.6) of what is deployed.

Each locked requirement with its digest and the licence that its own metadata states, and each model weight of the
registry with its digest and licence. The same lock and registry give the same bytes. The document is made with
CycloneDX's library and not with its command: that brings a validator along whose parser takes two seconds to import,
in every process that checks a JSON schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from core.weights import registry
from supply.installed import everything

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "supply" / "requirements.txt"
BOM = ROOT / "supply" / "bom.json"

_LINE = re.compile(r"([a-z0-9._-]+)==(\S+) --hash=sha256:([0-9a-f]{64})")


def locked() -> list[tuple[str, str, str]]:
    """Package, version and SHA-256 (hex) of each line of the lock. Raises ValueError for a line of another shape."""
    found = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{LOCK.name}: not a version with its digest: {line[:80]}")
        found.append((match[1], match[2], match[3]))
    return found


def bill() -> dict[str, Any]:
    """The document. Needs no network."""
    made = Bom(components=[*_packages(), *_weights()])
    document: dict[str, Any] = json.loads(JsonV1Dot6(made).output_as_string())
    # What says when it was made, and a name made up for that, would differ each time.
    del document["serialNumber"], document["metadata"], document["dependencies"]
    return document


def _packages() -> Iterator[Component]:
    licences = everything()
    for name, version, digest in locked():
        yield Component(
            type=ComponentType.LIBRARY,
            bom_ref=f"{name}=={version}",
            name=name,
            version=version,
            purl=PackageURL("pypi", None, name, version),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            licenses=[DisjunctiveLicense(name=licences.get(name, "not installed here"))],
        )


def _weights() -> Iterator[Component]:
    for name, entry in registry().items():
        yield Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"weight {name}",
            name=name,
            version=entry.sha256[:12],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=entry.sha256)],
            licenses=[DisjunctiveLicense(name=entry.licence)],
            properties=[Property(name="greenroom:use", value=entry.use)],
        )


def main() -> None:
    BOM.write_text(json.dumps(bill(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
