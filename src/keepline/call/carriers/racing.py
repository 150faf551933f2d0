"""A call over several carriers, from its INVITE to the answer: who is asked beside whom, who leads, and who gives way.

Carriers are asked one after the other, with two exceptions: where nothing at all is heard of one, or it does not ring,
within what it usually takes and some, the next is asked beside it. The first that rings leads, and the others are
abandoned. While another bid is alive "busy" is not final, for it may be what the callee's phone says to a second INVITE
of ours. It refuses to know the call's own INVITE: `progress` deals with the one that leads.
Source: RFC 3261 §8.1.3, §9.1, §13.2.2.4.
"""

from dataclasses import dataclass
from typing import Final

from keepline.call.carriers.asking import ask_another
from keepline.call.carriers.bids import BIDS, BIDS_IGNORED, BidAction, BidEvent, BidState, event_of, is_alive, state_of
from keepline.call.carriers.carrier import MUTE_PACKETS_MIN
from keepline.call.carriers.causes import BY_TROUBLE, Cause, Fault, Trouble, cause_of
from keepline.call.carriers.folding import bids_of, invite_of
from keepline.call.facts import CallEnded
from keepline.call.facts.bid import BidAbandoned, BidDeclined, BidEnded, BidHeard, BidLed, UnresolvedBid
from keepline.call.outbound.declining import decline
from keepline.call.outbound.ending import RANG_OUT
from keepline.call.outbound.retry import proven_invite
from keepline.call.outbound.state import Placing
from keepline.call.state import CallState, Phase, Timer, response_of
from keepline.call.transactions import RequestNews
from keepline.call.turn import Turn
from keepline.model.errors import LocalError
from keepline.paths.health import Condition
from keepline.sip.client_transaction import cancel_for
from keepline.sip.identity import reason_of
from keepline.sip.message import Request, Response
from keepline.sip.peers import transport_to

RINGING_ON_S: Final = 2.0
"""A call that rings at a carrier which has fallen silent is tried by another after so long: it may be heard again."""
_UNHEARD: Final = (BY_TROUBLE[Trouble.UNANSWERED], BY_TROUBLE[Trouble.UNREACHABLE])
UNSETTLED = (Phase.PLACING, Phase.PROCEEDING)
ANOTHER_LEADS, ANOTHER_ANSWERED = "another carrier rings", "another carrier was answered"


@dataclass(frozen=True, slots=True)
class LastWord:
    """What the call is to end with: an answer, or that there is none."""

    response: Response | None
    trouble: str = ""


# The bid that leads ---------------------------------------------------------------------------------------------------


def begin(turn: Turn, call: CallState) -> None:
    """The call's own INVITE, or that of its successor's bids, is on its way."""
    for bid in bids_of(call):
        if not bid.is_over:
            turn.switchboard.carriers.sit(bid.carrier, (call.id, bid.bid))
    arm(turn, call)


def on_lead_heard(turn: Turn, call: CallState, status: int, *, is_first: bool) -> None:
    """The bid that leads has a provisional answer, which is on record, or a 2xx, that will be."""
    lead, room = _lead_of(call), turn.switchboard.carriers
    if is_first:
        room.heard(turn, lead.carrier, turn.now_s - lead.invite_at_s)
    if status > 100:
        if lead.told != "worked":
            lead.told = "worked"
            ring_s = turn.now_s - lead.invite_at_s if status < 200 else None
            room.worked(turn, lead.carrier, lead.invite_at_s, ring_s)
        drop_others(turn, call, ANOTHER_LEADS if status < 200 else ANOTHER_ANSWERED)
    arm(turn, call)


def after_failure(turn: Turn, call: CallState, response: Response | None, trouble: str) -> LastWord | None:
    """The bid that leads has failed for good: None where the call goes on over another carrier."""
    lead, said = _lead_of(call), LastWord(response, trouble)
    cause = _cause_of(lead, response, trouble)
    if response is not None:
        turn.switchboard.carriers.spoke(turn, lead.carrier)
    _judge(turn, call, lead, cause)
    others = [bid for bid in call.bids if bid is not lead and is_alive(bid)]
    if others and (cause.may_be_echo or cause.is_retried):
        is_newest = lead.bid > max(bid.bid for bid in others)
        _end(turn, call, lead, response, cause, is_held=cause.may_be_echo)
        best = max(others, key=lambda bid: (state_of(bid) is BidState.TRYING, -bid.bid))
        _give_lead(turn, call, best, f"{lead.carrier} is out: {cause.why}")
        if is_newest and not cause.may_be_echo and _held(call) is None:
            _ask(turn, call, f"{lead.carrier}: {cause.why}", is_hedge=True)
        arm(turn, call)
        return None
    held = _held(call)
    if held is not None and cause.is_retried:
        return _end_as(turn, call, held)
    if not cause.is_retried:
        return said
    before = lead
    fact = ask_another(turn, call, f"{lead.carrier}: {cause.why}", is_hedge=False)
    if fact is None:
        return said
    _end(turn, call, before, response, cause)
    bid = call.bids[fact.bid]
    _give_lead(turn, call, bid, f"{before.carrier} is out: {cause.why}")
    turn.request(call, call.invite, bid.peer)
    arm(turn, call)
    return None


