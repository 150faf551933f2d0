"""After a load: whether the journal has each call that a caller had, once, and proves itself by `keepline verify`.

It compares Call-IDs that callers heard a 200 to with the INVITEs on record. A call that was shed has no record, so what
callers were refused is not looked for.
"""

import contextlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterable
from typing import Any

from keepline.demo_node import LocalNode, keepline_command, wait_until
from keepline.node.journal_schema import FILE_NAME, connect

SETTLED_WITHIN_S = 120.0
VERIFIED_WITHIN_S = 900.0
SHOWN_MAX = 20


def close_books(node: LocalNode, answered: Iterable[str]) -> dict[str, Any]:
    """Stop the node when its last call is over, and compare. `answered` are the Call-IDs of calls that callers had."""
    wait_until("the last call is over", lambda: node.glance()["live_calls"] == 0, SETTLED_WITHIN_S)
    node.stop()
    node.wait_gone()
    with contextlib.closing(connect(node.settings.data / FILE_NAME, read_only=True)) as journal:
        bodies = journal.execute("SELECT body FROM facts WHERE kind = 'call_received.1'")
        recorded = Counter(json.loads(body)["sip_call_id"] for (body,) in bodies)
        (open_calls,) = journal.execute("SELECT count(*) FROM calls WHERE ended_at IS NULL").fetchone()
    done = subprocess.run(
        [*keepline_command(), "verify", str(node.settings.data)],
        capture_output=True, text=True, timeout=VERIFIED_WITHIN_S, check=False,
    )  # fmt: skip
    return compare_books(set(answered), recorded, open_calls) | {
        "verified": done.returncode == 0,
        "verify": (done.stdout + done.stderr).strip().splitlines()[-1:],
    }


def compare_books(answered: set[str], recorded: "Counter[str]", open_calls: int) -> dict[str, Any]:
    """What is wrong between callers and records, beside their counts."""
    wrong = [f"{call_id}: answered, and not on record" for call_id in sorted(answered - recorded.keys())]
    wrong += [f"{call_id}: {count} records" for call_id, count in recorded.items() if count > 1]
    wrong += [f"{open_calls} calls have no end on record"] if open_calls else []
    return {"answered": len(answered), "recorded": recorded.total(), "wrong": wrong[:SHOWN_MAX], "lost": len(wrong)}


def words(books: dict[str, Any]) -> str:
    """On one line, for a person."""
    proof = "verified" if books["verified"] else f"NOT VERIFIED: {' '.join(books['verify'])}"
    found = f"{books['lost']} wrong ({books['wrong'][0]})" if books["wrong"] else "none wrong"
    return f"{books['answered']} calls answered, {books['recorded']} on record, {found}; {proof}"
