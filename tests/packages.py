"""The packages of the house, top-level folders, from the ground up: what tests that read the code look at."""

from __future__ import annotations

PACKAGES = [
    "core",
    "audit",
    "generate",
    "detect",
    "policy",
    "provenance",
    "pipeline",
    "delivery",
    "review_ui",
    "greenroom",
]
