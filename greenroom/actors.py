"""Who acts on the command line: an account by e-mail, with the rights of its role."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from review_ui.tables import AccountRow


def add_actor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="actor", metavar="EMAIL", help="the account that acts; needed when there are several"
    )


def actor(args: argparse.Namespace, right: str) -> AccountRow:
    """The acting account. Raises Forbidden when its role lacks the right."""
    from greenroom.database import migrate
    from review_ui.accounts import list_accounts, require

    migrate()
    accounts = [account for account in list_accounts() if not args.actor or account.email == args.actor]
    if len(accounts) != 1:
        raise InputError(
            "no such account" if not accounts else "several accounts exist",
            where="--as",
            next_step="name one with --as EMAIL (`greenroom user list` shows them)",
            code="which_account",
        )
    require(accounts[0], right)
    return accounts[0]
