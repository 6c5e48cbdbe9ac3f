"""The public API, version 1: one file a resource; ``router.py`` puts them together."""
