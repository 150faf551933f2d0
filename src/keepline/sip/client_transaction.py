"""The client's half of a transaction: one machine for INVITE, one for everything else.

Construct it from the request, step it with `Start`, then with the responses that `client_key` finds it for. The ACK to
a failure is its own work, the ACK to a 2xx the dialog's (§13.2.2.4). A user that has sent CANCEL and hears nothing
gives up by itself after 64*T1 (§9.1). An INVITE that its user abandons is not sent again though nothing was heard of
it, and its transaction ends 64*T1 later whatever it has heard: departures from §17.1.1.2, so that nobody rings who is
not wanted any more. So is one that its user has sent once more before timer A does.
Source: RFC 3261 §17.1, as changed by RFC 6026 §7.2.
"""

from typing import ClassVar

from keepline.model.errors import LocalError
from keepline.sip.headers import Headers, split_list
from keepline.sip.message import Request, Response
from keepline.sip.transaction_base import (
    Abandon,
    Action,
    Effect,
    Event,
    Input,
    PassResponse,
    ResponseReceived,
    SendAgain,
    Start,
    State,
    Table,
    Transaction,
    TransportFailed,
)

INVITE_CLIENT_TABLE: Table = {
    (State.INITIAL, Event.START): (State.CALLING, (Action.SEND_REQUEST, Action.START_A, Action.START_B)),
    (State.CALLING, Event.RETRANSMIT_TIMER): (State.CALLING, (Action.RESEND, Action.RESTART_A)),
    (State.CALLING, Event.END_TIMER): (State.TERMINATED, (Action.END_TIMEOUT,)),
    (State.CALLING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Action.END_TRANSPORT,)),
    (State.CALLING, Event.RECEIVED_1XX): (State.PROCEEDING, (Action.STOP_TIMERS, Action.PASS)),
    (State.CALLING, Event.RECEIVED_2XX): (State.ACCEPTED, (Action.STOP_TIMERS, Action.PASS, Action.START_M)),
    (State.CALLING, Event.RECEIVED_FAILURE): (
        State.COMPLETED,
        (Action.STOP_TIMERS, Action.SEND_ACK, Action.PASS, Action.START_D),
    ),
    (State.CALLING, Event.ABANDON): (State.CALLING, (Action.STOP_TIMERS, Action.START_B)),  # not as §17.1.1.2 has it
    (State.CALLING, Event.SEND_AGAIN): (State.CALLING, (Action.RESEND,)),  # nor this
    (State.PROCEEDING, Event.RECEIVED_1XX): (State.PROCEEDING, (Action.PASS,)),
    (State.PROCEEDING, Event.ABANDON): (State.PROCEEDING, (Action.START_B,)),
    (State.PROCEEDING, Event.END_TIMER): (State.TERMINATED, (Action.END_TIMEOUT,)),
    (State.PROCEEDING, Event.RECEIVED_2XX): (State.ACCEPTED, (Action.PASS, Action.START_M)),
    (State.PROCEEDING, Event.RECEIVED_FAILURE): (
        State.COMPLETED,
        (Action.SEND_ACK, Action.PASS, Action.START_D),
    ),
    (State.COMPLETED, Event.RECEIVED_FAILURE): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Event.END_TIMER): (State.TERMINATED, (Action.END_NORMAL,)),
    (State.COMPLETED, Event.TRANSPORT_ERROR): (State.TERMINATED, (Action.END_TRANSPORT,)),
    (State.ACCEPTED, Event.RECEIVED_2XX): (State.ACCEPTED, (Action.PASS,)),
    (State.ACCEPTED, Event.END_TIMER): (State.TERMINATED, (Action.END_NORMAL,)),
}
INVITE_CLIENT_IGNORED = frozenset({
    (State.PROCEEDING, Event.TRANSPORT_ERROR),  # nothing of ours is on its way
    (State.INITIAL, Event.ABANDON),
    (State.COMPLETED, Event.ABANDON),
    (State.ACCEPTED, Event.ABANDON),
    (State.INITIAL, Event.SEND_AGAIN),
    (State.PROCEEDING, Event.SEND_AGAIN),
    (State.COMPLETED, Event.SEND_AGAIN),
    (State.ACCEPTED, Event.SEND_AGAIN),
    (State.COMPLETED, Event.RECEIVED_1XX),
    (State.COMPLETED, Event.RECEIVED_2XX),  # a failure was final for us
    (State.ACCEPTED, Event.RECEIVED_1XX),
    (State.ACCEPTED, Event.RECEIVED_FAILURE),
    (State.ACCEPTED, Event.TRANSPORT_ERROR),
    (State.INITIAL, Event.RECEIVED_1XX),
    (State.INITIAL, Event.RECEIVED_2XX),
    (State.INITIAL, Event.RECEIVED_FAILURE),
    (State.INITIAL, Event.TRANSPORT_ERROR),
})  # fmt: skip

_FINAL_TO_NON_INVITE = (State.COMPLETED, (Action.STOP_TIMERS, Action.PASS, Action.START_K))

