"""docs/settings.md, made from the settings themselves: ``python -m core.settings_page`` writes it.

A test fails when the page is not what this makes, or when the code reads a variable that is not on it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from core.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

# Read where they are used: they belong to one command or one test run, not to an installation.
OTHERS = {
    "GREENROOM_USERS": (
        "see there",
        "Users of the processes, for `deploy/lay-out`: `web:10001 cpu:10002 ...`.",
    ),
    "GREENROOM_ETC": ("`/etc/greenroom`", "Where `deploy/as` finds settings and secrets."),
    "GREENROOM_AS": ("`greenroom-<process>`", "The user that `deploy/as` becomes."),
    "GREENROOM_KEYS_HOME": (
        "`/root/greenroom`",
        "Home of `deploy/as keys` and `deploy/as owner`, which run as root.",
    ),
    "GREENROOM_PROGRAM": ("`/opt/greenroom/bin/greenroom`", "What `deploy/as` runs."),
    "GREENROOM_VERSION": ("has to be set", "Tag of the image that `deploy/compose.yaml` starts."),
    "GREENROOM_OWNER_PASSWORD_FILE": (
        "none",
        "Password of greenroom_owner, for `deploy/postgres/roles.sql`.",
    ),
    "GREENROOM_APP_PASSWORD_FILE": ("none", "Password of greenroom_app, for `deploy/postgres/roles.sql`."),
    "GREENROOM_PASSWORD": (
        "asked for",
        "Password of `greenroom user add` and `greenroom user password`, for scripts.",
    ),
    "GREENROOM_TEST_MEDIA": ("not set", "Folder of real and synthetic clips for tests and benchmarks."),
    "GREENROOM_BENCH_CACHE": ("`~/.cache/greenroom/bench`", "Where benchmarks keep what they made."),
}

_HEAD = """# Settings

Made by `python -m core.settings_page`; do not edit by hand. Each setting is an environment variable with a default
that works. Set those of a group one by one, for example `GREENROOM_MEDIA_MAX_SECONDS=900`.
"""


def settings_page() -> str:
    """The page: one table for the installation, one for each group, one for variables of single commands."""
    groups = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)
    }
    parts = [_HEAD, _table("The installation", Settings, skip=set(groups))]
    parts += [_table(_title(group), group) for group in groups.values()]
    rows = [f"| `{name}` | {default} | {words} |" for name, (default, words) in OTHERS.items()]
    parts.append("\n".join(["## Single commands", "", *_HEADING, *rows]) + "\n")
    return "\n".join(parts)


def variables() -> set[str]:
    """The names of all documented variables."""
    names = set(OTHERS)
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            prefix = str(field.annotation.model_config.get("env_prefix"))
            names |= {f"{prefix}{inner}".upper() for inner in field.annotation.model_fields}
        else:
            names.add(f"GREENROOM_{name}".upper())
    return names


_HEADING = ["| Variable | Default | What it does |", "|---|---|---|"]


def _title(group: type[BaseSettings]) -> str:
    return (group.__doc__ or group.__name__).strip().splitlines()[0].rstrip(".")


def _table(title: str, group: type[BaseSettings], skip: set[str] | None = None) -> str:
    prefix = str(group.model_config.get("env_prefix", ""))
    rows = []
    for name, field in group.model_fields.items():
        if name in (skip or set()):
            continue
        if not field.description:
            raise ValueError(f"the setting {prefix}{name.upper()} has no description")
        words = field.description.replace("|", "\\|")
        rows.append(f"| `{(prefix + name).upper()}` | {_default(field.default)} | {words} |")
    return "\n".join([f"## {title}", "", *_HEADING, *rows]) + "\n"


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "must be set"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value}`" if str(value) else "empty"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
