"""The fingerprint of an asset: what it shows and says, second by second, in a few kilobytes (trust step 10).

A mark names an asset; only the fingerprint says whether the video in hand is that asset. It is taken once, of
the examined bytes, and compared with a copy that lost its credential.

Purpose and privacy: the face part serves one comparison, "is this still the picture that was released?". It
is a string of signs of fixed random projections of a normalised patch that moves with pose and light, and
coarse shape ratios: no embedding of a face recogniser, and not fit to search for a person. It is still derived
from a face: keep it with the asset, erase it with the asset.
"""

from provenance.fingerprint.compare import compare
from provenance.fingerprint.models import Comparison, Difference, Fingerprint, FingerprintError
from provenance.fingerprint.watch import Fingerprinter

__all__ = ["Comparison", "Difference", "Fingerprint", "FingerprintError", "Fingerprinter", "compare"]
