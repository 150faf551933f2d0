"""Datagrams between callers and a node: lost, doubled, delayed and so reordered, as the weather is, or cut off.

What goes over a connection (TCP) is `sim.streams`': only delayed, by a cut as long as it lasts.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keepline.sim.streams import SimStreams
from keepline.sim.wire import TextWire
from keepline.sim.world import World
from keepline.sip import peers
from keepline.sip.message import Request, Response

Address = tuple[str, int]
Receive = Callable[[bytes, peers.Address], None]


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does to each datagram."""

    loss: float = 0.0
    """Share of datagrams that never arrive."""
    doubled: float = 0.0
    """Share that arrives twice."""
    delay_s_min: float = 0.001
    delay_s_max: float = 0.001
    """A later datagram may overtake an earlier one where these differ."""
    halved: float = 0.0
    """Share of messages over TCP that go in two parts, with a pause between them."""


CALM = Weather()
STORM = Weather(loss=0.1, doubled=0.05, delay_s_min=0.001, delay_s_max=0.08, halved=0.2)


class Network:
    """Carries datagrams to whoever has an address."""

    __slots__ = ("_cut", "_hosts", "_weather", "_world", "lost", "streams", "were_cut", "wire")

    def __init__(self, world: World, weather: Weather = CALM, wire: TextWire | None = None) -> None:
        self.wire = wire or TextWire()
        self._world = world
        self._weather = weather
        self._hosts: dict[Address, Receive] = {}
        self.lost = 0
        self._cut: dict[Address, float] = {}
        self.were_cut: set[Address] = set()
        """Who could not be reached for a while."""
        self.streams = SimStreams(world, weather.delay_s_max, weather.halved, self._cut_until)

    def cut(self, address: Address, for_s: float) -> None:
        """Nothing comes to this address or from it for so long: a partition."""
        self._cut[address] = max(self._world.now_s + for_s, self._cut.get(address, 0.0))
        self.were_cut.add(address)

    def _cut_until(self, one: Address, other: Address) -> float:
        return max(self._cut.get(one, 0.0), self._cut.get(other, 0.0))

    def _is_cut(self, one: Address, other: peers.Address) -> bool:
        now_s = self._world.now_s
        return now_s < self._cut.get(one, 0.0) or now_s < self._cut.get((other[0], other[1]), 0.0)

    def join(self, address: Address, receive: Receive) -> None:
        """Have datagrams to this address handed to `receive`, with their source."""
        self._hosts[address] = receive

    def say(self, message: Request | Response, source: Address, destination: peers.Address) -> None:
        """One message on its way, for the first time."""
        data = message.encode()
        self.wire.note(data, message)
        self.send(data, source, destination)

    def send(self, data: bytes, source: Address, destination: peers.Address) -> None:
        """One datagram on its way, or one message over the connection with a TCP peer."""
        if isinstance(destination, peers.TcpPeer):
            if source == self.streams.node:
                self.streams.to_far(data, destination)
            else:
                self.streams.from_far(data, source)
            return
        random, weather = self._world.random, self._weather
        if self._cut and self._is_cut(source, destination):
            self.lost += 1
            return
        receive = self._hosts.get((destination[0], destination[1]))
        if weather is CALM and receive is not None:  # nothing is drawn
            self._world.after(CALM.delay_s_min, receive, data, source)
            return
        if receive is None or random.random() < weather.loss:
            self.lost += 1
            return
        for _ in range(2 if random.random() < weather.doubled else 1):
            delay_s = random.uniform(weather.delay_s_min, weather.delay_s_max)
            self._world.after(delay_s, receive, data, source)
