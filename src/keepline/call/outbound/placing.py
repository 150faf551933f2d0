"""Whether a call is placed, by which trunk, and its first fact: what becomes of a `PlaceCall`.

A mistake in what is asked (no such flow, no number) is answered and leaves no record; a call that may not be placed, or
cannot now, has one that says why.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call.carriers.asking import choose_carrier
from keepline.call.carriers.room import Carriers
from keepline.call.facts import CallPlaced, ending
from keepline.call.facts.run import RunStarted
from keepline.call.outbound import progress as outbound
from keepline.call.outbound.ending import REFUSED
from keepline.call.outbound.invite import make_invite
from keepline.call.outbound.legs import LegEvent
from keepline.call.outbound.located import LocatedTrunks, Target, targets_of, uri_host
from keepline.call.outbound.policy import Denial, emergency_trunk
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.model.limits import CALL_VARIABLES_CHARS_MAX, RING_TIMEOUT_S_MAX
from keepline.model.operation import Operation, Trunk
from keepline.sip.telephone import plain_number

if TYPE_CHECKING:
    from keepline.call.callbacks.tickets import Tickets
    from keepline.call.callbacks.watching import LineWatch
    from keepline.call.exchange import Exchange

_CALL_ID = re.compile(r"[0-9a-f]{16}", re.A)
_NUMBER = re.compile(r"\+?[0-9]{2,15}|[A-Za-z][A-Za-z0-9._-]{0,31}", re.A)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.A)
CSEQ_FIRST = 1


@dataclass(frozen=True, slots=True)
class Way:
    """By which trunk, and where to; or why not."""

    trunk: Trunk | None
    targets: tuple[Target, ...] = ()
    refusal: str = ""
    is_routed: bool = False
    """Other carriers may be asked, too."""
    why: str = ""


def mistake_in(wanted: fx.PlaceCall, operation: Operation) -> str:
    """What is wrong with what is asked for, in words that say what would be right; empty where nothing is."""
    if not _NUMBER.fullmatch(wanted.number):
        return f"{wanted.number!r} is not a number: write E.164 as +18005550100, an extension as 1000, or a user's name"
    if wanted.from_number and not _NUMBER.fullmatch(wanted.from_number):
        return f"{wanted.from_number!r} is not a number to call from"
    if wanted.call and not _CALL_ID.fullmatch(wanted.call):
        return f"{wanted.call!r} is not a call's id: 16 hex digits"
    if wanted.flow not in operation.flows and not (wanted.parent and not wanted.flow):
        return f"the operation has no flow {wanted.flow!r}; it has {', '.join(sorted(operation.flows)) or 'none'}"
    if not 0 < wanted.ring_timeout_s <= RING_TIMEOUT_S_MAX:
        return f"a call rings for up to {RING_TIMEOUT_S_MAX} s, not {wanted.ring_timeout_s:g}"
    bad = next((name for name, _ in wanted.variables if not _NAME.fullmatch(name)), None)
    if bad is not None:
        return f"{bad!r} is not a variable's name: letters, digits and _, a letter first"
    if len(json.dumps(dict(wanted.variables))) > CALL_VARIABLES_CHARS_MAX:
        return f"the variables of a call have at most {CALL_VARIABLES_CHARS_MAX} characters together"
    if wanted.trunk and not any(trunk.name == wanted.trunk for trunk in operation.trunks):
        return f"the operation has no trunk {wanted.trunk!r}"
    if not any(trunk.outbound for trunk in operation.trunks if wanted.trunk in ("", trunk.name)):
        named = f"the trunk {wanted.trunk!r}" if wanted.trunk else "no trunk"
        return f"{named} {'does not place' if wanted.trunk else 'places'} calls: give one `outbound:` with its proxy"
    return ""


def way_by_carriers(turn: Turn, room: Carriers, operation: Operation, *, busy: str, avoid: str = "") -> Way:
    """The carrier of a call that names no trunk, of those that the operation lists; a refusal where none has room."""
    choice = choose_carrier(room, turn, operation, avoid=avoid)
    refusal = busy or ("" if choice.trunk is not None else f"no carrier takes the call: {choice.why}")
    return Way(choice.trunk, choice.targets, refusal, is_routed=True, why=choice.why)


def way_of(
    wanted: fx.PlaceCall,
    operation: Operation,
    located: LocatedTrunks,
    *,
    busy: str,
) -> Way:
    """The trunk of a call without a mistake, and its targets; a refusal where it may not be placed, or cannot now."""
    trunks = (trunk for trunk in operation.trunks if trunk.outbound and wanted.trunk in ("", trunk.name))
    trunk = next(trunks, None)
    if trunk is None:
        return Way(None, (), "no trunk places calls")
    targets = targets_of(trunk, located)
    if busy:
        return Way(trunk, targets, busy)
    if not targets:
        return Way(trunk, targets, f"the proxy of the trunk {trunk.name} could not be located")
    return Way(trunk, targets)


class Placements:
    """The part of the exchange that places calls, and the switchboard of its steps."""

    __slots__ = ("_exchange", "carriers")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.carriers = Carriers(exchange)

    @property
    def tickets(self) -> "Tickets":
        """Of those who are to be called back."""
        return self._exchange.tickets

    @property
    def watching(self) -> "LineWatch":
        """Of lines that fall silent."""
        return self._exchange.watching

    def place(self, turn: Turn, wanted: fx.PlaceCall) -> str:
        """Place a call; returns its id. One that is known already is left alone."""
        exchange = self._exchange
        if wanted.call and (exchange.knows(wanted.call) or exchange.had(wanted.call)):
            if not wanted.parent:
                turn.emit(fx.PlacementAnswered(wanted.call))
            return wanted.call
        operation = self._operation(wanted)
        sos_trunk = emergency_trunk(exchange.tolls.ledger.policy, wanted.number)
        wanted = replace(wanted, trunk=sos_trunk) if sos_trunk else wanted
        mistake = mistake_in(wanted, operation)
        call_id = wanted.call if _CALL_ID.fullmatch(wanted.call) else exchange.ids.call(turn.now_s)
        if mistake and not wanted.parent:
            turn.emit(fx.PlacementAnswered(wanted.call, mistake))
            return ""
        if mistake:
            way = Way(None, (), mistake)
        else:
            busy = exchange.busy(is_leg=bool(wanted.parent))
            if operation.outbound.carriers and not wanted.trunk:
                way = way_by_carriers(turn, self.carriers, operation, busy=busy, avoid=wanted.avoid)
            else:
                way = way_of(wanted, operation, exchange.targets, busy=busy)
            denial = self.denial(turn, wanted.number, _caller_id(wanted, way))
            way = way if denial is None else Way(way.trunk, way.targets, denial.why)
        call = _begin(exchange, turn, wanted, way, call_id, operation)
        if not wanted.parent:
            turn.emit(fx.PlacementAnswered(call_id))
        if way.refusal:
            turn.record(call, ending(call.received, turn.now_s, "node", 0, way.refusal))
            turn.tell_parent(call, LegEvent.ENDED, 0, way.refusal, REFUSED)
            exchange.forget(call)
        else:
            if way.is_routed:
                self.carriers.begin(turn, call.carrier, (call_id, 0))
            exchange.on_call(turn, call_id, outbound.begin)
        return call_id

    def leg_at(self, turn: Turn, parent: str, step: int) -> CallState | None:
        """The leg that this step of the parent placed, awake; None where it is over."""
        leg = self._exchange.legs.at(parent, step)
        self._exchange.touch(turn, leg)
        return self._exchange.calls.get(leg)

    def denial(self, turn: Turn, to_number: str, from_number: str, *, is_new: bool = True) -> Denial | None:
        """Why the policy does not allow this number to be called now."""
        return self._exchange.tolls.denial(turn, to_number, from_number, is_new=is_new)

    def token(self) -> str:
        """16 hex digits that nobody foresees."""
        return self._exchange.ids.tag()

    def end_leg(self, turn: Turn, leg: str, why: str) -> None:
        """Cancel a leg, or hang it up."""
        self._exchange.on_call(turn, leg, lambda t, c: outbound.release(t, c, why))

    def start(self, turn: Turn, started: RunStarted) -> None:
        """Have a run, once."""
        self._exchange.runs.start(turn, started, is_new=not started.key)

    def is_kept(self, capability: str, path: str, series: str) -> bool:
        """Whether changes of this series are kept for the path."""
        return self._exchange.unfinished.replaying.holds(capability, path, series)

    def _operation(self, wanted: fx.PlaceCall) -> Operation:
        """The version that a call is placed with: its parent's, else the current one."""
        exchange = self._exchange
        parent, run = exchange.calls.get(wanted.parent), exchange.runs.resident.get(wanted.parent)
        digest = parent.received.operation if parent is not None else run.started.operation if run is not None else ""
        program = exchange.programs.get(digest)
        return (program or exchange.programs[exchange.current]).operation