def on_hedge(turn: Turn, call: CallState) -> LastWord | None:
    """The latest carrier that was asked keeps us waiting: the next one is asked beside it. Not None: it is over."""
    if call.phase not in UNSETTLED:
        return None
    held = _held(call)
    if held is not None:
        return None if any(state_of(bid) is BidState.RINGING for bid in _alive(call)) else _end_as(turn, call, held)
    bid = bids_of(call)[-1]
    room, waited_ms = turn.switchboard.carriers, round((turn.now_s - bid.invite_at_s) * 1000)
    if state_of(bid) is BidState.RINGING:
        if room.is_mute(bid.carrier, turn.now_s):
            _ask(turn, call, f"{bid.carrier} has died while it rang, {waited_ms} ms after the INVITE", is_hedge=True)
        return None
    trouble = _trouble_of(bid, is_reachable=not room.has_bounced(bid.carrier))
    if trouble is not None:
        _judge(turn, call, bid, BY_TROUBLE[trouble])
        is_asked = _ask(turn, call, f"{bid.carrier}: {trouble.value}, {waited_ms} ms after the INVITE", is_hedge=True)
        if not is_asked and trouble is Trouble.UNANSWERED:
            _send_again(turn, call, bid)
    return None


def on_bounced(turn: Turn, call: CallState, request: Request) -> None:
    """Nobody is where this INVITE went: who waits for it alone waits no longer. It is sent again all the same."""
    bid = bids_of(call)[-1] if call.placing is not None and call.phase in UNSETTLED else None
    if bid is None or bid.cseq != request.cseq.number or state_of(bid) is not BidState.SILENT:
        return
    turn.switchboard.carriers.bounced(bid.carrier)
    turn.set_timer(call, Timer.HEDGE, turn.now_s)


def arm(turn: Turn, call: CallState) -> None:
    """Set or clear the time at which the latest carrier has kept us waiting for too long."""
    due_s = _due_s(turn, call)
    if due_s is None:
        call.timers.pop(Timer.HEDGE, None)
    else:
        turn.set_timer(call, Timer.HEDGE, max(due_s, turn.now_s))


def _due_s(turn: Turn, call: CallState) -> float | None:
    if call.phase not in UNSETTLED:
        return None
    held = _held(call)
    if held is not None:
        assert held.ended is not None
        return max([held.ended.at_s, *(_echo_until_s(turn, bid) for bid in _alive(call))])
    bid = bids_of(call)[-1]
    return _patience_s(turn, bid) if state_of(bid) in (BidState.SILENT, BidState.TRYING) else None


def _echo_until_s(turn: Turn, bid: Placing) -> float:
    """Until when a bid may still show that the callee is busy with it.

    One of which nothing was heard has the time to answer its INVITE's first repetition (§17.1.1.2): whoever has brought
    it to the callee says again what was lost. A carrier that is down has brought it nowhere.
    """
    if bid.has_provisional:
        return _patience_s(turn, bid)
    room, began_s = turn.switchboard.carriers, max(bid.invite_at_s, bid.resumed_at_s)
    if room.view(bid.carrier, turn.now_s).condition is Condition.DOWN:
        return began_s
    return began_s + turn.identity.timers.t1_s + room.silence_s(bid.carrier)


def _patience_s(turn: Turn, bid: Placing) -> float:
    """Until when a bid is waited for alone."""
    room = turn.switchboard.carriers
    wait_s = room.ringing_s(bid.carrier) if bid.has_provisional else room.silence_s(bid.carrier)
    return max(bid.invite_at_s, bid.resumed_at_s) + wait_s


# The others -----------------------------------------------------------------------------------------------------------


def takes_lead(turn: Turn, call: CallState, heard: RequestNews) -> bool:
    """Something was heard of a bid that does not lead: whether it leads now, and what was heard is the call's."""
    bid = next((each for each in call.bids if each.cseq == heard.request.cseq.number), None)
    if bid is None or bid is call.placing:
        return False
    return _step(turn, call, bid, event_of(heard), heard)


