"""Two questions about the picture, two models, never merged.

``artifact_quality`` (the gate): would a careful viewer see a defect? ``authenticity`` (information only): was this clip
manipulated or made by a machine? Our own renders are synthetic by definition, and may be flawless.
"""

from detect.artifact.authenticity import AuthenticityGate
from detect.artifact.quality import QualityGate

__all__ = ["AuthenticityGate", "QualityGate"]
