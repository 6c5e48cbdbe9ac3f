"""The C2PA conformance task force's official asset rubrics over our sealed, published and imported files.

The rubrics are not in the repository; ``GREENROOM_C2PA_RUBRICS`` names the folder that holds them. They are
evaluated as written by the small json-formula evaluator in ``rubric.py``, over the reader's crJSON.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import c2pa
import pytest

from provenance.credential import seal
from provenance.trust import library_settings
from tests.provenance.conftest import Studio, seal_facts
from tests.provenance.rubric import NotUnderstood, Rubric

RUBRICS = ("asset-rubric-conformance0.2-spec2.4.yml", "asset-rubric-integrity.yml")


@pytest.fixture(scope="module", params=RUBRICS)
def rubric(request: pytest.FixtureRequest) -> Rubric:
    folder = os.environ.get("GREENROOM_C2PA_RUBRICS")
    if not folder or not (Path(folder) / request.param).is_file():
        pytest.skip("GREENROOM_C2PA_RUBRICS is not set: the official rubrics are not checked in this run")
    return Rubric.load(Path(folder) / request.param, expected_spec_version="2.4.0")


def document(path: Path, studio: Studio) -> dict[str, Any]:
    context = c2pa.Context(c2pa.Settings.from_dict(library_settings(studio.anchors.own)))
    with path.open("rb") as file, c2pa.Reader("video/mp4", file, context=context) as reader:
        loaded: dict[str, Any] = json.loads(reader.crjson())
    return loaded


def test_a_sealed_video_passes_without_a_warning(rubric: Rubric, studio: Studio) -> None:
    assert rubric.failures(document(studio.sealed.path, studio)) == []


def test_a_published_video_passes_without_a_warning(rubric: Rubric, studio: Studio) -> None:
    assert rubric.failures(document(studio.published.path, studio)) == []


def test_an_import_passes_without_a_warning(rubric: Rubric, studio: Studio, tmp_path: Path) -> None:
    facts = seal_facts(parent=studio.published.path, ingredients=())
    imported = seal(studio.asset, tmp_path / "out.mp4", facts, studio.signer, anchors=studio.anchors.own)
    assert rubric.failures(document(imported.path, studio)) == []


def test_the_rubrics_can_fail(rubric: Rubric, studio: Studio) -> None:
    """Each kind of damage that the rubric is about is found by this evaluator."""
    good = document(studio.sealed.path, studio)

    def failing(change: str) -> set[str]:
        bad = copy.deepcopy(good)
        manifest = bad["manifests"][0]
        if change == "results":
            del manifest["validationResults"]
        elif change == "mismatch":
            manifest["validationResults"]["failure"].append({"code": "assertion.bmffHash.mismatch"})
        elif change == "untrusted":
            manifest["validationResults"]["failure"].append({"code": "signingCredential.untrusted"})
        elif change == "version":
            del manifest["claim.v2"]["claim_generator_info"]["specVersion"]
        elif change == "actions":
            actions = manifest["assertions"]["c2pa.actions.v2"]
            del actions["allActionsIncluded"]
            del actions["actions"][0]["digitalSourceType"]
            actions["actions"] += [
                {"action": "c2pa.invented"},
                {"action": "c2pa.edited"},
                {"action": "dotless"},
            ]
        elif change == "assertions":
            manifest["assertions"] |= {"c2pa.invented": {}, "dotless": {}, "c2pa.actions": {"x": 1}}
        return {line.split(":")[1] for line in rubric.failures(bad)}

    assert failing("nothing") == set()
    assert {"well_formed_data_present", "valid_data_present", "valid_success"} <= failing("results")
    assert failing("mismatch") == {"valid_success"}
    if any(statement["id"] == "validation:trusted_success" for statement in rubric.statements):
        assert failing("untrusted") == {"trusted_success"}
        return
    assert failing("version") == {"mandatory_spec_version"}
    assert failing("actions") == {
        "mandatory_all_actions_included",
        "mandatory_dst_for_created_action",
        "mandatory_dst_for_perceptible_transformations",
        "no_unsupported_actions",
        "no_unrecognized_custom_actions",
    }
    assert failing("assertions") == {
        "no_deprecated_assertions",
        "no_unsupported_assertions",
        "no_unrecognized_custom_assertions",
    }


def test_what_is_not_understood_is_an_error() -> None:
    with pytest.raises(NotUnderstood):
        Rubric({}, {}, []).evaluate("sort_by(a, &b)", {})
    with pytest.raises(NotUnderstood):
        Rubric({}, {}, []).evaluate("a[1:2]", {})
