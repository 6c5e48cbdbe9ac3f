"""What an installation has once, made explicitly: ``greenroom pki init``. Again, it changes nothing.

The signing keys with the entries that name them, the check value of the master secret and, where no certificate is
set, the development authority. On one machine with SQLite all of it is made by itself as it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit import keys
from audit.rotation import Begun, begin
from core.database import transaction
from core.installation import DEVELOPMENT_ROOT, known, remember
from core.secrets import configured_secret, keep_check
from core.settings import get_settings
from provenance.errors import PkiError
from provenance.pki import Pki, development_root, init_pki, pki_folder, root_fingerprint


@dataclass(frozen=True)
class Initialised:
    """The keys that sign, and the development authority where there is one; ``made``: it was made now."""

    keys: list[Begun]
    authority: Pki | None
    made: bool


def initialise(*, force: bool = False) -> Initialised:
    """Make what is not there yet; refuse where the database belongs to a machine with other keys.

    Args:
        force: replace the development authority; what it signed becomes untrusted.

    Raises:
        SecretProblem, KeyProblem, PkiError: this machine lacks what the database is used with.
    """
    settings = get_settings()
    if configured_secret(settings) or not settings.shared_database:
        with transaction() as session:
            keep_check(session)
    begun = [begin(name) for name in keys.NAMES]
    if settings.signing_key or settings.environment == "production":
        return Initialised(begun, None, False)
    pki = Pki(pki_folder(settings))
    made = force or not pki.anchors.exists()
    if made:
        remembered, used = development_root()
        if not force and (used or remembered is not None):
            raise PkiError(
                "the database is used with a development authority that is not on this machine",
                where=str(pki.folder),
                next_step="copy its folder, name a shared one (GREENROOM_DEVELOPMENT_PKI), or replace it with --force",
            )
        init_pki(pki.folder, force=force)
    with transaction() as session:
        fingerprint = root_fingerprint(pki)
        if not remember(session, DEVELOPMENT_ROOT, fingerprint, replace=force):
            raise PkiError(
                "this machine's development authority is not the one that the database is used with",
                where=str(pki.folder),
                next_step=f"copy the folder of the one whose root is {(known(session, DEVELOPMENT_ROOT) or '')[:16]}",
            )
    return Initialised(begun, pki, made)
