"""What a ledger of tolls begins with: the calls that were placed lately, as the journal tells of them."""

from pathlib import Path

from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallRetried, Fact
from keepline.node.journal_file import connect, decode

_FOLLOWING = (CallRetried.kind, CallAnswered.kind, CallEnded.kind)


def placed_since(path: Path, since_s: float, last_seq: int) -> list[Fact]:
    """What tells the numbers, the times and the ends of calls placed since then, in the order in which it came true.

    Facts beyond `last_seq` are left for who follows from there. Reads as much as it returns, however long the journal.
    """
    found: list[Fact] = []
    connection = connect(path)
    try:
        rows = connection.execute(  # `facts_placed` has these alone
            f"SELECT call, body FROM facts WHERE kind = '{CallPlaced.kind}' AND seq <= ? ORDER BY seq DESC", (last_seq,)
        )
        for call, body in rows:
            if not body:  # erased, as those before it are
                break
            placed = decode(CallPlaced.kind, body)
            assert isinstance(placed, CallPlaced)
            if placed.at_s < since_s:
                break
            found.append(placed)
            followed = connection.execute(
                "SELECT kind, body FROM facts WHERE call = ? AND seq <= ? AND kind IN (?, ?, ?) ORDER BY seq",
                (call, last_seq, *_FOLLOWING),
            )
            found += [decode(kind, text) for kind, text in followed]
    finally:
        connection.close()
    return sorted(found, key=_at_s)


def _at_s(fact: Fact) -> float:
    assert isinstance(fact, CallPlaced | CallRetried | CallAnswered | CallEnded)
    return fact.at_s
