"""The reading end of the journal, for a process that follows it: facts in order, and the calls that are open.

What is said of runs alone is passed over: who becomes active reads the runs that are due, and nothing of the others.
But for playbooks and promises to call back: of these it has to know how they stand, and a takeover reads nothing.
"""

from pathlib import Path
from typing import Final

from keepline.call.facts import CallEnded, Fact
from keepline.call.facts.run import RUN_TYPES, EventTold, RunEnded, RunStarted
from keepline.flow.calling_back import CALLBACK
from keepline.flow.playbook import BRANCH, PLAYBOOK, STEP_SAID
from keepline.node.journal_file import FACTS_OF_CALLS, connect, decode

_OF_RUNS: Final = frozenset(each.kind for each in RUN_TYPES)
FOLLOWED: Final = (CALLBACK, PLAYBOOK, BRANCH)
"""Flows whose runs are followed."""
_MARKS: Final = tuple(f'"{flow}"'.encode() for flow in FOLLOWED)
_SAID: Final = f'"{STEP_SAID}"'.encode()
_OPEN_RUNS: Final = f"SELECT run FROM runs WHERE ended_at IS NULL AND flow IN ({', '.join('?' * len(FOLLOWED))})"


class Tail:
    """The reading end of a process that follows: facts in order, and the calls that are open."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self.seq = 0
        self._runs: set[str] = set()
        """Those that are followed and have not ended."""

    def open_calls(self, ended_since_s: float) -> tuple[dict[str, list[Fact]], list[CallEnded]]:
        """The facts of each call that has not ended, and the ends of those that ended since; then follow from here."""
        connection = self._connection
        connection.execute("BEGIN")
        try:
            self.seq = int(connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])
            self._runs = {run for (run,) in connection.execute(_OPEN_RUNS, FOLLOWED)}
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
        """The facts written since the last look, but those of runs that nobody has to know."""
        query = "SELECT seq, call, kind, body FROM facts WHERE seq > ? ORDER BY seq"
        seqs, facts, ended = [self.seq], [], []
        for seq, call, kind, body in self._connection.execute(query, (self.seq,)):
            seqs.append(seq)
            if kind not in _OF_RUNS or self._is_followed(call, kind, body):
                facts.append(decode(kind, body))
                if kind == RunEnded.kind:
                    ended.append(call)
        self._runs.difference_update(ended)
        self.seq = seqs[-1]  # only now: whoever failed half-way begins again, and misses nothing
        return facts

    def _is_followed(self, call: str, kind: str, body: bytes) -> bool:
        """Found in the bytes, so the others are not decoded; what is taken for one wrongly, its book passes over."""
        if kind == RunStarted.kind and any(mark in body for mark in _MARKS):
            self._runs.add(call)
        return call in self._runs or (kind == EventTold.kind and _SAID in body)

    def close(self) -> None:
        self._connection.close()
