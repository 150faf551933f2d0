"""The same work on DBOS, in an interpreter of its own: `python dbos_steps.py FILE shipped|wal WIDTH STEPS`.

So many workflows at once, each of so many steps that do nothing. Prints one JSON object. `shipped` takes SQLite as
DBOS sets it up; `wal` sets the journal mode to WAL with full synchronisation on every connection. It imports nothing
of Keepline.
"""

import json
import sqlite3
import sys
import time
from typing import Any

WARM_STEPS = 2


def use_wal() -> None:
    """Have every connection write ahead, each commit flushed."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def on_connect(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    event.listen(Engine, "connect", on_connect)


def main() -> None:
    """Run it and print what it took."""
    file, mode, width, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    from dbos import DBOS

    if mode == "wal":
        use_wal()
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{file}",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def noop() -> None:
        return None

    @DBOS.workflow()
    def crowd(count: int) -> None:
        for _ in range(count):
            noop()

    def run_all(count: int) -> float:
        began_s = time.monotonic()
        for handle in [DBOS.start_workflow(crowd, count) for _ in range(width)]:
            handle.get_result()
        return time.monotonic() - began_s

    DBOS.launch()
    run_all(WARM_STEPS)
    began_cpu_s = time.process_time()
    took_s = run_all(steps)
    cpu_s = time.process_time() - began_cpu_s
    DBOS.destroy()
    connection = sqlite3.connect(file)
    journal_mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    recorded = connection.execute("SELECT count(*) FROM operation_outputs").fetchone()[0]
    assert recorded >= width * steps, f"{recorded} steps on record, not {width * steps}"
    rate = round(width * steps / took_s, 1)
    print(json.dumps({"steps_per_s": rate, "took_s": took_s, "cpu_s": cpu_s, "journal_mode": journal_mode}))


if __name__ == "__main__":
    main()
