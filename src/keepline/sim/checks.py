"""What must be true of every world once it has come to rest: safety ("nothing twice") and liveness ("nothing stuck").

Each check names what is wrong in plain words; an empty list is a good world.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

from keepline.call.adoption import wake
from keepline.call.effects import OpenMedia, RecordMedia
from keepline.call.facts import (
    CallAnswered,
    CallBegun,
    CallEnded,
    CallPlaced,
    DigitsPressed,
    Fact,
    FlowFailed,
    MessageRecorded,
    MessageStarted,
    QuestionContinued,
    RunFact,
    SecretKept,
    SecretLost,
    StepEnded,
    UseStarted,
    WorkFact,
)
from keepline.call.facts.bid import BidPlaced
from keepline.call.facts.interrupted import CallInterrupted
from keepline.call.facts.refer import LegReferred, ReferralEnded
from keepline.call.record import record_of
from keepline.call.state import Phase
from keepline.call.steps.common import play_number
from keepline.call.unfinished.book import ItemState, WorkBook
from keepline.model.errors import LocalError
from keepline.sim.callee import SimCallees
from keepline.sim.caller import SimCaller
from keepline.sim.media import MediaLog, Started
from keepline.sim.network import Address
from keepline.sim.node import SimNode
from keepline.sim.promises import broken_promises
from keepline.sim.run_checks import run_wrongs

UNHEARD = frozenset(("INVITE was not answered", "BYE was not answered", "CANCEL came to nothing"))
"""How a caller ends that nobody answers."""


class _MediaByCall:
    """What media did, by call."""

    def __init__(self, log: MediaLog) -> None:
        self.plays_most = 1 + log.losses
        self.kept = log.kept
        """Of one play: whose memory is lost begins it again."""
        self.opened: defaultdict[str, list[OpenMedia]] = defaultdict(list)
        self.started: defaultdict[str, list[Started]] = defaultdict(list)
        self.recorded: defaultdict[str, list[RecordMedia]] = defaultdict(list)
        for opened in log.opened:
            self.opened[opened.call].append(opened)
        for started in log.started:
            self.started[started.call].append(started)
        for recorded in log.recorded:
            self.recorded[recorded.call].append(recorded)


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
        if isinstance(fact, RunFact):
            has_runs = True
        elif not isinstance(fact, WorkFact):
            calls.setdefault(fact.call, []).append(fact)
    found = list(_left_over(node))
    found += broken_promises(node, calls)
    if has_runs:
        found += run_wrongs(node)
    media = _MediaByCall(node.media.log)
    hurt = {lost.fact.call for lost in node.log.lost}
    for call, facts in calls.items():
        found += [f"call {call}: {what}" for what in _of_call(node, media, call, facts, is_hurt=call in hurt)]
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
    if exchange is not None and exchange.unfinished.book.count(ItemState.PENDING):
        return True
    if not node.runs.rows and not any(isinstance(fact, RunFact) for fact in node.written):
        return False
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
    pending = WorkBook(node.written).count(ItemState.PENDING)
    if pending or exchange.unfinished.book.count(ItemState.PENDING):
        yield f"{pending} doubts are neither resolved nor a person's"
    if exchange.live_calls:
        yield f"{exchange.live_calls} calls are still live"
    if len(exchange.slots.free) != len(exchange.rtp_ports) or len(set(exchange.slots.free)) != len(exchange.rtp_ports):
        yield f"of {len(exchange.rtp_ports)} slots {len(exchange.slots.free)} are free"
    if exchange.by_dialog or exchange.by_invite:
        yield "a call that is over can still be found"
    if any(slot.call for slot in node.media.slots):
        yield "media still sends to a call that is over"
    yield from (f"{report.event}: {report.detail}" for report in node.log.reports if report.event.startswith("call_"))


def _of_call(node: SimNode, media: "_MediaByCall", call: str, facts: list[Fact], *, is_hurt: bool) -> Iterator[str]:
    try:
        state = wake(tuple(facts))
        record_of(facts)
    except LocalError as error:
        yield f"its facts make no call: {error}"
        return
    if state.phase is not Phase.ENDED:
        yield f"it never ended: {state.phase.value}"
    ends = sum(isinstance(fact, CallEnded) for fact in facts)
    if ends > 1:
        yield f"it ended {ends} times"
    if is_hurt:
        return
    yield from _of_digits(node, call, facts)
    yield from _of_steps(media, call, facts)
    yield from _of_recordings(media, call, facts)
    # One stream: the clock of a stream that is opened again has gone on with its packets, 160 samples for each.
    opened = {(o.slot, o.ssrc, o.ts - 160 * o.seq) for o in media.opened[call]}
    if len(opened) > 1:
        yield f"its RTP has {len(opened)} identities"
    terms, number = state.agreement.terms, state.agreement.number
    told = node.media.log.directions.get(call, (0, ""))
    if terms is not None and number and told != (number, terms.direction):
        yield f"its session was changed {number} times, to {terms.direction} in the end, and media has {told}"


def _of_digits(node: SimNode, call: str, facts: list[Fact]) -> Iterator[str]:
    heard = node.media.log.keyed.get(call, "")
    recorded = ""
    before = 0
    for fact in facts:
        if isinstance(fact, CallInterrupted):
            before = len(recorded)  # media counts anew
        if isinstance(fact, DigitsPressed):
            # Those that came just before keys became private are counted, and on no record.
            hidden = before + fact.head - len(recorded) - len(fact.digits) if not fact.digits else 0
            recorded += heard[len(recorded) :][:hidden] + fact.digits
            if before + fact.head != len(recorded):
                yield f"digits up to {fact.head} are on record, but {len(recorded)} of them"
    if not heard.startswith(recorded):
        yield f"digits {recorded!r} are on record, {heard!r} were keyed"
    used = max((fact.digits_used for fact in facts if isinstance(fact, StepEnded)), default=0)
    answered = "".join(fact.value for fact in facts if isinstance(fact, StepEnded) and fact.verb == "ask_digits")
    other = any(
        fact.verb in ("ask_choice", "ask_yes_no", "ask_secret_digits", "record_message", "connect")
        for fact in facts
        if isinstance(fact, StepEnded)
    )
    if not other and "#" not in heard and answered != heard[:used]:
        yield f"questions were answered {answered!r}, keyed was {heard[:used]!r}"


def _of_steps(media: "_MediaByCall", call: str, facts: list[Fact]) -> Iterator[str]:
    steps = [fact for fact in facts if isinstance(fact, StepEnded)]
    numbers = [fact.step for fact in steps]
    if numbers != list(range(len(steps))):
        yield f"its steps are {numbers}"
    starts = Counter(each.number for each in media.started[call])
    yield from (f"play {number} began {count} times" for number, count in starts.items() if count > media.plays_most)
    repeats = [fact.step for fact in facts if isinstance(fact, QuestionContinued)]
    for index, fact in enumerate(facts):
        if isinstance(fact, FlowFailed):
            repeats.append(sum(isinstance(each, StepEnded) for each in facts[:index]) - 1)
    repeats += [fact.step for fact in facts if isinstance(fact, UseStarted) and fact.attempt == 1]
    repeats += [fact.step for fact in facts if isinstance(fact, LegReferred | ReferralEnded)]
    for lost in (fact for fact in facts if isinstance(fact, SecretLost | SecretKept)):
        repeats += [lost.step] * (1 if isinstance(lost, SecretLost) else 2)
    known = {play_number(step) for step in range(len(steps) + 1 + len(repeats))}
    yield from (f"play {number} belongs to no step" for number in starts if number not in known)
    for fact in steps:
        number = play_number(fact.step) + sum(step < fact.step for step in repeats)
        if fact.verb == "say" and fact.outcome == "done" and not starts[number]:
            yield f"step {fact.step} was said and never heard"


def _of_recordings(media: "_MediaByCall", call: str, facts: list[Fact]) -> Iterator[str]:
    started = [(fact.number, fact.key) for fact in facts if isinstance(fact, MessageStarted)]
    begun = [(each.number, each.key) for each in media.recorded[call]]
    again = max(Counter(begun).values(), default=0)  # whose memory is lost begins it again
    if started[: len(set(begun))] != list(dict.fromkeys(begun)) or len(set(started)) != len(started):
        yield f"recordings {started} are on record, media began {begun}"
    if again > media.plays_most:
        yield f"a recording began {again} times"
    for fact in facts:
        if isinstance(fact, MessageRecorded) and fact.length_s < media.kept.get(fact.key, 0.0) - 1e-6:
            yield f"recording {fact.number} is {fact.length_s:.2f} s long, and had {media.kept[fact.key]:.2f} s before"
    whole = Counter((fact.number, fact.key) for fact in facts if isinstance(fact, MessageRecorded))
    yield from (f"recording {each[0]} was over {whole[each]} times" for each in started if whole[each] != 1)


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
    if heard.bye_status not in (0, 200) and not heard.byes:
        yield f"its BYE was answered {heard.bye_status}"
    # One INVITE, one call; an INVITE that nobody remembers having had may come to a second, refused at once.
    if len(calls) != 1:
        yield f"has {len(calls)} calls on record"
    if heard.answers and not any(isinstance(fact, CallAnswered) for facts in calls for fact in facts):
        yield "was answered, and that is not on record"
    if plan.hang_up_after_s is None and plan.cancel_after_s is None and heard.outcome == "hung up":
        yield "hung up, which it did not mean to"
