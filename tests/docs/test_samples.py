"""What the documents show is true: every sample is read, every command is one that there is, and what one page shows
works with what the next page shows under it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic import BaseModel

from audit.authorities import create_consent
from core.database import transaction
from core.stated import StatedError, stated
from generate.templates import check_template
from greenroom.cli import build_parser
from pipeline.authority_file import AuthorityFile, authority_from_file
from pipeline.batch import submit
from pipeline.campaign_spec import CHANNELS, CampaignSpec, campaign_from_file
from pipeline.onboarding import add_persona
from pipeline.service import create_campaign, import_video, request_render
from pipeline.states import State
from policy.consent import Use, covers
from policy.topics import topics
from review_ui.roles import RIGHTS
from tests.kit import media
from tests.kit.world import World

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILES: dict[str, type[BaseModel]] = {
    "authority.yaml": AuthorityFile, "consent.yaml": AuthorityFile, "campaign.yaml": CampaignSpec,
}  # fmt: skip


class Sample(NamedTuple):
    """A fenced block of a page."""

    page: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.kind}-{self.text.splitlines()[0][:30]}"


def samples() -> Iterator[Sample]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.M | re.S):
            lines = [line.removeprefix(found[1]) for line in found[3].splitlines()]
            yield Sample(str(path.relative_to(ROOT)), found[2], "\n".join(lines))


SAMPLES = list(samples())


def the(name: str) -> str:
    """The one sample that is a file of this name."""
    (found,) = [sample.text for sample in SAMPLES if sample.text.startswith(f"# {name}\n")]
    return found


def of(kind: str) -> list[Sample]:
    return [sample for sample in SAMPLES if sample.kind == kind]


def test_a_block_of_a_kind_that_nothing_reads_is_a_decision():
    assert {sample.kind for sample in SAMPLES} <= {"yaml", "json", "sh", "csv", ""}
    assert len(of("yaml")) >= 3 and len(of("sh")) > 15 and len(of("csv")) == 1


@pytest.mark.parametrize("sample", of("yaml"), ids=str)
def test_a_sample_file_is_one(sample: Sample):
    name = re.match(r"# (\S+\.yaml)\n", sample.text)
    if name is None:  # a part of a file of another program
        assert sample.page in ("docs/observability.md", "docs/policy.md") and yaml.safe_load(sample.text)
        return
    stated(sample.text.encode(), FILES[name[1]], name=name[1], kind="a sample", see=sample.page)


@pytest.mark.parametrize("sample", of("json"), ids=str)
def test_the_sample_of_an_error_is_the_one_that_a_misspelt_key_gets(sample: Sample):
    assert sample.page == "docs/start/developer.md"
    broken = b"name: A\ntemplate: Hello.\nfields: {}\nteritory: in\ntopic: food\n"
    with pytest.raises(StatedError) as error:
        stated(broken, CampaignSpec, name="campaign.yaml", kind="a campaign", see="docs/campaigns.md")
    assert json.loads(sample.text) == {"error": error.value.as_dict()}


def commands(text: str) -> Iterator[list[str]]:
    """Every ``greenroom`` command line of a block of shell, in words."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\s*(?:;|&&|\|)\s*", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # a quote that goes on: no command of ours does
                words = []
            while words and re.fullmatch(r"\w+=.*", words[0]):
                words.pop(0)
            if words and words[0] in ("greenroom", "deploy/as") and len(words) > 1:
                yield words[2:] if words[0] == "deploy/as" else words[1:]


@pytest.mark.parametrize("sample", of("sh"), ids=str)
def test_a_sample_command_is_one(sample: Sample):
    for words in commands(sample.text):
        if words[-1] != "...":
            build_parser().parse_args(words)  # ends the test with what is wrong


def test_commands_within_sentences_are_some_too():
    """`greenroom verb action`: the verb and the action are there; flags and names are the sentence's own."""
    parser = build_parser()
    (verbs,) = [action.choices for action in parser._actions if action.dest == "verb"]
    assert isinstance(verbs, dict)
    found = 0
    for path in PAGES:
        for words in re.findall(r"`greenroom ([a-z][a-z |-]*)", path.read_text(encoding="utf-8")):
            verb, *rest = words.split()
            assert verb in verbs, f"{path.name}: greenroom {verb}"
            below = [action.choices for action in verbs[verb]._actions if action.dest == "action"]
            if below and rest and re.fullmatch(r"[a-z-]+", rest[0]) and not rest[0].startswith("-"):
                for action in rest[0].split("|"):
                    assert action in below[0], f"{path.name}: greenroom {verb} {action}"
            found += 1
    assert found > 30


