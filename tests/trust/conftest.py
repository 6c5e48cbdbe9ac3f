"""The worlds of the kit."""

from __future__ import annotations

from tests.kit.fixtures import real_world, world  # noqa: F401
