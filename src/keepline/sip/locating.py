"""Which servers stand behind a name, and in which order they are tried: what DNS is asked, and what follows from it.

A trunk says its transport, so NAPTR, which would choose one, is not asked (a seam: `questions` is where it would come
first). Whoever draws the numbers is an argument. Source: RFC 3263 §4.2, §4.3; RFC 2782.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from keepline.model.limits import LOCATED_TARGETS_MAX
from keepline.sip.values import PORT_DEFAULT

WEIGHT_MAX = 65_535
Draw = Callable[[int], int]
"""A number from 0 to the one given, inclusive, any of them as likely."""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """An SRV record."""

    priority: int
    weight: int
    port: int
    host: str
    """Without its last dot; empty where the service is not offered (RFC 2782)."""


@dataclass(frozen=True, slots=True)
class SipServer:
    """A server by its addresses."""

    addresses: tuple[str, ...]
    port: int
    priority: int = 0
    weight: int = 0


def service_name(host: str, port: int, transport: str) -> str:
    """The name whose SRV records are asked for; empty where a port is given: its addresses alone count (§4.2)."""
    return "" if port else f"_sip._{transport}.{host}"


def plain_service(host: str, port: int) -> ServiceRecord:
    """What a name without SRV records stands for: its own addresses, at the port given or the default (§4.2)."""
    return ServiceRecord(0, 0, port or PORT_DEFAULT, host)


def in_order(servers: Iterable[SipServer], draw: Draw) -> list[SipServer]:
    """By priority, and within one by weight: who weighs twice as much comes first twice as often (RFC 2782)."""
    found: list[SipServer] = []
    waiting = sorted(servers, key=lambda server: (server.priority, server.weight > 0))
    while waiting:
        first = waiting[0].priority
        rivals = [server for server in waiting if server.priority == first]
        at = draw(sum(server.weight for server in rivals))
        for server in rivals:
            at -= server.weight
            if at <= 0:
                found.append(server)
                waiting.remove(server)
                break
    return found


def targets_in_order(servers: Iterable[SipServer], draw: Draw) -> tuple[tuple[str, int], ...]:
    """Each address of each server, in the order in which they are tried; as many as are worth trying."""
    found: list[tuple[str, int]] = []
    for server in in_order(servers, draw):
        found += [(address, server.port) for address in server.addresses if (address, server.port) not in found]
    return tuple(found[:LOCATED_TARGETS_MAX])
