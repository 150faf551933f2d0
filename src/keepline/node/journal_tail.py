"""The reading end of the journal, for a process that follows it: facts in order, and the calls that are open.

What is said of runs alone is passed over: who becomes active reads the runs that are due, and nothing of the others.
"""

from pathlib import Path
from typing import Final

from keepline.call.facts import CallEnded, Fact
from keepline.call.facts.run import RUN_TYPES
from keepline.node.journal_file import FACTS_OF_CALLS, connect, decode

_OF_RUNS: Final = frozenset(each.kind for each in RUN_TYPES)


class Tail:
    """The reading end of a process that follows: facts in order, and the calls that are open."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self.seq = 0

    def open_calls(self, ended_since_s: float) -> tuple[dict[str, list[Fact]], list[CallEnded]]:
        """The facts of each call that has not ended, and the ends of those that ended since; then follow from here."""
        connection = self._connection
        connection.execute("BEGIN")
        try:
            self.seq = int(connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])
            calls: dict[str, list[Fact]] = {}
            rows = connection.execute(
                f"SELECT facts.kind, facts.body {FACTS_OF_CALLS} WHERE ended_at IS NULL ORDER BY seq"
            )
            for kind, body in rows:
                fact = decode(kind, body)
                calls.setdefault(fact.call, []).append(fact)
            rows = connection.execute(
                f"SELECT facts.kind, facts.body {FACTS_OF_CALLS} WHERE ended_at > ? AND facts.kind = ? ORDER BY seq",
                (ended_since_s, CallEnded.kind),
            )
            left = [fact for fact in (decode(kind, body) for kind, body in rows) if isinstance(fact, CallEnded)]
        finally:
            connection.execute("COMMIT")
        return calls, left

    def follow(self) -> list[Fact]:
        """The facts written since the last look, but those of runs."""
        rows = self._connection.execute("SELECT seq, kind, body FROM facts WHERE seq > ? ORDER BY seq", (self.seq,))
        seqs, facts = [self.seq], []
        for seq, kind, body in rows:
            seqs.append(seq)
            if kind not in _OF_RUNS:
                facts.append(decode(kind, body))
        self.seq = seqs[-1]  # only now: whoever failed half-way begins again, and misses nothing
        return facts

    def close(self) -> None:
        self._connection.close()
