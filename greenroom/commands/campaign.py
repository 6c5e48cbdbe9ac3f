"""``greenroom campaign create|list|submit|pause|resume|cancel``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

STEERS = {
    "pause": "workers take nothing of it until it is resumed",
    "resume": "what waits goes on",
    "cancel": "for good: what nobody has approved ends, what is approved or released stays",
}
LONGEST_READ = 100_000  # bytes at once: a line that is longer is refused, and never held whole


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "campaign", "brand, persona, template, territory and channel", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_actor_options(command(actions, shared, "list", "campaigns of the brand", run_list))
    create = command(actions, shared, "create", "from a YAML file (docs/campaigns.md shows one)", run_create)
    create.add_argument("file", type=Path)
    create.add_argument("--persona", required=True)
    add_actor_options(create)
    submit = command(actions, shared, "submit", "ask for one video for each recipient of a file", run_submit)
    submit.add_argument("file", type=Path, help="CSV with a header, or JSON lines (.jsonl)")
    submit.add_argument("--campaign", required=True)
    submit.add_argument(
        "--key", help="the batch's own name; without one the file's digest: the same file asks once"
    )
    add_actor_options(submit)
    for name, does in STEERS.items():
        steer = command(actions, shared, name, does, run_steer)
        steer.add_argument("campaign")
        steer.add_argument("--reason", default="", help="in a sentence", required=name == "cancel")
        steer.set_defaults(steer=name)
        add_actor_options(steer)


def run_list(args: argparse.Namespace) -> Answer:
    from pipeline.service import list_campaigns

    who = actor(args, "view")
    rows = list_campaigns(brand_id=who.brand_id)
    document = [{"campaign": row.id, "name": row.name, "fields": row.field_schema} for row in rows]
    return Answer(document, "\n".join(f"{row.id}  {row.name}" for row in rows))


def run_create(args: argparse.Namespace) -> Answer:
    from pipeline.campaign_spec import campaign_from_file
    from pipeline.service import create_campaign

    who = actor(args, "make")
    spec = campaign_from_file(args.file)
    row = create_campaign(brand_id=who.brand_id, persona_id=args.persona, spec=spec)
    return Answer({"campaign": row.id}, f"campaign {row.id}")


def run_submit(args: argparse.Namespace) -> Answer:
    from core.canonical import digest_file
    from core.errors import InputError
    from pipeline.batch import BatchReport, submit

    who = actor(args, "make")

    def show(report: BatchReport) -> None:
        print(f"{report.rows} rows: {_counts(report)}", file=sys.stderr)

    try:
        key = args.key or f"file-{digest_file(args.file)[:32]}"
        with args.file.open("rb") as file:
            report = submit(
                args.campaign,
                iter(lambda: file.readline(LONGEST_READ), b""),
                "jsonl" if args.file.suffix.lower() in (".jsonl", ".ndjson") else "csv",
                key=key,
                brand_id=who.brand_id,
                maker_id=who.id,
                progress=show,
            )
    except OSError as error:
        raise InputError(
            "the file cannot be read", where=args.file.name, next_step="check its path"
        ) from error
    lines = [f"batch {key}: {report.rows} rows: {_counts(report)}"]
    lines += [f"  row {number}: {error}" for number, error in report.errors]
    if report.stopped is not None:
        lines.append(f"stopped: {report.stopped}")
    yes = report.stopped is None and not report.refused
    return Answer({"batch": key, **report.as_dict()}, "\n".join(lines), yes=yes)


def _counts(report: Any) -> str:
    return f"{report.made} made, {report.blocked} blocked, {report.known} known, {report.refused} refused"


def run_steer(args: argparse.Namespace) -> Answer:
    from pipeline import steering

    who = actor(args, "make")
    steer = {"pause": steering.pause, "resume": steering.resume, "cancel": steering.cancel}[args.steer]
    steer(args.campaign, brand_id=who.brand_id, actor=who.id, reason=args.reason)
    course = {"pause": "paused", "resume": "running", "cancel": "cancelled"}[args.steer]
    return Answer({"campaign": args.campaign, "course": course}, f"{args.campaign} is {course}")
