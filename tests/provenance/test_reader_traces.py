"""A container with a flaw is no broken credential unless it holds one."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.reader import holds_manifest


@pytest.mark.parametrize("gap", [0, 5, (1 << 20) - 6, 1 << 20, 3 << 20])
def test_a_manifest_store_is_found_wherever_its_words_fall(tmp_path: Path, gap: int):
    path = tmp_path / "file.mp4"
    path.write_bytes(b"\0" * gap + b"....jumb....c2pa" + b"\0" * 100)
    assert holds_manifest(path)


def test_a_file_without_one_has_no_trace(tmp_path: Path):
    path = tmp_path / "file.mp4"
    path.write_bytes(b"moov" * 100_000 + b"jumb")  # one word alone, by chance
    assert not holds_manifest(path)
