"""Scripts of the headline benchmark: short personal messages, calibration and test without a sentence in common."""

from __future__ import annotations

import numpy as np

# Thresholds are set on renders of these, and weights may be trained on them.
CALIBRATION_NAMES = ("Maria", "Tom", "Priya", "Henry", "Olga", "Samuel", "Wei", "Fatima", "George", "Lucy")
CALIBRATION_LINES = (
    "Hello {name}, your parcel left our house this morning. It should reach you before the weekend.",
    "Good evening {name}. We moved your visit to the third of June, at half past four.",
    "{name}, the blue jacket that you liked is back. We kept one aside for you until Friday.",
    "Dear {name}, thank you for seven years with us. A small surprise waits in your account.",
    "Hi {name}, the water will be off on Monday between nine and eleven. Please fill a jug before.",
    "Welcome, {name}. Choose a cup, breathe the steam, and take a moment only for yourself.",
    "{name}, five friends have joined our garden club. Shall we save a place for you as well?",
    "Good news, {name}: the bridge is open again, and bus number twelve takes its old way.",
)

# Figures are measured on renders of these.
TEST_NAMES = ("Asha", "Peter", "Julia", "Victor", "Naomi", "Frank", "Zoe", "Ibrahim", "Bella", "Martin")
TEST_LINES = (
    "Hello {name}, this is a note about your order. Two boxes of green tea are on their way.",
    "{name}, we saw that you missed the workshop. The next one begins on Thursday at six.",
    "Good morning {name}. Your bicycle is ready, and we put in a new chain for you.",
    "Thank you, {name}, for voting in our survey. Most people wanted a quiet room, and so we built one.",
    "Hi {name}, your library card ends in March. One click keeps it going for another year.",
    "{name}, the bakery opens early on Sunday. Bring a friend, and the first bread is free.",
    "Dear {name}, we found your umbrella in room forty. It waits for you at the front desk.",
    "Welcome back, {name}. The path by the river is dry now, so put on your shoes and go.",
)

# One word of a test line and what is said instead: another number, day or thing.
REPLACEMENTS = (
    ("Two", "Nine"),
    ("Thursday", "Tuesday"),
    ("bicycle", "camera"),
    ("quiet", "larger"),
    ("March", "August"),
    ("Sunday", "Monday"),
    ("forty", "fourteen"),
    ("river", "station"),
)


def script(split: str, index: int) -> str:
    """Script number ``index`` of the ``calibration`` or the ``test`` split; all differ up to 80."""
    names, lines = (
        (CALIBRATION_NAMES, CALIBRATION_LINES) if split == "calibration" else (TEST_NAMES, TEST_LINES)
    )
    name = names[(index + index // (len(lines) * len(names))) % len(names)]
    line = lines[(index * 3 + index // len(lines)) % len(lines)]
    return line.format(name=name)


def other_script(index: int) -> str:
    """Test script ``index`` with one word replaced."""
    text = script("test", index)
    for said, instead in REPLACEMENTS:
        if said in text:
            return text.replace(said, instead, 1)
    raise AssertionError("every test line has a replacement")


def seed_of(*parts: object) -> int:
    """A seed from any printable parts, the same on every machine."""
    import zlib

    return zlib.crc32("|".join(map(str, parts)).encode())


def generator(*parts: object) -> np.random.Generator:
    """A generator seeded by :func:`seed_of`."""
    return np.random.default_rng(seed_of(*parts))
