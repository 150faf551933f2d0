"""A node under load lets go of a past that is too old while the process that does it is killed again and again.

No caller notices, the words are nowhere in the file, and what is left proves itself: to `keepline verify` and to who
reads exported bytes alone.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.history import write_past
from bench.killing import Outcome, complete
from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.node.journal_retention import DAY_S

INDEPENDENT = Path(__file__).parents[2] / "tools" / "verify_export.py"
FACTS = 12_000
KILLS = 3
WITHIN_S = 120.0
WORDS = b"INVITE sip:2000"
"""Of the calls of the past, and of nobody else."""


@pytest.fixture
def node(tmp_path: Path, spoken: Path) -> Iterator[LocalNode]:
    """A node that has a past of ten days ago, and has been told to keep two days of it; not started."""
    operation, data = tmp_path / "operation", tmp_path / "data"
    shutil.copytree(embedded_operation_path().parent, operation, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(spoken, data / "prompts")
    file = operation / "keepline.yaml"
    node = LocalNode(NodeSettings(file, data, slots=60))
    try:
        node.up()
        with Crowd(node.uri("2000"), ["--calls", "1", "--hang-up-after", "0.3"]) as crowd:
            crowd.wait(60)
        wait_until("it has ended", lambda: [call for call in node.calls() if call["ended_at"]], WITHIN_S)
        node.stop()
        node.wait_gone()
        write_past(data, FACTS, print, 10 * DAY_S)
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("operation: bench\n", "operation: bench\njournal: {keep_days: 2}\n", 1), "utf-8")
        yield node
    finally:
        left = node.end()
        print(f"--- stderr of the node\n{node.stderr()}")
    assert left == []


def old_calls(node: LocalNode) -> int:
    """Of the past, how many calls are still to be let go of."""
    query = "SELECT count(*) FROM calls WHERE ended_at < strftime('%s') - 86400"
    with closing(sqlite3.connect(f"file:{node.settings.data}/journal.db?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


def test_a_past_goes_under_load_and_across_deaths(node: LocalNode, tmp_path: Path) -> None:
    node.up()
    options = ["--rate", "4", "--concurrent", "10", "--expect", "welcome*,goodbye", "--digits", "random@0.3-6.5"]
    dead: list[int] = []
    with Crowd(node.uri("1000"), [*options, *prompt_options(node.prompts())]) as crowd:
        for _ in range(KILLS):
            pid = wait_until("the node is complete", lambda: complete(node, dead), WITHIN_S)["active"]
            before = old_calls(node)
            wait_until("it lets go", lambda before=before: old_calls(node) < before, WITHIN_S)
            os.kill(pid, signal.SIGKILL)
            dead.append(pid)
            assert old_calls(node) > 0, "it was killed when all was done: this run proves nothing"
        wait_until("all of it is gone", lambda: old_calls(node) == 0, WITHIN_S)
        crowd.finish()
        assert Outcome(crowd.reports, crowd.wait(90)).failed == []
    told = node.command("verify").stdout
    assert re.search(r"\d+ facts, \d+ of them erased, \d+ more gone as journal.keep_days says: as they were", told)
    export = tmp_path / "export.jsonl"
    node.command("export", "--to", str(export))
    done = subprocess.run([sys.executable, "-I", str(INDEPENDENT), str(export)], capture_output=True, text=True)
    assert (done.returncode, "facts" in done.stdout) == (0, True), done.stdout + done.stderr
    node.stop()
    node.wait_gone()
    journal = node.settings.data / "journal.db"
    with closing(sqlite3.connect(journal)) as connection:
        left = sum(body.count(WORDS) for (body,) in connection.execute("SELECT body FROM facts"))
    assert left >= 1, "the call of today"
    assert sum(file.read_bytes().count(WORDS) for file in journal.parent.glob("journal.db*")) == left
