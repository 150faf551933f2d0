"""What must be true of every world once it has come to rest: safety ("nothing twice") and liveness ("nothing stuck").

Each check names what is wrong in plain words; an empty list is a good world.
"""

from collections.abc import Collection, Iterator
from typing import get_args

from keepline.call.facts import (
    CallAnswered,
    CallBegun,
    CallPlaced,
    Fact,
    RunFact,
    WorkFact,
)
from keepline.call.facts.bid import BidPlaced
from keepline.call.facts.incident import INCIDENT_TYPES
from keepline.call.facts.message import MESSAGE_TYPES
from keepline.call.facts.path import PATH_TYPES
from keepline.call.unfinished.book import ItemState, WorkBook
from keepline.sim.call_checks import MediaByCall, call_wrongs
from keepline.sim.callee import SimCallees
from keepline.sim.caller import SimCaller
from keepline.sim.network import Address
from keepline.sim.node import SimNode
from keepline.sim.promises import broken_promises
from keepline.sim.run_checks import run_wrongs
from keepline.sim.streams import stream_wrongs

RUN_KINDS, WORK_KINDS = frozenset(get_args(RunFact)), frozenset(get_args(WorkFact))
PATH_KINDS = frozenset((*PATH_TYPES, *INCIDENT_TYPES, *MESSAGE_TYPES))
"""Of no call: of paths, incidents and messages."""
UNHEARD = frozenset(("INVITE was not answered", "BYE was not answered", "CANCEL came to nothing"))
"""How a caller ends that nobody answers."""


def wrongs(
    node: SimNode,
    callers: list[SimCaller],
    callees: SimCallees | None = None,
    were_cut: Collection[Address] = frozenset(),
) -> list[str]:
    """All that is wrong with a world that is over. Who was cut off, or had no node, may have given up, and no more."""
    everybody = node.address in were_cut or node.log.whole_deaths > 0
    calls: dict[str, list[Fact]] = {}
    has_runs = bool(node.runs.answered)
    for fact in node.written:
        kind = type(fact)
        if kind in RUN_KINDS:
            has_runs = True
        elif kind not in WORK_KINDS and kind not in PATH_KINDS:
            calls.setdefault(fact.call, []).append(fact)
    found = list(_left_over(node))
    found += broken_promises(node, calls)
    found += stream_wrongs(node.streams)
    if has_runs:
        found += run_wrongs(node)
    media = MediaByCall(node.media.log)
    hurt = {lost.fact.call for lost in node.log.lost}
    for call, facts in calls.items():
        found += [f"call {call}: {what}" for what in call_wrongs(node, media, call, facts, is_hurt=call in hurt)]
    hurt_sip = sip_calls_hurt(node, calls, hurt)
    by_sip_call: dict[str, list[list[Fact]]] = {}
    for facts in calls.values():
        if isinstance(facts[0], CallBegun):  # whatever else they may be is found out above
            by_sip_call.setdefault(facts[0].sip_call_id, []).append(facts)
    for caller in callers:
        if caller.call_id in hurt_sip:
            continue
        mine = by_sip_call.get(caller.call_id, [])
        if (everybody or caller.address in were_cut) and (caller.heard.outcome in UNHEARD or caller.heard.gave_up):
            continue
        found += [f"{caller.name} ({caller.plan}): {what}" for what in _of_caller(caller, mine)]
    if callees is not None:
        found += _of_callees(callees, calls, hurt_sip, is_sure=not (everybody or callees.address in were_cut))
    return found


def sip_calls_hurt(node: SimNode, calls: dict[str, list[Fact]], hurt: set[str]) -> set[str]:
    """Call-IDs of the calls of which a power cut took something: their other ends know more than we do."""
    if not hurt:
        return set()
    begun = [lost.fact for lost in node.log.lost] + [facts[0] for call, facts in calls.items() if call in hurt]
    return {fact.sip_call_id for fact in begun if isinstance(fact, CallBegun)}


def is_unfinished(node: SimNode) -> bool:
    """Something goes on without a caller: a doubt is being resolved, or a run has not ended."""
    exchange = node.exchange
    book = exchange.unfinished.book if exchange is not None else WorkBook()
    if book.count(ItemState.PENDING) or book.count(ItemState.KEPT):
        return True
    node.runs.follow()
    return any(not row.ending for row in node.runs.rows.values())


def _call_ids(facts: list[Fact]) -> Iterator[str]:
    """Of a call that was placed: its own, and those of other carriers that were asked for it."""
    first = facts[0]
    if isinstance(first, CallPlaced):
        yield first.sip_call_id
        yield from (f"{first.sip_call_id}-{fact.bid}" for fact in facts if isinstance(fact, BidPlaced))


