"""Errors of backup and restore."""

from __future__ import annotations

from core.errors import Conflict, GreenroomError, IntegrityError


class BackupProblem(GreenroomError):
    """The place cannot be written or read, or holds no backup."""

    code = "backup"


class BackupDamaged(IntegrityError):
    """A part of a backup is missing or is not what was written; nothing is restored from it."""

    code = "backup_damaged"


class RestoreRefused(Conflict):
    """Something has to be put right before this backup can be restored here; nothing was changed."""

    code = "restore_refused"
