"""``greenroom user invite|invitations|uninvite``: links that make one account each."""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(actions: Any, shared: argparse.ArgumentParser) -> None:
    new = command(
        actions, shared, "invite", "a link that makes one account; it is printed this once", run_invite
    )
    new.add_argument(
        "--role", required=True, help="admin, operator, reviewer, senior_reviewer, legal or persona"
    )
    new.add_argument("--brand", required=True, action="append", help="a brand's id; again for a further one")
    new.add_argument("--persona", help="for the role persona: whose account it will be")
    new.add_argument("--hours", type=float, default=72.0, help="how long the link works (72)")
    shown = command(actions, shared, "invitations", "invitations that open a brand", run_list)
    shown.add_argument("--brand", required=True)
    command(actions, shared, "uninvite", "take an invitation back", run_revoke).add_argument("invitation")


def run_invite(args: argparse.Namespace) -> Answer:
    from core.settings import get_settings
    from greenroom.database import migrate
    from review_ui.invitations import invite

    migrate()
    row, token = invite(
        by=None, role=args.role, brand_ids=args.brand, persona_id=args.persona, hours=args.hours
    )
    link = f"{get_settings().web.address}/invitation/{token}"
    document = {
        "invitation": row.id,
        "link": link,
        "role": row.role,
        "expires_at": row.expires_at.isoformat(),
    }
    return Answer(document, f"{row.id}: give this link to one person; it is not shown again\n{link}")


def run_list(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from review_ui.invitations import list_invitations, state_of

    migrate()
    rows = list_invitations(args.brand)
    document = [
        {
            "invitation": row.id,
            "role": row.role,
            "brands": row.brand_ids,
            "state": state_of(row),
            "expires_at": row.expires_at.isoformat(),
        }
        for row in rows
    ]
    return Answer(document, "\n".join(f"{row.id}  {row.role:<16} {state_of(row)}" for row in rows))


def run_revoke(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from review_ui.invitations import revoke_invitation, state_of

    migrate()
    row = revoke_invitation(args.invitation, brand_id=None, actor=None)
    return Answer({"invitation": row.id, "state": state_of(row)}, f"{row.id}: {state_of(row)}")
