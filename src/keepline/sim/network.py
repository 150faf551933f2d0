"""Datagrams between callers and a node: lost, doubled, delayed and so reordered, as the weather is.

What goes over a connection (TCP) is only delayed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keepline.sim.world import World
from keepline.sip import peers

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
STORM = Weather(loss=0.1, doubled=0.05, delay_s_min=0.001, delay_s_max=0.08)


class Network:
    """Carries datagrams to whoever has an address."""

    __slots__ = ("_hosts", "_weather", "_world", "lost")

    def __init__(self, world: World, weather: Weather = CALM) -> None:
        self._world = world
        self._weather = weather
        self._hosts: dict[Address, Receive] = {}
        self.lost = 0

    def join(self, address: Address, receive: Receive) -> None:
        """Have datagrams to this address handed to `receive`, with their source."""
        self._hosts[address] = receive

    def send(self, data: bytes, source: Address, destination: peers.Address) -> None:
        """One datagram on its way, or one message over the connection with a TCP peer."""
        random, weather = self._world.random, self._weather
        receive = self._hosts.get((destination[0], destination[1]))
        if receive is not None and isinstance(destination, peers.TcpPeer):
            self._world.after(weather.delay_s_max, lambda: receive(data, peers.TcpPeer(*source)))
            return
        if receive is None or random.random() < weather.loss:
            self.lost += 1
            return
        for _ in range(2 if random.random() < weather.doubled else 1):
            delay_s = random.uniform(weather.delay_s_min, weather.delay_s_max)
            self._world.after(delay_s, lambda: receive(data, source))
