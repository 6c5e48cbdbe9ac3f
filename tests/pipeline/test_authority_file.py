"""The authority file: what docs/authorities.md shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from audit.models import Effect
from core.errors import InputError
from pipeline.authority_file import AuthorityFile, authority_from_file

PAGE = (Path(__file__).parent.parent.parent / "docs" / "authorities.md").read_text(encoding="utf-8")
STATEMENT, CONSENT = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))


def test_the_example_of_a_provenance_statement_is_complete():
    stated = AuthorityFile.model_validate(STATEMENT)
    assert (stated.scope.on_withdrawal, stated.scope.on_expiry) == (Effect.RECALL, Effect.STOP)


def test_the_example_of_a_consent_is_complete_with_digests_in_place():
    filled = yaml.safe_load(
        yaml.safe_dump(CONSENT).replace("'...'", f"'{'ab' * 32}'").replace("...", "ab" * 32)
    )
    stated = AuthorityFile.model_validate({"scope": STATEMENT["scope"], **filled})
    assert stated.consent is not None and stated.evidence


def test_a_file_that_states_neither_or_both_is_refused_and_names_the_page(tmp_path: Path):
    for content in ({"scope": {}}, {**STATEMENT, **CONSENT}):
        path = tmp_path / "authority.yaml"
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(InputError) as refused:
            authority_from_file(path, brand_id="brd_1", actor="usr_1")
        assert "docs/authorities.md" in refused.value.next_step
