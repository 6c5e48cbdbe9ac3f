"""Does this machine belong to the installation of its database? Asked by each process at its start, and by ``pki
check``.

A second machine with the same database, blobs and settings works where it has the installation's master secret and its
keys: the private halves of what it signs, the public ones of everything that it verifies.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit import keys
from audit.errors import KeyProblem
from audit.key_record import named_keys
from core.remote_signer import RemoteSignerProblem
from core.secrets import SecretProblem, check_secret
from core.settings import get_settings
from delivery.errors import UnfitParts
from delivery.models import Fault
from provenance.pki import Pki, development_root, pki_folder, root_fingerprint

_SHARE = "copy its folder from the machine that made it, or name a shared one: GREENROOM_DEVELOPMENT_PKI"


def check_machine() -> None:
    """For each process at its start, in every environment: this machine belongs to the installation of its database.

    Raises:
        UnfitParts: it does not, with the whole list.
    """
    found = machine_faults()
    if found:
        raise UnfitParts(
            "this machine does not fit the database that it is to work on:\n"
            + "\n".join(f"  - {fault.line()}" for fault in found),
            where="GREENROOM_DATABASE_URL",
            next_step="give it the keys and secrets of the installation (docs/operations.md), or another database",
        )


def machine_faults() -> list[Fault]:
    """Where this machine's secrets and keys are not those that its database is used with. It only looks.

    What is retired, unknown or another's fails closed where it is used, too; here it is noticed before.
    """
    return [*secret_faults(), *_keys(), *_development_authority()]


def machine_cautions() -> list[Fault]:
    """What is no fault and should be changed: an installation from before authorities had keys of their own."""
    if keys.separate():
        return []
    what = "authorities are signed with the receipts key, which workers hold"
    step = "run `greenroom pki rotate authorities` where the keys are, and give them out again (docs/operations.md)"
    return [Fault("authority_keys_shared", what, str(keys.folder_of(get_settings(), keys.AUTHORITIES)), step)]


def secret_faults(stated: str | None = None) -> Iterator[Fault]:
    """Whether the master secret is the database's. ``stated``: as :func:`core.secrets.check_secret` takes it."""
    try:
        check_secret(stated=stated)
    except SecretProblem as error:
        yield Fault("master_secret_foreign", error.what, error.where, error.next_step)


def _keys() -> Iterator[Fault]:
    for name in keys.NAMES:
        where = str(keys.folder_of(get_settings(), name))
        named = named_keys(name)
        try:
            here, current = set(keys.believed(name).key_ids()), keys.known_key_id(name)
        except (KeyProblem, RemoteSignerProblem) as error:
            yield Fault(f"{name}_key_unusable", error.what, error.where, error.next_step)
            continue
        absent = sorted(set(named) - here)
        if absent:
            what = f"the database is used with the {name} key {absent[0]}, whose public half is not on this machine"
            step = f"copy {absent[0]}.pub here from the machine that has it"
            yield Fault(f"{name}_key_unknown", what, where, step)
        if current is not None and named and current not in named:
            what = f"this machine would sign with a {name} key of its own, {current}"
            step = f"copy the folder of the {name} key from the machine that has it"
            yield Fault(f"{name}_key_foreign", what, where, step)
        elif current is not None and named.get(current):
            what = f"this machine still signs with the {name} key {current}, which was taken out of use"
            step = (
                f"copy the folder of the {name} key from the machine where it was rotated, or rotate it again"
            )
            yield Fault(f"{name}_key_retired", what, where, step)


def _development_authority() -> Iterator[Fault]:
    settings = get_settings()
    pki = Pki(pki_folder(settings))
    if settings.signing_key or settings.environment == "production":
        return
    remembered, used = development_root()
    if not pki.anchors.exists():
        if remembered is not None or used:
            what = "the database is used with a development authority that is not on this machine"
            yield Fault("development_absent", what, str(pki.folder), _SHARE)
    elif remembered not in (None, root_fingerprint(pki)):
        what = "this machine's development authority is not the one that the database is used with"
        yield Fault("development_foreign", what, str(pki.folder), _SHARE)
