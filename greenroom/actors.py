"""Who acts on the command line: an account by e-mail, with the rights of its role."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from review_ui.tables import AccountRow


def add_actor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="actor", metavar="EMAIL", help="the account that acts; needed where several may"
    )


def actor(args: argparse.Namespace, right: str) -> AccountRow:
    """The acting account: the one that is named, else the only one that may. Raises Forbidden when its role lacks the
    right."""
    from greenroom.database import migrate
    from review_ui.accounts import list_accounts, require
    from review_ui.roles import RIGHTS

    migrate()
    accounts = list_accounts()
    if args.actor:
        accounts = [account for account in accounts if account.email == args.actor.strip().lower()]
    elif len(accounts) > 1:
        accounts = [one for one in accounts if right in RIGHTS.get(one.role, ()) and one.disabled_at is None]
    if len(accounts) != 1:
        raise InputError(
            "several accounts may do this" if accounts else "there is no account that may do this",
            where="--as",
            next_step="name one with --as EMAIL (`greenroom user list` shows them)"
            if accounts or args.actor
            else "`greenroom init` makes the first one, `greenroom user invite` others",
            code="which_account",
        )
    require(accounts[0], right)
    return accounts[0]
