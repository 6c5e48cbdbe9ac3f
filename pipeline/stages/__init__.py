"""The stages of a render, one file each; their docstrings carry the numbers of the trust steps."""
