"""Files that are for this installation alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import IntegrityError
from review_ui import locked
from review_ui.locked import lock_file, unlock_file
from tests.kit.world import World


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32, 33])
def test_a_file_is_itself_again_under_its_own_place_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr(locked, "_BLOCK", 16)
    plain, sealed, again = (tmp_path / name for name in ("plain", "sealed", "again"))
    plain.write_bytes(data := bytes(range(size)))
    lock_file(plain, sealed, purpose="x", place="a")
    unlock_file(sealed, again, purpose="x", place="a")
    assert again.read_bytes() == data
    whole = sealed.read_bytes()
    with pytest.raises(IntegrityError):
        unlock_file(sealed, again, purpose="x", place="b")
    for changed in (whole[:-1], whole[:-32], whole[:8], whole[:8] + whole[40:], whole + b"x"):
        if changed != whole:
            sealed.write_bytes(changed)
            with pytest.raises(IntegrityError):
                unlock_file(sealed, again, purpose="x", place="a")
    lock_file(plain, sealed, purpose="x", place="a")
    assert sealed.read_bytes() != whole, "never the same bytes"
