"""Every setting has a default that works and a line in docs/settings.md."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from core.settings import MediaSettings, Settings, get_settings
from core.settings_page import PAGE, settings_page, variables

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run: python -m core.settings_page"


def test_every_variable_that_the_code_names_is_documented() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.py", "Makefile", ".ci/*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    files = [ROOT / name for name in tracked if (ROOT / name).is_file()]
    assert len(files) > 30
    named = {
        name
        for file in files
        for name in re.findall(r"GREENROOM_[A-Z][A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8"))
    }
    assert named - variables() == set()


def test_a_setting_without_a_description_fails_the_page() -> None:
    from pydantic_settings import BaseSettings

    from core.settings_page import _table

    class Silent(BaseSettings):
        quiet: int = 1

    with pytest.raises(ValueError, match="QUIET has no description"):
        _table("Silent", Silent)


def test_defaults_work_without_any_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.environment == "demo"
    assert settings.effective_database_url == f"sqlite:///{tmp_path}/.greenroom/greenroom.db"
    assert settings.effective_blob_url == f"file://{tmp_path}/.greenroom/blobs"


def test_groups_have_a_prefix_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_MEDIA_MAX_SECONDS", "12.5")
    assert MediaSettings().max_seconds == 12.5
    assert Settings().media.max_seconds == 12.5


def test_settings_are_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = get_settings()
    monkeypatch.setenv("GREENROOM_THREADS", "7")
    assert get_settings() is first
    get_settings.cache_clear()
    assert get_settings().threads == 7


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_MASTER_SECRET", "hunter2")
    assert "hunter2" not in repr(Settings())


def test_keys_are_the_owners_alone(home: Path) -> None:
    assert stat.S_IMODE(get_settings().keys_dir.stat().st_mode) == 0o700


def test_an_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "staging")
    with pytest.raises(ValueError, match="demo"):
        Settings()
