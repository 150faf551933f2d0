"""A process that writes a journal until it is killed, and says on stdout what it was told: `written N`, `synced N`.

`python journal_writer.py DATA FACTS_PER_GROUP`. Group N holds facts whose `head` is N; every seventh is synced.
"""

import os
import sys
import threading
from pathlib import Path

from keepline.call.facts import DigitsPressed
from keepline.node import journal
from keepline.node.journal import Journal, Written

QUEUED_GROUPS_MAX = 200


def main() -> None:
    path = journal.create(Path(sys.argv[1]))
    facts = int(sys.argv[2])
    room = threading.Semaphore(QUEUED_GROUPS_MAX)
    os.write(1, b"begun\n")

    def tell(written: Written) -> None:
        kind = b"failed" if written.error else b"synced" if written.synced else b"written"
        os.write(1, b"%s %d\n" % (kind, written.group))
        if not written.synced:
            room.release()

    made = Journal(path, journal.next_epoch(path), tell)
    number = 0
    while True:
        room.acquire()
        number += 1
        group = [DigitsPressed(f"{number:016x}", 1.0, number, "5" * 200) for _ in range(facts)]
        assert made.submit(group, synced=number % 7 == 0) == number


if __name__ == "__main__":
    main()
