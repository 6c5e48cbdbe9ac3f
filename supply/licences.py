"""``python -m supply.licences``: write ``supply/licences.yaml`` anew from what is installed. Read the difference.

The list is what somebody has looked at: a package or licence that is not on it fails a test, so that a new one is a
decision and no accident.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from supply.installed import everything, runtime

LIST = Path(__file__).with_name("licences.yaml")

HEAD = """\
# Every package that is installed for Greenroom, under the licence that its own metadata states.
# runtime: what an installation needs; development: tests and tools, on no server.
# Written by `python -m supply.licences`; whoever commits a new line has read that licence.
"""


def known() -> dict[str, dict[str, list[str]]]:
    """``{"runtime" | "development": {licence: [package, ...]}}``, as it was committed."""
    document: dict[str, dict[str, list[str]]] = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return document


def installed() -> dict[str, dict[str, list[str]]]:
    """The same shape, as it is here."""
    needed = runtime()
    found: dict[str, dict[str, list[str]]] = {"runtime": {}, "development": {}}
    for name, licence in sorted(everything().items()):
        found["runtime" if name in needed else "development"].setdefault(licence, []).append(name)
    return {part: dict(sorted(licences.items())) for part, licences in found.items()}


def main() -> None:
    text = yaml.safe_dump(installed(), sort_keys=False, width=118)
    LIST.write_text(HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    main()