def test_every_kind_of_user_has_a_path_that_leads_on():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("newcomer", "operator", "reviewer", "legal", "developer", "administrator"):
        assert f"(docs/start/{name}.md)" in readme
    for path in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} points to {target}"


def test_the_formats_are_shown_in_full():
    """A key that no sample and no table names is one that nobody finds."""
    authorities = (ROOT / "docs/authorities.md").read_text(encoding="utf-8")
    campaigns = (ROOT / "docs/campaigns.md").read_text(encoding="utf-8")

    def keys(model: type[BaseModel]) -> Iterator[str]:
        for name, field in model.model_fields.items():
            yield name
            for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    yield from keys(part)

    assert [key for key in keys(AuthorityFile) if f"{key}:" not in authorities] == []
    assert [key for key in keys(CampaignSpec) if f"`{key}`" not in campaigns] == []
    assert ", ".join(sorted(topics())) in campaigns
    assert all(f"`{channel}`" in campaigns for channel in CHANNELS)


def test_the_matrix_of_roles_is_the_one_that_holds():
    text = (ROOT / "docs/accounts.md").read_text(encoding="utf-8")
    columns = ("view", "make", "review", "settle", "release", "audit", "papers", "administer")
    shown = {
        cells[1].strip(" `"): {
            right for right, cell in zip(columns, cells[2:], strict=False) if "yes" in cell
        }
        for line in text.splitlines()
        if len(cells := line.split("|")) == 11 and cells[1].strip().startswith("`")
    }
    assert shown == {role: set(rights) - {"appear"} for role, rights in RIGHTS.items()}


@pytest.fixture
def campaign(world: World, tmp_path: Path) -> Callable[[str], Any]:
    """``campaign("authority.yaml")``: the sample campaign of a persona under that sample authority."""

    def made(name: str) -> Any:
        authority = tmp_path / name
        authority.write_text(the(name).replace("brd_YOURS", world.brand_id))
        persona = add_persona(
            brand_id=world.brand_id,
            name="Our presenter",
            reference=media.write_clip(tmp_path / "presenter.mp4", 0),
            voice="hibari",
            make_authority=authority_from_file(authority, brand_id=world.brand_id, actor=world.operator),
        )
        file = tmp_path / "campaign.yaml"
        file.write_text(the("campaign.yaml"))
        return create_campaign(brand_id=world.brand_id, persona_id=persona.id, spec=campaign_from_file(file))

    return made


def test_the_newcomers_way_leads_to_videos_that_wait_for_their_making(
    world: World, campaign: Callable[[str], Any], tmp_path: Path
):
    """Authority, campaign, render, import and recipients as the pages show them: none is blocked at once."""
    row = campaign("authority.yaml")
    newcomer = (ROOT / "docs/start/newcomer.md").read_text(encoding="utf-8")
    (render,) = [words for words in commands(newcomer) if words[0] == "render"]
    fields = dict(pair.split("=") for pair in render[2:])
    who = {"brand_id": world.brand_id, "maker_id": world.operator}
    assert request_render(row.id, fields, **who).state == State.SCRIPTED
    clip = media.write_clip(tmp_path / "finished.mp4", 7)
    imported = import_video(clip, row.id, script="What is said in it.", **who)
    assert imported.state not in (State.BLOCKED, State.FAILED), imported.reason
    (recipients,) = of("csv")
    lines = (f"{line}\n".encode() for line in recipients.text.splitlines())
    report = submit(row.id, lines, "csv", key="sample", **who)
    assert (report.rows, report.made, report.refused, report.blocked) == (2, 2, 0, 0), report.errors


def test_the_sample_consent_covers_the_sample_campaign(world: World):
    said = stated(the("consent.yaml").encode(), AuthorityFile, name="x", kind="x", see="x")
    spec = stated(the("campaign.yaml").encode(), CampaignSpec, name="x", kind="x", see="x")
    check_template(spec.template, spec.fields)
    assert said.consent is not None and said.scope.brands == ("brd_YOURS",)
    with transaction() as session:
        authority = create_consent(
            session, brand_id=world.brand_id, persona_id=world.persona.id, consent=said.consent, scope=said.scope,
            evidence=said.evidence, approval_mode=said.approval_mode, actor=world.operator,
        )  # fmt: skip
    decision = covers(
        authority,
        Use(
            brand_id="brd_YOURS", campaign_id="cmp_1", language=spec.language, territory=spec.territory or "",
            channel=spec.channel, at=datetime(2026, 6, 1, tzinfo=UTC), topic=spec.topic, script_sha256="ab" * 32,
            personal_fields=tuple(spec.fields["properties"]),
        ),
    )  # fmt: skip
    assert decision.findings == ()
