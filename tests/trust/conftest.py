"""The worlds of the kit."""

from __future__ import annotations

from tests.kit.fixtures import real_world, world  # noqa: F401
from tests.servers.both import pytest_generate_tests  # noqa: F401
