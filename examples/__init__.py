"""Worked examples: programs beside Greenroom that its contracts ask for. None is imported by it."""
