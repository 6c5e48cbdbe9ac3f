"""Keys derived from one master secret, each for one purpose (HKDF-SHA256, RFC 5869).

The master secret comes from ``GREENROOM_MASTER_SECRET``, from the file that ``GREENROOM_MASTER_SECRET_FILE`` names,
or, on SQLite, is made once in the home folder with mode 0600. It signs links and sessions and keys the invisible
mark: losing it makes old marks unreadable. So the database keeps a check value of it (:func:`keep_check`): a home
that came back without its file makes no other one, and a machine with another secret is noticed at its start
(:func:`check_secret`).
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from sqlalchemy.orm import Session

from core.errors import GreenroomError
from core.installation import MASTER_SECRET, known, looking, remember
from core.settings import Settings, get_settings
from core.tables import InstallationRow

LEAST_BYTES = 32
LEAST_KINDS = 8  # different characters: "aaaa..." is long and no secret; 32 hex digits have about fourteen
LARGEST_FILE = 65_536  # bytes of a file that holds a secret

_RESTORE = "restore it from the backup: without it no old mark can be read and no link opens"


class SecretProblem(GreenroomError):
    """The master secret cannot be used as it is (cut short, readable by others), or is not the installation's."""

    code = "master_secret"


def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose, such as ``mark`` or ``links``; the same for the life of the master secret.

    Raises:
        SecretProblem: there is no usable secret, and none may be made: the database was used with one, or is shared.
    """
    return _derived(purpose, _master_secret())


def made_secret_file(settings: Settings) -> Path:
    """Where the secret lies that was made here; nothing is made by asking."""
    return settings.home / "keys" / "master-secret"


def weak(secret: bytes) -> bool:
    """Whether a secret is too short or too plain to sign links with."""
    return len(secret) < LEAST_BYTES or len(set(secret)) < LEAST_KINDS


def given(value: SecretStr, file: str, name: str) -> bytes:
    """What a setting or the file beside it says (``name`` and ``name_FILE``); empty where neither is set.

    The convention of Docker's secrets and systemd's credentials: one newline at the file's end does not count, and who
    may read the file is up to whoever mounts it; it may not be open to others for writing.

    Raises:
        SecretProblem: both are set; or the file is absent, empty, too large, or others can write it.
    """
    configured = value.get_secret_value()
    if not file:
        return configured.encode() if configured.strip() else b""
    where = f"{name}_FILE"
    if configured.strip():
        raise SecretProblem(f"{name} and {where} are both set", where=where, next_step="unset one of them")
    try:
        path = Path(file)
        open_to_others = path.stat().st_mode & 0o022
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        what = f"the file with the secret cannot be read ({type(error).__name__})"
        raise SecretProblem(what, where=where, next_step="mount it where the setting says") from error
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if open_to_others or not content.strip() or len(content) > LARGEST_FILE:
        what = "others can write the file with the secret" if open_to_others else "the file holds no secret"
        raise SecretProblem(what, where=where, next_step="write the secret into it, for its owner alone")
    return content


def configured_secret(settings: Settings) -> bytes:
    """The master secret that the settings give, by value or by file; empty where they give none."""
    return given(settings.master_secret, settings.master_secret_file, "GREENROOM_MASTER_SECRET")


def keep_check(session: Session) -> None:
    """Let the database remember which master secret it belongs to, once, in the caller's transaction.

    On SQLite the secret is made here where there is none; on a shared database without one nothing is remembered.

    Raises:
        SecretProblem: it belongs to another secret, or to one that is not here any more.
    """
    stated = stated_secret(session)
    secret = _present(get_settings())
    if secret is None:
        if stated is not None:
            raise _lost()
        if get_settings().shared_database:
            return
        secret = _make()
    if not remember(session, MASTER_SECRET, _check_value(secret)):
        raise _another()


def stated_secret(session: Session) -> str | None:
    """What the database remembers of its master secret, for :func:`check_secret`; None: nothing yet."""
    return known(session, MASTER_SECRET)


def check_secret(*, stated: str | None = None) -> None:
    """Compare this machine's secret with what the database remembers. It makes nothing.

    Args:
        stated: that, where the caller has read it (:func:`stated_secret`); None: it is asked.

    Raises:
        SecretProblem: another secret, none where there has to be one, or one that cannot be used.
    """
    stated = stated or _stated()
    secret = _present(get_settings())
    if stated is None:
        return
    if secret is None:
        raise _lost()
    if not hmac.compare_digest(stated, _check_value(secret)):
        raise _another()


def _derived(purpose: str, secret: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"greenroom:{purpose}".encode()).derive(
        secret
    )


def _check_value(secret: bytes) -> str:
    return hmac.new(
        _derived("installation", secret), b"the master secret of this database", "sha256"
    ).hexdigest()


def _stated() -> str | None:
    with looking(InstallationRow) as session:
        return stated_secret(session) if session is not None else None


def _master_secret() -> bytes:
    settings = get_settings()
    secret = _present(settings)
    if secret is not None:
        return secret
    if _stated() is not None:
        raise _lost()
    if settings.shared_database:
        raise SecretProblem(
            "there is no master secret on this machine, and none is made for a shared database",
            where="GREENROOM_MASTER_SECRET",
            next_step="set it, or GREENROOM_MASTER_SECRET_FILE, to the same on every machine: `openssl rand -hex 32`",
        )
    return _make()


def _present(settings: Settings) -> bytes | None:
    """The secret that is set, or that was made here; None where there is neither."""
    configured = configured_secret(settings)
    if configured:
        return configured
    path = made_secret_file(settings)
    try:
        if path.stat().st_mode & 0o077:
            raise SecretProblem(
                "the master secret can be read by others than its owner",
                where=str(path),
                next_step="run chmod 600 on it; if others use this machine, count it as known and set a new one",
            )
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    if weak(secret):
        raise SecretProblem(
            "the master secret's file is not what was written there", where=str(path), next_step=_RESTORE
        )
    return secret


def _lost() -> SecretProblem:
    return SecretProblem(
        "the database was used with a master secret that is not on this machine; none is made in its place",
        where=str(made_secret_file(get_settings())),
        next_step=f"set GREENROOM_MASTER_SECRET as on the other machines, or {_RESTORE}",
    )


def _another() -> SecretProblem:
    return SecretProblem(
        "this machine's master secret is not the one that the database was used with",
        where="GREENROOM_MASTER_SECRET",
        next_step="give this machine the installation's secret; with another one no mark can be read and no link opens",
    )


def _make() -> bytes:
    # Two processes may start together: each writes its own file, and the first link wins.
    path = get_settings().keys_dir / made_secret_file(get_settings()).name
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return path.read_bytes()
