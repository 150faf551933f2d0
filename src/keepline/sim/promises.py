"""What a world promises about money and secrets: nothing is done twice or off the record, and no secret is written.

The back office counts for itself; the journal is compared with it, and never asked about itself.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict

from keepline.call.facts import Fact, StepEnded, UseStarted
from keepline.call.unfinished.doubt import key_of
from keepline.flow.capabilities import Refused, Reply, Unavailable, read_outcome
from keepline.sim.node import SimNode

SECRET_RUN = 8
"""So many digits of a secret in a row are no chance."""


def broken_promises(node: SimNode, calls: dict[str, list[Fact]]) -> Iterator[str]:
    """All that is wrong with changes outside and with secrets."""
    if node.office.asked:
        yield from _of_changes(node, calls)
    yield from _of_the_lost(node)
    for call, keyed in node.media.log.keyed_in_private.items():
        yield from _of_secret(node, call, keyed, calls.get(call, []))


def _of_changes(node: SimNode, calls: dict[str, list[Fact]]) -> Iterator[str]:
    office = node.office
    yield from (f"{key} was done {count} times" for key, count in office.done.items() if count > 1)
    keys: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for asked in office.asked:
        if asked.changes:
            keys[asked.call, asked.step].add(asked.idempotency_key.partition(".")[0])  # after a refusal: KEY.1
    for (call, step), under in keys.items():
        if call.startswith("r"):
            continue  # a run's
        facts = calls.get(call, [])
        if len(under) > 1:
            yield f"call {call}: step {step} asked under the keys {sorted(under)}"
        if not any(isinstance(fact, UseStarted) and fact.step == step and fact.changes for fact in facts):
            yield f"call {call}: step {step} asked for a change that is not on record"
        is_done = any(office.done[key] for key in under)
        for fact in facts:
            if isinstance(fact, StepEnded) and (fact.step, fact.verb, fact.outcome) == (step, "use", "done"):
                outcome = read_outcome(fact.value)
                if isinstance(outcome, Reply) and not is_done:
                    yield f"call {call}: step {step} is done on record, and not at the office"
                if isinstance(outcome, Refused | Unavailable) and is_done:
                    yield f"call {call}: step {step} was done, and the record says {type(outcome).__name__}"


def _of_the_lost(node: SimNode) -> Iterator[str]:
    """What a caller heard after a change was answered must not have been lost to a power cut."""
    for lost in node.log.lost:
        fact = lost.fact
        if isinstance(fact, UseStarted) and fact.changes and fact.asks == fact.action:
            asked = [each for each in node.office.asked if (each.call, each.step) == (fact.call, fact.step)]
            if any(each.changes and each.attempt == fact.attempt for each in asked):
                yield f"call {fact.call}: step {fact.step} was asked for, and a power cut took the fact of it"
        if not isinstance(fact, StepEnded) or not fact.verb.startswith("use"):
            continue
        if not isinstance(read_outcome(fact.value), Reply) or not node.office.done[key_of(fact.call, fact.step)]:
            continue
        heard = [each for each in node.media.log.started if each.call == fact.call]
        if any(fact.at_s <= each.at_s <= lost.at_s for each in heard):
            yield f"call {fact.call}: the answer of step {fact.step} was heard, and a power cut took it"


def _of_secret(node: SimNode, call: str, keyed: str, facts: list[Fact]) -> Iterator[str]:
    runs = {keyed[at : at + SECRET_RUN] for at in range(len(keyed) - SECRET_RUN + 1)}
    if not runs:
        return
    for fact in facts:
        text = " ".join(str(value) for value in asdict(fact).values() if not isinstance(value, float))
        if any(run in text for run in runs):
            yield f"call {call}: {fact.kind} holds digits of a secret"
    told = [report.detail for report in node.log.reports if report.call == call]
    if any(run in text for run in runs for text in told):
        yield f"call {call}: a report holds digits of a secret"
