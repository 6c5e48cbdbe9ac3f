"""Errors of the record: keys, ledger, authorities, receipts, approvals."""

from __future__ import annotations

from core.errors import Conflict, Forbidden, GreenroomError, InputError, IntegrityError


class KeyProblem(GreenroomError):
    """A signing key cannot be used as it is (missing, readable by others)."""

    code = "signing_key"


class KeyNotHere(KeyProblem):
    """The installation has a key that this machine does not have or may not use; another machine can do the work."""

    retryable = True


class RetiredKey(KeyNotHere):
    """This machine still signs with a key that another one has taken out of use. With the new key it goes on."""

    code = "retired_key"


class UnknownKey(KeyNotHere, IntegrityError):
    """Signed under a key whose public half is not on this machine: it is not believed, nor called forged."""

    code = "unknown_key"


class LedgerError(InputError):
    """An entry cannot be appended: an unknown event or field, or a value that may be personal."""

    code = "ledger_entry"


class LedgerInconsistent(IntegrityError):
    """Database, tiles and last checkpoint do not agree; nothing more is signed until a person has looked."""

    code = "ledger_inconsistent"


class ForgedReceipt(IntegrityError):
    """A receipt's signature or content is not what this installation signed."""

    code = "forged_receipt"


class ForgedAuthority(IntegrityError):
    """An authority's signature or content is not what this installation signed."""

    code = "forged_authority"


class ForgedApproval(IntegrityError):
    """A decision that no ledger entry speaks of, or that differs from what its entry committed to."""

    code = "forged_approval"


class ReceiptConflict(Conflict):
    """The same gate, in the same version, has already given another verdict over the same essence."""

    code = "receipt_conflict"


class AuthorityNotGranted(Conflict):
    """The authority is suspended, revoked, expired or superseded."""

    code = "authority_not_granted"


class RenderLimitReached(Conflict):
    """The authority's number of renders is used up."""

    code = "render_limit_reached"


class AlreadyDecided(Conflict):
    """This reviewer has already decided over this asset; decisions are never edited."""

    code = "already_decided"


class MakerMayNotApprove(Forbidden):
    """The person who made a render may not decide over it."""

    code = "maker_may_not_approve"


class Immutable(Conflict):
    """Someone tried to change or delete a row that is only ever added."""

    code = "immutable_row"
