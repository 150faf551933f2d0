"""The server's half of a transaction: one machine for INVITE, one for everything else.

Construct it from the request, step it with that same `RequestReceived` first (which passes it to the user), then with
the copies and ACKs that `server_key` finds it for. Retransmitting a 2xx to INVITE is not its work but the dialog's
(§13.3.1.4). Source: RFC 3261 §17.2, as changed by RFC 6026 §7.1.
"""

from typing import ClassVar

from keepline.model.errors import LocalError
from keepline.sip.message import Request, make_response
from keepline.sip.transaction_base import (
    Action,
    Effect,
    Event,
    Input,
    PassRequest,
    RequestReceived,
    SendResponse,
    State,
    Table,
    Transaction,
    TransportFailed,
)

TRYING_DELAY_S = 0.2
"""How long the user may take to answer an INVITE before the transaction says 100 itself (§17.2.1)."""

INVITE_SERVER_TABLE: Table = {
    (State.INITIAL, Event.REQUEST): (State.PROCEEDING, (Action.PASS, Action.START_TRYING_TIMER)),
    (State.PROCEEDING, Event.REQUEST): (State.PROCEEDING, (Action.RESEND,)),
    (State.PROCEEDING, Event.TRYING_TIMER): (State.PROCEEDING, (Action.SEND_TRYING,)),
    (State.PROCEEDING, Event.SEND_1XX): (State.PROCEEDING, (Action.STOP_TIMERS, Action.SEND)),
    (State.PROCEEDING, Event.SEND_2XX): (State.ACCEPTED, (Action.STOP_TIMERS, Action.SEND, Action.START_L)),
    (State.PROCEEDING, Event.SEND_FAILURE): (
        State.COMPLETED,
        (Action.STOP_TIMERS, Action.SEND, Action.START_G, Action.START_H),
    ),
    (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.PROCEEDING, (Action.REPORT_TRANSPORT,)),
    (State.ACCEPTED, Event.ACK): (State.ACCEPTED, (Action.PASS,)),
    (State.ACCEPTED, Event.SEND_2XX): (State.ACCEPTED, (Action.SEND,)),
    (State.ACCEPTED, Event.END_TIMER): (State.TERMINATED, (Action.END_NORMAL,)),
    (State.ACCEPTED, Event.TRANSPORT_ERROR): (State.ACCEPTED, (Action.REPORT_TRANSPORT,)),
    (State.COMPLETED, Event.REQUEST): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Event.ACK): (State.CONFIRMED, (Action.STOP_TIMERS, Action.START_I)),
    (State.COMPLETED, Event.RETRANSMIT_TIMER): (State.COMPLETED, (Action.RESEND, Action.RESTART_E_OR_G)),
    (State.COMPLETED, Event.END_TIMER): (State.TERMINATED, (Action.END_TIMEOUT,)),
    (State.COMPLETED, Event.TRANSPORT_ERROR): (State.COMPLETED, (Action.REPORT_TRANSPORT,)),
    (State.CONFIRMED, Event.END_TIMER): (State.TERMINATED, (Action.END_NORMAL,)),
}
INVITE_SERVER_IGNORED = frozenset({
    (State.INITIAL, Event.ACK),
    (State.PROCEEDING, Event.ACK),
    (State.ACCEPTED, Event.REQUEST),  # RFC 6026 §7.1: absorbed; the dialog sends its 2xx again by its own clock.
    (State.CONFIRMED, Event.REQUEST),
    (State.CONFIRMED, Event.ACK),
    (State.CONFIRMED, Event.TRANSPORT_ERROR),
    (State.INITIAL, Event.TRANSPORT_ERROR),
})  # fmt: skip

