"""One master secret: made once, for its owner alone, and never used when it is not what was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.secrets import SecretProblem, derived_key, weak
from core.settings import get_settings

pytestmark = pytest.mark.usefixtures("home")


def test_each_purpose_has_its_own_key_and_keeps_it(home: Path) -> None:
    assert derived_key("mark") == derived_key("mark") != derived_key("links")
    assert (home / "keys" / "master-secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_is_not_used(home: Path) -> None:
    derived_key("mark")
    (home / "keys" / "master-secret").chmod(0o644)
    with pytest.raises(SecretProblem, match="read by others"):
        derived_key("mark")


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"cut short"])
def test_a_secret_that_lost_its_bytes_is_not_used_and_not_replaced(home: Path, content: bytes) -> None:
    derived_key("mark")
    path = home / "keys" / "master-secret"
    path.write_bytes(content)
    with pytest.raises(SecretProblem, match="not what was written"):
        derived_key("mark")
    assert path.read_bytes() == content


def test_a_configured_secret_wins_and_a_blank_one_is_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = derived_key("mark")
    for value, same in (("  \n", True), ("a secret of the operator, long enough", False)):
        monkeypatch.setenv("GREENROOM_MASTER_SECRET", value)
        get_settings.cache_clear()
        assert (derived_key("mark") == made) is same


@pytest.mark.parametrize(
    "secret, is_weak",
    [("", True), ("x" * 40, True), ("0123456789abcdef" * 2, False), ("short but mixed 19!", True)],
)
def test_what_is_too_weak(secret: str, is_weak: bool) -> None:
    assert weak(secret.encode()) is is_weak
