"""What must be true of callees once a world has come to rest: nobody is left ringing, connected, or called twice."""

from collections.abc import Iterator

from keepline.call.facts import CallAnswered, CallPlaced, Fact
from keepline.call.record import record_of
from keepline.sim.lone_callee import LoneCallee
from keepline.sim.node import SimNode

UNHEARD = frozenset(("no ACK came", "BYE was not answered"))
"""How a callee ends that nobody answers."""


def callee_wrongs(node: SimNode, callees: list[LoneCallee], placed: int) -> list[str]:
    """All that is wrong; `placed` calls were asked for."""
    calls: dict[str, list[Fact]] = {}
    for fact in node.written:
        calls.setdefault(fact.call, []).append(fact)
    ours = [facts for facts in calls.values() if isinstance(facts[0], CallPlaced)]
    found = [] if len(ours) == placed else [f"{len(ours)} calls are on record, {placed} were asked for"]
    for facts in ours:
        record = record_of(facts)
        if record.state != "ended" or not record.outcome or not record.ended_by:
            found.append(f"call {record.id}: its record ends as {record.state}, {record.outcome!r}")
    for callee in callees:
        found += [f"callee {callee.address}: {what}" for what in _of_callee(callee, ours)]
    return found


def _of_callee(callee: LoneCallee, calls: list[list[Fact]]) -> Iterator[str]:
    heard = callee.heard
    if not heard.outcome and heard.invites:
        yield "is still ringing, or waiting"
    if heard.outcome in UNHEARD:
        yield heard.outcome
    yield from (f"INVITE {branch} came in {len(s)} forms" for branch, s in heard.invites.items() if len(s) > 1)
    yield from (f"the 200 to INVITE {cseq} got {len(s)} different ACKs" for cseq, s in heard.acks.items() if len(s) > 1)
    if len(heard.cancels) > 1:
        yield f"heard {len(heard.cancels)} different CANCELs"
    if len(heard.byes) > 1:
        yield f"heard {len(heard.byes)} different BYEs"
    if heard.bye_status not in (0, 200) and not heard.byes:
        yield f"its BYE was answered {heard.bye_status}"
    if callee.plan.twice and heard.acknowledged and not heard.forks_hung_up:
        yield "somebody else who answered was not hung up on"
    if heard.acknowledged and not any(isinstance(fact, CallAnswered) for facts in calls for fact in facts):
        yield "was acknowledged, and the answer is not on record"
