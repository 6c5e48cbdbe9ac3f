"""The fixtures of the documents' tests: a brand with its people."""

from tests.kit.fixtures import world  # noqa: F401
