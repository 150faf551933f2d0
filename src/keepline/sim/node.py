"""A node in virtual time: what outlives its processes (journal, sockets, media, epochs), and one after another of them.

Who dies is replaced after a fixed while, unless a supervisor sees to it (`sim.supervisor`). What was written is all
that a successor has, and datagrams wait for it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from keepline.call import effects as fx
from keepline.call.blame import blamed
from keepline.call.effects_incident import IncidentInput
from keepline.call.effects_playbook import SayOfStep
from keepline.call.effects_run import StartRun, TellEvent
from keepline.call.exchange import Exchange
from keepline.call.facts import DigitsPressed, Fact
from keepline.call.facts.interrupted import CallInterrupted
from keepline.node.held_effects import Waiting
from keepline.sim.boundaries import Boundaries
from keepline.sim.media import SimMedia
from keepline.sim.network import Address, Network
from keepline.sim.office import SimOffice
from keepline.sim.process import Died, SimProcess
from keepline.sim.runs import SimRuns
from keepline.sim.saving import SimDisk
from keepline.sim.world import World
from keepline.sip import peers
from keepline.sip.message import Request
from keepline.succession.epochs import is_over, next_epoch

ASK_AGAIN_S = 2.0
"""How long a command waits for the answer to its `PlaceCall`."""
HEARTBEAT_EVERY_S = 0.1
MakeExchange = Callable[[bytes], Exchange]
"""An exchange with its programs, for a seed of its ids."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a power cut took: a fact that was written and not synced."""

    at_s: float
    fact: Fact


@dataclass(slots=True)
class NodeLog:
    """What happened, for whoever checks it."""

    sent: list[tuple[float, bytes, Address]] = field(default_factory=list)
    reports: list[fx.Report] = field(default_factory=list)
    deaths: int = 0
    """Of active processes."""
    placed: dict[str, str] = field(default_factory=dict)
    """Call that was asked for -> what was wrong with it, mostly nothing."""
    work: dict[str, str] = field(default_factory=dict)
    """Item of the work list that was to be closed -> what was wrong with that, mostly nothing."""
    incidents: dict[str, str] = field(default_factory=dict)
    """Request about an incident, or a step of its playbook -> what was wrong with it, mostly nothing."""
    two_hands: list[str] = field(default_factory=list)
    """What a process did after another had taken over."""
    whole_deaths: int = 0
    """How often everything was killed, or lost its power."""
    lost: list["Lost"] = field(default_factory=list)
    refused: int = 0
    """Groups of facts that the journal refused, for their epoch was over."""