def drop_others(turn: Turn, call: CallState, why: str) -> None:
    """Abandon every bid but the one that leads."""
    for bid in call.bids:
        if bid is not call.placing:
            _step(turn, call, bid, BidEvent.DROPPED, None, why)


def declines(turn: Turn, call: CallState, response: Response) -> bool:
    """Whether a 2xx that no transaction waits for is of a bid that does not lead; it is hung up on."""
    bid = next((each for each in call.bids if invite_of(call, each).call_id == response.call_id), None)
    if bid is None or bid is call.placing:
        return False
    _decline(turn, call, bid, response)
    return True


def _step(turn: Turn, call: CallState, bid: Placing, event: BidEvent, heard: RequestNews | None, why: str = "") -> bool:
    pair = (state_of(bid), event)
    row = BIDS.get(pair)
    if row is None:
        if pair not in BIDS_IGNORED:
            raise LocalError(f"bid {bid.bid} of call {call.id}: {event.value} while it is {pair[0].value}")
        return False
    response = heard.response if heard is not None else None
    for action in row[1]:
        if action is BidAction.NOTE and response is not None:
            turn.record(call, BidHeard(call.id, turn.now_s, bid.bid, response.status))
            turn.switchboard.carriers.heard(turn, bid.carrier, turn.now_s - bid.invite_at_s)
        elif action is BidAction.LEAD:
            _give_lead(turn, call, bid, f"{bid.carrier}: {event.value}")
        elif action is BidAction.ABANDON:
            turn.record(call, BidAbandoned(call.id, turn.now_s, bid.bid, why))
            turn.switchboard.carriers.hush(turn, invite_of(call, bid))
        elif action is BidAction.CANCEL:
            turn.request(call, cancel_for(invite_of(call, bid)), bid.peer)
            turn.switchboard.carriers.hush(turn, invite_of(call, bid))
        elif action is BidAction.DECLINE and response is not None:
            _decline(turn, call, bid, response)
        elif action is BidAction.END:
            status = response.status if response is not None else 0
            turn.record(call, BidEnded(call.id, turn.now_s, bid.bid, status, "it was given up"))
            _rise(turn, call, bid)
    arm(turn, call)
    return BidAction.LEAD in row[1]


def _decline(turn: Turn, call: CallState, bid: Placing, response: Response) -> None:
    if not bid.declined:
        turn.record(call, BidDeclined(call.id, turn.now_s, bid.bid, response.encode().decode("latin-1")))
        _rise(turn, call, bid)
    decline(turn, invite_of(call, bid), response, bid.peer)


# After a switch-over --------------------------------------------------------------------------------------------------


def restore(turn: Turn, call: CallState) -> None:
    """Go on with the bids that do not lead, as a process before had them: sent again, cancelled, or listened for."""
    room = turn.switchboard.carriers
    for bid in bids_of(call):
        bid.resumed_at_s = turn.now_s
        if bid is call.placing:
            continue
        invite = invite_of(call, bid)
        if bid.declined:
            decline(turn, invite, response_of(bid.declined), bid.peer)
        elif is_alive(bid):
            bid.request = proven_invite(turn, call, bid, invite)
            turn.request(call, bid.request, bid.peer)
        elif bid.abandoned and not bid.is_over:
            room.listen(turn, invite, bid.peer, call.id)
            if bid.has_provisional:
                turn.request(call, cancel_for(invite), bid.peer)
    begin(turn, call)


def finish(turn: Turn, call: CallState, ended: CallEnded) -> None:
    """The call is over: what the carrier that led made of it; "200 but no audio" is a failure of its."""
    lead, room = _lead_of(call), turn.switchboard.carriers
    if call.answered is not None and not ended.packets_received and ended.packets_sent >= MUTE_PACKETS_MIN:
        room.failed(turn, lead.carrier, lead.invite_at_s, BY_TROUBLE[Trouble.NO_AUDIO].why)
    given_up = lead.cancelled is not None and lead.cancelled.why != RANG_OUT  # then nobody knows
    room.rate(turn, lead.carrier, ended, answered=None if given_up else call.answered is not None)


def unresolved(call: CallState) -> tuple[UnresolvedBid, ...]:
    """The bids of a call that is over of which the end was not heard."""
    found = (bid for bid in call.bids if bid is not call.placing and not bid.is_over)
    return tuple(
        UnresolvedBid(bid.invite, bid.peer[0], bid.peer[1], transport_to(bid.peer), bid.has_provisional)
        for bid in found
    )


