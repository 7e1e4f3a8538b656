"""Merkle trees by RFC 6962, section 2.1: hashes, proofs, and the checks of proofs. Pure.

Every hash is SHA-256, 32 bytes. Leaves are counted from 0. Proofs are made from the hashes of
*complete* subtrees: those of 2^level leaves, of which the first is a multiple of that. A function
`Complete` finds them, so that a proof over a million leaves needs no more than some dozen.

The checks are those of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""
LONGEST_PROOF: Final = 63
"""Hashes of a proof: no tree has more levels (C2SP tlog-witness)."""

Complete = Callable[[int, int], bytes]
"""Finds the hash of a complete subtree, by its level and its number within this level."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf with this content."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of the node above two others."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(complete: Complete, size: int) -> bytes:
    """Root of the tree of the first `size` leaves."""
    return _range_hash(complete, 0, size) if size else EMPTY_ROOT


def inclusion_proof(complete: Complete, index: int, size: int) -> list[bytes]:
    """Proof that the leaf `index` is in the tree of the first `size` leaves. Raises ValueError if
    it is not."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _left_part(end - begin)
        if index < middle:
            path.append(_range_hash(complete, middle, end))
            end = middle
        else:
            path.append(_range_hash(complete, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(complete: Complete, old: int, size: int) -> list[bytes]:
    """Proof that the tree of the first `old` leaves is the beginning of that of the first `size`.
    Raises ValueError if it is longer."""
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {size}")
    begin, end, path = 0, size, []
    while old and old != end:
        middle = begin + _left_part(end - begin)
        if old <= middle:
            path.append(_range_hash(complete, middle, end))
            end = middle
        else:
            path.append(_range_hash(complete, begin, middle))
            begin = middle
    if begin:
        path.append(_range_hash(complete, begin, end))
    return path[::-1]


def is_included(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Whether a proof shows that the leaf with the hash `leaf` is number `index` of the tree of
    `size` leaves with the root `expected`."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for one in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(one, found)
            node, last = _skip_levels(node, last)
        else:
            found = node_hash(found, one)
        node, last = node >> 1, last >> 1
    return last == 0 and found == expected


def is_consistent(
    old: int, old_root: bytes, size: int, expected: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the tree of `old` leaves with the root `old_root` is the beginning
    of the tree of `size` leaves with the root `expected`."""
    if size == 0 and expected != EMPTY_ROOT:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == size:
        return not proof and old_root == expected
    return _roots_by(old, old_root, size, proof) == (old_root, expected)


def proves_other(
    old: int, old_root: bytes, size: int, expected: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the tree of `size` leaves with the root `expected` begins with
    another tree of `old` leaves than that with the root `old_root`. Where `old` is a power of two,
    no proof does: it has not the root of the beginning in it."""
    found = _roots_by(old, old_root, size, proof)
    return found is not None and found[0] != old_root and found[1] == expected


def _roots_by(
    old: int, old_root: bytes, size: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """The roots of both trees to which a proof leads; None if it is of another length."""
    if not 0 < old < size or not proof:
        return None
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = path[0]
    for one in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            before, after = node_hash(one, before), node_hash(one, after)
            node, last = _skip_levels(node, last)
        else:
            after = node_hash(after, one)
        node, last = node >> 1, last >> 1
    return (before, after) if last == 0 else None


def _skip_levels(node: int, last: int) -> tuple[int, int]:
    """The next level above on which `node` is a right child, and so has a sibling."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _left_part(size: int) -> int:
    """Leaves below the left child of a tree's root: the largest power of two below its size."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_hash(complete: Complete, begin: int, end: int) -> bytes:
    """Hash of the subtree of the leaves from `begin` up to `end`, as a proof has it."""
    size = end - begin
    if size & (size - 1) == 0:
        return complete(size.bit_length() - 1, begin // size)
    middle = begin + _left_part(size)
    return node_hash(_range_hash(complete, begin, middle), _range_hash(complete, middle, end))
