"""How a node is, for its commands and its desk: what its supervisor says, and what is read from the disk beside it.

Whoever asks reads the disk, so that the supervisor never waits for it, and what is there is told even where the
process whose work it is has died.
"""

from pathlib import Path

from keepline.node.copies import with_copies
from keepline.node.preflight_store import with_preflight
from keepline.node.run_counts import with_runs
from keepline.node.witness_store import with_witnesses


def whole_status(data: Path, timeout_s: float) -> dict[str, object]:
    """The object that `keepline status --json` prints. Raises `NodeNotRunning` where no supervisor answers."""
    from keepline.node.control import ask  # as it is then

    status: dict[str, object] = ask(data, {"op": "status"}, timeout_s)
    for add in (with_witnesses, with_copies, with_runs, with_preflight):
        status = add(status, data)
    return status
