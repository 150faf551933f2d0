"""A log of which only some facts are shown has the root of the whole log."""

from hypothesis import given
from hypothesis import strategies as st

from keepline.proof.entry import digest_of, entry_of
from keepline.proof.merkle import Frontier, leaf_hash
from keepline.proof.pruning import pruned
from keepline.proof.verify import StoredFact, StoredSegment


def fact(seq: int) -> StoredFact:
    body, salt = b"%d" % seq, bytes(16)
    return StoredFact(seq, f"call{seq % 3}", "kind.1", body, salt, digest_of(salt, seq, body))


def root_of(log: list[StoredFact | StoredSegment]) -> bytes:
    """As whoever verifies it has it."""
    frontier, last = Frontier(), 0
    for each in log:
        assert each.first == last + 1
        last = each.last
        if isinstance(each, StoredSegment):
            frontier.append(each.root, each.facts)
        else:
            frontier.append(leaf_hash(entry_of(each.seq, each.kind, each.call, each.digest)))
    return frontier.root


@given(st.integers(0, 200), st.sets(st.integers(1, 200), max_size=20), st.integers(0, 200))
def test_the_root_is_that_of_the_whole_log(count: int, shown: set[int], size: int) -> None:
    size = min(size, count)
    whole: list[StoredFact | StoredSegment] = [fact(seq) for seq in range(1, count + 1)]
    left = list(pruned(whole, shown, size))
    assert root_of(left) == root_of(whole[:size])
    assert {each.seq for each in left if isinstance(each, StoredFact)} == {seq for seq in shown if seq <= size}


@given(st.integers(1, 2_000), st.integers(1, 2_000))
def test_one_fact_is_proved_by_few_hashes(count: int, shown: int) -> None:
    left = list(pruned((fact(seq) for seq in range(1, count + 1)), {shown}, count))
    assert len(left) <= 2 * count.bit_length() + 1


def test_what_was_let_go_of_before_is_folded_too() -> None:
    whole: list[StoredFact | StoredSegment] = [fact(seq) for seq in range(1, 17)]
    segment = StoredSegment(1, 8, root_of(whole[:8]))
    again = list(pruned([segment, *whole[8:]], {16}, 16))
    assert (root_of(again), again[0].first, again[0].last) == (root_of(whole), 1, 8)
