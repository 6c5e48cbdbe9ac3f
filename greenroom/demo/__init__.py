"""The demonstration: one brand, the sample presenter, three videos, and a person who decides."""
