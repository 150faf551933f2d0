"""Requests from peers: which call, if any, each belongs to, and its answer.

RFC 3261 §8.2 (UAS behaviour), §9.2 (CANCEL), §11.2 (OPTIONS), §12.2.2 (requests within a dialog), §15.1.2 (BYE).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from keepline.call import blame, dialogs, handing_on, info, session, setup, teardown
from keepline.call import effects as fx
from keepline.call.adoption import LeftCalls
from keepline.call.facts import CallEnded, CallReceived
from keepline.call.greetings import greeting_for
from keepline.call.outbound import progress as outbound
from keepline.call.outbound import referring, refers
from keepline.call.routing import route_invite
from keepline.call.state import CallState, Phase, Timer
from keepline.call.transactions import Key
from keepline.call.trunks.gate import Admission
from keepline.call.trunks.ways import source_of
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.model.ids import mark_of
from keepline.model.limits import CALL_REQUESTS_MAX, SERVER_TRANSACTIONS_MAX, SIP_WAIT_S_MAX
from keepline.sip.digest import CREDENTIALS, redact
from keepline.sip.first_look import read_new_call
from keepline.sip.message import Request, Response, make_response, parse_message, response_target, stamp_received
from keepline.sip.peers import transport_to
from keepline.sip.reasons import phrase_for
from keepline.sip.telephone import user_of
from keepline.sip.transaction import cancel_key, server_key
from keepline.sip.uas import ALLOW, CONTENT_HEADERS, Refusal, refusal_of

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

Headers = list[tuple[str, str]]


class Requests:
    """The part of the exchange that answers requests."""

    __slots__ = ("_exchange", "left")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.left = LeftCalls(64 * exchange.identity.timers.t1_s)

    def receive(self, turn: Turn, request: Request, raw: bytes, source: fx.Address, waited_s: float = 0.0) -> None:
        """One request; retransmissions are absorbed by their transaction. A new call may have waited too long."""
        exchange = self._exchange
        stamp_received(request, source[0], source[1])
        if not request.headers.has_none(CREDENTIALS):
            raw = redact(raw)  # this is what is written of it
        key = server_key(request)
        repeated = exchange.transactions.repeated(turn.now_s, key, request, source)
        if repeated is not None:
            turn.effects += repeated
        if request.method == "ACK":
            if not self._on_ack(turn, request, raw) and repeated is None and exchange.gate.is_stranger(turn, source[0]):
                exchange.gate.admits_stranger(turn, request, source)
            return
        if repeated is not None:
            return
        begins_call = request.method == "INVITE" and not request.to.tag
        if begins_call and self._is_known_invite(turn, key, request, source):
            return
        is_within = request.to.tag and request.method != "CANCEL"
        call = self._call_of(turn, request) if is_within else None
        admission = self._admit(turn, call, request, source)
        if admission is None:
            return
        exchange.heard(turn, admission.trunk, is_call=begins_call)
        is_full = len(exchange.transactions.servers) >= SERVER_TRANSACTIONS_MAX
        if is_full and call is None and not self._cancels(request):  # what ends a call makes room
            exchange.gate.answer(turn, request, 503, source)
        elif begins_call and (waited_s > SIP_WAIT_S_MAX or exchange.gate.has_shed(turn.now_s, key)):
            exchange.gate.shed(turn, request, source)
        elif begins_call:
            self._on_invite(turn, key, request, raw, source, admission)
        else:
            exchange.transactions.open_server(turn.now_s, key, request, source)
            self._on_other(turn, call, request, raw, source)

    def sheds_unread(self, turn: Turn, given: fx.DatagramReceived) -> bool:
        """Whether a datagram that waited too long is a new call of a trunk's peer; it is refused then, barely read."""
        exchange = self._exchange
        new = read_new_call(given.data) if exchange.gate.carrier(given.source[0]) else None
        if new is None or exchange.transactions.knows(new.key):
            return False
        if (new.call_id, new.from_tag) in exchange.by_invite or self.left.had_invite(new.call_id, new.from_tag):
            return False
        exchange.gate.shed_unread(turn, new, given.source)
        return True

    def refuse_unserved(self, turn: Turn, request: Request, status: int, source: fx.Address) -> None:
        """Answer a request that could be read and yet not be dealt with, so that its transaction does not wait."""
        if request.method == "ACK":
            return
        if self._exchange.transactions.is_waiting(server_key(request)):
            self._respond(turn, request, status)
        else:
            self._exchange.gate.answer(turn, request, status, source)

    def _admit(self, turn: Turn, call: CallState | None, request: Request, source: fx.Address) -> Admission | None:
        """Whose this request is; None where that was answered. One within a call is let in from anywhere, but for a
        user's call: who was asked for a password once is asked again when the address is another.
        """
        gate = self._exchange.gate
        if call is None and not self._cancels(request):
            return gate.admit(turn, request, source)
        trunk = gate.carrier(source[0])
        if call is None or trunk or not len(gate.users) or source[0] == call.received.peer_host:
            return Admission(trunk)
        owner = call.carrier
        was_asked = isinstance(call.received, CallReceived) and gate.carrier(call.received.peer_host) != owner
        return Admission(owner) if not was_asked or gate.confirm(turn, request, source, owner) else None

    def _cancels(self, request: Request) -> bool:
        """Whether a request means an INVITE that we have: only its sender knows the branch to cancel."""
        return request.method == "CANCEL" and cancel_key(request) in self._exchange.transactions.servers

    def _on_other(self, turn: Turn, call: CallState | None, request: Request, raw: bytes, source: fx.Address) -> None:
        """A request that begins no call, and the call that it is in: first what §8.2 and §12.2.2 refuse."""
        if call is None and request.to.tag and request.method not in ("BYE", "CANCEL"):
            self._respond(turn, request, 481)
            return
        if call is not None and request.method == "REFER" and refers.accepts(turn, call):
            self._on_refer(turn, call, request, source)
            return
        refusal = refusal_of(request) or (self._refusal_within(call, request) if call is not None else None)
        if refusal is not None:
            self._respond(turn, request, refusal.status, why=refusal.why, headers=list(refusal.headers))
            return
        if request.method == "BYE":
            self._on_bye(turn, call, request, raw)
        elif request.method == "CANCEL":
            self._on_cancel(turn, request, raw)
        elif request.method == "INFO":
            self._on_info(turn, call, request)
        elif request.method == "NOTIFY":
            self._on_notify(turn, call, request)
        elif request.method == "INVITE":
            self._on_reinvite(turn, call, request, raw, source)
        else:
            self._on_options(turn, request)

    # INVITE ---------------------------------------------------------------------------------------------------------

    def _is_known_invite(self, turn: Turn, key: Key, invite: Request, source: fx.Address) -> bool:
        """An INVITE that a predecessor has seen: its call goes on (by waking), or its final answer is repeated."""
        call = self._call_of_invite(turn, invite)
        if call is not None:
            return server_key(call.invite) == key
        final = self.left.final_of(turn.now_s, invite)
        if final is None:
            return False
        if final.sip_status >= 300:
            response = make_response(invite, final.sip_status, to_tag=final.local_tag)
            turn.send(response.encode(), response_target(invite, source))
        return True

    def repeat_refusal(self, turn: Turn, ended: CallEnded) -> None:
        """Send the refusal of a call that had rung again: its caller waits for it and will not ask."""
        response = parse_message(ended.response.encode("latin-1"))
        turn.send(ended.response.encode("latin-1"), response_target(response, source_of(ended)))

    def _on_invite(
        self, turn: Turn, key: Key, invite: Request, raw: bytes, source: fx.Address, admission: Admission
    ) -> None:
        exchange, transactions = self._exchange, self._exchange.transactions
        if self._call_of_invite(turn, invite) is not None or transactions.is_merged(turn.now_s, key, invite):
            transactions.open_server(turn.now_s, key, invite, source)
            self._respond(turn, invite, 482)  # the same call over two ways (§8.2.2.2)
            return
        program = exchange.programs[exchange.current]
        route = route_invite(program.operation, invite, admission.trunk, admission.refusal, busy=exchange.busy())
        deaths = exchange.blamed.get(mark_of(invite.call_id), 0) if exchange.blamed else 0
        if blame.is_set_aside(deaths):
            route = replace(route, refusal=Refusal(500, blame.reason(deaths)))
        if route.refusal is not None and route.refusal.status == 503 and exchange.gate.sheds(turn, invite, source):
            return
        transactions.open_server(turn.now_s, key, invite, source)
        slot = exchange.slots.take() if route.refusal is None else -1
        ids = exchange.ids
        received = CallReceived(
            call=ids.call(turn.now_s),
            at_s=turn.now_s,
            carrier=route.carrier,
            peer_host=source[0],
            peer_port=source[1],
            invite=raw.decode("latin-1"),
            sip_call_id=invite.call_id,
            remote_tag=invite.from_.tag or "",
            cseq=invite.cseq.number,
            local_tag=ids.tag(),
            to_number=route.to_number,
            from_number=user_of(invite.from_.uri),
            flow=route.number.flow if route.number else "",
            operation=exchange.current,
            answer_at_s=turn.now_s + (route.number.ring_s if route.number else 0.0),
            slot=slot,
            rtp_port=exchange.rtp_ports[slot] if slot >= 0 else 0,
            ssrc=ids.number(32),
            rtp_seq=ids.number(15),
            rtp_ts=ids.number(31),
            asserted_identity=route.asserted_identity,
            transport=transport_to(source),
            **greeting_for(exchange.greetings, program.operation, route.number, turn.now_s),
        )
        call = CallState(received, invite)
        exchange.calls[call.id] = call
        exchange.index(received)
        turn.emit(fx.Persist(received))
        exchange.on_call(turn, call.id, lambda t, c: self._set_up(t, c, route.refusal))

    def _set_up(self, turn: Turn, call: CallState, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.end_unanswered(turn, call, refusal.status, refusal.why, list(refusal.headers))
        elif call.answer_at_s > turn.now_s:
            self.respond_with(turn, call.invite, setup.ringing(call, turn.identity))
            turn.set_timer(call, Timer.RING, call.answer_at_s)
        else:
            self.answer(turn, call)

    def answer(self, turn: Turn, call: CallState) -> None:
        """Answer a ringing call, or refuse it where its offer cannot be met (RFC 3264 §6)."""
        try:
            dialogs.bye_peer(call)  # a caller that we could not send a BYE to is not answered
            response = setup.answer(turn, call)
        except PeerError as error:
            self.end_unanswered(turn, call, error.status, str(error))
            return
        if response is None:
            unmet = setup.unmet_offer(turn.identity, call.invite)
            self.end_unanswered(turn, call, unmet.status, unmet.why, list(unmet.headers))
            return
        assert call.answered is not None
        self.respond_with(turn, call.invite, response, call.answered.response.encode("latin-1"))
        session.begin(turn, call)

    def end_unanswered(
        self, turn: Turn, call: CallState, status: int, why: str, headers: Headers | None = None
    ) -> None:
        """Refuse a call with a final response."""
        response = setup.refuse(turn, call, status, why, headers=headers)
        self.respond_with(turn, call.invite, response)
        if call.phase is Phase.ENDED:
            self._exchange.forget(call)

    # Within a call --------------------------------------------------------------------------------------------------

    def _refusal_within(self, call: CallState, request: Request) -> Refusal | None:
        """What the order of requests within a call rules out; one in order counts as the last (§12.2.2, §14.2)."""
        last = call.dialog.remote_cseq if call.dialog is not None else None
        first = call.received.cseq if call.placing is None else 0
        if request.cseq.number < (first if last is None else last):
            return Refusal(500, "a CSeq below the last one of this dialog")
        if request.method in ("INVITE", "INFO") and call.agreement.asked >= CALL_REQUESTS_MAX:
            return Refusal(500, f"more than {CALL_REQUESTS_MAX} INVITEs and keys by INFO within one call")
        if request.method == "INVITE" and call.phase is Phase.RINGING:
            return Refusal(
                500, "another INVITE is in work", (("Retry-After", str(self._exchange.ids.number(32) % 11)),)
            )
        if request.method != "BYE" and call.phase in (Phase.ANSWERED, Phase.ESTABLISHED):
            call.dialog = replace(dialogs.dialog_of(call), remote_cseq=request.cseq.number)
        return None

    def _on_ack(self, turn: Turn, ack: Request, raw: bytes) -> bool:
        """Whether it was of a call of ours."""
        call = self._call_of(turn, ack)
        if call is not None:
            self._exchange.on_call(turn, call.id, lambda t, c: session.on_ack(t, c, ack, raw))
        return call is not None

    def _on_reinvite(self, turn: Turn, call: CallState | None, invite: Request, raw: bytes, source: fx.Address) -> None:
        assert call is not None
        refusal = session.reinvite_refusal(call)
        if refusal is not None:
            self._respond(turn, invite, refusal.status, why=refusal.why, headers=list(refusal.headers))
            return
        response = session.on_reinvite(turn, call, invite, raw, source)
        if response is None:
            unmet = setup.unmet_offer(turn.identity, invite)  # the session stays as it is (§14.2)
            self._respond(turn, invite, unmet.status, headers=list(unmet.headers))
        else:
            self.respond_with(turn, invite, response)

    def _on_info(self, turn: Turn, call: CallState | None, request: Request) -> None:
        if call is not None:
            self._exchange.on_call(turn, call.id, lambda t, c: info.on_info(t, c, request))
        self._respond(turn, request, 481 if call is None else 200)

    def _on_notify(self, turn: Turn, call: CallState | None, request: Request) -> None:
        refusal = referring.notify_refusal(call, request)
        if refusal is None and call is not None:
            self._exchange.on_call(turn, call.id, lambda t, c: referring.on_notify(t, c, request))
        status, headers = (200, ()) if refusal is None else (refusal.status, refusal.headers)
        self._respond(turn, request, status, why=refusal.why if refusal else "", headers=list(headers))
        if refusal is None and call is not None:
            self._exchange.on_call(turn, call.id, referring.after_notify)

    def _on_refer(self, turn: Turn, call: CallState, refer: Request, source: fx.Address) -> None:
        refusal = self._refusal_within(call, refer)
        if refusal is None:
            refusal = handing_on.receive(self._exchange, turn, call, refer, source, self.respond_with)
        if refusal is not None:
            self._respond(turn, refer, refusal.status, why=refusal.why, headers=list(refusal.headers))

    def _on_bye(self, turn: Turn, call: CallState | None, bye: Request, raw: bytes) -> None:
        if call is not None:
            self._exchange.on_call(turn, call.id, lambda t, c: self._hear_bye(t, c, bye, raw))
            self._respond(turn, bye, 200)
        elif self.left.had_bye(bye.call_id, bye.to.tag or "", bye.cseq.number):
            self._respond(turn, bye, 200)
        else:
            self._respond(turn, bye, 481)

    def _hear_bye(self, turn: Turn, call: CallState, bye: Request, raw: bytes) -> None:
        if call.phase is Phase.RINGING:
            self.respond_with(turn, call.invite, setup.on_early_bye(turn, call, bye, raw))
        else:
            teardown.on_bye(turn, call, bye, raw)

    def _on_cancel(self, turn: Turn, cancel: Request, raw: bytes) -> None:
        exchange = self._exchange
        call = self._call_of_invite(turn, cancel)
        if call is not None and server_key(call.invite) == cancel_key(cancel):
            # First its own answer: over one connection some take the 487 for the end of it all.
            self._respond(turn, cancel, 200, to_tag=call.received.local_tag)
            exchange.on_call(turn, call.id, lambda t, c: self._hear_cancel(t, c, raw))
            return
        left = self.left.final_of(turn.now_s, cancel)
        if left is not None and left.response:
            self._respond(turn, cancel, 200, to_tag=left.local_tag)
            self.repeat_refusal(turn, left)
        else:
            self._respond(turn, cancel, 200 if cancel_key(cancel) in exchange.transactions.servers else 481)

    def _hear_cancel(self, turn: Turn, call: CallState, raw: bytes) -> None:
        refusal = setup.on_cancel(turn, call, raw)
        if refusal is not None:
            self.respond_with(turn, call.invite, refusal)

    def _on_options(self, turn: Turn, options: Request) -> None:
        # It asks for the node, whatever number it names, and of one that is full too: 503 would take the trunk away.
        headers = [("Allow", ALLOW), *CONTENT_HEADERS, ("Server", turn.identity.server)]
        status = 503 if self._exchange.draining or self._exchange.is_unrecorded else 200
        self._respond(turn, options, status, headers=headers)

    # Helpers --------------------------------------------------------------------------------------------------------

    def _call_of(self, turn: Turn, request: Request) -> CallState | None:
        """The call whose dialog this request is in (RFC 3261 §12.2.2), awake."""
        call = self._touched(turn, self._exchange.call_of(request.call_id, request.to.tag or ""))
        if call is not None and (call.remote_tag != (request.from_.tag or "") or call.phase in outbound.WAITING):
            return None
        return call

    def _call_of_invite(self, turn: Turn, request: Request) -> CallState | None:
        """The call that this INVITE, or the INVITE that this CANCEL means, began; awake."""
        call = self._touched(turn, self._exchange.by_invite.get((request.call_id, request.from_.tag or "")))
        if call is not None and call.received.cseq != request.cseq.number:
            return None
        return call

    def _touched(self, turn: Turn, call_id: str | None) -> CallState | None:
        if call_id is None:
            return None
        exchange = self._exchange
        if call_id not in exchange.calls:
            exchange.touch(turn, call_id)
        return exchange.calls.get(call_id)

    def _respond(
        self,
        turn: Turn,
        request: Request,
        status: int,
        *,
        why: str = "",
        to_tag: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        tag = to_tag or self._exchange.ids.tag()
        response = make_response(request, status, phrase_for(status, why), to_tag=tag, headers=headers or [])
        self.respond_with(turn, request, response)

    def respond_with(self, turn: Turn, request: Request, response: Response, data: bytes = b"") -> None:
        """Answer through the request's transaction; `data` is the answer, where it is written already."""
        turn.effects += self._exchange.transactions.respond(turn.now_s, server_key(request), response, data)
