"""What a campaign's file says, and what its keys allow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.faults import close_to
from core.labels import LabelProfile, load_label_profile
from core.labels import names as label_profiles
from core.stated import read_stated, validated
from core.territories import FORM, is_territory
from policy.packs import territory_pack
from policy.topics import topics

CHANNELS = ("link",)
"""Where a released video can go; more come as channels of others do."""


def _territory(value: str) -> str:
    if not is_territory(value):
        raise ValueError(f"'{value[:20]}' is no territory: write {FORM}")
    return value.lower()


def _topic(value: str) -> str:
    if value not in topics():
        raise ValueError(
            f"'{value[:40]}' is no topic{close_to(value, topics())}; allowed: {', '.join(sorted(topics()))}"
        )
    return value


def _channel(value: str) -> str:
    if value not in CHANNELS:
        raise ValueError(f"'{value[:40]}' is no channel; allowed: {', '.join(CHANNELS)}")
    return value


def _profile(value: str | None) -> str | None:
    if value is not None and value not in label_profiles():
        raise ValueError(f"'{value[:40]}' is no label profile; allowed: {', '.join(label_profiles())}")
    return value


Territory = Annotated[str, Field(max_length=20), AfterValidator(_territory)]


class CampaignSpec(BaseModel):
    """What a campaign file says. The label profile is the territory's unless another is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    template: str = Field(description="The script, with {{ fields }}.")
    fields: dict[str, Any] = Field(description="JSON Schema of the template's fields.")
    territory: Territory | None = Field(None, description="Empty: the brand's own.")
    channel: Annotated[str, AfterValidator(_channel)] = "link"
    topic: Annotated[str, AfterValidator(_topic)] = Field(description="What it is about: policy/topics.yaml.")
    language: str = Field("en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="BCP 47.")
    risk_class: Literal["standard", "high"] = Field("standard", description="high: two people approve.")
    label_profile: Annotated[str | None, AfterValidator(_profile)] = None
    release_on_approval: bool = True


def campaign_from_file(path: Path) -> CampaignSpec:
    """What a campaign's YAML file says. Raises :class:`core.stated.StatedError` with every fault and its line."""
    return read_stated(path, CampaignSpec, kind="a campaign", see="docs/campaigns.md")


def campaign_from(values: Mapping[str, Any]) -> CampaignSpec:
    """What the values of a form say. Raises :class:`core.stated.StatedError` with every fault."""
    return validated(values, CampaignSpec, where="campaign", next_step="correct it and send it again")


def label_of(named: str | None, territory: str) -> LabelProfile:
    """The label that videos wear: the one named, else that of the territory's rules, else the one for anywhere."""
    return load_label_profile(named or territory_pack(territory) or "default")
