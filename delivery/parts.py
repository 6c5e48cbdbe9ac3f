"""Are the parts of this installation fit to release with? One answer for the door (trust step 12) and for the start.

Parts are what a release stands on besides the video itself: the signing certificate and its clock, the keys on disk,
the master secret, the blob store, the voice and the lips, the walls around whoever reads files, and the installation
in which the gates ran. In ``production`` each has to be proven from itself, never from a setting being there. In
``demo`` and ``test`` development parts release, and credential, console and public page say "demonstration". A null
part releases nowhere, a receipt in no other environment than its own, and a key that others can read is no key
anywhere.

:func:`faults` only looks: it makes no key, no folder and no connection. Whether this machine's keys and secrets are
those that its database is used with is asked in ``machine.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from audit import keys
from audit.models import Receipt
from core.blobs import blobs
from core.remote_signer import RemoteSignerProblem, is_address
from core.secrets import SecretProblem, configured_secret, made_secret_file, weak
from core.settings import Settings, get_settings
from delivery.errors import ReleaseRefused, UnfitParts
from delivery.machine import check_machine, secret_faults
from delivery.models import Fault
from delivery.walls import wall_cautions, wall_faults
from generate.lipsync import load_lipsync
from generate.voice import load_voice
from pipeline.tables import PersonaRow, RenderRow
from provenance.chain import anchor_faults, chain_faults
from provenance.errors import PkiError
from provenance.signer import configured_signer, read_pem
from provenance.timestamp import timestamp_url_fault


def faults(
    settings: Settings, *, receipts: Sequence[Receipt] = (), used: Sequence[object] = ()
) -> list[Fault]:
    """Every reason why nothing may be released with these parts; empty when there is none.

    Args:
        receipts: the gates' receipts that a release would stand on.
        used: the engines that made the video: objects, or the names that they left in what they made.
    """
    found = [
        *_blob_store(settings),
        *_null_parts(used),
        *_receipts(settings, receipts),
        *_open_files(settings),
    ]
    if settings.environment == "production":
        found += [
            *_development_parts(used),
            *_signing(settings),
            *_clock(settings),
            *_master_secret(settings),
            *_open_folders(settings),
            *wall_faults(),
        ]
    return found


def cautions(settings: Settings) -> list[Fault]:
    """What is no fault and should be known: who else could sign approvals, for this process's user; a wall too few."""
    return [*_signers(settings), *wall_cautions(settings)]


def _signers(settings: Settings) -> list[Fault]:
    if keys.is_remote(settings, keys.APPROVALS):
        return []  # who may sign there is for the signer to say
    folder = keys.folder_of(settings, keys.APPROVALS)
    try:
        private = list(folder.glob("*.pem"))
        owners = {path.stat().st_uid for path in (folder, *private)}
    except OSError:
        private, owners = [], set()
    if not private and any(folder.glob("*.pub")):
        return []  # they are signed elsewhere, and verified here
    if not private:
        step = "sign in to the web application and decide once, or run `greenroom pki rotate approvals`"
        what = "there is no key for approvals yet: whoever decides first makes it, under their own user"
        return [Fault("approvals_key_missing", what, str(folder), step)]
    if os.geteuid() in owners or os.geteuid() == 0:
        what = "the user of this process could sign approvals; if workers run under it, they could too"
        step = 'run workers as another user (docs/ledger.md, "Keys"), or accept what one user does not protect from'
        return [Fault("approvals_key_shared", what, str(folder), step)]
    return []


def check_parts(
    render: RenderRow, persona: PersonaRow | None, receipts: Sequence[Receipt], *, stated: str | None = None
) -> None:
    """For release: every part that this render, of this persona, would be released with.

    Args:
        stated: what the database remembers of its secret, as :func:`core.secrets.check_secret` takes it.

    Raises:
        ReleaseRefused: one may not release; the message names each.
    """
    found = [
        *faults(get_settings(), receipts=receipts, used=_used_for(render, persona)),
        *secret_faults(stated),
    ]
    if found:
        raise ReleaseRefused(
            "parts that may not release are in use: "
            + "; ".join(f"{fault.what} ({fault.code})" for fault in found),
            where=render.id,
            next_step=found[0].next_step,
        )


