"""A long past: how soon a node with millions of facts of ended calls answers, at its start and after a death.

The past is one real call of this node, written again and again under other ids, each time with digests of its own and
with signed checkpoints between: `keepline verify` takes it for what it is, a journal.
"""

import contextlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from bench.first_call import FirstCall, timed_up
from bench.machine import SLOTS, cost
from bench.waiting_runs import write_runs
from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.node.journal_file import FILE_NAME
from keepline.node.journal_log import INSERT_CHECKPOINT, INSERT_FACT, FactRow, last_frontier
from keepline.proof.entry import SALT_BYTES, digest_of, entry_of
from keepline.proof.key import LogKey, log_key
from keepline.proof.merkle import Frontier, leaf_hash

ROWS_AT_ONCE = 50_000
SIGNED_EVERY = 1_000
CALL_EVERY_S = 1.0
"""Between two calls of the past."""
ENDED_WITHIN_S = 60.0


class Past:
    """Facts of calls that ended, as rows of a journal that they continue."""

    def __init__(
        self, pattern: list[tuple[str, str, bytes]], frontier: Frontier, calls: int, ago_s: float = 0.0
    ) -> None:
        """`pattern` are the call, kind and body of each fact of one call; the last one ended `ago_s` ago."""
        self._pattern = pattern
        self._frontier = frontier
        self._calls = calls
        self._ended_s = time.time() - ago_s - calls * CALL_EVERY_S
        self.ended: list[tuple[str, float]] = []
        self.signed: list[tuple[int, float, bytes, bytes]] = []
        """Size, time, frontier and root of each checkpoint that is due."""

    def rows(self) -> Iterator[FactRow]:
        """One fact after the other."""
        before = self._pattern[0][0].encode()
        frontier = self._frontier
        for number in range(self._calls):
            ended_s = self._ended_s + number * CALL_EVERY_S
            call = f"{int(ended_s * 1000):011x}{number & 0xFFFFF:05x}"
            salts = os.urandom(SALT_BYTES * len(self._pattern))
            for place, (_, kind, body) in enumerate(self._pattern):
                seq, salt = frontier.size + 1, salts[SALT_BYTES * place : SALT_BYTES * (place + 1)]
                words = body.replace(before, call.encode())
                digest = digest_of(salt, seq, words)
                frontier.append(leaf_hash(entry_of(seq, kind, call, digest)))
                if seq % SIGNED_EVERY == 0:
                    self.signed.append((seq, ended_s, frontier.to_bytes(), frontier.root))
                yield seq, call, kind, words, salt, digest
            self.ended.append((call, ended_s))
        self.signed.append((frontier.size, self._ended_s, frontier.to_bytes(), frontier.root))


def write_past(data: Path, events: int, say: Callable[[str], None], ago_s: float = 0.0) -> int:
    """Let the journal of a node that has ended hold at least `events` facts; how many it has. See `Past`."""
    connection = sqlite3.connect(data / FILE_NAME, isolation_level=None)
    with contextlib.closing(connection):
        # Nothing of it needs to survive anything: it is made up.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
            connection.execute(f"PRAGMA {pragma}")
        pattern = connection.execute(
            "SELECT call, kind, body FROM facts WHERE call = (SELECT call FROM calls WHERE ended_at NOT NULL LIMIT 1) "
            "ORDER BY seq"
        ).fetchall()
        (before,) = connection.execute("SELECT max(seq) FROM facts").fetchone()
        frontier = last_frontier(connection)
        assert frontier.size == before, "a node that has ended has signed all"
        past = Past(pattern, frontier, max(0, events - before) // len(pattern) + 1, ago_s)
        key, rows = log_key(data), past.rows()
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            _write(connection, key, past, chunk)
            say(f"  {chunk[-1][0]:,} facts")
        connection.execute("PRAGMA journal_mode=WAL")
        return int(connection.execute("SELECT max(seq) FROM facts").fetchone()[0])


def _write(connection: sqlite3.Connection, key: LogKey, past: Past, chunk: list[FactRow]) -> None:
    connection.execute("BEGIN")
    connection.executemany(INSERT_FACT, chunk)
    connection.executemany("INSERT OR IGNORE INTO calls (call, ended_at) VALUES (?, ?)", past.ended)
    notes = [(size, at_s, frontier, key.note(size, root)) for size, at_s, frontier, root in past.signed]
    connection.executemany(INSERT_CHECKPOINT, notes)
    connection.execute("COMMIT")
    past.ended.clear()
    past.signed.clear()


def measure(events: int, starts: int, say: Callable[[str], None], verify: bool, runs: int = 0) -> dict[str, Any]:
    """Starts, and deaths of the active process, on a journal of so many facts, in which so many runs wait."""
    with tempfile.TemporaryDirectory(prefix="keepline-bench-") as directory:
        data = Path(directory) / "data"
        settings = NodeSettings(embedded_operation_path(), data, SLOTS)
        with LocalNode(settings) as node:
            with Crowd(node.uri("2000"), ["--calls", "1", "--hang-up-after", "0.5"]) as crowd:
                crowd.wait(60)
            _stop(node)
        begun_s = time.monotonic()
        facts = write_past(data, events, say)
        write_runs(data, runs, say)
        wrote_s = round(time.monotonic() - begun_s, 1)
        found, successors, memory = [], [], []
        for _ in range(starts):
            node = LocalNode(settings)
            try:
                found.append(timed_up(node))
                say(f"  {found[-1]}")
                memory.append(_active_mb(node))
                say(f"  memory of the active process: {memory[-1]} MB")
                successors.append(_succeeded_ms(node))
                say(f"  after kill -9: {successors[-1]} ms")
                _stop(node)
            finally:
                node.end()
        verdict = node.command("verify").stdout.strip() if verify else ""
        size = sum(path.stat().st_size for path in data.glob(f"{FILE_NAME}*"))
    return {"facts": facts, "wrote_s": wrote_s, "bytes": size, "starts": [asdict(each) for each in found],
            "runs": runs, "active_mb": memory, "successor_ms": successors, "verify": verdict}  # fmt: skip


def _active_mb(node: LocalNode) -> float:
    """Memory of the active process once the node is whole."""
    wait_until("somebody is warm", lambda: node.pid("warm"), ENDED_WITHIN_S)
    return round(cost(node.pid("active")).memory_bytes / 1e6, 1)


def _succeeded_ms(node: LocalNode) -> float:
    """From `kill -9` of the active process to the 200 of a call that was waiting for its successor."""
    wait_until("somebody is warm", lambda: node.pid("warm"), ENDED_WITHIN_S)
    caller = FirstCall(node.sip, "2000")
    node.kill("active")
    killed_s = time.monotonic()
    caller.start()
    caller.join()
    return round((caller.answered_at_s - killed_s) * 1000, 1)


def _stop(node: LocalNode) -> None:
    wait_until("every call has ended", lambda: node.glance()["live_calls"] == 0, ENDED_WITHIN_S)
    node.stop()
    node.wait_gone()
