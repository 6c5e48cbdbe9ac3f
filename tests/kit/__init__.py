"""A small Greenroom in one process for tests and benchmarks of the trust path: no model runs in it.

RECORDED RESULTS STAND IN FOR EVERY MODEL. What is replaced is named in two places and nowhere else:

- ``models.py``: the voice, the lip-sync engine, label and mark drawing with the encoder, the gates' measures, the
  fingerprint, onboarding's face and voice embedders, and the verifier's eyes and ears. They answer what the test says.
- ``signing.py`` (only where a world is opened with ``signer="recorded"``): sealing, publishing, the independent reader
  and the media child. Nothing is signed then and nothing is read back.

Everything else is the product: intake, script, rule packs, authorities, receipts and their signatures, the state
machine, leases, review, release, recall, links, the ledger; and with ``signer="real"`` the content credentials under a
development authority with its timestamps, read by the confined reader.

So these tests say what the trust path does with an answer, and never whether a model's answer is right.
"""