def check_start() -> list[str]:
    """For ``greenroom up``: refuses to start a machine that does not fit, and an unfit production.

    Returns lines of caution to show.

    Raises:
        UnfitParts: with the whole list.
    """
    check_machine()
    settings = get_settings()
    if settings.environment != "production":
        return [fault.line() for fault in wall_cautions(settings)]
    found = faults(settings, used=[load_lipsync(), blobs()])
    if found:
        raise UnfitParts(
            "production does not start with these parts:\n"
            + "\n".join(f"  - {fault.line()}" for fault in found),
            where="GREENROOM_ENVIRONMENT",
            next_step="correct each of them, or run a demonstration with GREENROOM_ENVIRONMENT=demo",
        )
    return [fault.line() for fault in cautions(settings)]


def _used_for(render: RenderRow, persona: PersonaRow | None) -> list[object]:
    """The store, and for a made video the engines: those chosen now, and the voice that its sound says spoke it."""
    store = blobs()
    if render.origin != "made":
        return [store]
    used: list[object] = [store, load_lipsync()]
    if persona is not None:
        used.append(load_voice(persona.voice))
    if render.speech_sha256 and store.exists(render.speech_sha256, "speech"):
        with np.load(store.get_file(render.speech_sha256, "speech"), allow_pickle=False) as speech:
            used.append(str(speech["voice"]))
    return used


# what was used -------------------------------------------------------------------------------------------------


def _null_parts(used: Sequence[object]) -> Iterator[Fault]:
    for part in used:
        if is_null(part):
            what = "a null part is in use: it shows the flow and makes nothing that may go out"
            yield Fault("null_part", what, name_of(part), "choose a real part and make the video again")


def _development_parts(used: Sequence[object]) -> Iterator[Fault]:
    for part in used:
        if getattr(part, "development", False):
            yield Fault("development_part", "a part calls itself a development part", name_of(part))


def is_null(part: object) -> bool:
    """Whether a part is one of those that only show the flow: by class, and by the name that it leaves behind."""
    classes = () if isinstance(part, str) else type(part).__mro__
    return name_of(part).lower().startswith("null") or any(
        kind.__name__.startswith("Null") for kind in classes
    )


def name_of(part: object) -> str:
    """A voice's or an engine's own name, else the class's."""
    if isinstance(part, str):
        return part[:80]
    return str(getattr(part, "name", "") or getattr(part, "engine", "") or type(part).__name__)[:80]


def _blob_store(settings: Settings) -> Iterator[Fault]:
    scheme = settings.effective_blob_url.partition(":")[0].strip().lower()
    step = "set GREENROOM_BLOB_URL to a folder or a bucket, or leave it empty"
    if scheme == "null":
        yield Fault("null_blobs", "the blob store keeps nothing", "GREENROOM_BLOB_URL", step)
    elif scheme == "memory" and settings.environment == "production":
        yield Fault("memory_blobs", "the blob store forgets with its process", "GREENROOM_BLOB_URL", step)


def _receipts(settings: Settings, receipts: Sequence[Receipt]) -> Iterator[Fault]:
    foreign = sorted({r.environment for r in receipts if r.environment != settings.environment})
    if foreign:
        what = f"gates ran in '{foreign[0][:20]}', and this installation is '{settings.environment}'"
        step = "make the video again here: a verdict holds in the environment that it was given in"
        yield Fault("receipts_environment", what, "receipts", step)


# certificate and clock -----------------------------------------------------------------------------------------


