"""A campaign's territory and label: its own, else the brand's; a member of the Union wears the Union's label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.database import transaction
from core.errors import InputError
from core.stated import StatedError
from pipeline.campaign_spec import CampaignSpec, campaign_from_file
from pipeline.service import create_brand, create_campaign
from pipeline.tables import CampaignRow, PersonaRow

SPEC = {"name": "A", "template": "Hello.", "fields": {}, "topic": "food"}


@pytest.fixture
def make(home: Path) -> Callable[..., CampaignRow]:
    """``make("in", territory="de")``: a campaign of a brand whose usual territory is India."""

    def made(usual: str, **spec: str) -> CampaignRow:
        brand = create_brand("Tea", territory=usual)
        with transaction() as session:
            session.add(
                PersonaRow(
                    id="per_1", brand_id=brand.id, name="A presenter", authority_id="aut_1", voice="hibari",
                    reference_sha256="0" * 64, material_sha256="0" * 64,
                )
            )  # fmt: skip
        return create_campaign(brand_id=brand.id, persona_id="per_1", spec=CampaignSpec(**SPEC | spec))  # type: ignore[arg-type]

    return made


@pytest.mark.parametrize(
    ("usual", "spec", "territory", "label"),
    [
        ("in", {}, "in", "in"),
        ("in", {"territory": "US"}, "us", "us"),
        ("", {"territory": "de"}, "de", "eu"),
        ("", {"territory": "in-ka"}, "in-ka", "in"),
        ("", {"territory": "jp"}, "jp", "default"),
        ("in", {"label_profile": "eu"}, "in", "eu"),
    ],
)
def test_territory_and_label(
    make: Callable[..., CampaignRow], usual: str, spec: dict[str, str], territory: str, label: str
):
    row = make(usual, **spec)
    assert (row.territory, row.label_profile) == (territory, label)


def test_without_any_territory_there_is_no_campaign(make: Callable[..., CampaignRow]):
    with pytest.raises(InputError, match="names no territory") as error:
        make("")
    assert error.value.where == "territory"


def test_a_wrong_territory_is_answered_with_what_is_allowed(tmp_path: Path):
    path = tmp_path / "campaign.yaml"
    path.write_text("name: A\ntemplate: Hello.\nfields: {}\ntopic: food\nterritory: north america\n")
    with pytest.raises(StatedError) as error:
        campaign_from_file(path)
    assert (
        "line 5: `territory`: 'north america' is no territory: write a country's two letters"
        in error.value.what
    )
