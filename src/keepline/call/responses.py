"""Responses from peers: which request of ours, and which call, each answers, and what follows.

RFC 3261 §13.2.2.4 (a 2xx that nobody waits for), §17.1.1.3 (the ACK of a refusal).
"""

from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call import interruption, proving, teardown
from keepline.call.adoption import LeftCalls
from keepline.call.carriers.probing import OWNER
from keepline.call.numbers.watching import OWNER as INBOUND
from keepline.call.outbound import progress as outbound
from keepline.call.outbound import referring
from keepline.call.outbound.declining import acknowledge_again, decline
from keepline.call.outbound.dialog import invite_behind
from keepline.call.state import CallState
from keepline.call.transactions import RequestNews
from keepline.call.turn import Turn
from keepline.sip.client_transaction import cancel_for
from keepline.sip.message import Request, Response

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange


class Responses:
    """The part of the exchange that hears what its requests come to."""

    __slots__ = ("_exchange", "_left")

    def __init__(self, exchange: "Exchange", left: LeftCalls) -> None:
        self._exchange = exchange
        self._left = left

    def receive(self, turn: Turn, response: Response, source: fx.Address) -> None:
        """One response; copies of what is known already are absorbed by their transaction."""
        exchange = self._exchange
        call = exchange.call_of(response.call_id, response.from_.tag or "") or ""
        if call in exchange.sleepers:
            exchange.touch(turn, call)  # it answers what a process sent that died
        effects, heard = exchange.transactions.on_response(turn.now_s, response)
        turn.effects += effects
        if heard is not None:
            self.on_heard(turn, heard)
        elif response.cseq.method == "INVITE" and response.status >= 200:
            self._on_stray(turn, call, response, source)

    def on_heard(self, turn: Turn, heard: RequestNews) -> None:
        """Something came of a request of ours."""
        exchange = self._exchange
        response, method = heard.response, heard.request.method
        is_first = method == "INVITE" and not heard.request.to.tag
        is_answer = is_first and response is not None and 200 <= response.status < 300
        if is_answer and response is not None and not exchange.knows(heard.owner):
            self._on_late_answer(turn, heard.request, response, heard.peer)
        elif is_first and response is not None and response.status < 200 and not exchange.knows(heard.owner):
            self._on_late_ringing(turn, heard)
        elif method == "REGISTER":
            exchange.registrations.hear(turn, heard)
        elif method == "OPTIONS" and heard.owner.startswith(OWNER):
            exchange.probing.hear(turn, heard)
        elif method == "OPTIONS" and heard.owner.startswith(INBOUND):
            exchange.numbers.watching.hear(turn, heard)
        else:
            exchange.on_call(turn, heard.owner, lambda t, c: _tell(t, c, heard))

    def _on_stray(self, turn: Turn, call: str, response: Response, source: fx.Address) -> None:
        """A final answer to an INVITE of ours whose transaction is over, or was a predecessor's: it wants its ACK."""
        if call and response.status < 300:
            self._exchange.on_call(turn, call, lambda t, c: outbound.on_answer(t, c, response))
        elif call:
            self._exchange.on_call(turn, call, lambda t, c: outbound.acknowledge_refusal(t, c, response))
        elif response.status < 300:
            if self._left.had_dialog(response.call_id, response.from_.tag or ""):
                self._on_late_answer(turn, invite_behind(response), response, source)
        else:
            ack = self._left.ack_of(response)
            if ack:
                turn.send(ack, source)

    def _on_late_answer(self, turn: Turn, invite: Request, response: Response, peer: fx.Address) -> None:
        """A 2xx after the call was over: its own, once more, or one that comes too late and is hung up on."""
        if self._left.was_hung_up(response):
            acknowledge_again(turn, invite, response, peer)
        else:
            decline(turn, invite, response, peer)

    def _on_late_ringing(self, turn: Turn, heard: RequestNews) -> None:
        """A carrier that was given up brings to somebody a call that is over."""
        turn.request(None, cancel_for(heard.request), heard.peer)
        self._exchange.switchboard.carriers.hush(turn, heard.request)


def _tell(turn: Turn, call: CallState, heard: RequestNews) -> None:
    """What became of a request of this call's; a challenge that another request answers is no news."""
    method = heard.request.method
    if heard.is_final and proving.is_answered(turn, call, heard):
        return
    if method == "INVITE":
        outbound.on_heard(turn, call, heard)
    elif heard.is_final:
        status = heard.response.status if heard.response is not None else 0
        if method == "REFER":
            referring.on_answer(turn, call, status)
        elif method == "OPTIONS":
            interruption.on_answer(turn, call, heard.request.cseq.number, status)
            turn.switchboard.watching.on_answer(turn, call, heard.request.cseq.number, status)
        elif method == "BYE":
            teardown.on_bye_over(turn, call, status)
