"""A stored home of the first landed version (database revision 0001): what an installation has before an upgrade.

``home-0001.tar.xz`` was made by ``build.py`` with the product's code of commit e04cd1e and is never made again: what
it holds is what that version wrote. Its keys, its master secret and its passwords were made for it and are used nowhere
else. Its receipts say the environment ``test``.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).parent / "home-0001.tar.xz"


@dataclass(frozen=True)
class OldHome:
    """The unpacked home, and what is in it by name.

    Attributes:
        contents: ``brand_id``; ``accounts`` by name; ``password`` of all; ``personas`` and ``authorities`` by name;
            ``campaigns``; ``renders``: name to ``id``, ``state`` and digests; ``links``: tokens that served then.
    """

    home: Path
    contents: dict[str, Any]

    def render(self, name: str) -> str:
        """The id of a render."""
        return str(self.contents["renders"][name]["id"])


def unpack(folder: Path) -> OldHome:
    """The stored home under ``folder``, as it was."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    contents = json.loads((folder / "contents.json").read_text(encoding="utf-8"))
    return OldHome(folder / "home", contents)
