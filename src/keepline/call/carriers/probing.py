"""Carriers that no call has asked lately are asked whether they are there: OPTIONS, by whoever is active.

Real traffic comes first: a carrier that calls were tried with meanwhile is not asked, and one whose INVITEs fail is not
made well by answering OPTIONS. Whatever it answers, but for 408 and 5xx, proves that it is there. What is asked is no
fact; a successor asks anew. Source: RFC 3261 §11.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from keepline.call.effects import Address
from keepline.call.outbound.located import targets_of, uri_host
from keepline.call.setup import contact
from keepline.call.transactions import RequestNews
from keepline.call.turn import Identity, Turn
from keepline.model.operation import Operation, Trunk
from keepline.sip.body import ACCEPT
from keepline.sip.dialog import make_via
from keepline.sip.message import Headers, Request
from keepline.sip.peers import peer_at, transport_to

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

OWNER: Final = "probe "
"""Goes before the trunk's name, where a call's id would stand."""
ANSWER_S: Final = 4.0
"""How long the answer may take."""
AGAIN_S: Final = 2.0
"""After none came."""
BRANCH: Final = "z9hG4bK-probe-"
USER: Final = "keepline"


class Probing:
    """The part of the exchange that asks them."""

    __slots__ = ("_asked", "_due_s", "_every_s", "_exchange", "_schedule", "_trunks")

    def __init__(self, exchange: "Exchange", schedule: Callable[[str, float], None]) -> None:
        """`schedule` asks for `due` of a trunk at a time."""
        self._exchange = exchange
        self._schedule = schedule
        self._trunks: dict[str, Trunk] = {}
        self._every_s = 0.0
        self._asked: dict[str, Request] = {}
        """Those that have not answered yet."""
        self._due_s: dict[str, float] = {}

    def use(self, operation: Operation) -> None:
        """Ask the carriers of this version of the operation."""
        listed = {each.trunk for each in operation.outbound.carriers}
        self._trunks = {trunk.name: trunk for trunk in operation.trunks if trunk.name in listed}
        self._every_s = operation.outbound.probe_every_s
        for name in self._trunks if self._every_s else ():
            self._put_off(name, 0.0)

    def is_stale(self, trunk: str, at_s: float) -> bool:
        """It was put off, or is a carrier no more."""
        return self._due_s.get(trunk) != at_s

    def due(self, turn: Turn, trunk: str) -> None:
        """A carrier may have to be asked, or has not answered in time."""
        room, now_s = self._exchange.switchboard.carriers, turn.now_s
        if trunk not in self._trunks or not self._every_s or self._exchange.draining:
            return
        asked = self._asked.pop(trunk, None)
        if asked is not None:
            self._exchange.transactions.forget_client(asked)
            room.probed(turn, trunk, "unanswered")
            self._put_off(trunk, now_s + AGAIN_S)
            return
        busy_s = room.last_used_s(trunk) + self._every_s
        if busy_s > now_s:
            self._put_off(trunk, busy_s)
            return
        targets = targets_of(self._trunks[trunk], self._exchange.targets)
        settings = self._trunks[trunk].outbound
        if not targets or settings is None:
            self._put_off(trunk, now_s + self._every_s)
            return
        peer = peer_at(*targets[0], settings.transport)
        request = self._asked[trunk] = options_to(turn.identity, peer, self._exchange.ids.token(12).hex())
        turn.effects += self._exchange.transactions.start_client(now_s, request, peer, OWNER + trunk)
        self._put_off(trunk, now_s + ANSWER_S)

    def hear(self, turn: Turn, heard: RequestNews) -> None:
        """What a carrier has to say, or that it could not be asked."""
        trunk = heard.owner.removeprefix(OWNER)
        if not heard.is_final or self._asked.get(trunk) is not heard.request:
            return
        del self._asked[trunk]
        status = heard.response.status if heard.response is not None else 0
        is_there = status and status != 408 and not 500 <= status < 600
        why = "" if is_there else f"answered {status}" if status else heard.trouble or "unanswered"
        self._exchange.switchboard.carriers.probed(turn, trunk, why)
        self._put_off(trunk, turn.now_s + (self._every_s if is_there else AGAIN_S))

    def _put_off(self, trunk: str, at_s: float) -> None:
        self._due_s[trunk] = at_s
        self._schedule(trunk, at_s)


def options_to(identity: Identity, peer: Address, token: str) -> Request:
    """An OPTIONS that asks whether somebody is there (§11.1)."""
    headers, transport = Headers(), transport_to(peer)
    uri = f"sip:{uri_host(peer[0])}:{peer[1]}"
    headers.add("Via", make_via(identity.sip.host, identity.sip.port, BRANCH + token, transport))
    headers.add("Max-Forwards", "70")
    headers.add("From", f"<sip:{USER}@{uri_host(identity.sip.host)}>;tag={token[:8]}")
    headers.add("To", f"<{uri}>")
    headers.add("Call-ID", token)
    headers.add("CSeq", "1 OPTIONS")
    headers.add("Contact", contact(identity, transport))
    headers.add("Accept", ACCEPT)
    headers.add("User-Agent", identity.server)
    return Request("OPTIONS", uri, headers, b"")
