"""Other people's public test files: what a correct reader without their trust anchors says.

They are not in the repository; ``GREENROOM_C2PA_FOREIGN`` names the folder that holds them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenance.models import Anchors
from provenance.verify import verify
from tests.provenance.doubles import MemoryRegistry, ToldSenses

EXPECTED = {
    "adobe-20220124-CAICAI.jpg": ("foreign_c2pa", "valid", "signingCredential.untrusted"),
    "adobe-20220124-E-dat-CA.jpg": ("tampered", "invalid", "assertion.dataHash.mismatch"),
    "adobe-20220124-E-sig-CA.jpg": ("tampered", "invalid", "claimSignature.mismatch"),
    "adobe-20220124-E-uri-CIE-sig-CA.jpg": ("tampered", "invalid", "assertion.hashedURI.mismatch"),
    "adobe-20220124-I.jpg": ("nothing_found", "none", None),
    "adobe-20220124-XCA.jpg": ("tampered", "invalid", "assertion.dataHash.mismatch"),
    "nikon-20221019-building.jpeg": ("foreign_c2pa", "invalid", "signingCredential.expired"),
    "truepic-20230212-library.jpg": ("tampered", "invalid", "assertion.dataHash.mismatch"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_foreign_file(name: str) -> None:
    folder = os.environ.get("GREENROOM_C2PA_FOREIGN")
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip("GREENROOM_C2PA_FOREIGN is not set: other people's files are not read in this run")
    verdict, state, code = EXPECTED[name]
    report = verify(
        Path(folder) / name, registry=MemoryRegistry(), anchors=Anchors(own=""), senses=ToldSenses()
    )
    assert (report.verdict, report.credential["state"], report.trusted) == (verdict, state, False), report
    assert code is None or code in {problem.code for problem in report.problems}
    assert report.credential.get("ours") in (False, None)
