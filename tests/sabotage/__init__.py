"""Each trust check, switched off by a patch, with the tests that must then fail. See ``table.py`` and ``runner.py``."""
