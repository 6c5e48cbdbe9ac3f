"""Gate ``technical``: faults of picture and sound that need no face and no model to be found (trust step 8)."""

from detect.technical.gate import TechnicalGate

__all__ = ["TechnicalGate"]
