"""``greenroom hold place|lift|list``: legal holds, as in the console."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from greenroom.actors import actor, add_actor_options
from greenroom.cli import command
from greenroom.output import Answer

if TYPE_CHECKING:
    from audit.holds import Hold


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "hold", "keep something as it is and let nothing more of it out", run_list
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    place = command(actions, shared, "place", "put a person, a campaign or a render on hold", run_place)
    place.add_argument("kind", choices=("person", "campaign", "render"))
    place.add_argument("subject", help="its id")
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
    row = place_hold(args.kind, args.subject, brand_id=who.brand_id, actor_id=who.id, reason=args.reason)
    reach = reach_of(row.kind, row.subject, brand_id=who.brand_id)
    said = [f"{row.id}: {row.subject} is on hold; {reach.stopped} videos that are not out stay in"]
    if reach.out:
        said.append(f"the links of {reach.out} released videos go on unless those are recalled")
    others = [persona.id for persona in reach.people if persona.id != row.subject]
    if others:
        said.append(f"it reaches {', '.join(others)} too: the same person")
    if reach.namesakes:
        said.append(f"not reached, of the same name: {', '.join(each.id for each in reach.namesakes)}")
    document = {"hold": row.id, "kind": row.kind, "subject": row.subject, "standing": True}
    return Answer(
        document | {"also_reaches": others, "not_out": reach.stopped, "out": reach.out}, "\n".join(said)
    )


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
