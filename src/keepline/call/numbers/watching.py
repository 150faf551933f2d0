"""What is heard of the carriers that own numbers: calls that come, anything that comes, and answers to OPTIONS.

Unlike the probes of calls out (`call.carriers.probing`) these are asked of each carrier of which nothing was heard for
a while, whatever calls go out by it, and quickly one after another where calls should have come. What is asked is no
fact.
Source: RFC 3261 §11.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from keepline.call.carriers.probing import options_to
from keepline.call.outbound.located import targets_of
from keepline.call.transactions import RequestNews
from keepline.call.turn import Turn
from keepline.model.operation import Trunk
from keepline.paths.health import Condition
from keepline.paths.inbound import Inbound, InboundHealth, InboundView
from keepline.sip.message import Request
from keepline.sip.peers import peer_at

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

OWNER: Final = "inbound "
"""Goes before the trunk's name, where a call's id would stand."""
ANSWER_S: Final = 1.0
"""How long an answer may take: its OPTIONS has gone out twice by then."""
EVERY_S: Final = 10.0
"""Between two questions to a carrier of which nothing is heard."""
DOUBT_EVERY_S: Final = 1.0
"""The same where something is wrong with it."""


@dataclass(slots=True)
class Watched:
    """One carrier."""

    trunk: Trunk
    health: InboundHealth
    asked: Request | None = None
    asked_at_s: float = field(default=float("-inf"))
    """When it was asked last."""
    turns: int = 0
    """How many times: of several addresses each has its turn."""
    was: Inbound = Inbound.UNKNOWN


class Watching:
    """The part of `Numbers` that listens."""

    __slots__ = ("_by_trunk", "_exchange")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._by_trunk: dict[str, Watched] = {}

    def __len__(self) -> int:
        return len(self._by_trunk)

    def get(self, trunk: str) -> Watched | None:
        """A carrier that is watched."""
        return self._by_trunk.get(trunk)

    def use(self, trunks: Iterable[Trunk]) -> None:
        """Watch these from now on; what is known of those that were watched before is kept."""
        found = {trunk.name: trunk for trunk in trunks}
        for name in set(self._by_trunk) - set(found):
            del self._by_trunk[name]
        for name, trunk in found.items():
            if name in self._by_trunk:
                self._by_trunk[name].trunk = trunk
            else:
                self._by_trunk[name] = Watched(trunk, InboundHealth())

    def heard(self, now_s: float, trunk: str, *, is_call: bool) -> None:
        """A carrier has sent a request; a new call is more than that."""
        watched = self._by_trunk.get(trunk)
        if watched is None:
            return
        if is_call:
            watched.health.arrived(now_s)
        else:
            watched.health.heard(now_s)

    def expect_none(self, trunk: str) -> None:
        """Its calls go elsewhere from now on."""
        watched = self._by_trunk.get(trunk)
        if watched is not None:
            watched.health.expect_none()

    def view(self, trunk: str, now_s: float, silent_s: float) -> InboundView | None:
        """How a carrier is; None for one that is not watched."""
        watched = self._by_trunk.get(trunk)
        return watched.health.view(now_s, silent_s) if watched is not None else None

    def look(self, turn: Turn) -> None:
        """Ask whoever should be asked, and give up on who has not answered."""
        for watched in self._by_trunk.values():
            self._look_at(turn, watched)

    def hear(self, turn: Turn, heard: RequestNews) -> None:
        """What a carrier has to say, or that it could not be asked."""
        watched = self._by_trunk.get(heard.owner.removeprefix(OWNER))
        if watched is None or not heard.is_final or watched.asked is not heard.request:
            return
        watched.asked = None
        status = heard.response.status if heard.response is not None else 0
        if status and status != 408 and not 500 <= status < 600:
            watched.health.heard(turn.now_s)
        else:
            words = f"OPTIONS answered {status}" if status else f"OPTIONS {heard.trouble or 'unanswered'}"
            watched.health.failed(turn.now_s, words)

    def _look_at(self, turn: Turn, watched: Watched) -> None:
        now_s = turn.now_s
        if watched.asked is not None:
            if now_s < watched.asked_at_s + ANSWER_S:
                return
            self._exchange.transactions.forget_client(watched.asked)
            watched.asked = None
            watched.health.failed(now_s, "OPTIONS unanswered")
        quiet_since_s = max(watched.health.heard_s, watched.asked_at_s)
        if now_s - quiet_since_s >= (DOUBT_EVERY_S if self._is_in_doubt(watched, now_s) else EVERY_S):
            self._ask(turn, watched)

    def _is_in_doubt(self, watched: Watched, now_s: float) -> bool:
        if watched.health.is_in_doubt(now_s):
            return True
        return self._exchange.switchboard.carriers.view(watched.trunk.name, now_s).condition is Condition.DOWN

    def _ask(self, turn: Turn, watched: Watched) -> None:
        trunk, now_s = watched.trunk, turn.now_s
        targets = targets_of(trunk, self._exchange.targets)
        if trunk.outbound is None or not targets or self._exchange.draining:
            return
        watched.health.addresses = len(targets)
        peer = peer_at(*targets[watched.turns % len(targets)], trunk.outbound.transport)
        watched.turns += 1
        request = watched.asked = options_to(turn.identity, peer, self._exchange.ids.token(12).hex())
        watched.asked_at_s = now_s
        turn.effects += self._exchange.transactions.start_client(now_s, request, peer, OWNER + trunk.name)
