"""The first account of an installation: made by whoever holds the code that this machine's console printed.

The code is random, printed when it is made and never again, and the newest alone counts; the database holds its HMAC.
Once there is an account there is no such door: further people are invited.
"""

from __future__ import annotations

import hmac
import secrets

from core.database import reading, seize, transaction
from core.errors import Conflict, Forbidden
from core.installation import FIRST_CODE, known, remember
from core.settings import get_settings
from pipeline.brands import DEFAULT_PACK, add_brand, name_organisation
from review_ui.accounts import add_account, draft_account, nobody_yet
from review_ui.rates import try_once, went_wrong
from review_ui.seals import keyed, seal
from review_ui.tables import AccountRow


def nobody_is_here() -> bool:
    """Whether the installation waits for its first account."""
    with reading() as session:
        return nobody_yet(session)


def new_code() -> str | None:
    """A new first code, which takes the place of the last one; None where there is an account."""
    code = secrets.token_urlsafe(24)
    with transaction() as session:
        if not nobody_yet(session):
            return None
        remember(session, FIRST_CODE, _stored(code), replace=True)
    return code


def fits(code: str, *, address: str = "") -> bool:
    """Whether this is the code of now. ``address``: who asks, for counting tries."""
    try_once(address, "")
    with reading() as session:
        right = nobody_yet(session) and hmac.compare_digest(known(session, FIRST_CODE) or "", _stored(code))
    if not right:
        went_wrong(address, "")
    return right


def begin(
    *,
    organisation: str,
    brand: str,
    email: str,
    password: str,
    territory: str = "",
    rule_pack: str = DEFAULT_PACK,
    code: str | None,
) -> AccountRow:
    """Organisation, first brand and first administrator, all or none of them.

    Args:
        code: the first code; None for whoever owns the machine and is on its command line.

    Raises:
        Forbidden: the code is not the one of now.
        Conflict: there is an account already.
        InputError: a name, address, password, territory or rule pack that cannot be used; nothing is made.
    """
    # The brand's id comes with the brand; the row is sealed again where it stands.
    account = draft_account(brand_id="", email=email, role="admin", password=password)
    with transaction() as session:
        seize(session, "first account")
        if not nobody_yet(session):
            raise Conflict(
                "this installation has an account already",
                where="begin",
                next_step="sign in, or ask to be invited",
            )
        if code is not None and not hmac.compare_digest(known(session, FIRST_CODE) or "", _stored(code)):
            raise wrong_code()
        name_organisation(session, organisation)
        account.brand_id = add_brand(session, brand, territory=territory, rule_pack=rule_pack).id
        seal(account)
        add_account(session, account)
        remember(session, FIRST_CODE, "used", replace=True)
    return account


def signs_for_real() -> bool:
    """Whether a certificate of the installation's own signs; else a development authority does, whose credentials prove
    nothing outside."""
    settings = get_settings()
    return bool(settings.signing_key) or settings.environment == "production"


def wrong_code() -> Forbidden:
    """The answer to every code that is not the one of now."""
    return Forbidden(
        "this is not the code of this installation",
        where="code",
        next_step="take the newest that `greenroom up` or `greenroom init --page` printed on the machine",
        code="wrong_first_code",
    )


def _stored(code: str) -> str:
    return keyed("first code", code)
