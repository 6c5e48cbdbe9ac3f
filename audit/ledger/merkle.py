"""Merkle tree hashing and proofs: RFC 6962 section 2.1, verification after RFC 9162 section 2.1.3-2.1.4.

Pure functions over 32-byte SHA-256 hashes. A tree of ``size`` leaves is split into complete subtrees;
``subtree(height, index)`` hands in the hash of leaves ``[index << height, (index + 1) << height)``, from tiles
or from memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

Subtree = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Root over a number of hashes that is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def root(size: int, subtree: Subtree) -> bytes:
    """Root of a tree of ``size`` leaves: the Merkle Tree Hash of RFC 6962."""
    return EMPTY_ROOT if size == 0 else range_hash(0, size, subtree)


def range_hash(start: int, end: int, subtree: Subtree) -> bytes:
    """MTH(D[start:end]); ``start`` must be a multiple of the largest power of two below the width."""
    hashes = []
    while start < end:
        # The largest complete subtree that begins at start and fits.
        height = (end - start).bit_length() - 1
        while start & ((1 << height) - 1):
            height -= 1
        hashes.append(subtree(height, start >> height))
        start += 1 << height
    result = hashes.pop()
    while hashes:
        result = node_hash(hashes.pop(), result)
    return result


def _split(width: int) -> int:
    """The largest power of two smaller than ``width`` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D[size]): from the leaf's sibling up to the root's child. 0 <= index < size."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(range_hash(middle, end, subtree))
            end = middle
        else:
            proof.append(range_hash(start, middle, subtree))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old, D[new]). 0 < old <= new; empty when they are equal."""
    if not 0 < old <= new:
        raise ValueError("the older tree must have at least one leaf and at most as many as the newer")
    proof: list[bytes] = []
    start, end, complete = 0, new, True
    while old != end - start:
        middle = _split(end - start)
        if old <= middle:
            proof.append(range_hash(start + middle, end, subtree))
            end = start + middle
        else:
            proof.append(range_hash(start, start + middle, subtree))
            start, old, complete = start + middle, old - middle, False
    if not complete:
        proof.append(range_hash(start, end, subtree))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether ``leaf`` stands at ``index`` of the tree with that size and root."""
    if not 0 <= index < size:
        return False
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and result == expected


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the newer tree only adds leaves to the older one."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:  # a power of two: the old root itself begins the path
        path.insert(0, old_root)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_hash = new_hash = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_hash, new_hash = node_hash(sibling, old_hash), node_hash(sibling, new_hash)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_hash = node_hash(new_hash, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old_hash == old_root and new_hash == new_root


class CompactRange:
    """The root of a growing tree in O(log n) memory: complete subtrees, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        self._hashes.append(leaf)
        self.size += 1
        for _ in range((self.size & -self.size).bit_length() - 1):
            right = self._hashes.pop()
            self._hashes.append(node_hash(self._hashes.pop(), right))

    def root(self) -> bytes:
        if not self._hashes:
            return EMPTY_ROOT
        result = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            result = node_hash(left, result)
        return result
