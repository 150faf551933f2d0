"""Runs that wait for days, made up in the journal of a node that has ended: what they cost a start, and in memory.

Half of them wait for time, a quarter for an event, the rest for an event until a time. They are written by the journal
itself, so its index and its proof are what a node would have made.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

from keepline.call.facts import Fact
from keepline.call.facts.run import RunStarted, RunWaiting
from keepline.flow.runs import event_subject
from keepline.node.journal import Journal, create, next_epoch

RUNS_AT_ONCE = 5_000
DAY_S = 86_400.0
LOOK_EVERY_S = 0.02


def write_runs(data: Path, count: int, say: Callable[[str], None]) -> None:
    """Let so many runs wait in the journal of a node that has ended."""
    path = create(data)
    journal = Journal(path, next_epoch(path), lambda _written: None)
    dice, now_s = random.Random(count), time.time()
    for first in range(0, count, RUNS_AT_ONCE):
        numbers = range(first, min(first + RUNS_AT_ONCE, count))
        journal.submit([fact for number in numbers for fact in _waiting(number, now_s, dice)])
        while journal.backlog:
            time.sleep(LOOK_EVERY_S)
        say(f"  {numbers.stop:,} runs wait")
    journal.close()


def _waiting(number: int, now_s: float, dice: random.Random) -> tuple[Fact, Fact]:
    run = f"r{number:015x}"
    subject = event_subject("paid", f"order-{number}") if number % 2 else ""
    until_s = None if number % 4 == 1 else now_s + dice.uniform(1.0, 30.0) * DAY_S
    variables = f'{{"number":"+1212555{number % 10_000:04}","order":"{number}"}}'
    began_s = now_s - dice.uniform(0.0, 30.0) * DAY_S
    started = RunStarted(run, began_s, "remind", f"order-{number}", "made-up", "", -1, variables)
    return started, RunWaiting(run, began_s, 0, subject, until_s)
