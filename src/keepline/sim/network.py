"""Datagrams between callers and a node: lost, doubled, delayed and so reordered, as the weather is, or cut off.

What goes over a connection (TCP) is only delayed, by a cut as long as it lasts.
"""

from collections.abc import Callable
from dataclasses import dataclass

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


CALM = Weather()
CUT_LOOK_EVERY_S = 0.2
"""How often TCP tries whether a cut is over."""
STORM = Weather(loss=0.1, doubled=0.05, delay_s_min=0.001, delay_s_max=0.08)


class Network:
    """Carries datagrams to whoever has an address."""

    __slots__ = ("_cut", "_hosts", "_weather", "_world", "lost", "were_cut", "wire")

    def __init__(self, world: World, weather: Weather = CALM, wire: TextWire | None = None) -> None:
        self.wire = wire or TextWire()
        self._world = world
        self._weather = weather
        self._hosts: dict[Address, Receive] = {}
        self.lost = 0
        self._cut: dict[Address, float] = {}
        self.were_cut: set[Address] = set()
        """Who could not be reached for a while."""

    def cut(self, address: Address, for_s: float) -> None:
        """Nothing comes to this address or from it for so long: a partition."""
        self._cut[address] = max(self._world.now_s + for_s, self._cut.get(address, 0.0))
        self.were_cut.add(address)

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
        random, weather = self._world.random, self._weather
        if self._cut and self._is_cut(source, destination):
            if isinstance(destination, peers.TcpPeer):
                self._world.after(CUT_LOOK_EVERY_S, lambda: self.send(data, source, destination))
            else:
                self.lost += 1
            return
        receive = self._hosts.get((destination[0], destination[1]))
        if receive is not None and isinstance(destination, peers.TcpPeer):
            self._world.after(weather.delay_s_max, receive, data, peers.TcpPeer(*source))
            return
        if weather is CALM and receive is not None:  # nothing is drawn
            self._world.after(CALM.delay_s_min, receive, data, source)
            return
        if receive is None or random.random() < weather.loss:
            self.lost += 1
            return
        for _ in range(2 if random.random() < weather.doubled else 1):
            delay_s = random.uniform(weather.delay_s_min, weather.delay_s_max)
            self._world.after(delay_s, receive, data, source)
