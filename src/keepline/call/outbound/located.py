"""Where the proxies of trunks are that are written as names: what the resolver found last, in a new order each time.

An answer holds until the next one; that there is none changes nothing. Source: RFC 3263 §4.2, RFC 2782.
"""

from keepline.call.effects import TrunkLocated
from keepline.call.turn import Turn
from keepline.model.ids import IdSource
from keepline.sip.locating import SipServer, targets_in_order


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
