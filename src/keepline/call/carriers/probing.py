"""Carriers of which nothing was heard for a while are asked whether they are there: OPTIONS, by whoever is active.

Real traffic comes first: a carrier that calls come or go by is asked only once it is quieter than usual, or an INVITE
waits in vain, and one whose INVITEs fail is not made well by answering OPTIONS. Whatever it answers, but for 408 and
5xx, proves that it is there; that it answers nothing any more, twice in a row and while nothing else is heard of it,
proves that it is away. What is asked is no fact; a successor asks anew. Source: RFC 3261 §11.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from keepline.call.effects import Address
from keepline.call.outbound.located import Target, targets_of, uri_host
from keepline.call.setup import contact
from keepline.call.transactions import RequestNews
from keepline.call.turn import Identity, Turn
from keepline.model.operation import Operation, Trunk
from keepline.paths.health import Breaker, Condition
from keepline.paths.hearing import Hearing
from keepline.sip.body import ACCEPT
from keepline.sip.dialog import make_via
from keepline.sip.message import Headers, Request
from keepline.sip.peers import peer_at, transport_to

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

OWNER: Final = "probe "
"""Goes before the trunk's name, where a call's id would stand."""
ANSWER_S: Final = 1.2
"""How long the answer may take: its OPTIONS has gone out twice by then."""
AGAIN_S: Final = 2.0
"""After none came."""
RETURN_S: Final = 5.0
"""After it answered while it is away, or on its way back: it has to hold, though nobody calls by it meanwhile."""
BRANCH: Final = "z9hG4bK-probe-"
USER: Final = "keepline"


class Probing:
    """The part of the exchange that asks them."""

    __slots__ = ("_asked", "_due_s", "_every_s", "_exchange", "_hearing", "_schedule", "_trunks")

    def __init__(self, exchange: "Exchange", schedule: Callable[[str, float], None]) -> None:
        """`schedule` asks for `due` of a trunk at a time."""
        self._exchange = exchange
        self._schedule = schedule
        self._trunks: dict[str, Trunk] = {}
        self._every_s = 0.0
        self._asked: dict[str, tuple[Request, Target]] = {}
        """Those that have not answered yet, and where that went."""
        self._hearing: dict[str, Hearing] = {}
        self._due_s: dict[str, float] = {}

    def use(self, operation: Operation) -> None:
        """Ask the carriers of this version of the operation."""
        listed = {each.trunk for each in operation.outbound.carriers}
        self._trunks = {trunk.name: trunk for trunk in operation.trunks if trunk.name in listed}
        self._every_s = operation.outbound.probe_every_s
        for name in self._trunks if self._every_s else ():
            self._hearing.setdefault(name, Hearing())
            self._put_off(name, 0.0)

    def heard(self, now_s: float, trunk: str) -> None:
        """Something came of it, whatever it was."""
        hearing = self._hearing.get(trunk)
        if hearing is None or not self._every_s:
            return
        hearing.heard(now_s)
        soon_s = now_s + hearing.quiet_s(self._every_s)
        if soon_s < self._due_s.get(trunk, soon_s):
            self._put_off(trunk, soon_s)

    def doubt(self, turn: Turn, trunk: str) -> None:
        """An INVITE waits for it in vain: ask it now."""
        if trunk in self._hearing and trunk not in self._asked and self._hearing[trunk].misses == 0:
            self._ask(turn, trunk)

    def is_unanswered(self, trunk: str) -> bool:
        """Whether it has answered OPTIONS before, and answers none now; it is asked every few seconds then."""
        hearing = self._hearing.get(trunk)
        return bool(self._every_s and hearing is not None and hearing.has_answered and hearing.misses)

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
            self._exchange.transactions.forget_client(asked[0])
            self._miss(turn, trunk, asked[1], "unanswered")
            return
        quiet_since_s = max(room.last_used_s(trunk), self._hearing[trunk].heard_s)
        due_s = quiet_since_s + self._hearing[trunk].quiet_s(self._every_s)
        # Calls that it brings say nothing of those that it is to take: what is away is asked though it is heard of.
        is_away = room.view(trunk, now_s).breaker is not Breaker.CLOSED
        if due_s > now_s and not self._hearing[trunk].misses and not is_away:
            self._put_off(trunk, due_s)
        else:
            self._ask(turn, trunk)

    def _ask(self, turn: Turn, trunk: str) -> None:
        targets, now_s = targets_of(self._trunks[trunk], self._exchange.targets), turn.now_s
        settings = self._trunks[trunk].outbound
        if not targets or settings is None:
            self._put_off(trunk, now_s + self._every_s)
            return
        target = self._hearing[trunk].next_of(targets)
        peer = peer_at(*target, settings.transport)
        request = options_to(turn.identity, peer, self._exchange.ids.token(12).hex())
        self._asked[trunk] = request, target
        turn.effects += self._exchange.transactions.start_client(now_s, request, peer, OWNER + trunk)
        self._put_off(trunk, now_s + ANSWER_S)

    def _miss(self, turn: Turn, trunk: str, target: Target, why: str) -> None:
        """It has not answered, or so that it is no answer."""
        room, hearing = self._exchange.switchboard.carriers, self._hearing[trunk]
        hearing.missed(target)
        targets = targets_of(self._trunks[trunk], self._exchange.targets)
        is_gone = why == "unanswered" and hearing.is_gone(targets, is_doubted=room.is_waited_for(trunk, turn.now_s))
        room.probed(turn, trunk, why, is_proof=is_gone)
        is_settled = room.view(trunk, turn.now_s).condition is Condition.DOWN or not hearing.has_answered
        if is_settled or why != "unanswered":
            self._put_off(trunk, turn.now_s + AGAIN_S)
        else:
            self._ask(turn, trunk)

    def hear(self, turn: Turn, heard: RequestNews) -> None:
        """What a carrier has to say, or that it could not be asked."""
        trunk = heard.owner.removeprefix(OWNER)
        asked = self._asked.get(trunk)
        if not heard.is_final or asked is None or asked[0] is not heard.request:
            return
        del self._asked[trunk]
        status = heard.response.status if heard.response is not None else 0
        if not status or status == 408 or 500 <= status < 600:
            self._miss(turn, trunk, asked[1], f"answered {status}" if status else heard.trouble or "unanswered")
            return
        hearing = self._hearing[trunk]
        hearing.heard(turn.now_s, is_answer=True)
        room = self._exchange.switchboard.carriers
        room.probed(turn, trunk, "")
        quiet_s = hearing.quiet_s(self._every_s)
        is_away = room.view(trunk, turn.now_s).breaker is not Breaker.CLOSED
        self._put_off(trunk, turn.now_s + (min(RETURN_S, quiet_s) if is_away else quiet_s))

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
