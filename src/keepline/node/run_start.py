"""The runs of a node in the hands of a process that has become active: its lane, its reader, its first read."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from keepline.call.effects import WorkEffect
from keepline.call.effects_run import FactsRead, RunAnswered, RunInput
from keepline.call.exchange import Exchange
from keepline.call.facts.run import RunStarted
from keepline.call.turn import Program
from keepline.node.active import Active
from keepline.node.journal import Journal
from keepline.node.run_lane import RunLane
from keepline.node.run_reader import RunReader


def begin_runs(
    loop: asyncio.AbstractEventLoop,
    path: Path,
    journal: Journal,
    active: Active,
    exchange: Exchange,
    load: Callable[[str], Program | None],
    tell: Callable[[RunAnswered | WorkEffect], None],
) -> None:
    """Have runs taken over as they are read from the journal at `path`; `load` gives a version by its digest."""

    def hear(given: RunInput) -> None:
        if isinstance(given, FactsRead) and given.facts and isinstance(given.facts[0], RunStarted):
            digest = given.facts[0].operation
            if digest not in exchange.programs and (program := load(digest)) is not None:
                exchange.add_program(program, current=False)
        active.feed(given)

    reader = RunReader(
        path,
        lambda given: loop.call_soon_threadsafe(hear, given),
        lambda digest: digest in exchange.programs or load(digest) is not None,
    )
    assert active.capabilities is not None
    active.lane = RunLane(loop, journal, active.capabilities, reader, active.feed, tell)
    reader.adopt()
