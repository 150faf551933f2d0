"""A log of which only some facts are shown: the others are folded into roots of complete subtrees, as few as can be.

What is left has the same root, so whoever verifies a whole log verifies it, and each fact that is shown is proved by
the roots beside it: they are its audit paths (RFC 6962 §2.1.1). It says of what is folded how many facts it is.
"""

from collections.abc import Container, Iterable, Iterator

from keepline.proof.entry import entry_of
from keepline.proof.merkle import leaf_hash, node_hash
from keepline.proof.verify import StoredFact, StoredSegment


def pruned(
    facts: Iterable[StoredFact | StoredSegment], shown: Container[int], size: int
) -> Iterator[StoredFact | StoredSegment]:
    """The first `size` facts, which a checkpoint covers: those whose numbers are `shown`, and subtrees for the rest."""
    waiting: list[StoredSegment] = []
    for fact in facts:
        if fact.last > size:
            break
        if isinstance(fact, StoredFact) and fact.seq in shown:
            yield from waiting
            waiting = []
            yield fact
            continue
        root = fact.root if isinstance(fact, StoredSegment) else _leaf(fact)
        _fold(waiting, StoredSegment(fact.first, fact.last - fact.first + 1, root))
    yield from waiting


def _leaf(fact: StoredFact) -> bytes:
    return leaf_hash(entry_of(fact.seq, fact.kind, fact.call, fact.digest))


def _fold(waiting: list[StoredSegment], added: StoredSegment) -> None:
    """Add a subtree; two of one size, of which the left one begins where a greater one can, become one."""
    while waiting and waiting[-1].facts == added.facts and (waiting[-1].first - 1) % (2 * added.facts) == 0:
        left = waiting.pop()
        added = StoredSegment(left.first, 2 * left.facts, node_hash(left.root, added.root))
    waiting.append(added)