def _begin(
    exchange: "Exchange", turn: Turn, wanted: fx.PlaceCall, way: Way, call_id: str, operation: Operation
) -> CallState:
    ids, identity, trunk = exchange.ids, turn.identity, way.trunk
    settings = trunk.outbound if trunk is not None else None
    from_number = _caller_id(wanted, way)
    slot = exchange.slots.take() if not way.refusal else -1
    rtp_port = exchange.rtp_ports[slot] if slot >= 0 else 0
    tag, sip_call_id = ids.tag(), ids.token(16).hex()
    transport = settings.transport if settings else "udp"
    domain = uri_host(settings.proxy_host) if settings else "invalid"
    invite = make_invite(
        identity,
        call=call_id,
        cseq=CSEQ_FIRST,
        uri=f"sip:{plain_number(wanted.number) if _NUMBER.fullmatch(wanted.number) else 'invalid'}@{domain}",
        sip_call_id=sip_call_id,
        local_tag=tag,
        from_number=from_number if _NUMBER.fullmatch(from_number) else "",
        rtp_port=rtp_port,
        transport=transport,
    )
    peer = way.targets[0] if way.targets else ("", 0)
    placed = CallPlaced(
        call=call_id,
        at_s=turn.now_s,
        carrier=trunk.name if trunk else "",
        peer_host=peer[0],
        peer_port=peer[1],
        transport=transport,
        invite=invite.encode().decode("latin-1"),
        sip_call_id=sip_call_id,
        cseq=CSEQ_FIRST,
        local_tag=tag,
        to_number=wanted.number,
        from_number=from_number,
        flow=wanted.flow,
        operation=operation.digest,
        slot=slot,
        rtp_port=rtp_port,
        ssrc=ids.number(32),
        rtp_seq=ids.number(15),
        rtp_ts=ids.number(31),
        ring_timeout_s=wanted.ring_timeout_s,
        parent=wanted.parent,
        parent_step=wanted.parent_step,
        variables=json.dumps(dict(wanted.variables), ensure_ascii=False),
        targets=way.targets[1:],
        is_routed=way.is_routed,
        why=way.why,
    )
    call = CallState(placed, invite)
    exchange.calls[call_id] = call
    exchange.index(placed)
    turn.emit(fx.Persist(placed))
    exchange.tolls.ledger.note(placed)
    return call


def _caller_id(wanted: fx.PlaceCall, way: Way) -> str:
    settings = way.trunk.outbound if way.trunk is not None else None
    return wanted.from_number or (settings.from_number if settings else "")
