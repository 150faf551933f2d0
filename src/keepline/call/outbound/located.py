"""Where the proxies of trunks are that are written as names: what the resolver found last, in a new order each time.

An answer holds until the next one; that there is none changes nothing. Source: RFC 3263 §4.2, RFC 2782.
"""

from keepline.call.effects import TrunkLocated
from keepline.call.turn import Turn
from keepline.model.ids import IdSource
from keepline.model.operation import Trunk, is_address
from keepline.sip.locating import SipServer, targets_in_order
from keepline.sip.values import PORT_DEFAULT

Target = tuple[str, int]
"""Host and port; the transport is the trunk's."""


class LocatedTrunks:
    """Servers by the trunk's name."""

    __slots__ = ("_ids", "_servers")

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids
        self._servers: dict[str, tuple[SipServer, ...]] = {}

    def on_located(self, _turn: Turn, given: TrunkLocated) -> None:
        """News of a trunk; no servers are no news."""
        if given.servers:
            self._servers[given.trunk] = given.servers

    def get(self, trunk: str) -> tuple[tuple[str, int], ...]:
        """Hosts and ports to try, in order: by priority, drawn by weight for each call; empty where none is known."""
        servers = self._servers.get(trunk, ())
        return targets_in_order(servers, self._draw) if servers else ()

    def _draw(self, most: int) -> int:
        return self._ids.number(48) % (most + 1)


def targets_of(trunk: Trunk, located: LocatedTrunks) -> tuple[Target, ...]:
    """Where a trunk's requests go, in order: where its proxy was located, or the address that is written there."""
    found = located.get(trunk.name)
    if found or trunk.outbound is None:
        return found or ()
    host = trunk.outbound.proxy_host
    return ((host, trunk.outbound.proxy_port or PORT_DEFAULT),) if is_address(host) else ()


def uri_host(host: str) -> str:
    """A host as it stands in a URI."""
    return f"[{host}]" if ":" in host else host
