"""The transactions of one node: RFC 3261 §17 machines while they work, and a compact memory of their long tails.

A server transaction that has sent its last word only has to repeat it, or to absorb a retransmission, for 64*T1. It
is kept as (key -> bytes) instead of as a machine: at 600 calls/s that is 40 MB less.
"""

from collections import deque
from collections.abc import Callable

from keepline.call.effects import Address, Effect, SendSip
from keepline.model.frozen import frozen
from keepline.model.limits import REFUSALS_MAX, SETTLED_TRANSACTIONS_MAX
from keepline.sip.message import Request, Response, response_target
from keepline.sip.peers import TcpPeer, is_reliable
from keepline.sip.transaction import (
    Abandon,
    InviteClientTransaction,
    InviteServerTransaction,
    NonInviteClientTransaction,
    NonInviteServerTransaction,
    PassResponse,
    RequestReceived,
    ResponseReceived,
    SendAgain,
    SendResponse,
    Start,
    State,
    Terminated,
    TerminationReason,
    TimerFired,
    Timers,
    TransactionKey,
    Transmit,
    TransportFailed,
    client_key,
)
from keepline.sip.transaction import Effect as TransactionEffect

ServerTransaction = InviteServerTransaction | NonInviteServerTransaction
ClientTransaction = InviteClientTransaction | NonInviteClientTransaction
SERVERS = (InviteServerTransaction, NonInviteServerTransaction)
Key = TransactionKey
Origin = tuple[str, str, int]
"""What all copies of an INVITE share, whichever way they came: Call-ID, From tag, CSeq."""


@frozen
class RequestNews:
    """What a request of ours has come to: a response, provisional ones of an INVITE too, or that there is none."""

    owner: str
    """Id of the call whose request it is; empty for nobody's."""
    request: Request
    response: Response | None
    """None where nobody answers, or it could not be sent."""
    peer: Address
    """Where it went."""
    trouble: str = ""
    """Why it could not be sent; empty where it was."""

    @property
    def is_final(self) -> bool:
        return self.response is None or self.response.status >= 200