def _signing(settings: Settings) -> Iterator[Fault]:
    if not settings.signing_key or not settings.signing_chain:
        what = "no signing certificate is set: the development authority would sign"
        yield Fault("signing_unset", what, "GREENROOM_SIGNING_KEY, GREENROOM_SIGNING_CHAIN")
        return
    try:
        configured_signer(settings, timestamp_url="")
    except (PkiError, RemoteSignerProblem) as error:
        yield Fault("signing_unreadable", error.what, "GREENROOM_SIGNING_KEY", error.next_step)
        return
    chain, anchors = read_pem(settings.signing_chain), read_pem(settings.signing_anchors)
    for fault in chain_faults(chain, anchors, now=datetime.now(UTC)):
        if fault.code != "anchors_unreadable":  # told once, with the anchors
            yield Fault(fault.code, fault.what, settings.signing_chain)


def _clock(settings: Settings) -> Iterator[Fault]:
    reason = timestamp_url_fault(settings.timestamp_url)
    if reason:
        code = "timestamp_unset" if not settings.timestamp_url.strip() else "timestamp_local"
        yield Fault(code, reason, "GREENROOM_TIMESTAMP_URL")
    anchors = read_pem(settings.signing_anchors)
    if not anchors.strip():
        yield Fault("anchors_unset", "no signing anchors can be read", "GREENROOM_SIGNING_ANCHORS")
        return
    for fault in anchor_faults(anchors, now=datetime.now(UTC)):
        yield Fault(fault.code, fault.what, settings.signing_anchors)


# secrets on disk -----------------------------------------------------------------------------------------------


def _master_secret(settings: Settings) -> Iterator[Fault]:
    step = "set GREENROOM_MASTER_SECRET, for example from `openssl rand -hex 32`, and keep a copy apart"
    try:
        configured = configured_secret(settings)
    except SecretProblem as error:
        yield Fault("master_secret_unreadable", error.what, error.where, error.next_step)
        return
    if not configured:
        # One that is made by itself would be made again, unnoticed, where home and database came back empty.
        what = "no master secret is set: it would be made by itself"
        yield Fault("master_secret_unset", what, "GREENROOM_MASTER_SECRET", step)
    elif weak(configured):
        what = "the master secret is shorter than 32 bytes or too plain"
        yield Fault("master_secret_weak", what, "GREENROOM_MASTER_SECRET", step)


def _open_files(settings: Settings) -> Iterator[Fault]:
    """Private halves and secrets that others than their owner can read or write."""
    key = settings.signing_key if not is_address(settings.signing_key) else ""
    secrets = [("signing_key_open", Path(key))] if key else []
    secrets.append(("master_secret_open", made_secret_file(settings)))
    for name in keys.NAMES:
        secrets += [
            (f"{name}_key_open", path) for path in sorted(keys.folder_of(settings, name).glob("*.pem"))
        ]
    for code, path in secrets:
        if _rights(path) & 0o077:
            step = "run chmod 600 on it; if others use this machine, count it as known and replace it"
            yield Fault(code, "a key or secret can be read by others than its owner", str(path), step)


def _open_folders(settings: Settings) -> Iterator[Fault]:
    """Ours are for their owner alone; those that others may look into are not for others to write into."""
    folders = [("keys_folder_open", settings.home / "keys", 0o077)]
    for name in keys.NAMES:
        folder = keys.folder_of(settings, name)
        readable = name == keys.APPROVALS or folder.parent != settings.home / "keys"
        folders.append((f"{name}_folder_open", folder, 0o022 if readable else 0o077))
    if settings.signing_key and not is_address(settings.signing_key):
        folders.append(("signing_folder_open", Path(settings.signing_key).parent, 0o022))
    for code, path, forbidden in folders:
        if _rights(path) & forbidden:
            step = f"run chmod {'go-w' if forbidden == 0o022 else '700'} on it"
            yield Fault(code, "a folder of keys is open to others than its owner", str(path), step)


def _rights(path: Path) -> int:
    """Permission bits; none for what is not there."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return 0
