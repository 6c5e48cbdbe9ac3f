"""``greenroom campaign create|list``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "campaign", "brand, persona, template, territory and channel", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_actor_options(command(actions, shared, "list", "campaigns of the brand", run_list))
    create = command(actions, shared, "create", "from a YAML file (docs/campaigns.md shows one)", run_create)
    create.add_argument("file", type=Path)
    create.add_argument("--persona", required=True)
    add_actor_options(create)


def run_list(args: argparse.Namespace) -> Answer:
    from pipeline.service import list_campaigns

    who = actor(args, "view")
    rows = list_campaigns(brand_id=who.brand_id)
    document = [{"campaign": row.id, "name": row.name, "fields": row.field_schema} for row in rows]
    return Answer(document, "\n".join(f"{row.id}  {row.name}" for row in rows))


def run_create(args: argparse.Namespace) -> Answer:
    import yaml

    from core.errors import InputError
    from pipeline.service import CampaignSpec, create_campaign

    who = actor(args, "make")
    try:
        spec = CampaignSpec.model_validate(yaml.safe_load(args.file.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(
            f"the campaign file cannot be used: {error}",
            where=args.file.name,
            next_step="see docs/campaigns.md",
        ) from error
    row = create_campaign(brand_id=who.brand_id, persona_id=args.persona, spec=spec)
    return Answer({"campaign": row.id}, f"campaign {row.id}")