class Transactions:
    """Server and client transactions by their keys, with the deadlines they ask for."""

    __slots__ = ("_began", "_origins", "_schedule", "_settled", "_settling", "_timers", "clients", "servers")

    def __init__(self, timers: Timers, schedule: Callable[[str, Key, float], None]) -> None:
        self._timers = timers
        self._schedule = schedule
        self.servers: dict[Key, ServerTransaction] = {}
        self.clients: dict[Key, tuple[ClientTransaction, str]] = {}
        self._settled: dict[Key, tuple[float, bytes, Origin | None]] = {}
        self._settling: deque[tuple[float, Key]] = deque()
        """Until when each is kept, the oldest first; one that was settled anew stands there once more."""
        self._origins: dict[Origin, Key] = {}
        self._began: dict[Key, Origin] = {}
        """The other way round, of the transactions at work."""

    @property
    def settled_count(self) -> int:
        return len(self._settled)

    def repeated(self, now_s: float, key: Key, request: Request, source: Address) -> list[Effect] | None:
        """What a request that belongs to a known server transaction causes; None for a new one."""
        transaction = self.servers.get(key)
        if transaction is not None:
            return self._after(now_s, key, transaction, transaction.step(now_s, RequestReceived(request)))
        tail = self._settled.get(key)
        if tail is None or tail[0] <= now_s:
            return None
        if request.method == "ACK":
            return []  # nothing answers an ACK, not even what it acknowledges
        return [SendSip(tail[1], response_target(request, source))] if tail[1] else []

    def knows(self, key: Key) -> bool:
        """Whether a request with this key belongs to a server transaction, or did lately."""
        return key in self.servers or key in self._settled

    def open_server(self, now_s: float, key: Key, request: Request, source: Address) -> None:
        """A new server transaction for this request."""
        peer = response_target(request, source)
        machine: ServerTransaction
        if request.method == "INVITE":
            machine = InviteServerTransaction(request, peer, self._timers, is_reliable(peer))
        else:
            machine = NonInviteServerTransaction(request, peer, self._timers, is_reliable(peer))
        self.servers[key] = machine
        origin = _origin(request)
        if origin is not None:
            self._began[key] = origin
            self._origins.setdefault(origin, key)
        self._after(now_s, key, machine, machine.step(now_s, RequestReceived(request)))

    def respond(self, now_s: float, key: Key, response: Response, data: bytes = b"") -> list[Effect]:
        """Answer through the transaction; nothing where it is over already. `data` is the answer, if it is written."""
        transaction = self.servers.get(key)
        if transaction is None:
            return []
        outputs = transaction.step(now_s, SendResponse(response, data))
        is_invite = isinstance(transaction, InviteServerTransaction)
        is_refusal = is_invite and response.status >= 300
        is_over = transaction.reliable and not is_invite  # no copy of it can come (§17.2.2: timer J is zero)
        if response.status < 200 or is_over or (is_refusal and len(self.servers) <= REFUSALS_MAX):
            return self._after(now_s, key, transaction, outputs)
        # Its last word is said: what follows for 64*T1 is repetition (BYE and the like) or silence (2xx to INVITE).
        sent = [SendSip(o.data, o.peer, o.message) for o in outputs if isinstance(o, Transmit)]
        is_silent = is_invite and not is_refusal
        tail = sent[0].data if sent and not is_silent else b""
        self._settle(now_s, key, tail, self._began.get(key))
        return [*sent]

    def is_merged(self, now_s: float, key: Key, invite: Request) -> bool:
        """Whether an INVITE that begins a call is one that came by another way (RFC 3261 §8.2.2.2)."""
        self._expire(now_s)
        origin = _origin(invite)
        return origin is not None and self._origins.get(origin, key) != key

    def is_waiting(self, key: Key) -> bool:
        """Whether this server transaction still waits for its final response."""
        transaction = self.servers.get(key)
        return transaction is not None and transaction.state in (State.TRYING, State.PROCEEDING)

    def remember(self, now_s: float, key: Key, tail: bytes, request: Request | None = None) -> None:
        """Take over the tail of a transaction that another process answered; `request` lets it know merged copies."""
        origin = _origin(request) if request is not None else None
        if origin is not None:
            self._origins.setdefault(origin, key)
        self._settle(now_s, key, tail, origin)

    def start_client(self, now_s: float, request: Request, peer: Address, call: str, data: bytes = b"") -> list[Effect]:
        """Send a request of ours; what comes of it is `RequestNews`. One that is under way already is left alone.

        `data` is the request, where it is written already.
        """
        key: Key = client_key(request)
        if key in self.clients:
            return []
        kind = InviteClientTransaction if request.method == "INVITE" else NonInviteClientTransaction
        machine: ClientTransaction = kind(request, peer, self._timers, is_reliable(peer))
        self.clients[key] = (machine, call)
        return self._after(now_s, key, machine, machine.step(now_s, Start(data)))

    def abandon(self, now_s: float, request: Request) -> list[Effect]:
        """An INVITE of ours is of no use any more: it is not sent again; what comes of it is still told, for 64*T1."""
        key: Key = client_key(request)
        entry = self.clients.get(key)
        return self._after(now_s, key, entry[0], entry[0].step(now_s, Abandon())) if entry is not None else []

    def send_again(self, now_s: float, request: Request) -> list[Effect]:
        """An INVITE of ours of which nothing was heard, once more; by a connection it cannot be lost."""
        key: Key = client_key(request)
        machine, _ = self.clients.get(key, (None, ""))
        if machine is None or machine.reliable:
            return []
        return self._after(now_s, key, machine, machine.step(now_s, SendAgain()))

    def listen(self, now_s: float, request: Request, peer: Address, call: str) -> None:
        """Hear what comes of an INVITE that was abandoned by a process before, and do not send it."""
        key: Key = client_key(request)
        if key not in self.clients:
            machine = InviteClientTransaction(request, peer, self._timers, is_reliable(peer))
            self.clients[key] = (machine, call)
            machine.step(now_s, Start())
            self._after(now_s, key, machine, machine.step(now_s, Abandon()))

    def forget_client(self, request: Request) -> None:
        """Nothing more is expected of a request of ours."""
        self.clients.pop(client_key(request), None)

    def on_response(self, now_s: float, response: Response) -> tuple[list[Effect], RequestNews | None]:
        """A response; what it says, where that is for the user of its transaction."""
        key = client_key(response)
        entry = self.clients.get(key)
        if entry is None:
            return [], None
        machine, owner = entry
        outputs = machine.step(now_s, ResponseReceived(response))
        is_news = any(isinstance(o, PassResponse) for o in outputs)
        heard = RequestNews(owner, machine.request, response, machine.peer) if is_news else None
        return self._after(now_s, key, machine, outputs), heard

    def fire(self, now_s: float, side: str, key: Key) -> tuple[list[Effect], RequestNews | None]:
        """A transaction's timer; what it says of a request of ours."""
        if side == "server":
            server = self.servers.get(key)
            if server is None or server.deadline_s is None or server.deadline_s > now_s:
                return [], None
            return self._after(now_s, key, server, server.step(now_s, TimerFired())), None
        entry = self.clients.get(key)
        if entry is None or entry[0].deadline_s is None or entry[0].deadline_s > now_s:
            return [], None
        machine, owner = entry
        outputs = machine.step(now_s, TimerFired())
        is_given_up = Terminated(TerminationReason.TIMEOUT) in outputs
        heard = RequestNews(owner, machine.request, None, machine.peer) if is_given_up else None
        return self._after(now_s, key, machine, outputs), heard

    def fail(self, now_s: float, key: Key, why: str) -> tuple[list[Effect], RequestNews | None]:
        """A request of ours could not be sent (§17.1.4); the news, where it is over by that."""
        entry = self.clients.get(key)
        if entry is None:
            return [], None
        machine, owner = entry
        outputs = machine.step(now_s, TransportFailed(why))
        is_over = any(isinstance(o, Terminated) for o in outputs)
        heard = RequestNews(owner, machine.request, None, machine.peer, why) if is_over else None
        return self._after(now_s, key, machine, outputs), heard

    def sent_over(self, peer: TcpPeer) -> list[Key]:
        """The client transactions whose requests went over this connection."""
        return [key for key, (machine, _) in self.clients.items() if _is_over(machine.peer, peer)]

    def _after(
        self, now_s: float, key: Key, machine: ServerTransaction | ClientTransaction, outputs: list[TransactionEffect]
    ) -> list[Effect]:
        effects: list[Effect] = []
        for output in outputs:
            if isinstance(output, Transmit):
                effects.append(SendSip(output.data, output.peer, output.message))
            elif isinstance(output, Terminated):
                if self.servers.pop(key, None) is not None:
                    self._forget_origin(key, self._began.pop(key, None))
                self.clients.pop(key, None)
                return effects
        deadline_s = machine.deadline_s
        if deadline_s is not None:
            self._schedule("server" if isinstance(machine, SERVERS) else "client", key, deadline_s)
        return effects

    def _settle(self, now_s: float, key: Key, tail: bytes, origin: Origin | None) -> None:
        self.servers.pop(key, None)
        self._began.pop(key, None)
        until_s = now_s + 64 * self._timers.t1_s
        self._settled[key] = (until_s, tail, origin)
        self._settling.append((until_s, key))
        self._expire(now_s)

    def _expire(self, now_s: float) -> None:
        settled, settling = self._settled, self._settling
        while settling and (settling[0][0] <= now_s or len(settled) > SETTLED_TRANSACTIONS_MAX):
            until_s, oldest = settling.popleft()
            if oldest in settled and settled[oldest][0] == until_s:
                self._forget_origin(oldest, settled.pop(oldest)[2])

    def _forget_origin(self, key: Key, origin: Origin | None) -> None:
        if origin is not None and self._origins.get(origin) == key:
            del self._origins[origin]


def _is_over(sent_to: Address, peer: TcpPeer) -> bool:
    if not isinstance(sent_to, TcpPeer):
        return False
    return (peer.host, peer.port) in ((sent_to.host, sent_to.port), sent_to.back)


def _origin(request: Request) -> Origin | None:
    """None for a request that begins no call: a ping that comes over two ways does no harm."""
    if request.method != "INVITE" or request.to.tag:
        return None
    return (request.call_id, request.from_.tag or "", request.cseq.number)
