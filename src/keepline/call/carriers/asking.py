"""Another carrier is asked for a call: its INVITE, with a Call-ID and CSeqs of its own, and the same offer.

Our Call-ID of a bid is that of the call with the bid's number behind it, so that whoever hears of it finds the call
with nothing to remember, and no two carriers bring a callee INVITEs of one dialog.
Source: RFC 3261 §8.1.1.4, §8.1.1.5.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keepline.call.carriers.folding import bids_of
from keepline.call.facts import CallPlaced
from keepline.call.facts.bid import BidPlaced
from keepline.call.outbound.invite import make_invite
from keepline.call.outbound.located import Target, targets_of, uri_host
from keepline.call.turn import Turn
from keepline.model.limits_carriers import CALL_BIDS_MAX
from keepline.model.operation import Operation, Trunk
from keepline.sip.telephone import plain_number

if TYPE_CHECKING:
    from keepline.call.carriers.room import Carriers
    from keepline.call.state import CallState

CSEQ_STEP = 1_000
"""From the first CSeq of a bid to that of the next: the INVITEs of one bid take no more numbers."""
_OF_BID = re.compile(r"([0-9a-f]{32})-[1-9]", re.A)


@dataclass(frozen=True, slots=True)
class CarrierChoice:
    """The carrier of the next INVITE, and where it goes; or None, and why there is none."""

    trunk: Trunk | None
    targets: tuple[Target, ...]
    why: str


def base_call_id(call_id: str) -> str:
    """The Call-ID of the call that a bid's belongs to; any other one is left alone."""
    found = _OF_BID.fullmatch(call_id)
    return found[1] if found is not None else call_id


def choose_carrier(
    room: "Carriers", turn: Turn, operation: Operation, tried: tuple[str, ...] = (), *, avoid: str = ""
) -> CarrierChoice:
    """The best carrier that was not asked yet, has room and is located; `avoid` only where no other is fit."""
    trunks = {trunk.name: trunk for trunk in operation.trunks}
    unknown: list[str] = []
    while True:
        choice = room.choose(turn, operation, (*tried, *unknown), avoid=avoid)
        why = "; ".join((*choice.reasons, *(f"{each}: its proxy could not be located" for each in unknown)))
        if choice.path is None:
            return CarrierChoice(None, (), why)
        trunk = trunks[choice.path]
        targets = targets_of(trunk, room.located)
        if targets:
            return CarrierChoice(trunk, targets, why)
        unknown.append(choice.path)


def ask_another(turn: Turn, call: "CallState", why: str, *, is_hedge: bool) -> BidPlaced | None:
    """Ask the next carrier: its INVITE follows its fact. None where there is none, or no time for it."""
    received, room = call.received, turn.switchboard.carriers
    assert isinstance(received, CallPlaced)
    bids, program = bids_of(call), turn.program_of(received.operation)
    is_late = turn.now_s >= received.at_s + received.ring_timeout_s
    if program is None or is_late or len(bids) >= CALL_BIDS_MAX or received.slot < 0:
        return None
    gave_way = {bid.bid for bid in bids if bid.abandoned and bid.has_provisional}  # who may be asked again
    tried = tuple(bid.carrier for bid in bids if bid.bid not in gave_way)
    choice = choose_carrier(room, turn, program.operation, tried)
    if choice.trunk is None:
        return None
    fact = _bid_of(turn, call, program.operation, choice, len(bids), f"{why}; {choice.why}", is_hedge=is_hedge)
    turn.record(call, fact)
    bid = call.bids[-1]
    room.begin(turn, bid.carrier, (call.id, bid.bid))
    return fact


def _bid_of(
    turn: Turn, call: "CallState", operation: Operation, choice: CarrierChoice, number: int, why: str, *, is_hedge: bool
) -> BidPlaced:
    received, trunk, identity = call.received, choice.trunk, turn.identity
    assert isinstance(received, CallPlaced)
    assert trunk is not None
    assert trunk.outbound is not None
    cseq, settings = number * CSEQ_STEP + received.cseq, trunk.outbound
    invite = make_invite(
        identity,
        call=call.id,
        cseq=cseq,
        uri=f"sip:{plain_number(received.to_number)}@{uri_host(settings.proxy_host)}",
        sip_call_id=f"{received.sip_call_id}-{number}",
        local_tag=received.local_tag,
        from_number=_caller_id(received, operation, settings.from_number),
        rtp_port=received.rtp_port,
        transport=settings.transport,
    )
    host, port = choice.targets[0]
    return BidPlaced(
        call.id,
        turn.now_s,
        number,
        trunk.name,
        why,
        host,
        port,
        settings.transport,
        invite.encode().decode("latin-1"),
        cseq,
        is_hedge,
        choice.targets[1:],
    )


def _caller_id(received: CallPlaced, operation: Operation, own: str) -> str:
    """Whoever asked for the call says it; else each carrier has its own."""
    settings = next((trunk.outbound for trunk in operation.trunks if trunk.name == received.carrier), None)
    is_carriers = settings is not None and settings.from_number == received.from_number
    return own if is_carriers and own else received.from_number
