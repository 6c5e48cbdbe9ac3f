"""The keys of one name whose private halves a remote signer holds.

The folder stays: it says which key signs now and holds the public halves that are believed here. Only what needs a
private half goes to the signer, and each signature that comes back is checked under the public half of the folder.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import KeyNotHere, KeyProblem
from audit.key_folder import KeyFolder, signed_by
from core.remote_signer import RemoteSigner


class RemoteKeys(KeyFolder):
    """A folder of public halves, and a signer elsewhere.

    Args:
        address, setting: as for :class:`core.remote_signer.RemoteSigner`; what it raises reaches the caller unchanged.
    """

    makes_first = False

    def __init__(
        self, name: str, folder: Path, *, address: str, setting: str, private_above: bool = False
    ) -> None:
        super().__init__(name, folder, readable=True, private_above=private_above)
        self._signer = RemoteSigner(address, setting)

    def sign(self, key_id: str, data: bytes) -> bytes:
        public = self._public(key_id)
        return self._signer.sign(key_id, data, checked=lambda signature: signed_by(public, signature, data))

    def check_signs(self, key_id: str) -> None:
        self._public(key_id)

    def prepare(self) -> str:
        """Have the signer make a key; its public half is believed here from now on. See :meth:`KeyFolder.prepare`."""
        try:
            public = serialization.load_pem_public_key(self._signer.make_key().encode("ascii"))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise self._unusable(self.folder, error) from error
        if not isinstance(public, Ed25519PublicKey):
            raise KeyProblem(
                f"the remote signer made no Ed25519 key for {self.name}",
                where=str(self.folder),
                next_step="use a signer that does",
            )
        return self.believe(public)

    def _public(self, key_id: str) -> Ed25519PublicKey:
        public = self.public_key(key_id)
        if public is None:
            raise KeyNotHere(
                f"the public half of the {self.name} key {key_id} is not on this machine",
                where=str(self.folder),
                next_step="copy it from another machine: what a remote signer answers is checked with it",
            )
        return public
