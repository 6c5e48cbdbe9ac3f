"""``greenroom hold place|lift|list``: legal holds, as in the console."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

if TYPE_CHECKING:
    from audit.holds import Hold
    from delivery.reach import HoldReach


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "hold", "keep something as it is and let nothing more of it out", run_list
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    place = command(actions, shared, "place", "put a person, a campaign or a render on hold", run_place)
    place.add_argument("kind", choices=("person", "campaign", "render"))
    place.add_argument("subject", help="its id")
    place.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="ID",
        help="another one of the same kind, such as a namesake who is this person; may be repeated",
    )
    place.add_argument("--dry-run", action="store_true", help="say what the hold would reach, and place none")
    lift = command(actions, shared, "lift", "end one hold", run_lift)
    lift.add_argument("hold_id")
    listed = command(actions, shared, "list", "the newest fifty holds", run_list)
    for action in (place, lift):
        action.add_argument("--reason", required=True)
    for action in (place, lift, listed):
        add_actor_options(action)


def run_place(args: argparse.Namespace) -> Answer:
    from delivery.holds import place_hold
    from delivery.reach import reach_of

    who = actor(args, "audit")
    reach = reach_of(args.kind, args.subject, brand_id=who.brand_id)
    told = {"kind": reach.kind, "subject": reach.subject, **_reached(reach)}
    lines = _said_of(reach)
    if args.dry_run:
        said = [f"{reach.subject} would be on hold, and is not: nothing was done", *lines]
        return Answer({"hold": None, "standing": False, **told}, "\n".join(said))
    row = place_hold(
        args.kind,
        args.subject,
        brand_id=who.brand_id,
        actor_id=who.id,
        reason=args.reason,
        also=args.also,
    )
    said = [f"{row.id}: {row.subject} is on hold", *lines]
    return Answer({"hold": row.id, "standing": True, **told}, "\n".join(said))


def _reached(reach: HoldReach) -> dict[str, Any]:
    return {
        "same_person": [each.id for each in reach.people if each.id != reach.subject],
        "namesakes": [each.id for each in reach.namesakes],
        "not_out": reach.stopped,
        "out": reach.out,
    }


def _said_of(reach: HoldReach) -> list[str]:
    reached = _reached(reach)
    lines = [f"videos that are not out, and stay in: {reach.stopped}"]
    if reach.out:
        lines.append(f"released videos whose links go on, unless they are recalled: {reach.out}")
    if reached["same_person"]:
        lines.append(f"the same person, and reached too: {', '.join(reached['same_person'])}")
    if reached["namesakes"]:
        lines.append(f"of the same name, and not reached without --also: {', '.join(reached['namesakes'])}")
    return lines


def run_lift(args: argparse.Namespace) -> Answer:
    from delivery.holds import lift_hold

    who = actor(args, "audit")
    row = lift_hold(args.hold_id, brand_id=who.brand_id, actor_id=who.id, reason=args.reason)
    document = {"hold": args.hold_id, "kind": row.kind, "subject": row.subject, "standing": False}
    return Answer(document, f"{args.hold_id}: lifted")


def run_list(args: argparse.Namespace) -> Answer:
    from delivery.holds import page_of_holds

    who = actor(args, "audit")
    _, holds = page_of_holds(who.brand_id)
    lines = [f"{hold.placed.id}  {_standing(hold)}  {hold.placed.subject}" for hold in holds]
    return Answer([_told(hold) for hold in holds], "\n".join(lines) or "Nothing is on hold.")


def _standing(hold: Hold) -> str:
    return "lifted " if hold.lifted is not None else "on hold"


def _told(hold: Hold) -> dict[str, Any]:
    placed = hold.placed
    return {
        "hold": placed.id,
        "kind": placed.kind,
        "subject": placed.subject,
        "standing": hold.lifted is None,
        "reason": placed.reason,
        "placed_at": placed.created_at.isoformat(),
        "lifted_at": hold.lifted.created_at.isoformat() if hold.lifted is not None else None,
    }
