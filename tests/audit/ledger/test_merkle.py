"""RFC 6962 hashing: published vectors, and every proof of every small tree against the RFC's definition."""

from __future__ import annotations

import hashlib

import pytest

from audit.ledger import merkle

# The test data of the Certificate Transparency reference implementation.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def textbook_root(leaves: list[bytes]) -> bytes:
    """MTH exactly as RFC 6962 section 2.1 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + textbook_root(leaves[:k]) + textbook_root(leaves[k:])).digest()


def textbook_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH exactly as RFC 6962 section 2.1.1 writes it."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*textbook_path(index, leaves[:k]), textbook_root(leaves[k:])]
    return [*textbook_path(index - k, leaves[k:]), textbook_root(leaves[:k])]


def textbook_consistency(old: int, leaves: list[bytes], complete: bool = True) -> list[bytes]:
    """SUBPROOF exactly as RFC 6962 section 2.1.2 writes it."""
    if old == len(leaves):
        return [] if complete else [textbook_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if old <= k:
        return [*textbook_consistency(old, leaves[:k], complete), textbook_root(leaves[k:])]
    return [*textbook_consistency(old - k, leaves[k:], False), textbook_root(leaves[:k])]


def subtree_of(leaves: list[bytes]) -> merkle.Subtree:
    def subtree(height: int, index: int) -> bytes:
        part = leaves[index << height : (index + 1) << height]
        assert len(part) == 1 << height, "only complete subtrees are asked for"
        return textbook_root(part)

    return subtree


def test_the_empty_tree() -> None:
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert merkle.root(size, subtree_of(LEAVES)).hex() == ROOTS[size - 1]
    growing = merkle.CompactRange()
    for leaf in LEAVES[:size]:
        growing.add(merkle.leaf_hash(leaf))
    assert growing.root().hex() == ROOTS[size - 1]


def test_leaf_and_node_prefixes_differ() -> None:
    assert merkle.leaf_hash(b"a" * 64) == hashlib.sha256(b"\x00" + b"a" * 64).digest()
    assert merkle.node_hash(b"a" * 32, b"a" * 32) == hashlib.sha256(b"\x01" + b"a" * 64).digest()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 33, 64, 65])
def test_every_inclusion_proof_is_the_textbooks_and_verifies(size: int) -> None:
    leaves = [bytes([i]) for i in range(size)]
    root = textbook_root(leaves)
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, subtree_of(leaves))
        leaf = merkle.leaf_hash(leaves[index])
        assert proof == textbook_path(index, leaves)
        assert merkle.verify_inclusion(leaf, index, size, proof, root)
        assert not merkle.verify_inclusion(merkle.leaf_hash(b"x"), index, size, proof, root)
        assert not merkle.verify_inclusion(leaf, index, size, proof, b"\0" * 32)
        assert not merkle.verify_inclusion(leaf, index, size, [*proof, b"\0" * 32], root)
        assert not merkle.verify_inclusion(leaf, (index + 1) % size, size, proof, root) or size == 1
        if proof:
            assert not merkle.verify_inclusion(leaf, index, size, proof[:-1], root)


@pytest.mark.parametrize("new", [1, 2, 3, 6, 7, 8, 13, 32, 33])
def test_every_consistency_proof_is_the_textbooks_and_verifies(new: int) -> None:
    leaves = [bytes([i]) for i in range(new)]
    root = textbook_root(leaves)
    for old in range(1, new + 1):
        proof = merkle.consistency_proof(old, new, subtree_of(leaves))
        old_root = textbook_root(leaves[:old])
        assert proof == textbook_consistency(old, leaves)
        assert merkle.verify_consistency(old, old_root, new, root, proof)
        if old < new:
            forked = textbook_root([*leaves[: old - 1], b"forked"])
            assert not merkle.verify_consistency(old, forked, new, root, proof)
            assert not merkle.verify_consistency(old, old_root, new, b"\0" * 32, proof)
            assert not merkle.verify_consistency(old, old_root, new, root, proof[:-1])
            assert not merkle.verify_consistency(old, old_root, new, root, [*proof, b"\0" * 32])


def test_a_leaf_outside_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="not in the tree"):
        merkle.inclusion_proof(8, 8, subtree_of(LEAVES))
    with pytest.raises(ValueError, match="at least one leaf"):
        merkle.consistency_proof(0, 8, subtree_of(LEAVES))
    assert not merkle.verify_inclusion(b"\0" * 32, 1, 1, [], b"\0" * 32)
