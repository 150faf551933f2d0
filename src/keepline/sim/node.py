"""A node in virtual time: the shell around the call core, which may die at any instant, and its successor.

It does what the active calls process does: facts first, then the effects that wait for them, in order. Its journal and
its sockets outlive it: what was written is all a successor has, and datagrams wait. Every instant between two things
that it does is a *moment*, counted, so that a test can have it die at each one in turn.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from keepline.call import effects as fx
from keepline.call.blame import blamed
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, Fact
from keepline.flow.capabilities import SecretsGone
from keepline.sim.media import SimMedia
from keepline.sim.network import Address, Network
from keepline.sim.office import SimOffice
from keepline.sim.world import World
from keepline.sip import peers

WAKES_PER_TURN = 8
ASK_AGAIN_S = 2.0
"""How long a command waits for the answer to its `PlaceCall`."""
TURN_S = 0.0005
"""From one turn of the process to the next."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """All that follows from a message is on its way: it is taken from its connection."""

    peer: peers.TcpPeer


class Died(BaseException):  # not an Exception: nothing in the core may hold it up
    """The process is killed at this very moment."""


Elsewhere = fx.Persist | fx.CloseConnection | fx.RegistrationChanged
"""Effects that are done already, or that nobody is there for."""
MakeExchange = Callable[[bytes], Exchange]
"""An exchange with its programs, for a seed of its ids."""


@dataclass(slots=True)
class NodeLog:
    """What happened, for whoever checks it."""

    sent: list[tuple[float, bytes, Address]] = field(default_factory=list)
    reports: list[fx.Report] = field(default_factory=list)
    deaths: int = 0
    placed: dict[str, str] = field(default_factory=dict)
    """Call that was asked for -> what was wrong with it, mostly nothing."""


class SimNode:
    """One node: a calls process after the other, the journal and the sockets that they share."""

    def __init__(self, world: World, network: Network, address: Address, make: MakeExchange, slot_count: int) -> None:
        self._world = world
        self._network = network
        self._address = address
        self._make = make
        self.media = SimMedia(world, slot_count, self._media_has_news)
        self.office: SimOffice = SimOffice(world)
        self.written: list[Fact] = []
        self.log = NodeLog()
        self.exchange: Exchange | None = None
        self.moment = 0
        self.dies_at: frozenset[int] = frozenset()
        """Moments."""
        self.outage_s = 0.3
        """From a death to the successor's first turn."""
        self.write_s: Callable[[], float] | None = None
        """How long the journal takes to write a group; None writes at once."""
        self.writes_first = True
        """False is a planted bug: effects do not wait for their facts."""
        self._orders: list[fx.Input] = []
        self._process = 0
        self._stepping = ""
        self._blamed: dict[str, int] = {}
        self._socket: deque[tuple[bytes, Address]] = deque()
        self._streams: dict[peers.TcpPeer, deque[bytes]] = {}
        """What connections have brought and nobody has dealt with to the end: a successor reads it again."""
        self._in_work: set[peers.TcpPeer] = set()
        self._facts: list[Fact] = []
        self._effects: list[fx.Effect | Consumed] = []
        self._unwritten: deque[list[Fact]] = deque()
        self._waiting: deque[tuple[int, list[fx.Effect | Consumed]]] = deque()
        self._groups = 0
        self._groups_written = 0
        self._timer_at_s: float | None = None
        network.join(address, self._receive)

    # Life and death -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins with what was written."""
        self._process += 1
        self.exchange = self._make(b"process %d" % self._process)
        self._facts, self._effects = [], []
        self._waiting.clear()
        self._groups = self._groups_written = 0
        self._timer_at_s = None
        calls: dict[str, list[Fact]] = {}
        for fact in self.written:
            calls.setdefault(fact.call, []).append(fact)
        open_calls = {call: facts for call, facts in calls.items() if not isinstance(facts[-1], CallEnded)}
        self._blamed, self._stepping = blamed(self._blamed, self._stepping), ""
        self.exchange.note_step, self.exchange.blamed = self._note_step, self._blamed
        for call, facts in open_calls.items():
            self.exchange.step(self._world.now_s, fx.CallAdopted(call, tuple(facts)))
        for facts in calls.values():
            if isinstance(facts[-1], CallEnded):
                self.exchange.step(self._world.now_s, fx.CallLeft(facts[-1]))
        self.media.close_strangers(set(open_calls))
        self._soon(self._wake_some)
        self._in_work.clear()
        self._soon(self._read_socket)
        self._soon(self._read_streams)
        self._soon(self._read_media)
        for order in self._orders:
            self._soon(lambda order=order: self.feed(order))  # type: ignore[misc]

    def _note_step(self, mark: str) -> None:
        self._stepping = mark

    def order(self, given: fx.Input) -> None:
        """The supervisor's word (`Drain`, `HangUpAll`): said now, and to every successor."""
        self._orders.append(given)
        if self.exchange is not None:
            self._soon(lambda: self.feed(given))

    def place(self, wanted: fx.PlaceCall) -> None:
        """Ask for a call, again and again until that is answered, as the command does."""
        if wanted.call in self.log.placed:
            return
        if self.exchange is not None:
            self._soon(lambda: self.feed(wanted))
        self._world.after(ASK_AGAIN_S, lambda: self.place(wanted))

    def die(self) -> None:
        """The process is gone at once; of what it was writing, any first part may have reached the journal."""
        if self.exchange is None:
            return
        self.log.deaths += 1
        self.exchange = None
        for _ in range(self._world.random.randint(0, len(self._unwritten))):
            self.written += self._unwritten.popleft()
        self._unwritten.clear()
        self._world.after(self.outage_s, self.start)

    def _guarded(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Died:
            self.die()

    def _soon(self, do: Callable[[], None], wait_s: float = TURN_S) -> None:
        process = self._process
        self._world.after(wait_s, lambda: self._guarded(do) if self._is(process) else None)

    def _is(self, process: int) -> bool:
        return self.exchange is not None and self._process == process

    def _pass_moment(self) -> None:
        self.moment += 1
        if self.moment - 1 in self.dies_at:
            raise Died

    # Inputs ---------------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: peers.Address) -> None:
        if isinstance(source, peers.TcpPeer):
            self._streams.setdefault(source, deque()).append(data)
        else:
            self._socket.append((data, source))
        if self.exchange is not None:
            self._soon(self._read_streams if isinstance(source, peers.TcpPeer) else self._read_socket)

    def _read_streams(self) -> None:
        for peer, waiting in list(self._streams.items()):
            if waiting and peer not in self._in_work:
                self._in_work.add(peer)
                self.feed(fx.MessageReceived(waiting[0], peer), Consumed(peer))

    def _consume(self, peer: peers.TcpPeer) -> None:
        self._streams[peer].popleft()
        self._in_work.discard(peer)
        if self._streams[peer]:
            self._soon(self._read_streams)

    def _read_socket(self) -> None:
        while self._socket:
            self.feed(fx.DatagramReceived(*self._socket.popleft()))

    def _media_has_news(self) -> None:
        if self.exchange is not None:
            self._soon(self._read_media)

    def _read_media(self) -> None:
        while (given := self.media.read()) is not None:
            self.feed(given)

    def _hear_office(self, process: int, given: fx.CapabilityAnswered) -> None:
        if self._is(process):
            self._guarded(lambda: self.feed(given))

    def _wake_some(self) -> None:
        assert self.exchange is not None
        if len(self.exchange.sleepers):
            self.feed(fx.WakeSome(WAKES_PER_TURN))
            self._soon(self._wake_some)
        else:
            self._arm_timer()

    def feed(self, given: fx.Input, then: Consumed | None = None) -> None:
        """One input; its facts are one group of the journal. `then` follows its effects."""
        assert self.exchange is not None
        self._pass_moment()
        for effect in self.exchange.step(self._world.now_s, given):
            if isinstance(effect, fx.Persist):
                self._facts.append(effect.fact)
            else:
                self._effects.append(effect)
        if then is not None:
            self._effects.append(then)
        self._flush()
        self._arm_timer()

    def _arm_timer(self) -> None:
        assert self.exchange is not None
        deadline_s = self.exchange.deadline_s
        if deadline_s is None or (self._timer_at_s is not None and self._timer_at_s <= deadline_s):
            return
        self._timer_at_s = deadline_s
        self._soon(lambda: self._on_timer(deadline_s), max(TURN_S, deadline_s - self._world.now_s))

    def _on_timer(self, at_s: float) -> None:
        if self._timer_at_s == at_s:
            self._timer_at_s = None
            self.feed(fx.TimeCame())

    # Facts, then effects --------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        facts, self._facts = self._facts, []
        effects, self._effects = self._effects, []
        if facts and self.writes_first:
            self._groups += 1
            self._waiting.append((self._groups, effects))
            self._write(facts)
        elif self._waiting:
            self._waiting[-1][1].extend(effects)
        else:
            self._carry_out(effects)
            if facts:
                self._write(facts)

    def _write(self, facts: list[Fact]) -> None:
        if self.write_s is None:
            self._pass_moment()
            self.written += facts
            self._on_written()
        else:
            self._unwritten.append(facts)
            self._soon(self._commit, self.write_s())

    def _commit(self) -> None:
        if self._unwritten:
            self.written += self._unwritten.popleft()
            self._on_written()

    def _on_written(self) -> None:
        self._groups_written += 1
        while self._waiting and self._waiting[0][0] <= self._groups_written:
            self._carry_out(self._waiting.popleft()[1])

    def _ask_office(self, wanted: fx.CallCapability) -> list[fx.Input]:
        """Ask with what the handles stand for; where one stands for nothing, nothing is asked."""
        process = self._process
        arguments = self.media.reveal(wanted.call, wanted.slot, wanted.arguments)
        if isinstance(arguments, SecretsGone):
            return [fx.CapabilityAnswered(wanted.call, wanted.step, arguments, wanted.attempt)]
        self.office.ask(replace(wanted, arguments=arguments), lambda given: self._hear_office(process, given))
        return []

    def _carry_out(self, effects: list[fx.Effect | Consumed]) -> None:
        answers: list[fx.Input] = []
        for effect in effects:
            self._pass_moment()
            if isinstance(effect, fx.SendSip):
                self.log.sent.append((self._world.now_s, effect.data, effect.peer[:2]))
                self._network.send(effect.data, self._address, effect.peer)
            elif isinstance(effect, Consumed):
                self._consume(effect.peer)
            elif isinstance(effect, fx.InspectMedia):
                seen = self.media.inspect(effect.call, effect.slot)
                answers += [seen] if seen is not None else []
            elif isinstance(effect, fx.Report):
                self.log.reports.append(effect)
            elif isinstance(effect, fx.CloseMedia) and effect.slot < 0:
                answers.append(fx.MediaStopped(effect.call))
            elif isinstance(effect, fx.CallCapability):
                answers += self._ask_office(effect)
            elif isinstance(effect, fx.PlacementAnswered):
                self.log.placed[effect.call] = effect.mistake
            elif not isinstance(effect, Elsewhere):
                self.media.apply(effect)
        for answer in answers:
            self.feed(answer)
