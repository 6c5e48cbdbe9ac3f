"""Who calls the API: a key, or an account by its address and password. Cookies do not count: another site could send
them. A call opens no session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    SecurityScopes,
)

from core.errors import Forbidden, GreenroomError
from core.logs import learned
from review_ui.accounts import authenticate, require
from review_ui.api_keys import open_key
from review_ui.roles import RIGHTS
from review_ui.security import SignInNeeded, address_of
from review_ui.tables import AccountRow


@dataclass(frozen=True)
class Caller:
    """Who asks, and for which one brand.

    Attributes:
        account: the person, or the key's maker: whoever made a video by key cannot decide over it either.
        rights: what may be done now.
        key_id: of the key; None where the account itself asks.
    """

    account: AccountRow
    brand_id: str
    rights: frozenset[str]
    key_id: str | None = None

    @property
    def maker_id(self) -> str:
        """Whose work it is."""
        return self.account.id

    @property
    def actor_id(self) -> str:
        """Who did it, for the record: the key, whose row names its maker, or the account."""
        return self.key_id or self.account.id

    def check(self, right: str) -> None:
        """Raises Forbidden without the right."""
        if self.key_id is None:
            require(self.account, right)
            return
        if right not in self.rights:
            raise Forbidden(
                f"this API key has no right '{right}'",
                where=f"right '{right}'",
                next_step="make a key with this right",
                code="key_lacks_right",
            )


class PasswordRefused(GreenroomError):
    """The address or the password is wrong: a program shows others, where a person gets the page of the form again."""

    code = "sign_in_refused"
    http_status = 401


_KEY = HTTPBearer(auto_error=False, scheme_name="key", description="An API key, made at /keys.")
_PASSWORD = HTTPBasic(
    auto_error=False, scheme_name="password", description="An account's e-mail address and password."
)

Key = Annotated[HTTPAuthorizationCredentials | None, Depends(_KEY)]
Password = Annotated[HTTPBasicCredentials | None, Depends(_PASSWORD)]


def anybody(request: Request, key: Key, password: Password) -> Caller | None:
    """Who calls, or None where nobody says who they are.

    Raises:
        KeyRefused, PasswordRefused: what was shown is wrong.
        TooManyTries: it was tried too often.
    """
    if key is not None:
        row, maker, rights = open_key(key.credentials, address=address_of(request))
        found = Caller(maker, row.brand_id, rights, row.id)
    elif password is not None:
        found = _by_password(request, password)
    else:
        return None
    learned(brand_id=found.brand_id)
    return found


def caller(scopes: SecurityScopes, found: Annotated[Caller | None, Depends(anybody)]) -> Caller:
    """Who calls, with the rights that the route asks for. Raises as :func:`anybody`, SignInNeeded, Forbidden."""
    if found is None:
        raise SignInNeeded(
            "this call needs an API key", next_step="send `Authorization: Bearer` and a key: /docs says how"
        )
    for right in scopes.scopes:
        found.check(right)
    return found


def _by_password(request: Request, password: HTTPBasicCredentials) -> Caller:
    try:
        account = authenticate(password.username, password.password, address=address_of(request))
    except Forbidden as refused:
        raise PasswordRefused(refused.what, where="authorization", next_step=refused.next_step) from refused
    return Caller(account, account.brand_id, RIGHTS.get(account.role, frozenset()))


Viewer = Annotated[Caller, Security(caller, scopes=["view"])]
Maker = Annotated[Caller, Security(caller, scopes=["make"])]
Auditor = Annotated[Caller, Security(caller, scopes=["audit"])]
Releaser = Annotated[Caller, Security(caller, scopes=["release"])]
