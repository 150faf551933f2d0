"""TCP connections in virtual time: bytes in their order, in parts, cut in the midst; they outlive whoever reads them.

A connection is the kernel's: what it has brought stays until a process has dealt with it, and what a process was in the
midst of sending when it died leaves a mark. The far ends are callers, who listen as well as connect. It refuses to
know what the messages mean; where one begins and ends is `sip.stream`'s, as in the node.
Source: RFC 3261 §18.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.model.errors import PeerError
from keepline.node.held_effects import Then
from keepline.sim.world import World
from keepline.sip.peers import TcpPeer
from keepline.sip.stream import Framed, KeepAlive, Unframed, next_frame

if TYPE_CHECKING:
    from keepline.sim.process import SimProcess

Address = tuple[str, int]
REFUSED_S = 0.5
"""Until somebody who found nobody listening tries again."""
REST_S_MAX = 0.05
"""Between the two parts of a message that goes in two."""
EPHEMERAL = 20_000
"""Added to the port of whoever connects; each connection has another."""
GARBAGE = b"\x16\x03\x01 this is no SIP\r\n\r\n"
CLOSED, RESET = "the peer closed the connection", "Connection reset by peer"


@dataclass(slots=True, eq=False)
class SimStream:
    """One connection between the node and a caller."""

    peer: TcpPeer
    """As the node sees it."""
    far: Address
    """Whose it is."""
    inbox: bytearray = field(default_factory=bytearray)
    """Come to the node, and not consumed."""
    came: bytearray = field(default_factory=bytearray)
    """Come to the caller, and not whole."""
    unsent: list[bytes] = field(default_factory=list)
    """In the memory of the process that sends: behind a message of which one part is under way."""
    is_corked: bool = False
    """The node is in the midst of sending a message."""
    is_garbled: bool = False
    breaks_next: bool = False
    """The caller gets no further than the midst of its next message."""
    closed_by: str = ""
    """far, node, or reset by anything else."""
    ended: str = ""
    """Why nothing more will come to the node."""
    near_at_s: float = 0.0
    """When the last that is under way to the node is there; nothing overtakes it."""
    far_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FarEnd:
    """Somebody with an address, who connects and can be connected to."""

    receive: Callable[[bytes, TcpPeer], None]
    """One whole message."""
    on_closed: Callable[[], None]
    """A connection of theirs is closed, or none could be made."""


class SimStreams:
    """All connections of one node."""

    __slots__ = ("_cut_until", "_ends", "_halved", "_made", "_process", "_world", "broken", "consumes_late", "delay_s",
                 "heeds_corks", "held", "is_away", "node", "on_news", "outlive_processes", "over")  # fmt: skip

    def __init__(
        self, world: World, delay_s: float, halved: float, cut_until: Callable[[Address, Address], float]
    ) -> None:
        """`halved` is the share of messages that go in two parts, `cut_until` says until when nothing passes."""
        self._world = world
        self.delay_s, self._halved, self._cut_until = delay_s, halved, cut_until
        self._ends: dict[Address, FarEnd] = {}
        self._made = 0
        self._process: Callable[[], SimProcess | None] = lambda: None
        self.node: Address = ("", 0)
        self.on_news: Callable[[], None] = lambda: None
        self.is_away: Callable[[], bool] = lambda: True
        self.held: dict[Address, SimStream] = {}
        """What the node has, by the host and port of the peer."""
        self.over: list[SimStream] = []
        self.broken: list[str] = []
        """What came to callers and was no message."""
        self.consumes_late = True
        """False is a planted bug: a message is taken from its connection before anything of it is written."""
        self.heeds_corks = True
        """False is a planted bug: a connection that was left in the midst of a message is used on."""
        self.outlive_processes = True
        """False is a planted bug: nobody holds the connections of a process that died."""

    def listen(
        self,
        node: Address,
        on_news: Callable[[], None],
        is_away: Callable[[], bool],
        process: Callable[[], "SimProcess | None"],
    ) -> None:
        """The node's end: told that there is something to read; `process` is who sends for it."""
        self.node, self.on_news, self.is_away, self._process = node, on_news, is_away, process

    def join(self, address: Address, end: FarEnd) -> None:
        """Somebody else's."""
        self._ends[address] = end

    # Callers --------------------------------------------------------------------------------------------------------

    def of(self, far: Address) -> SimStream | None:
        """The latest open connection of a caller."""
        found = [stream for stream in self.held.values() if stream.far == far and not stream.closed_by]
        return found[-1] if found else None

    def from_far(self, data: bytes, far: Address) -> None:
        """A caller sends a message, over the connection that it has or a new one."""
        if self.is_away():
            self._world.after(REFUSED_S, self._ends[far].on_closed)
            return
        stream = self.of(far)
        if stream is None:
            self._made += 1
            port = EPHEMERAL + self._made
            stream = self.held[far[0], port] = SimStream(TcpPeer(far[0], port), far)
        if stream.breaks_next:
            self._to_near(stream, data[: self._world.random.randrange(1, len(data))])
            self.end(stream)
            return
        first, rest, wait_s = self._parts(data)
        self._to_near(stream, first)
        if rest:
            stream.near_at_s += wait_s
            self._to_near(stream, rest)

    def end(self, stream: SimStream, *, resets: bool = False) -> None:
        """The caller closes it; or it is reset by whoever is between, and what is under way is lost."""
        if stream.closed_by:
            return
        stream.closed_by = "reset" if resets else "far"
        if resets:
            stream.inbox.clear()
            stream.ended = RESET
            self.on_news()
        else:
            self._world.at(self._near_at_s(stream), self._note_end, stream)
        self._world.after(self.delay_s, self._ends[stream.far].on_closed)

    def garble(self, stream: SimStream) -> None:
        """The caller sends what is no SIP, after what it has sent."""
        stream.is_garbled = True
        self._to_near(stream, GARBAGE)

    def _note_end(self, stream: SimStream) -> None:
        stream.ended = CLOSED
        self.on_news()

    def _parts(self, data: bytes) -> tuple[bytes, bytes, float]:
        """A message in one part, or in two with a pause."""
        random = self._world.random
        if not self._halved or random.random() >= self._halved:
            return data, b"", 0.0
        size = random.randrange(1, len(data))
        return data[:size], data[size:], random.uniform(0.0, REST_S_MAX)

    def _near_at_s(self, stream: SimStream) -> float:
        now_s = self._world.now_s
        begins_s = max(now_s, self._cut_until(stream.far, self.node))
        stream.near_at_s = max(stream.near_at_s, begins_s + self.delay_s)
        return stream.near_at_s

    def _to_near(self, stream: SimStream, data: bytes) -> None:
        self._world.at(self._near_at_s(stream), self._arrive_near, stream, data)

    def _arrive_near(self, stream: SimStream, data: bytes) -> None:
        if stream.closed_by in ("", "far"):
            stream.inbox += data
            self.on_news()

    # The node -------------------------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """A process begins with the connections that there are; one left in the midst of a message is of no use."""
        for stream in list(self.held.values()):
            stream.unsent.clear()
            if (stream.is_corked and self.heeds_corks) or not self.outlive_processes:
                self._drop(stream)
            stream.is_corked = stream.is_corked and self.heeds_corks

    def lose_all(self) -> None:
        """Nobody holds them any more."""
        for stream in list(self.held.values()):
            self.end(stream, resets=True)
            self._forget(stream)

    def close(self, peer: TcpPeer) -> None:
        """The node closes one; what it sent before arrives."""
        stream = self.held.get((peer.host, peer.port))
        if stream is not None:
            self._drop(stream)

    def _drop(self, stream: SimStream) -> None:
        if not stream.closed_by:
            stream.closed_by = "node"
            self._world.at(self._far_at_s(stream), self._ends[stream.far].on_closed)
        self._forget(stream)

    def _forget(self, stream: SimStream) -> None:
        if self.held.pop((stream.peer.host, stream.peer.port), None) is not None:
            self.over.append(stream)

    def to_far(self, data: bytes, peer: TcpPeer) -> None:
        """The active process sends a message, by the connection with this peer or by a new one."""
        target = peer.back or (peer.host, peer.port)
        stream = self.held.get((peer.host, peer.port)) or self.held.get(target)
        if stream is None:
            if target not in self._ends:
                self._fail(data, peer, "no connection: nobody listens there")
                return
            stream = self.held[target] = SimStream(TcpPeer(*target), target)
        if stream.closed_by == "reset":
            self._fail(data, stream.peer, RESET)
        elif stream.is_corked:
            stream.unsent.append(data)
        else:
            self._send(stream, data)

    def _send(self, stream: SimStream, data: bytes) -> None:
        process = self._process()
        first, rest, wait_s = self._parts(data)
        self._to_far(stream, first)
        if rest and process is not None:
            stream.is_corked = True
            process.soon(partial(self._send_rest, stream, rest), wait_s)

    def _send_rest(self, stream: SimStream, rest: bytes) -> None:
        if not stream.is_corked or stream.closed_by:
            return
        self._to_far(stream, rest)
        stream.is_corked = False
        if stream.unsent:
            data = stream.unsent.pop(0)
            waiting, stream.unsent = stream.unsent, []
            self._send(stream, data)
            for each in waiting:
                self.to_far(each, stream.peer)

    def _fail(self, data: bytes, peer: TcpPeer, why: str) -> None:
        process = self._process()
        if process is not None:
            process.soon(lambda: process.feed(fx.SendFailed(data, peer, why)))

    def _far_at_s(self, stream: SimStream) -> float:
        begins_s = max(self._world.now_s, self._cut_until(stream.far, self.node))
        stream.far_at_s = max(stream.far_at_s, begins_s + self.delay_s)
        return stream.far_at_s

    def _to_far(self, stream: SimStream, data: bytes) -> None:
        self._world.at(self._far_at_s(stream), self._arrive_far, stream, data)

    def _arrive_far(self, stream: SimStream, data: bytes) -> None:
        if stream.closed_by not in ("", "node"):
            return
        stream.came += data
        while (frame := next_frame(bytes(stream.came))) is not None:
            if isinstance(frame, Framed | KeepAlive):
                del stream.came[: frame.end]
            elif isinstance(frame, Unframed):
                self.broken.append(f"{stream.far[0]} was sent what is no message: {bytes(stream.came[:60])!r}")
                stream.came.clear()
            if not isinstance(frame, Framed):
                if isinstance(frame, KeepAlive):
                    continue
                break
            try:
                self._ends[stream.far].receive(frame.data, TcpPeer(*self.node))
            except PeerError as error:
                self.broken.append(f"{stream.far[0]} was sent what is no message: {error}")

    # Reading --------------------------------------------------------------------------------------------------------

    def read(self, process: "SimProcess", in_work: set[SimStream]) -> None:
        """Have a process deal with the next message of each connection; it is consumed once that is done."""
        for stream in list(self.held.values()):
            if stream in in_work or process.is_frozen:
                continue
            frame = next_frame(bytes(stream.inbox))
            if isinstance(frame, Framed):
                in_work.add(stream)
                if not self.consumes_late:
                    del stream.inbox[: frame.end]
                used = frame.end if self.consumes_late else 0
                then = Then(partial(self._consume, process, in_work, stream, used))
                process.feed(fx.MessageReceived(frame.data, stream.peer), then)
            elif isinstance(frame, Unframed):
                in_work.add(stream)
                process.feed(fx.StreamBroken(frame.data, stream.peer, frame.status, frame.why))
            elif stream.ended:
                in_work.add(stream)
                lost = fx.ConnectionLost(stream.peer, stream.ended)
                process.feed(lost, Then(partial(self._forget, stream)))

    def _consume(self, process: "SimProcess", in_work: set[SimStream], stream: SimStream, size: int) -> None:
        del stream.inbox[:size]
        in_work.discard(stream)
        if stream.inbox or stream.ended:
            process.soon(process.read_streams)


def stream_wrongs(streams: SimStreams) -> list[str]:
    """What is wrong with the connections of a world that is over."""
    found = list(streams.broken)
    for stream in streams.held.values():
        name = f"the connection of {stream.peer.host}:{stream.peer.port}"
        if stream.inbox:
            found.append(f"{name} has {len(stream.inbox)} bytes that nobody has dealt with")
        if stream.ended:
            found.append(f"{name} is over, and the node goes on with it")
        if stream.is_corked or stream.unsent:
            found.append(f"{name} was left in the midst of a message")
    return found + [
        f"the node closed the connection of {stream.peer.host}:{stream.peer.port}, with which nothing was wrong"
        for stream in streams.over
        if stream.closed_by == "node" and not (stream.is_corked or stream.is_garbled)
    ]
