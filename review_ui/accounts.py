"""Accounts: made by an admin or the command line; who they are is checked against an argon2id hash.

The answer is the same, in the same time, for a wrong password, an unknown name, an account that rests and one that was
disabled. Hashing happens outside any transaction; a right password writes nothing, a wrong one writes its count.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import Base, now, reading, seize, transaction
from core.errors import Conflict, Forbidden, InputError, IntegrityError, NotFound
from core.faults import close_to, one_of
from core.ids import new_id
from core.metrics import SIGN_INS, answers
from core.tables import BrandRow
from review_ui.passwords import check_password, fits, hash_password
from review_ui.rates import try_once, went_wrong
from review_ui.roles import RIGHTS, check_role
from review_ui.seals import intact, seal
from review_ui.strikes import resting, strike
from review_ui.tables import AccountRow, SignInRow


def create_account(*, brand_id: str, email: str, role: str, password: str) -> AccountRow:
    """A new account, in a transaction of its own.

    Raises:
        InputError: an unknown role or brand, a short password, no e-mail address.
        Conflict: the address has an account already.
    """
    row = draft_account(brand_id=brand_id, email=email, role=role, password=password)
    with transaction() as session:
        add_account(session, row)
    return row


def draft_account(*, brand_id: str, email: str, role: str, password: str) -> AccountRow:
    """The row of an account that is not there yet: checked, hashed (slowly, so outside any transaction), sealed."""
    address = normal(email)
    known_role(role)
    check_password(password)
    if address.count("@") != 1 or len(address) > 254 or not address.isprintable() or " " in address:
        raise InputError("this is no e-mail address", where="email", next_step="correct it")
    row = AccountRow(
        id=new_id("usr"),
        brand_id=brand_id,
        email=address,
        role=role,
        password_hash=hash_password(password),
    )
    seal(row)
    return row


def add_account(session: Session, row: AccountRow) -> None:
    """Let a drafted account be, in the caller's transaction. Raises as :func:`create_account`."""
    if session.get(BrandRow, row.brand_id) is None:
        raise InputError(
            "there is no such brand", where=row.brand_id, next_step="`greenroom brand list` shows them"
        )
    seize(session, f"account of {row.email}")
    if session.scalar(select(AccountRow).where(AccountRow.email == row.email)):
        raise Conflict("this address has an account already", where="email", next_step="sign in")
    append(session, Event.USER_CREATED, row.id, {"role": row.role, "brand_id": row.brand_id}, rows=[row])


def list_accounts() -> list[AccountRow]:
    """All accounts, oldest first."""
    with reading() as session:
        return list(session.scalars(select(AccountRow).order_by(AccountRow.created_at)))


def nobody_yet(session: Session) -> bool:
    """Whether no account was ever made here: then, and only then, the first one may be made without another's right."""
    return session.scalar(select(AccountRow.id).limit(1)) is None


def find_account(email: str) -> AccountRow:
    """The account of an address. Raises NotFound."""
    with reading() as session:
        row = session.scalar(select(AccountRow).where(AccountRow.email == normal(email)))
    if row is None:
        raise NotFound("no account has this address", next_step="`greenroom user list` shows them")
    return row


def require(account: AccountRow, right: str) -> None:
    """Raises Forbidden unless the account stands and its role has the right."""
    check_role(account.role, right)
    if not stands(account):
        raise Forbidden(
            "this account may not act any more",
            where=account.id,
            next_step="use another account; `greenroom user enable` lets a disabled one act again",
            code="account_disabled",
        )


@answers(SIGN_INS, "accepted")
def authenticate(email: str, password: str, *, address: str = "") -> AccountRow:
    """The account behind an e-mail address and a password; writes nothing when they are right.

    Args:
        address: the network address that asks; it is counted, and kept in memory only.

    Raises:
        Forbidden: with one text for every reason.
        TooManyTries: asked too often from this address or for this name.
    """
    name = normal(email)[:254]
    try_once(address, name)
    with reading() as session:
        account = session.scalar(select(AccountRow).where(AccountRow.email == name))
    right = fits(account.password_hash if account else None, password)
    if account is not None and right and stands(account) and not resting(account, now()):
        return account
    if not right:
        went_wrong(address, name)
    if account is not None and not right:
        count_wrong_answer(account.id)
    raise refusal()


def count_wrong_answer(account_id: str) -> None:
    """One more wrong answer to this account's door; while it rests nothing is written."""
    with transaction() as session:
        row = session.get_one(AccountRow, account_id, with_for_update=True)
        if not resting(row, now()):
            strike(row, now())


def refusal() -> Forbidden:
    """The one answer to everybody who may not come in."""
    return Forbidden(
        "the e-mail address or the password is wrong",
        next_step="try again; after several failures the account rests for 15 minutes",
        code="sign_in_refused",
    )


def stands(account: AccountRow) -> bool:
    """Whether the account may act at all: not disabled, and written by us alone."""
    return account.disabled_at is None and intact(account)


def standing_word(account: AccountRow) -> str:
    """``active``, ``disabled``, or ``altered``: its row was written by somebody else, so it opens nothing."""
    if not intact(account):
        return "altered"
    return "disabled" if account.disabled_at is not None else "active"


def own(session: Session, account_id: str) -> AccountRow:
    """The account's row, to be changed in this transaction. Raises IntegrityError for one that others wrote."""
    row = session.get(AccountRow, account_id, with_for_update=True)
    if row is None:
        raise NotFound("there is no such account", where=account_id, next_step="`greenroom user list`")
    if not intact(row):
        raise IntegrityError(
            "this account's row was changed in the database, not through Greenroom",
            where=account_id,
            next_step="see what `greenroom ledger verify` says, restore the row, or make a new account",
            code="account_altered",
        )
    return row


def standing(session: Session, account_id: str) -> AccountRow:
    """As :func:`own`, for an account that acts on itself. Raises Forbidden when it is disabled."""
    row = own(session, account_id)
    if row.disabled_at is not None:
        raise refusal()
    return row


def record_change(
    session: Session, account: AccountRow, kind: str, *, actor: str | None = None, rows: Sequence[Base] = ()
) -> None:
    """Seal the row as it is now and say on the ledger what changed about it: never what it was or is.

    Args:
        rows: the account's passkeys and secrets that changed with it.
    """
    seal(account)
    facts = {"kind": kind, "role": account.role, "actor": actor}
    append(session, Event.USER_CHANGED, account.id, facts, rows=[account, *rows])


def end_sign_ins(session: Session, account_id: str, *, but: str = "") -> None:
    """End the account's sessions, all but the one whose stored token this is."""
    session.execute(delete(SignInRow).where(SignInRow.account_id == account_id, SignInRow.token_hmac != but))


def known_role(role: str) -> None:
    """Raises InputError for a word that is no role."""
    if role not in RIGHTS:
        raise InputError(
            f"there is no role '{role[:40]}'{close_to(role, RIGHTS)}", where="role", next_step=one_of(RIGHTS)
        )


def normal(email: str) -> str:
    """An address as it is stored."""
    return email.strip().lower()