NON_INVITE_CLIENT_TABLE: Table = {
    (State.INITIAL, Event.START): (State.TRYING, (Action.SEND_REQUEST, Action.START_E, Action.START_F)),
    (State.TRYING, Event.RETRANSMIT_TIMER): (State.TRYING, (Action.RESEND, Action.RESTART_E_OR_G)),
    (State.TRYING, Event.END_TIMER): (State.TERMINATED, (Action.END_TIMEOUT,)),
    (State.TRYING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Action.END_TRANSPORT,)),
    (State.TRYING, Event.RECEIVED_1XX): (State.PROCEEDING, (Action.PASS,)),
    (State.TRYING, Event.RECEIVED_2XX): _FINAL_TO_NON_INVITE,
    (State.TRYING, Event.RECEIVED_FAILURE): _FINAL_TO_NON_INVITE,
    (State.PROCEEDING, Event.RETRANSMIT_TIMER): (State.PROCEEDING, (Action.RESEND, Action.RESTART_E_AT_T2)),
    (State.PROCEEDING, Event.END_TIMER): (State.TERMINATED, (Action.END_TIMEOUT,)),
    (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Action.END_TRANSPORT,)),
    (State.PROCEEDING, Event.RECEIVED_1XX): (State.PROCEEDING, (Action.PASS,)),
    (State.PROCEEDING, Event.RECEIVED_2XX): _FINAL_TO_NON_INVITE,
    (State.PROCEEDING, Event.RECEIVED_FAILURE): _FINAL_TO_NON_INVITE,
    (State.COMPLETED, Event.END_TIMER): (State.TERMINATED, (Action.END_NORMAL,)),
}
NON_INVITE_CLIENT_IGNORED = frozenset({
    (State.COMPLETED, Event.RECEIVED_1XX),
    (State.COMPLETED, Event.RECEIVED_2XX),
    (State.COMPLETED, Event.RECEIVED_FAILURE),
    (State.COMPLETED, Event.TRANSPORT_ERROR),
    (State.INITIAL, Event.RECEIVED_1XX),
    (State.INITIAL, Event.RECEIVED_2XX),
    (State.INITIAL, Event.RECEIVED_FAILURE),
    (State.INITIAL, Event.TRANSPORT_ERROR),
})  # fmt: skip


class _ClientTransaction(Transaction):
    __slots__ = ()

    def _event(self, input: Input) -> Event:
        if isinstance(input, ResponseReceived):
            status = input.response.status
            return (
                Event.RECEIVED_1XX if status < 200 else Event.RECEIVED_2XX if status < 300 else Event.RECEIVED_FAILURE
            )
        if isinstance(input, Start):
            return Event.START
        if isinstance(input, TransportFailed):
            return Event.TRANSPORT_ERROR
        if isinstance(input, Abandon):
            return Event.ABANDON
        if isinstance(input, SendAgain):
            return Event.SEND_AGAIN
        raise LocalError(f"{type(input).__name__} is no input of a client transaction")

    def _pass(self, input: Input | None) -> Effect:
        assert isinstance(input, ResponseReceived)
        return PassResponse(input.response)


class InviteClientTransaction(_ClientTransaction):
    """Sends an INVITE to `peer`."""

    TABLE: ClassVar[Table] = INVITE_CLIENT_TABLE
    IGNORED: ClassVar[frozenset[tuple[State, Event]]] = INVITE_CLIENT_IGNORED

    __slots__ = ()

    def _do_send_ack(self, _now_s: float, input: Input | None, effects: list[Effect]) -> None:
        assert isinstance(input, ResponseReceived)
        self._send(ack_for_failure(self.request, input.response), effects)


class NonInviteClientTransaction(_ClientTransaction):
    """Sends any other request but ACK to `peer`."""

    TABLE: ClassVar[Table] = NON_INVITE_CLIENT_TABLE
    IGNORED: ClassVar[frozenset[tuple[State, Event]]] = NON_INVITE_CLIENT_IGNORED

    __slots__ = ()


def client_key(message: Request | Response) -> tuple[str, str]:
    """The client transaction that a response belongs to, or that a request of ours begins (§17.1.3)."""
    return (message.top_via.params.get("branch") or "", message.cseq.method)


def ack_for_failure(invite: Request, response: Response) -> Request:
    """The ACK to a 300-699 answer: the INVITE's own Via, Request-URI and Route, the answer's To (§17.1.1.3)."""
    return _follow_up("ACK", invite, response.headers.get("To") or "")


def cancel_for(invite: Request) -> Request:
    """The CANCEL of an INVITE that a provisional response has answered (§9.1)."""
    return _follow_up("CANCEL", invite, invite.headers.get("To") or "")


def _follow_up(method: str, invite: Request, to: str) -> Request:
    headers = Headers()
    headers.add("Via", split_list(invite.headers.get("Via") or "")[0])
    headers.add("Max-Forwards", "70")
    for route in invite.headers.get_all("Route"):
        headers.add("Route", route)
    headers.add("From", invite.headers.get("From") or "")
    headers.add("To", to)
    headers.add("Call-ID", invite.call_id)
    headers.add("CSeq", f"{invite.cseq.number} {method}")
    return Request(method, invite.uri, headers)
