"""Every call of one node: SIP messages, media news and time come in, facts and effects go out.

`Exchange.step(now_s, input)` is the whole of it. It refuses to know sockets, clocks and journals; a simulation and
a process drive the same object. What belongs to one call is done in `setup`, `established` and `teardown`; this
file finds the call, the transaction and the media slot.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from keepline.call import blame, established, teardown
from keepline.call import effects as fx
from keepline.call.adoption import Sleepers, wake
from keepline.call.agenda import Agenda, Due
from keepline.call.callbacks.tickets import Tickets
from keepline.call.callbacks.watching import LineWatch
from keepline.call.carriers.asking import base_call_id
from keepline.call.carriers.drilling import Drilling
from keepline.call.carriers.probing import Probing
from keepline.call.carriers.wishing import Wishing
from keepline.call.deciding import Deciding
from keepline.call.effects_number import PointNumber
from keepline.call.effects_path import DrillCarrier
from keepline.call.facts import CallBegun, CallReceived
from keepline.call.following import NOBODY_FOLLOWS, Follower
from keepline.call.greetings import Greetings
from keepline.call.messages import Messages
from keepline.call.news import NEWS
from keepline.call.numbers.moving import Numbers
from keepline.call.outbound import progress as outbound
from keepline.call.outbound.legs import LegIndex
from keepline.call.outbound.located import LocatedTrunks
from keepline.call.outbound.placing import Placements
from keepline.call.outbound.tolls import Tolls
from keepline.call.requests import Requests
from keepline.call.responses import Responses
from keepline.call.restoring import Restoring
from keepline.call.runs.runs import Runs
from keepline.call.slot_pool import SlotPool
from keepline.call.stale import is_stale
from keepline.call.state import CallState, Phase, Timer
from keepline.call.steps import uses_alone
from keepline.call.taking_over import TakingOver
from keepline.call.timers import REACTIONS
from keepline.call.transactions import Key, RequestNews, Transactions
from keepline.call.trunks.connections import Connections
from keepline.call.trunks.gate import Gate
from keepline.call.trunks.registrations import Registrations
from keepline.call.trunks.users import Users
from keepline.call.turn import Identity, Program, Turn
from keepline.call.unfinished.resolving import Resolving
from keepline.model.errors import LocalError
from keepline.model.ids import IdSource, mark_of
from keepline.sip.message import Request

OVER = (Phase.LEAVING, Phase.CLOSING, Phase.ENDED)


class Exchange:
    """The calls, transactions and media slots of one node."""

    def __init__(self, identity: Identity, seed: bytes, rtp_ports: list[int], nonce_key: bytes = b"") -> None:
        """`rtp_ports[i]` is the port of slot i; `seed` makes the ids of this process.

        `nonce_key` (at most 64 bytes) is the same for every process of a node, so that a successor knows its nonces.
        """
        self.identity = identity
        self.ids = IdSource(seed)
        self.rtp_ports = rtp_ports
        self.slots = SlotPool(len(rtp_ports))
        self.calls: dict[str, CallState] = {}
        self.by_dialog: dict[tuple[str, str], str] = {}
        self.by_invite: dict[tuple[str, str], str] = {}
        self.sleepers = Sleepers()
        self.legs, self.tolls = LegIndex(), Tolls()
        self.unfinished = Resolving(self)
        self.targets = LocatedTrunks(self.ids)
        """Where each trunk's proxy was located, by the trunk's name, in the order in which to try them."""
        self.programs: dict[str, Program] = {}
        self.current = self._stepped = ""
        self.draining = self.is_unrecorded = False
        """The second: so many facts wait for the disk that no new calls are taken."""
        self.note_step: Callable[[str], None] = lambda _mark: None
        """Told the mark of the call that is worked on, "" after it: who dies meanwhile may have died of it."""
        self.blamed: Mapping[str, int] = {}
        """How many processes calls have killed, by their marks."""
        self.stands_alone = False
        """Nobody is there yet to take over at once: calls that may kill rest, where they sleep."""
        self.agenda = Agenda(partial(is_stale, self))
        self.transactions = Transactions(identity.timers, self._schedule)
        self.gate = Gate(nonce_key or seed, Users(nonce_key or seed, self.ids))
        self.registrations = Registrations(self, nonce_key or seed, partial(self._schedule, "register"))
        self.probing = Probing(self, partial(self._schedule, "probe"))
        self.numbers = Numbers(self, lambda at_s: self.agenda.add(Due(at_s, "numbers", "")))
        self._requests = Requests(self)
        self._restoring, self.runs = Restoring(self, self._requests), Runs(self)
        self._responses, connections = Responses(self, self._requests.left), Connections(self)
        self.tickets, self.watching, self.follower = Tickets(self), LineWatch(self), NOBODY_FOLLOWS
        self.switchboard, self.drilling = Placements(self), Drilling(self, self._responses.receive)
        self.greetings, self.deciding = Greetings(), Deciding(self)
        self.services = (identity, self._schedule_call, self._start_request, self.programs.get, self.switchboard)
        messages = self.messages = Messages(self.gate, self._requests, self._responses)
        taking_over = self._taking_over = TakingOver(self, self._requests.left)
        self._handlers: dict[type, Callable[[Turn, Any], None]] = {
            fx.DatagramReceived: messages.on_datagram,
            fx.MessageReceived: messages.on_message,
            **connections.handlers(),
            fx.TrunkLocated: self.targets.on_located,
            **dict.fromkeys(NEWS, self._on_news),
            fx.CapabilityAnswered: self._on_capability_answered,
            **self.unfinished.handlers,
            **self.runs.handlers,
            fx.MediaRestarted: self._on_media_restarted,
            fx.TimeCame: self._on_time,
            fx.Drain: self._on_drain,
            fx.HangUpAll: self._on_hang_up_all,
            **taking_over.handlers(),
            fx.PlaceCall: self._on_place,
            DrillCarrier: self.drilling.on_drill,
            **self.deciding.guarded({**Wishing(self).handlers, PointNumber: self.numbers.on_wanted}),
        }

    # The one verb ---------------------------------------------------------------------------------------------------

    def step(self, now_s: float, given: fx.Input) -> list[fx.Effect]:
        """Take one input at node time `now_s`; the effects are to be carried out in order, facts written first."""
        turn = Turn(now_s, self.services)
        self._handlers[type(given)](turn, given)
        while turn.news:
            news = turn.news.pop(0)
            self.on_call(turn, news.parent, lambda t, c, news=news: established.on_leg_news(t, c, news))  # type: ignore[misc]
        if turn.left:
            self.unfinished.note(turn)
        self.follower.note(turn)
        if self.drilling.calls:
            self.drilling.spoil(turn)
        if self.tolls.ledger.live:
            self.tolls.note(turn.effects)
        return turn.effects

    @property
    def deadline_s(self) -> float | None:
        """When `TimeCame` is due next, in node time; None while nothing waits."""
        return self.agenda.next_s()

    @property
    def live_calls(self) -> int:
        return len(self.calls) + len(self.sleepers)

    def add_program(self, program: Program, *, current: bool) -> None:
        """Make a version of the operation known; new calls begin with the current one."""
        self.programs[program.operation.digest] = program
        if current:
            self.current = program.operation.digest
            self.gate.use(program.operation, program.passwords)
            self.tolls.use(program.operation.outbound)
            self.registrations.use(program, self.identity)
            self.probing.use(program.operation)
            self.numbers.use(program.operation)
            self.follower.use(program.operation)

    def attach(self, follower: Follower) -> None:
        """Have somebody follow what calls come to, from the next input on."""
        self.follower = follower
        self._handlers |= self.deciding.guarded(dict(follower.handlers))
        if self.current:
            follower.use(self.programs[self.current].operation)

    # Inputs ---------------------------------------------------------------------------------------------------------

    def _on_news(self, turn: Turn, given: Any) -> None:
        if given.call in self.runs.resident:
            self.runs.on_answered(turn, given)
            return
        self.on_call(turn, given.call, lambda t, c: NEWS[type(given)](t, c, given))
        call = self.calls.get(given.call)
        if call is not None and teardown.needs_no_media(call):
            self.slots.rest(call.id, call.received.slot)

    def _on_capability_answered(self, turn: Turn, given: fx.CapabilityAnswered) -> None:
        is_heard = self.numbers.on_answered(turn, given) or self.follower.on_answered(turn, given)
        if not is_heard and not self.unfinished.on_answered(turn, given):
            self._on_news(turn, given)

    def _on_media_restarted(self, turn: Turn, _given: fx.MediaRestarted) -> None:
        for call in list(self.calls.values()):
            self._guarded(turn, call, teardown.on_media_restarted)

    def _on_drain(self, turn: Turn, _given: fx.Drain) -> None:
        self.draining = True
        self.registrations.stop(turn)

    def _on_hang_up_all(self, turn: Turn, given: fx.HangUpAll) -> None:
        self._taking_over.wake_all(turn)
        for call in list(self.calls.values()):
            self._guarded(turn, call, lambda t, c: self._leave(t, c, given.why))

    def _leave(self, turn: Turn, call: CallState, why: str) -> None:
        if call.phase is Phase.RINGING:
            self._requests.end_unanswered(turn, call, 503, why)
        elif call.phase in outbound.WAITING:
            outbound.cancel(turn, call, why)
        else:
            call.leave_why = call.leave_why or why  # the BYE follows as soon as it may be sent

    def _on_place(self, turn: Turn, given: fx.PlaceCall) -> None:
        self.drilling.place(turn, given)

    def heard(self, turn: Turn, trunk: str, *, is_call: bool) -> None:
        """A trunk has sent a request; a new call is more than that."""
        self.numbers.heard(turn, trunk, is_call=is_call)
        self.probing.heard(turn.now_s, trunk)

    def hear(self, turn: Turn, news: RequestNews) -> None:
        """Something came of a request of ours."""
        self._responses.on_heard(turn, news)

    def _on_time(self, turn: Turn, _given: fx.TimeCame) -> None:
        self.gate.report(turn)
        self.tolls.report(turn)
        while (due := self.agenda.pop(turn.now_s)) is not None:
            kind, key, timer = due.kind, due.key, due.timer
            if kind == "left":
                self._requests.repeat_refusal(turn, key)
            elif kind == "unfinished":
                self.unfinished.due(turn, key)
            elif kind == "register":
                self.registrations.due(turn, key)
            elif kind == "probe":
                self.probing.due(turn, key)
            elif kind == "numbers":
                self.numbers.due(turn)
            elif kind == "follow":
                self.follower.due(turn)
            elif kind == "rest":
                self.touch(turn, key)
            elif kind in ("run", "runs"):
                self.runs.on_time(turn, due)
            elif kind == "call":
                self.on_call(turn, key, lambda t, c, timer=timer: self._fire(t, c, timer))  # type: ignore[misc]
            else:
                effects, heard = self.transactions.fire(turn.now_s, kind, key)
                turn.effects += effects
                if heard is not None:
                    self._responses.on_heard(turn, heard)

    def _fire(self, turn: Turn, call: CallState, timer: Timer) -> None:
        call.timers.pop(timer, None)
        if timer is Timer.RING and call.placing is None:
            self._requests.answer(turn, call)
            return
        if timer is Timer.CANCEL or (timer is Timer.UNANSWERED and call.phase is Phase.PLACING):
            self.transactions.forget_client(call.invite)
        REACTIONS[timer](turn, call)

    # Calls ----------------------------------------------------------------------------------------------------------

    def on_call(self, turn: Turn, call_id: str, do: Callable[[Turn, CallState], None]) -> None:
        """Do something to a call, waking it first; a call that is gone is nobody's concern."""
        call = self.calls.get(call_id)
        if call is None:
            facts = self.sleepers.pop(call_id)
            if facts is None:
                return
            call = self._wake(turn, facts)
            if call is None:
                return
        self._guarded(turn, call, do)

    def touch(self, turn: Turn, call_id: str) -> None:
        """Wake a call that sleeps."""
        self.on_call(turn, call_id, lambda _turn, _call: None)

    def _wake(self, turn: Turn, facts: tuple[Any, ...]) -> CallState | None:
        received: CallBegun = facts[0]
        do: Callable[[Turn, CallState], None] = self._restoring.restore
        deaths = self.blamed.get(mark_of(received.sip_call_id), 0)
        try:
            try:
                call = wake(facts)
                if blame.is_set_aside(deaths):
                    do = lambda t, c: blame.restore(t, c, deaths, self._restoring)  # noqa: E731
            except LocalError as error:
                what = f"its facts cannot be replayed: {error}"
                turn.emit(fx.Report("call_lost", received.call, what))
                call = wake(facts, leniently=True)
                do = lambda t, c: self._restoring.give_up(t, c, what)  # noqa: E731
        except Exception as error:
            turn.emit(fx.Report("call_lost", received.call, f"not even its INVITE can be read: {error}"))
            self._restoring.strike_off(turn, received)
            self._unindex(received)
            return None
        self.calls[call.id] = call
        self._guarded(turn, call, do)
        self._guarded(turn, call, uses_alone.restore)
        return self.calls.get(call.id)

    def _guarded(self, turn: Turn, call: CallState, do: Callable[[Turn, CallState], None]) -> None:
        """A bug that one call meets ends that call, and nothing else."""
        outer, board = self.mark_step(call.mark), turn.switchboard
        if self.drilling.board is not None:
            turn.switchboard = self.drilling.board_of(call.id)
        try:
            do(turn, call)
            teardown.leave_if_over(turn, call)
            uses_alone.keep_watch(turn, call)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            turn.emit(fx.Report("call_broken", call.id, what))
            self._give_up(turn, call, what)
        self.mark_step(outer)
        turn.switchboard = board
        if call.phase is Phase.ENDED:
            self.forget(call)
            self.runs.on_call_over(turn, call)
            self.tickets.on_call_over(turn, call)
        if call.phase in OVER and call.id in self.legs:
            for leg in self.legs.of(call.id):
                self.switchboard.end_leg(turn, leg, outbound.ORPHANED)

    def mark_step(self, mark: str) -> str:
        """From here on this is worked on; the mark of what was before it."""
        outer, self._stepped = self._stepped, mark
        self.note_step(mark)
        return outer

    def _give_up(self, turn: Turn, call: CallState, what: str) -> None:
        try:
            self._restoring.give_up(turn, call, what)
        except Exception as error:
            turn.emit(fx.Report("call_broken", call.id, f"and could not be ended properly: {error}"))
            if call.phase is not Phase.ENDED:
                self._restoring.strike_off(turn, call.received)
                call.phase = Phase.ENDED

    def index(self, received: CallBegun) -> None:
        """Make a call findable by its dialog, and by the INVITE that came to us."""
        self.by_dialog[received.sip_call_id, received.local_tag] = received.call
        if isinstance(received, CallReceived):
            self.by_invite[received.sip_call_id, received.remote_tag] = received.call
        self.legs.add(received)

    def forget(self, call: CallState) -> None:
        """The call is over: its slot is free again, its late requests are still answered."""
        if self.calls.pop(call.id, None) is None:
            return
        if call.ended is not None and (call.adopted or call.placing is not None):
            self._requests.left.remember(call.ended.at_s, call.ended)
        self._unindex(call.received)
        if call.placing is not None and call.placing.is_routed:
            self.drilling.board_of(call.id).carriers.leave(call)
        self.drilling.leave(call.id)

    def _unindex(self, received: CallBegun) -> None:
        by_dialog = (received.sip_call_id, received.local_tag)
        by_invite = (received.sip_call_id, received.remote_tag)
        if self.by_dialog.get(by_dialog) == received.call:
            del self.by_dialog[by_dialog]
        if self.by_invite.get(by_invite) == received.call:
            del self.by_invite[by_invite]
        self.legs.remove(received)
        self.slots.give_back(received.call, received.slot)

    def call_of(self, sip_call_id: str, local_tag: str) -> str | None:
        """The call whose dialog this is, or one of its bids'."""
        call = self.by_dialog.get((sip_call_id, local_tag))
        return call if call is not None else self.by_dialog.get((base_call_id(sip_call_id), local_tag))

    def knows(self, call: str) -> bool:
        """The call is live."""
        return call in self.calls or call in self.sleepers

    def had(self, call: str) -> bool:
        """The call ended lately."""
        return call in self._requests.left

    def busy(self, *, is_leg: bool = False) -> str:
        """Why no call is begun now, or no leg of a live one; empty where it may be."""
        if self.draining:
            return "the node takes no new calls: it is stopping"
        if self.is_unrecorded and not is_leg:
            return "the node takes no new calls: too much waits for the disk"
        is_full = self.live_calls - self.slots.over >= self.programs[self.current].operation.sip.calls_max
        return "every media slot is taken" if is_full or not self.slots.has_room else ""

    # Time -----------------------------------------------------------------------------------------------------------

    def _start_request(
        self, now_s: float, call: CallState | None, request: Request, peer: fx.Address, data: bytes
    ) -> list[fx.Effect]:
        return self.transactions.start_client(now_s, request, peer, call.id if call is not None else "", data)

    def _schedule_call(self, call: CallState, timer: Timer, at_s: float) -> None:
        self.agenda.add(Due(at_s, "call", call.id, timer))

    def _schedule(self, kind: str, key: Key | str, at_s: float) -> None:
        self.agenda.add(Due(at_s, kind, key))
