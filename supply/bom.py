"""``python -m supply.bom``: write ``supply/bom.json``, the bill of materials (CycloneDX) of what is deployed.

cyclonedx-bom reads the locked requirements; each package gets the licence that its own metadata states, and every model
weight of the registry comes with its digest and licence. The same lock and registry give the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.weights import registry
from supply.installed import everything

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "supply" / "requirements.txt"
BOM = ROOT / "supply" / "bom.json"


def bill(*, check: bool = False) -> dict[str, Any]:
    """The document, held against CycloneDX's schema where ``check`` says so. Needs no network."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    command.append("--validate" if check else "--no-validate")
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--spec-version", "1.6", str(LOCK)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(made.stdout)
    licences = everything()
    for component in document["components"]:
        # The reference of a requirement is its line number: its name says more and moves less.
        component["bom-ref"] = f"{component['name']}=={component['version']}"
        component["licenses"] = [{"license": {"name": licences.get(component["name"], "not installed here")}}]
    document["components"] += [_weight(name) for name in sorted(registry())]
    document["dependencies"] = []
    return document


def _weight(name: str) -> dict[str, Any]:
    entry = registry()[name]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"weight {name}",
        "name": name,
        "version": entry.sha256[:12],
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
        "licenses": [{"license": {"name": entry.licence}}],
        "properties": [{"name": "greenroom:use", "value": entry.use}],
    }


def main() -> None:
    BOM.write_text(json.dumps(bill(check=True), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