# Helpers --------------------------------------------------------------------------------------------------------------


def _lead_of(call: CallState) -> Placing:
    assert call.placing is not None
    return call.placing


def _alive(call: CallState) -> list[Placing]:
    return [bid for bid in bids_of(call) if is_alive(bid)]


def _held(call: CallState) -> Placing | None:
    """The first bid whose "busy" is not final yet."""
    return next((bid for bid in call.bids if bid.ended is not None and bid.ended.is_held), None)


def _end_as(turn: Turn, call: CallState, held: Placing) -> LastWord:
    """What was held is the last word: nothing came of the others."""
    assert held.ended is not None
    _give_lead(turn, call, held, "nothing came of the others")
    return LastWord(response_of(held.ended.response))


def _send_again(turn: Turn, call: CallState, bid: Placing) -> None:
    """Nobody else can be asked: its INVITE may have been lost, and goes out once more, where it would not do so yet."""
    if turn.now_s < max(bid.invite_at_s, bid.resumed_at_s) + turn.identity.timers.t1_s:
        turn.switchboard.carriers.send_again(turn, invite_of(call, bid))


def _ask(turn: Turn, call: CallState, why: str, *, is_hedge: bool) -> bool:
    """Whether there is another one that can be asked, and is."""
    fact = ask_another(turn, call, why, is_hedge=is_hedge)
    if fact is not None:
        bid = call.bids[fact.bid]
        turn.request(call, invite_of(call, bid), bid.peer)
        arm(turn, call)
    return fact is not None


def _give_lead(turn: Turn, call: CallState, bid: Placing, why: str) -> None:
    turn.clear_timers(call, [Timer.UNANSWERED])  # it speaks of the INVITE that led
    turn.record(call, BidLed(call.id, turn.now_s, bid.bid, why))


def _end(
    turn: Turn, call: CallState, bid: Placing, response: Response | None, cause: Cause, *, is_held: bool = False
) -> None:
    status = response.status if response is not None else 0
    text = response.encode().decode("latin-1") if response is not None else ""
    why = f"{cause.fault.value}: {cause.why}"
    turn.record(call, BidEnded(call.id, turn.now_s, bid.bid, status, why, text, is_held))
    _rise(turn, call, bid)


def _rise(turn: Turn, call: CallState, bid: Placing) -> None:
    turn.switchboard.carriers.rise(bid.carrier, (call.id, bid.bid))


def _judge(turn: Turn, call: CallState, bid: Placing, cause: Cause) -> None:
    """Let the carrier's health know whose word it was, once each way."""
    room, told = turn.switchboard.carriers, "worked" if cause.fault is Fault.CALLEE else "failed"
    if cause.fault is Fault.NOBODY or bid.told == told:
        return
    bid.told = told
    if cause.fault is Fault.CALLEE:
        room.worked(turn, bid.carrier, bid.invite_at_s)
    elif cause in _UNHEARD:
        for each in room.silent(turn, bid.carrier, (call.id, bid.bid), bid.invite_at_s, cause.why):
            _hurry(turn, each, bid.carrier)
    else:
        room.failed(turn, bid.carrier, bid.invite_at_s, cause.why)


def _hurry(turn: Turn, call: CallState, carrier: str) -> None:
    """The carrier has died: whoever waits for it alone asks another one, now or soon."""
    if call.phase not in UNSETTLED or _held(call) is not None or bids_of(call)[-1].carrier != carrier:
        return
    if Timer.HEDGE in call.timers:
        turn.set_timer(call, Timer.HEDGE, turn.now_s)
    elif state_of(bids_of(call)[-1]) is BidState.RINGING:
        is_gone = turn.switchboard.carriers.has_bounced(carrier)
        turn.set_timer(call, Timer.HEDGE, turn.now_s + (0.0 if is_gone else RINGING_ON_S))


def _trouble_of(bid: Placing, *, is_reachable: bool) -> Trouble | None:
    """What a carrier that keeps us waiting may be told; none where it does not."""
    state = state_of(bid)
    if state is BidState.SILENT:
        return Trouble.UNANSWERED if is_reachable else Trouble.UNREACHABLE
    return Trouble.NO_RINGING if state is BidState.TRYING else None


def _cause_of(bid: Placing, response: Response | None, trouble: str) -> Cause:
    if response is None:
        return BY_TROUBLE[Trouble.UNSENT if trouble else Trouble.UNANSWERED]
    return cause_of(response.status, reason_of(response)[1], rang=bid.status > 100)
