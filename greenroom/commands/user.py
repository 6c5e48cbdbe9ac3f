"""``greenroom user list|add|role|brand|leave-brand|password|disable|enable|forget-factors``: accounts, on the machine.

Who can run this holds the home folder and the master secret; the console lets people change their own account, and
administrators invite. Invitations: greenroom/commands/invitations.py.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from greenroom.asking import password
from greenroom.cli import command
from greenroom.commands import invitations
from greenroom.output import Answer

if TYPE_CHECKING:
    from review_ui.tables import AccountRow

ROLES_HELP = "admin, operator, reviewer, senior_reviewer, legal or persona"


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "user", "accounts", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    command(actions, shared, "list", "all accounts", run_list)
    new = command(
        actions, shared, "add", "a new account; the password is asked for, or GREENROOM_PASSWORD", run_add
    )
    new.add_argument("email")
    new.add_argument("--role", required=True, help=ROLES_HELP)
    new.add_argument("--brand", required=True)
    brand = command(
        actions, shared, "brand", "let an account work at a brand, from now on; its others stay", run_brand
    )
    brand.add_argument("email")
    brand.add_argument("brand", help="its id: `greenroom brand list`")
    leaves_brand = "let an account work at a brand no more; the last one is left with `disable`"
    gone = command(actions, shared, "leave-brand", leaves_brand, run_leave_brand)
    gone.add_argument("email")
    gone.add_argument("brand", help="its id: `greenroom brand list`")
    invitations.add(actions, shared)
    role = command(actions, shared, "role", "give an account another role", run_role)
    role.add_argument("email")
    role.add_argument("role", help=ROLES_HELP)
    password = "set a password (asked for, or GREENROOM_PASSWORD); ends the account's sessions"
    leaves = "somebody leaves: sessions end, sign-in and passkeys are refused; past decisions stand"
    for name, help_text, run in (
        ("password", password, run_password),
        ("disable", leaves, run_disable),
        ("enable", "let a disabled account sign in again", run_enable),
        (
            "forget-factors",
            "device and recovery codes are lost: passkeys, one-time and recovery codes go, sessions end",
            run_forget_factors,
        ),
    ):
        command(actions, shared, name, help_text, run).add_argument("email")


def run_list(_args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from review_ui.accounts import list_accounts, standing_word

    migrate()
    rows = list_accounts()
    document = [
        {
            "id": row.id,
            "email": row.email,
            "role": row.role,
            "brand": row.brand_id,
            "standing": standing_word(row),
        }
        for row in rows
    ]
    lines = (f"{row.email:<32} {row.role:<10} {row.brand_id} {standing_word(row)}" for row in rows)
    return Answer(document, "\n".join(lines))


def run_add(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from review_ui.accounts import create_account

    migrate()
    row = create_account(
        brand_id=args.brand, email=args.email, role=args.role, password=password("password: ")
    )
    return Answer({"id": row.id, "email": row.email, "role": row.role}, f"{row.email} ({row.role}): {row.id}")


def run_brand(args: argparse.Namespace) -> Answer:
    from review_ui.memberships import join_brand, work_at

    account = _found(args)
    join_brand(account.id, args.brand)
    return _told(work_at(account.id, args.brand))


def run_leave_brand(args: argparse.Namespace) -> Answer:
    from review_ui.memberships import leave

    return _told(leave(_found(args).id, args.brand))


def run_role(args: argparse.Namespace) -> Answer:
    from review_ui.changes import set_role

    return _told(set_role(_found(args).id, args.role))


def run_password(args: argparse.Namespace) -> Answer:
    from review_ui.changes import set_password

    account = _found(args)
    return _told(set_password(account.id, password("password: ")))


def run_disable(args: argparse.Namespace) -> Answer:
    from review_ui.changes import disable

    return _told(disable(_found(args).id))


def run_enable(args: argparse.Namespace) -> Answer:
    from review_ui.changes import enable

    return _told(enable(_found(args).id))


def run_forget_factors(args: argparse.Namespace) -> Answer:
    from review_ui.factors.recovery import drop_factors

    account = _found(args)
    drop_factors(account.id)
    return _told(account)


def _found(args: argparse.Namespace) -> AccountRow:
    from greenroom.database import migrate
    from review_ui.accounts import find_account

    migrate()
    return find_account(args.email)


def _told(row: AccountRow) -> Answer:
    from review_ui.accounts import standing_word

    word = standing_word(row)
    document = {"id": row.id, "email": row.email, "role": row.role, "standing": word}
    return Answer(document, f"{row.email} ({row.role}): {word}")
