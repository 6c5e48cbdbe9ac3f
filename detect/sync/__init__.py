"""Do lips and sound belong together, and by how many frames are they apart? (gate ``lip_sync``)"""

from detect.sync.gate import SyncGate

__all__ = ["SyncGate"]
