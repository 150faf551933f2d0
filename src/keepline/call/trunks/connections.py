"""What transports bring besides messages: streams that cannot be read on, messages that could not be sent.

RFC 3261 §17.1.4 (transport errors of clients), §18.3 (a stream is framed by Content-Length), §18.4.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keepline.call import effects as fx
from keepline.call.carriers import racing
from keepline.call.carriers.probing import OWNER as PROBE
from keepline.call.inputs import RequestBounced
from keepline.call.transactions import Key
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.model.limits import BYE_CONNECTIONS_MAX
from keepline.sip.message import Request, parse_message
from keepline.sip.peers import TcpPeer
from keepline.sip.transaction import client_key

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange


class Connections:
    """The part of the exchange that hears of them."""

    __slots__ = ("_again", "_exchange")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._again: dict[Key, int] = {}
        """How often a BYE that is not answered was sent over another connection."""

    def handlers(self) -> dict[type, Callable[[Turn, Any], None]]:
        """What deals with which input."""
        return {
            fx.StreamBroken: self.on_broken,
            fx.SendFailed: self.on_send_failed,
            fx.ConnectionLost: self.on_lost,
            RequestBounced: self.on_bounced,
        }

    def on_broken(self, turn: Turn, given: fx.StreamBroken) -> None:
        """Nobody can say where the next message begins: the connection is closed, with an answer where that can be."""
        gate, host = self._exchange.gate, given.source.host
        if gate.carrier(host) or not gate.silences(turn, host):
            gate.refuse_malformed(turn, PeerError(given.why, given.status), given)
        turn.emit(fx.CloseConnection(given.source))

    def on_send_failed(self, turn: Turn, given: fx.SendFailed) -> None:
        """The transaction of a request ends; the response to who has closed its connection is that peer's loss."""
        message = parse_message(given.data)
        if isinstance(message, Request):
            self._fail(turn, client_key(message), given.peer, given.why)

    def on_bounced(self, turn: Turn, given: RequestBounced) -> None:
        """Nobody is where a request went. It may be for a moment: the request is sent again, as if it had been lost.

        But a call that has another carrier does not wait for that one, and an OPTIONS has its answer.
        """
        key: Key = (given.branch, given.method)
        machine, owner = self._exchange.transactions.clients.get(key, (None, ""))
        if machine is None or machine.peer != given.peer:
            return
        call = self._exchange.calls.get(owner)
        if owner.startswith(PROBE):
            self._fail(turn, key, None, given.why)
        elif call is not None and given.method == "INVITE":
            racing.on_bounced(turn, call, machine.request)

    def on_lost(self, turn: Turn, given: fx.ConnectionLost) -> None:
        """What went over it and was not answered is as good as not sent."""
        for key in self._exchange.transactions.sent_over(given.peer):
            self._fail(turn, key, given.peer, given.why)

    def _fail(self, turn: Turn, key: Key, lost: TcpPeer | None, why: str) -> None:
        """What went over a connection is lost; a BYE goes over another, or its peer would stay on a dead line."""
        if lost is not None and (again := self._elsewhere(key, lost)):
            turn.emit(again)
            return
        effects, heard = self._exchange.transactions.fail(turn.now_s, key, why)
        turn.effects += effects
        if heard is not None:
            self._exchange.hear(turn, heard)

    def _elsewhere(self, key: Key, peer: TcpPeer) -> fx.SendSip | None:
        """A BYE for the address that its peer gave, a few times; None for other requests, and where nobody listens."""
        clients = self._exchange.transactions.clients
        entry = clients.get(key)
        if entry is None or entry[0].request.method != "BYE" or peer.back is not None:
            return None
        sent_to, request, count = entry[0].peer, entry[0].request, self._again.get(key, 0)
        if not isinstance(sent_to, TcpPeer) or sent_to.back is None or count >= BYE_CONNECTIONS_MAX:
            return None
        self._again = {each: n for each, n in self._again.items() if each in clients} | {key: count + 1}
        return fx.SendSip(request.encode(), TcpPeer(*sent_to.back), request)