class SimNode:
    """One node: its calls processes, and the journal, sockets and memory that they share."""

    def __init__(self, world: World, network: Network, address: Address, make: MakeExchange, slot_count: int) -> None:
        self.world = world
        self._network = network
        self.address = address
        self._make = make
        self.media = SimMedia(world, slot_count, self._on_media_news)
        self.office: SimOffice = SimOffice(world)
        self.written: list[Fact] = []
        self.runs = SimRuns(self.written)
        self.log = NodeLog()
        self.active: SimProcess | None = None
        """Who was promoted last, if it lives."""
        self.epoch_on_disk = self.epoch_in_memory = 0
        self.has_epochs = True
        """False is a planted bug: whoever takes over goes on with the epoch of before."""
        self.is_away = False
        """Nobody holds its sockets."""
        self.boundaries = Boundaries()
        self.moment = 0
        self.watches = False
        """Something may happen at a moment."""
        self._dies_at: frozenset[int] = frozenset()
        self._stops_at: frozenset[int] = frozenset()
        self.outage_s = 0.3
        """From a death to the successor's first turn, where there is no supervisor."""
        self.write_s: Callable[[], float] | None = None
        """How long the journal takes to write a group; None writes at once."""
        self.disk: SimDisk | None = None
        """Where what is written takes a while to be synced; None syncs at once."""
        self.writes_first = True
        """False is a planted bug: effects do not wait for their facts."""
        self.orders: list[fx.Input] = []
        self.on_death: Callable[[SimProcess], None] = self._replace
        self.on_frozen: Callable[[], None] = lambda: None
        self.kill_processes: Callable[[float], None] = self._kill_processes
        """All of them, the supervisor too; somebody starts the node again after so many seconds."""
        self._processes = 0
        self.version = ""
        """Whoever is started is of this version, where there are several."""
        self.versions: dict[str, MakeExchange] = {}
        """Makes exchanges, by the version of their new calls; others are made as said at first."""
        self._stepping = ""
        self._blamed: dict[str, int] = {}
        self.socket: deque[tuple[bytes, Address]] = deque()
        self.streams = network.streams
        self.streams.listen(address, self._on_stream_news, lambda: self.is_away, lambda: self.active)
        network.join(address, self._receive)

    # Life and death -------------------------------------------------------------------------------------------------

    @property
    def dies_at(self) -> frozenset[int]:
        """Moments."""
        return self._dies_at

    @dies_at.setter
    def dies_at(self, moments: frozenset[int]) -> None:
        self._dies_at, self.watches = moments, True

    @property
    def stops_at(self) -> frozenset[int]:
        """Moments at which who is at work is stopped by a signal; somebody must let it go on, or kill it."""
        return self._stops_at

    @stops_at.setter
    def stops_at(self, moments: frozenset[int]) -> None:
        self._stops_at, self.watches = moments, True

    @property
    def writes_at_once(self) -> bool:
        """Writing takes no time, and comes first."""
        return self.write_s is None and self.writes_first

    def watch(self) -> None:
        """Note every boundary from now on."""
        self.boundaries.watch()
        self.watches = True

    @property
    def exchange(self) -> Exchange | None:
        """Of the active process."""
        return self.active.exchange if self.active is not None else None

    def make(self, seed: bytes, version: str) -> Exchange:
        """The exchange of a process that takes over."""
        exchange = self.versions.get(version, self._make)(seed)
        exchange.messages.read = self._network.wire.read
        return exchange

    def read_request(self, text: str) -> Request:
        """A request as it is on record; a copy."""
        request = self._network.wire.read(text.encode("latin-1"))
        assert isinstance(request, Request)
        return request

    def new_process(self, version: str = "") -> SimProcess:
        """A process that has not begun, of that version or of the one in use."""
        self._processes += 1
        return SimProcess(self, self._processes, version or self.version)

    def start(self) -> None:
        """A process begins with what was written."""
        self.is_away = False
        self.new_process().promote()

    def die(self) -> None:
        """The active process is killed."""
        if self.active is not None:
            self.active.die()

    def die_wholly(self, outage_s: float) -> None:
        """Everything is killed: calls, media and supervisor; what is sent to the node meanwhile is lost."""
        self.kill_all(outage_s)
        self.forget_memory()

    def cut_power(self, outage_s: float) -> None:
        """The same by a power cut: of what was written since the last flush any first part is left, or nothing."""
        self.kill_all(outage_s)
        disk = self.disk
        if disk is not None:
            kept = self.world.random.choice([disk.synced, *disk.ends])
            self.log.lost += [Lost(self.world.now_s, fact) for fact in self.written[kept:]]
            del self.written[kept:]
            disk.synced, disk.ends = kept, []
            self.runs = self.runs.reread()
        self.forget_memory()

    def kill_all(self, outage_s: float) -> None:
        """Every process dies; the sockets are closed, and connections with them."""
        self.is_away = True
        self.log.whole_deaths += 1
        self.kill_processes(outage_s)
        self.socket.clear()
        self.streams.lose_all()

    def forget_memory(self) -> None:
        """Media's memory is new: streams, keys, marks, the epoch; what the supervisor had said is void."""
        self.media.lose_all(keys_on_record(self.written))
        self.epoch_in_memory = 0
        self._stepping, self._blamed = "", {}
        self.orders.clear()

    def _kill_processes(self, outage_s: float) -> None:
        self.outage_s = outage_s
        self.die()

    def note_death(self, process: SimProcess) -> None:
        """A process is gone; whoever replaces it says so."""
        self.log.deaths += process.state == "active"
        if process is self.active:
            self.active = None

    def _replace(self, process: SimProcess) -> None:
        self.note_death(process)
        self.world.after(self.outage_s, self.start)

    def begin_epoch(self, process: SimProcess) -> int:
        """The epoch of a process that becomes active; who was so before notices at its next heartbeat, or sooner."""
        if self.active is not None:
            self.active.soon(self.active.beat, HEARTBEAT_EVERY_S)
        self.active = process
        if self.has_epochs or not self.epoch_on_disk:
            self.epoch_on_disk = self.epoch_in_memory = next_epoch(self.epoch_on_disk, self.epoch_in_memory)
        return self.epoch_on_disk

    def note_step(self, mark: str) -> None:
        """The call that is being stepped; empty after it."""
        self._stepping = mark

    def note_deaths(self) -> dict[str, int]:
        """How many processes calls have killed, by their marks, the last death included."""
        self._blamed, self._stepping = blamed(self._blamed, self._stepping), ""
        return self._blamed

    # What is asked of it --------------------------------------------------------------------------------------------

    def order(self, given: fx.Input) -> None:
        """The supervisor's word (`Drain`, `HangUpAll`): said now, and to every successor."""
        self.orders.append(given)
        self._wake(lambda process: lambda: process.feed(given))

    def place(self, wanted: fx.PlaceCall) -> None:
        """Ask for a call, again and again until that is answered, as the command does."""
        if wanted.call in self.log.placed:
            return
        self._wake(lambda process: lambda: process.feed(wanted))
        self.world.after(ASK_AGAIN_S, lambda: self.place(wanted))

    def ask(self, wanted: StartRun | TellEvent) -> None:
        """Ask for a run, or tell of an event, in the same way."""
        if wanted.id in self.runs.answered:
            return
        self._wake(lambda process: lambda: process.feed(wanted))
        self.world.after(ASK_AGAIN_S, lambda: self.ask(wanted))

    def _on_stream_news(self) -> None:
        self._wake(lambda process: process.read_streams)

    def say(self, wanted: IncidentInput | SayOfStep) -> None:
        """Say something of an incident, or of a step of its playbook, in the same way."""
        if wanted.asked in self.log.incidents:
            return
        self._wake(lambda process: lambda: process.feed(wanted))
        self.world.after(ASK_AGAIN_S, lambda: self.say(wanted))

    def _on_media_news(self) -> None:
        if self.active is not None:
            self.active.soon(self.active.read_media)

    def _wake(self, what: Callable[[SimProcess], Callable[[], None]]) -> None:
        """Have the active process do something soon."""
        if self.active is not None:
            self.active.soon(what(self.active))

    # What outlives a process ----------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: peers.Address) -> None:
        if self.is_away:
            return
        self.socket.append((data, (source[0], source[1])))
        if self.active is not None:
            self.active.soon(self.active.read_socket)

    def send(self, effect: fx.SendSip) -> None:
        """A datagram, or a message over a connection."""
        self.log.sent.append((self.world.now_s, effect.data, effect.peer[:2]))
        if effect.message is not None:
            self._network.wire.note(effect.data, effect.message)
        self._network.send(effect.data, self.address, effect.peer)

    def append(self, process: SimProcess, facts: list[Fact]) -> None:
        """Facts reach the journal; those of an epoch that is over do not, and who wrote them ends."""
        if is_over(process.epoch, self.epoch_on_disk):
            self.log.refused += 1
            raise Died
        if process is not self.active:
            self.log.two_hands += [f"process {process.process} wrote {fact.kind} of {fact.call}" for fact in facts]
        self.write(facts)
        if self.boundaries.notes:
            self.boundaries.note_passed(facts)

    def write(self, facts: list[Fact]) -> None:
        """Facts are written: they outlive every process."""
        self.written += facts
        if self.disk is not None:
            self.disk.note_written(len(self.written))

    def note_act(self, process: SimProcess, effect: Waiting) -> None:
        """A process does something outside of itself."""
        if self.boundaries.notes:
            self.boundaries.note_passed(effect)
        if process is not self.active and not isinstance(effect, fx.Report | fx.InspectMedia):
            self.log.two_hands.append(
                f"process {process.process} did {type(effect).__name__} after its successor began"
            )


def keys_on_record(written: list[Fact]) -> dict[str, int]:
    """How many keys of each call its facts speak of."""
    found: dict[str, int] = {}
    before: dict[str, int] = {}
    for fact in written:
        if isinstance(fact, CallInterrupted):
            before[fact.call] = found.get(fact.call, 0)  # media counts anew
        elif isinstance(fact, DigitsPressed):
            found[fact.call] = before.get(fact.call, 0) + fact.head
    return found
