"""``python -m supply.lock [FOLDER]``: write ``supply/requirements.txt``, the runtime set with a SHA-256 for every file.

pip resolves the set and says which file it would take for each package (``--report``); nothing is installed. Versions
are those of the environment that runs this, so that what is deployed is what was tested. Needs the package index.
The files are those for this machine's platform and Python: make the lock where it is used. FOLDER: where the build of
torch without CUDA lies that is installed here; the index has the one with CUDA, which brings gigabytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "supply" / "requirements.txt"
EXTRAS = "postgres,redis,s3"

HEAD = """\
# The runtime set, locked: made by `python -m supply.lock`, for Python {python} on {platform}.
# pip install --require-hashes --no-deps -r supply/requirements.txt, then pip install --no-deps --no-build-isolation .
# A version that ends in +cpu is torch's build without CUDA: --find-links FOLDER, or its publisher's own index.
"""


def report(folders: list[str]) -> dict[str, Any]:
    """pip's account of what it would install for the runtime set, from the package index and these folders alone."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "tested.txt"
        pinned.write_text("\n".join(_tested()), encoding="utf-8")
        answer = Path(folder) / "report.json"
        # Isolated: no extra index, folder or pin of this machine's own settings; only the way to the index is kept.
        certificate = os.environ.get("PIP_CERT")
        subprocess.run(
            [
                sys.executable, "-m", "pip", "--isolated", *(["--cert", certificate] if certificate else []), "install",
                "--dry-run", "--quiet", "--ignore-installed", "--report", str(answer), "--constraint", str(pinned),
                *(word for each in folders for word in ("--find-links", each)),
                f"{ROOT}[{EXTRAS}]",
            ],
            check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found


def lines(found: dict[str, Any]) -> list[str]:
    """One requirement with its hash for each package of the report but our own, by name."""
    rows = []
    for item in found["install"]:
        if item.get("is_direct"):
            continue  # this tree
        name, version = item["metadata"]["name"].lower().replace("_", "-"), item["metadata"]["version"]
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        rows.append(f"{name}=={version} --hash=sha256:{digest}")
    return sorted(rows)


def _tested() -> list[str]:
    """The versions installed here."""
    return sorted(
        f"{each.metadata['Name']}=={each.version}"
        for each in distributions()
        if each.metadata["Name"] != "greenroom"
    )


def main() -> None:
    found = report(sys.argv[1:])
    where = found["environment"]
    head = HEAD.format(
        python=where["python_version"], platform=f"{where['sys_platform']} {where['platform_machine']}"
    )
    LOCK.write_text(head + "\n".join(lines(found)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
