"""The worlds of the kit, for verbs that act on renders."""

from __future__ import annotations

from tests.kit.fixtures import real_world, world  # noqa: F401
