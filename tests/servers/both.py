"""Import into a folder's conftest: every test there that has a home or a world runs on both databases.

A test that is about one of them says so: ``@pytest.mark.only("sqlite")``.
"""

from __future__ import annotations

import pytest

from tests.servers.fixtures import DATABASES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("only")
    metafunc.parametrize("database_kind", only.args if only else DATABASES, indirect=True)
