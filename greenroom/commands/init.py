"""``greenroom init``: organisation, first brand, first administrator, and what signs. Again, it changes nothing."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from greenroom.asking import password
from greenroom.cli import command
from greenroom.output import Answer

ASKED = {
    "organisation": "organisation (whose installation this is): ",
    "brand": "first brand (whose videos are made): ",
    "email": "your e-mail address, as the first administrator: ",
}


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs,
        shared,
        "init",
        "begin: organisation, brand, first administrator, keys; asks for what is not given",
        run,
    )
    parser.add_argument("--organisation", metavar="NAME", help="whose installation this is")
    parser.add_argument("--brand", metavar="NAME", help="the first brand")
    parser.add_argument(
        "--email", help="the first administrator; the password is asked for, or GREENROOM_PASSWORD"
    )
    parser.add_argument(
        "--territory",
        default="",
        help="what a campaign takes that names none: in, us, eu, or another country's letters",
    )
    parser.add_argument(
        "--rule-pack", default="consumer-products", help="the brand's rules (consumer-products)"
    )
    parser.add_argument(
        "--page", action="store_true", help="make the keys, and print the address at which a browser begins"
    )


def run(args: argparse.Namespace) -> Answer:
    from core.errors import InputError
    from core.settings import get_settings
    from greenroom.database import migrate
    from greenroom.installation import initialise
    from review_ui.beginning import begin, nobody_is_here

    migrate()
    if not get_settings().shared_database:  # there the keys of each process are given out: greenroom pki init
        initialise()
    made = False
    address = None
    if not nobody_is_here():
        _same(args)
    elif args.page:
        address = page_address()
    else:
        given = {name: getattr(args, name) for name in ASKED}
        missing = [f"--{name}" for name, value in given.items() if not value]
        if missing and (args.json or not sys.stdin.isatty()):
            raise InputError(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
                where="greenroom init",
                next_step="name them, or print the address of the page that asks for them: greenroom init --page",
                code="usage",
            )
        said = {name: value or input(ASKED[name]) for name, value in given.items()}
        begin(
            **said,
            password=password("password, at least 12 characters: "),
            territory=args.territory,
            rule_pack=args.rule_pack,
            code=None,
        )
        made = True
    return _told(made, address)


def page_address() -> str | None:
    """The address under which a browser begins, with a new code; None where there is an account."""
    from core.settings import get_settings
    from review_ui.beginning import new_code

    code = new_code()
    return f"{get_settings().web.address}/begin?code={code}" if code is not None else None


def _same(args: argparse.Namespace) -> None:
    """What is asked for again has to be what is there. Raises Conflict."""
    from core.errors import Conflict
    from pipeline.brands import list_brands, organisation
    from review_ui.accounts import list_accounts

    named = organisation()
    there = {
        "organisation": {named.name} if named is not None else set(),
        "brand": {brand.name for brand in list_brands()},
        "email": {account.email for account in list_accounts()},
    }
    instead = {
        "organisation": "leave it out, or use another home folder",
        "brand": "use `greenroom brand add`",
        "email": "use `greenroom user invite`",
    }
    for name, known in there.items():
        value = getattr(args, name)
        if value and value.strip() not in known and value.strip().lower() not in known:
            raise Conflict(
                "this installation is set up already, and not with this",
                where=f"--{name}",
                next_step=instead[name],
            )


def _told(made: bool, address: str | None) -> Answer:
    from core.settings import get_settings
    from pipeline.brands import list_brands, organisation
    from review_ui.accounts import list_accounts
    from review_ui.beginning import signs_for_real

    named = organisation()
    administrators = [row.email for row in list_accounts() if row.role == "admin"]
    document = {
        "organisation": named.name if named is not None else None,
        "brands": [{"id": row.id, "name": row.name, "territory": row.territory} for row in list_brands()],
        "administrators": administrators,
        "made": made,
        "development": not signs_for_real(),
        "page": address,
    }
    if address is not None:
        lines = [
            f"begin in a browser, while `greenroom up` runs: {address}",
            "  (it opens once, and not after a newer one was printed)",
        ]
    else:
        lines = ["set up" if made else "is set up already; nothing was changed"]
        if named is not None:
            lines.append(f"organisation: {named.name}")
        lines += [f"brand: {row.name}  {row.id}" for row in list_brands()]
        lines += [f"administrator: {email}" for email in administrators]
    if not signs_for_real():
        lines.append(
            "WARNING: a DEVELOPMENT authority signs here. Its credentials prove nothing to anybody outside. For real "
            "use set a signing certificate and GREENROOM_ENVIRONMENT=production: docs/operations.md"
        )
    if address is None:
        then = (
            "start the processes (docs/operations.md)" if get_settings().shared_database else "`greenroom up`"
        )
        lines.append(
            f"next: {then}, then docs/start/operator.md; `greenroom user invite` brings the others in"
        )
    return Answer(document, "\n".join(lines))
