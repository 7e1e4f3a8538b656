"""Merkle trees: hashes as others compute them, and proofs that hold for nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from camerad.transparency import merkle
from camerad.transparency.tree_files import TreeFiles

LEAVES = [
    bytes.fromhex(one)
    for one in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Of the test leaves of Google's certificate-transparency (merkletree/merkle_tree_test.cc)."""


class InMemory:
    """The tree of some leaves, by the recursive definition of RFC 6962, section 2.1."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.hashes = [merkle.leaf_hash(one) for one in leaves]

    def complete(self, level: int, number: int) -> bytes:
        count = 1 << level
        return self.root(self.hashes[number * count : (number + 1) * count])

    def root(self, hashes: Sequence[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        middle = 1
        while middle * 2 < len(hashes):
            middle *= 2
        return merkle.node_hash(self.root(hashes[:middle]), self.root(hashes[middle:]))


def numbered(count: int) -> InMemory:
    return InMemory([str(number).encode() for number in range(count)])


@pytest.mark.parametrize(("size", "expected"), ROOTS.items())
def test_a_tree_has_the_root_that_others_compute(size: int, expected: str) -> None:
    assert merkle.root(InMemory(LEAVES).complete, size).hex() == expected


def test_a_proof_holds_for_its_leaf_number_size_and_root_alone() -> None:
    tree = numbered(65)
    roots = [merkle.root(tree.complete, size) for size in range(66)]
    for size in (1, 2, 3, 7, 8, 9, 33, 64, 65):
        for index in range(size):
            proof = merkle.inclusion_proof(tree.complete, index, size)
            leaf, root = tree.hashes[index], roots[size]
            assert merkle.is_included(leaf, index, size, proof, root)
            others = (
                (merkle.leaf_hash(b"other"), index, size, proof, root),
                (leaf, index ^ 1, size, proof, root),
                (leaf, index, size, proof, roots[size - 1]),
                (leaf, index, size, [*proof, root], root),
                (leaf, size, size, proof, root),
            )
            assert not any(merkle.is_included(*one) for one in others)
            assert not proof or not merkle.is_included(leaf, index, size, proof[:-1], root)


def test_a_tree_continues_none_but_its_own_beginnings() -> None:
    tree, other = numbered(65), InMemory([b"other", *(str(n).encode() for n in range(1, 65))])
    for size in (1, 2, 3, 7, 8, 9, 33, 64, 65):
        root = merkle.root(tree.complete, size)
        for old in range(size + 1):
            proof = merkle.consistency_proof(tree.complete, old, size)
            before = merkle.root(tree.complete, old)
            assert merkle.is_consistent(old, before, size, root, proof)
            if old:
                changed = merkle.root(other.complete, old)
                assert not merkle.is_consistent(old, changed, size, root, proof)
                forged = merkle.consistency_proof(other.complete, old, size)
                assert not merkle.is_consistent(old, changed, size, root, forged)
                assert not merkle.is_consistent(old, before, size, root, [*proof, root])
            if proof:
                assert not merkle.is_consistent(old, before, size, root, proof[:-1])
                assert not merkle.is_consistent(old, before, size, root, [])
    assert not merkle.is_consistent(9, root, 8, root, [])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_536 + 257])
def test_files_of_a_tree_have_its_root_and_its_leaves(tmp_path: Path, size: int) -> None:
    hashes = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(size)]
    files = TreeFiles(str(tmp_path))
    for begin in range(0, size, 1000):
        files.append(hashes[begin : begin + 1000])
    level = hashes
    while len(level) > 1:
        level = [
            merkle.node_hash(*level[at : at + 2]) if at + 1 < len(level) else level[at]
            for at in range(0, len(level), 2)
        ]
    assert merkle.root(files.complete, size) == level[0]
    for index in {0, size // 2, size - 1}:
        assert files.find(hashes[index]) == index
        proof = merkle.inclusion_proof(files.complete, index, size)
        assert merkle.is_included(hashes[index], index, size, proof, level[0])
    assert files.find(merkle.EMPTY_ROOT) is None
