"""The hash tree of an append-only log: its root changes with any entry that is altered, missing, added or moved.

It holds no entries; it refuses to know what they are. Source: RFC 6962 §2.1 (Merkle Hash Trees), SHA-256.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry; the 0 keeps it apart from a node's (§2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """A tree that grows: the roots of its complete subtrees, the largest first, are all that growing needs.

    A tree of n entries has as many of them as n has bits that are 1.
    """

    size: int = 0
    roots: list[bytes] | None = None

    def append(self, leaf: bytes, leaves: int = 1) -> None:
        """One more leaf hash at the right; or the root of a complete subtree of `leaves`, a power of two.

        Raises `ValueError` where a subtree of that size cannot begin.
        """
        if self.size & (leaves - 1) or leaves & (leaves - 1) or leaves < 1:
            raise ValueError(f"no subtree of {leaves} leaves begins after {self.size}")
        roots = self.roots if self.roots is not None else []
        while self.size & leaves:
            leaf = node_hash(roots.pop(), leaf)
            self.size -= leaves
            leaves *= 2
        roots.append(leaf)
        self.roots = roots
        self.size += leaves

    @property
    def root(self) -> bytes:
        """The root of the tree as it stands; of an empty one `EMPTY_ROOT`."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """The subtrees' roots, one after the other."""
        return b"".join(self.roots or [])

    @classmethod
    def of_bytes(cls, size: int, stored: bytes) -> "Frontier":
        """What `to_bytes` gave of a tree of `size` entries. Raises `ValueError` where it cannot be."""
        if len(stored) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(stored)} bytes are no frontier of a tree of {size} entries")
        return cls(size, [stored[i : i + HASH_BYTES] for i in range(0, len(stored), HASH_BYTES)])


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree of these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root
