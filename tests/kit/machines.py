"""Further machines: homes on one database, blob store and ledger; this process is on one of them at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import get_settings


@contextmanager
def machine(home: Path, **settings: str) -> Iterator[Path]:
    """This process is on the machine with that home; ``settings`` are further ones (``approval_keys="..."``)."""
    changed = {"GREENROOM_HOME": str(home)} | {
        f"GREENROOM_{name.upper()}": value for name, value in settings.items()
    }
    before = {name: os.environ.get(name) for name in changed}
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(changed)
    get_settings.cache_clear()
    try:
        yield home
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        get_settings.cache_clear()


def shared(home: Path) -> dict[str, str]:
    """The settings with which a further machine works on what this home holds: its database, blobs and ledger."""
    settings = get_settings()
    return {
        "database_url": settings.effective_database_url,
        "blob_url": settings.effective_blob_url,
        "ledger_url": settings.effective_ledger_url,
    }


def copy_keys(source: Path, target: Path, *, private: bool = True) -> None:
    """What an operator copies to a further machine: the keys, or their public halves alone."""
    shutil.copytree(source / "keys", target / "keys", dirs_exist_ok=True)
    (target / "keys").chmod(0o700)
    if not private:
        for path in (target / "keys").rglob("*"):
            if path.is_file() and path.suffix != ".pub":
                path.unlink()
