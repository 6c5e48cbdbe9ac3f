"""The invisible mark in the picture: embed it (trust step 6), read it back (trust steps 8 and 10).

A spread-spectrum pattern in the luma: a keyed tile, repeated over the frame and equal in every frame, carries
a 40-bit id. A mark alone proves nothing: it can be lifted and pasted. It names an asset; the fingerprint says
whether the picture is that asset's.
"""

from provenance.mark.code import ID_BITS, MAX_ID, MarkIdError
from provenance.mark.embed import MarkEmbedder
from provenance.mark.models import MarkReading, SecondReading
from provenance.mark.reader import MarkReader, read_mark

__all__ = [
    "ID_BITS",
    "MAX_ID",
    "MarkEmbedder",
    "MarkIdError",
    "MarkReader",
    "MarkReading",
    "SecondReading",
    "read_mark",
]
