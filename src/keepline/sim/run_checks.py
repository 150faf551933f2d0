"""What must be true of runs once a world has come to rest: each is over, once, and no step of one is there twice."""

from collections.abc import Iterator

from keepline.call.facts import Fact, RunFact
from keepline.call.facts.run import EventTold, RunEnded, RunStarted, RunStepEnded, RunUseStarted
from keepline.call.runs.state import fold
from keepline.flow.capabilities import Reply, read_outcome
from keepline.model.errors import LocalError
from keepline.sim.node import SimNode


def run_wrongs(node: SimNode) -> Iterator[str]:
    """All that is wrong with the runs of a world, and with what commands were told of them."""
    runs: dict[str, list[Fact]] = {}
    for fact in node.written:
        if isinstance(fact, RunFact):
            runs.setdefault(fact.call, []).append(fact)
    for run, facts in runs.items():
        if isinstance(facts[0], RunStarted):
            yield from (f"run {run}: {what}" for what in _of_run(node, facts))
    for asked, answered in node.runs.answered.items():
        if not answered.mistake and answered.id not in runs:
            yield f"{asked} was told that {answered.id} is on record, and it is not"
    yield from _left_over(node)
    events = [fact for facts in runs.values() for fact in facts if isinstance(fact, EventTold)]
    for told in events:
        if sum(each.call == told.call for each in events) > 1:
            yield f"the event {told.call} is on record more than once"


def _of_run(node: SimNode, facts: list[Fact]) -> Iterator[str]:
    try:
        fold(tuple(facts))
    except LocalError as error:
        yield f"its facts make no run: {error}"
        return
    ends = [fact for fact in facts if isinstance(fact, RunEnded)]
    if len(ends) != 1:
        yield f"it ended {len(ends)} times"
    yield from (f"it ended as {end.ending}: {end.error}" for end in ends if end.ending != "returned")
    steps = [fact for fact in facts if isinstance(fact, RunStepEnded)]
    if [fact.step for fact in steps] != list(range(len(steps))):
        yield f"its steps are {[fact.step for fact in steps]}"
    changed = {each.step for each in node.office.asked if each.call == facts[0].call and each.changes}
    for number in sorted(changed):
        if not any(isinstance(fact, RunUseStarted) and fact.step == number for fact in facts):
            yield f"step {number} asked for a change that is not on record"
    for step in steps:
        key = f"{step.call}-{step.step}"
        is_change = any(isinstance(fact, RunUseStarted) and fact.step == step.step for fact in facts)
        if is_change and isinstance(read_outcome(step.value), Reply) and not node.office.done[key]:
            yield f"step {step.step} is done on record, and not at the office"


def _left_over(node: SimNode) -> Iterator[str]:
    for row in node.runs.rows.values():
        if not row.ending:
            yield f"run {row.run} ({row.flow}) waits for {row.subject or 'time'} until {row.due_s}"
    exchange = node.exchange
    if exchange is not None and exchange.runs.resident:
        yield f"{len(exchange.runs.resident)} runs are still in memory"
