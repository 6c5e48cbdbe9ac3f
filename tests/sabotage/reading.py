"""How files are read: fresh processes for what is foreign, and walls around every reader."""

from __future__ import annotations

from tests.sabotage.words import Sabotage, off

OWN = "pipeline/own.py"

READING: tuple[Sabotage, ...] = (
    off("10", "a nursery reads only the bytes that somebody vouched for", "core/media/starting.py",
        " and own.vouches_for(file):", ":", "nursery:a_word_for_other_bytes_is_worth_nothing"),
    off("10", "an import is foreign", OWN, 'if render.origin == "made" and sha256 else None', "if sha256 else None",
        "foreign:an_imports_row_vouches_for_nothing"),
    off("10", "an import is foreign as it is encoded, too", OWN,
        'return OwnFile(digest_file_once(path)) if render.origin == "made" else None',
        "return OwnFile(digest_file_once(path))", "foreign:an_imports_row_vouches_for_nothing"),
    off("10", "a sealed file that keeps somebody's credential is foreign", OWN,
        "alone = all(len(store.manifests) == 1 for store in shape.stores)", "alone = True",
        "foreign:a_reference_never_is_and_what_carries_its_credential_is_not_either"),
    off("9", "what was signed over somebody's credential is foreign", "provenance/credential.py",
        "                own = None\n", "                pass\n",
        "foreign:a_reference_never_is_and_what_carries_its_credential_is_not_either"),
    off("12", "production starts behind the wall of calls", "delivery/walls.py",
        '    if "calls" in standing_walls():\n', "    if True:\n",
        "walls:production_does_not_read_files_without_the_filter_of_calls"),
)  # fmt: skip