NON_INVITE_SERVER_TABLE: Table = {
    (State.INITIAL, Event.REQUEST): (State.TRYING, (Action.PASS,)),
    (State.TRYING, Event.SEND_1XX): (State.PROCEEDING, (Action.SEND,)),
    (State.TRYING, Event.SEND_2XX): (State.COMPLETED, (Action.SEND, Action.START_J)),
    (State.TRYING, Event.SEND_FAILURE): (State.COMPLETED, (Action.SEND, Action.START_J)),
    (State.PROCEEDING, Event.REQUEST): (State.PROCEEDING, (Action.RESEND,)),
    (State.PROCEEDING, Event.SEND_1XX): (State.PROCEEDING, (Action.SEND,)),
    (State.PROCEEDING, Event.SEND_2XX): (State.COMPLETED, (Action.SEND, Action.START_J)),
    (State.PROCEEDING, Event.SEND_FAILURE): (State.COMPLETED, (Action.SEND, Action.START_J)),
    (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.TERMINATED, (Action.END_TRANSPORT,)),
    (State.COMPLETED, Event.REQUEST): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Event.END_TIMER): (State.TERMINATED, (Action.END_NORMAL,)),
    (State.COMPLETED, Event.TRANSPORT_ERROR): (State.TERMINATED, (Action.END_TRANSPORT,)),
}
NON_INVITE_SERVER_IGNORED = frozenset({
    (State.TRYING, Event.REQUEST),
    (State.TRYING, Event.TRANSPORT_ERROR),
    (State.INITIAL, Event.TRANSPORT_ERROR),
    (State.COMPLETED, Event.SEND_1XX),  # §17.2.2: any answer after the final one is discarded.
    (State.COMPLETED, Event.SEND_2XX),
    (State.COMPLETED, Event.SEND_FAILURE),
})  # fmt: skip


class _ServerTransaction(Transaction):
    __slots__ = ()

    def _event(self, input: Input) -> Event:
        if isinstance(input, RequestReceived):
            return Event.ACK if input.request.method == "ACK" else Event.REQUEST
        if isinstance(input, SendResponse):
            status = input.response.status
            return Event.SEND_1XX if status < 200 else Event.SEND_2XX if status < 300 else Event.SEND_FAILURE
        if isinstance(input, TransportFailed):
            return Event.TRANSPORT_ERROR
        raise LocalError(f"{type(input).__name__} is no input of a server transaction")

    def _pass(self, input: Input | None) -> Effect:
        assert isinstance(input, RequestReceived)
        return PassRequest(input.request)


class InviteServerTransaction(_ServerTransaction):
    """Answers an INVITE; `peer` is where its responses go (`response_target`)."""

    TABLE: ClassVar[Table] = INVITE_SERVER_TABLE
    IGNORED: ClassVar[frozenset[tuple[State, Event]]] = INVITE_SERVER_IGNORED

    __slots__ = ()

    def _do_start_trying_timer(self, now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._trying_at_s = now_s + TRYING_DELAY_S

    def _do_send_trying(self, _now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._send(make_response(self.request, 100), effects)


class NonInviteServerTransaction(_ServerTransaction):
    """Answers any other request but ACK."""

    TABLE: ClassVar[Table] = NON_INVITE_SERVER_TABLE
    IGNORED: ClassVar[frozenset[tuple[State, Event]]] = NON_INVITE_SERVER_IGNORED

    __slots__ = ()


TransactionKey = tuple[str | int | None, ...]

MAGIC_COOKIE = "z9hG4bK"
"""How the branches of those begin who know RFC 3261 (§8.1.1.7)."""


def server_key(request: Request) -> TransactionKey:
    """The server transaction that a request belongs to (§17.2.3). An ACK has the key of its INVITE."""
    return _key(request, "INVITE" if request.method == "ACK" else request.method)


def cancel_key(cancel: Request) -> TransactionKey:
    """The INVITE server transaction that a CANCEL means (§9.2); the CANCEL's own is its `server_key`."""
    return _key(cancel, "INVITE")


def _key(request: Request, method: str) -> TransactionKey:
    via = request.top_via
    branch = via.params.get("branch") or ""
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return (branch, via.host.lower(), via.port, method)
    # RFC 2543 senders: the branch alone proves nothing. An ACK's To tag is the response's, so To stays out of it.
    return (
        "2543", request.uri, request.from_.tag, request.call_id, request.cseq.number, via.host.lower(), via.port,
        branch, method,
    )  # fmt: skip
