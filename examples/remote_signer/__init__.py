"""A remote signer: private keys in a process of their own, behind HTTP. See README.md."""