def _of_callees(callees: SimCallees, calls: dict[str, list[Fact]], hurt: set[str], *, is_sure: bool) -> Iterator[str]:
    placed = [facts[0] for facts in calls.values() if isinstance(facts[0], CallPlaced)]
    call_ids = [each for facts in calls.values() for each in _call_ids(facts)]
    for call_id, heard in callees.calls.items():
        if call_id in hurt:
            continue
        count = call_ids.count(call_id)
        if count != 1:
            yield f"somebody was called by {call_id}, which is {count} times on record"
        if not heard.outcome and is_sure:
            yield f"the call {call_id} never ended for who was called"
        if heard.final is not None and not (heard.acknowledged or heard.byes) and is_sure:
            yield f"the answer to {call_id} was never acknowledged"
        if len(heard.byes) > 1:
            yield f"{call_id} heard {len(heard.byes)} different BYEs"
        if len(heard.refer_answers) > 1:
            yield f"the REFER of {call_id} got {len(heard.refer_answers)} different answers"
        if any(cseq < 0 for cseq in heard.notified):
            yield f"a NOTIFY to {call_id} came in two forms"
    legs = [(each.parent, each.parent_step) for each in placed]
    if len(set(legs)) != len(legs):
        yield f"a step called somebody more than once: {legs}"


def _left_over(node: SimNode) -> Iterator[str]:
    yield from node.log.two_hands
    exchange = node.exchange
    if exchange is None:
        yield "the node is dead"
        return
    pending = WorkBook(fact for fact in node.written if type(fact) in WORK_KINDS).count(ItemState.PENDING)
    if pending or exchange.unfinished.book.count(ItemState.PENDING):
        yield f"{pending} doubts are neither resolved nor a person's"
    if kept := exchange.unfinished.book.count(ItemState.KEPT):
        yield f"{kept} changes are kept and not made"
    if exchange.live_calls:
        yield f"{exchange.live_calls} calls are still live"
    if len(exchange.slots.free) != len(exchange.rtp_ports) or len(set(exchange.slots.free)) != len(exchange.rtp_ports):
        yield f"of {len(exchange.rtp_ports)} slots {len(exchange.slots.free)} are free"
    if exchange.by_dialog or exchange.by_invite:
        yield "a call that is over can still be found"
    if any(slot.call for slot in node.media.slots):
        yield "media still sends to a call that is over"
    yield from (f"{report.event}: {report.detail}" for report in node.log.reports if report.event.startswith("call_"))


def _of_caller(caller: SimCaller, calls: list[list[Fact]]) -> Iterator[str]:
    heard, plan = caller.heard, caller.plan
    if not heard.outcome:
        yield "is still waiting"
    if heard.outcome in UNHEARD:
        yield heard.outcome
    if len(heard.answers) > 1:
        yield f"heard {len(heard.answers)} different 200s"
    for cseq, answers in heard.sessions.items():
        is_over = bool(heard.byes or heard.bye_status)  # it met a BYE on its way
        fine = (b"SIP/2.0 200", b"SIP/2.0 481") if is_over else (b"SIP/2.0 200",)
        if len(answers) > 1 or not all(answer.startswith(fine) for answer in answers):
            yield f"its re-INVITE {cseq} was answered {sorted(answer[:11] for answer in answers)}"
        if not answers and not is_over:
            yield f"its re-INVITE {cseq} was not answered"
    if len(heard.to_tags) > 1:
        yield f"heard {len(heard.to_tags)} different To tags"
    if len(heard.refers) > 1:
        yield f"heard {len(heard.refers)} different REFERs"
    if any(status not in (200, 481) for status in heard.notified):
        yield f"its NOTIFYs were answered {heard.notified}"
    if len(heard.byes) > 1:
        yield f"heard {len(heard.byes)} different BYEs"
    # Over TCP nobody keeps an answer for who asks again: 481 to a BYE that was sent twice says that it was heard.
    if heard.bye_status not in (0, 200) and not (heard.byes or (heard.bye_status == 481 and heard.sent_again)):
        yield f"its BYE was answered {heard.bye_status}"
    # One INVITE, one call; an INVITE that nobody remembers having had may come to a second, refused at once.
    if len(calls) != 1:
        yield f"has {len(calls)} calls on record"
    if heard.answers and not any(isinstance(fact, CallAnswered) for facts in calls for fact in facts):
        yield "was answered, and that is not on record"
    if plan.hang_up_after_s is None and plan.cancel_after_s is None and heard.outcome == "hung up":
        yield "hung up, which it did not mean to"
