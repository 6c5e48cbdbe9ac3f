"""``greenroom user add|list``."""

from __future__ import annotations

import argparse
import getpass
import os
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "user", "accounts", run_list)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    command(actions, shared, "list", "all accounts", run_list)
    new = command(
        actions, shared, "add", "a new account; the password is asked for, or GREENROOM_PASSWORD", run_add
    )
    new.add_argument("email")
    new.add_argument("--role", required=True, help="operator, reviewer, legal or admin")
    new.add_argument("--brand", required=True)


def run_list(_args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from review_ui.accounts import list_accounts

    migrate()
    rows = list_accounts()
    document = [{"id": row.id, "email": row.email, "role": row.role, "brand": row.brand_id} for row in rows]
    return Answer(document, "\n".join(f"{row.email:<32} {row.role:<10} {row.brand_id}" for row in rows))


def run_add(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from review_ui.accounts import create_account

    migrate()
    password = os.environ.get("GREENROOM_PASSWORD") or getpass.getpass("password: ")
    row = create_account(brand_id=args.brand, email=args.email, role=args.role, password=password)
    return Answer({"id": row.id, "email": row.email, "role": row.role}, f"{row.email} ({row.role}): {row.id}")
