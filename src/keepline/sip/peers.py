"""Who is at the other end: addresses by UDP, and connections by TCP. Values only. Source: RFC 3261 §18."""

from typing import NamedTuple


class TcpPeer(NamedTuple):
    """The far end of a TCP connection. What is sent to it takes the connection that there is, or a new one."""

    host: str
    """An IP address, IPv6 without brackets."""
    port: int
    transport: str = "tcp"
    back: tuple[str, int] | None = None
    """Where a new connection leads to if this one is gone (§18.2.2); None: to this very host and port."""


Address = tuple[str, int] | TcpPeer
"""A peer by UDP (host and port), or by TCP. Both have the host and the port in front."""


def peer_at(host: str, port: int, transport: str) -> Address:
    """The peer that a record tells of; `transport` is udp or tcp."""
    return TcpPeer(host, port) if transport == "tcp" else (host, port)


def transport_to(peer: Address) -> str:
    """udp or tcp."""
    return "tcp" if isinstance(peer, TcpPeer) else "udp"


def is_reliable(peer: Address) -> bool:
    """Nothing that is sent there is lost but with its connection."""
    return isinstance(peer, TcpPeer)
