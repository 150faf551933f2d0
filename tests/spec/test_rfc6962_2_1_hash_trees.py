"""RFC 6962 §2.1: the hash tree, with the roots that are published for it."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.proof.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of

ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")] + [
    bytes(range(0x60, 0x70))
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


def test_rfc6962_2_1_the_empty_tree() -> None:
    assert EMPTY_ROOT == root_of([]) == sha256().digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_rfc6962_2_1_published_roots(size: int) -> None:
    assert root_of(map(leaf_hash, ENTRIES[:size])).hex() == ROOTS[size - 1]


def by_definition(leaves: list[bytes]) -> bytes:
    """§2.1 as it is written: split at the largest power of two below n."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=200))
def test_rfc6962_2_1_a_growing_tree_has_the_root_of_the_definition(entries: list[bytes]) -> None:
    leaves = list(map(leaf_hash, entries))
    assert root_of(leaves) == by_definition(leaves)


@given(st.integers(0, 300), st.integers(0, 60))
def test_rfc6962_2_1_a_tree_goes_on_from_what_was_stored_of_it(before: int, after: int) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(before + after)]
    first = Frontier()
    for leaf in leaves[:before]:
        first.append(leaf)
    second = Frontier.of_bytes(before, first.to_bytes())
    for leaf in leaves[before:]:
        second.append(leaf)
    assert (second.size, second.root) == (before + after, root_of(leaves))


def test_rfc6962_2_1_what_is_no_frontier_is_refused() -> None:
    with pytest.raises(ValueError, match="no frontier"):
        Frontier.of_bytes(3, bytes(32))
