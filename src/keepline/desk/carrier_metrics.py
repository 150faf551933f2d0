"""What carriers make of calls: of those that go out attempts, answers, refusals by whose word, post-dial delay; of
those that come in how they end; of either how long they last and how they sound.

ITU-T E.411's answer-seizure ratio is answers over attempts, its network effectiveness ratio what is left without the
carrier's own refusals; the average call duration is the sum of seconds over their count. An attempt is an INVITE to a
carrier for a call; further targets and proofs are the same one.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from keepline.call.carriers.blaming import fault_of
from keepline.call.carriers.carrier import MUTE_PACKETS_MIN
from keepline.call.carriers.causes import Fault
from keepline.call.facts import (
    CallAnswered,
    CallEnded,
    CallPlaced,
    CallProgressed,
    CallReceived,
    CallRefused,
    Fact,
)
from keepline.call.facts.bid import BidAbandoned, BidEnded, BidLed, BidPlaced
from keepline.model.limits_desk import METRIC_CALLS_MAX

CARRIER_FACTS: Final = (
    CallReceived, CallPlaced, CallProgressed, CallAnswered, CallRefused, CallEnded, BidPlaced, BidLed, BidEnded,
    BidAbandoned,
)  # fmt: skip
_WHOSE: Final = {Fault.CALLEE: "callee", Fault.CARRIER: "carrier", Fault.NOBODY: "nobody"}
_EITHER: Final = ("carrier", "direction")
_LENGTHS: Final = (5, 15, 30, 60, 120, 300, 600, 1_800, 3_600)
_SCORES: Final = (1, 2, 2.6, 3.1, 3.6, 4.0, 4.2, 4.3, 4.41)
_SECONDS: Final = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20)


class Counting(Protocol):
    """What is counted with: Prometheus's, or the board's."""

    def labels(self, *labelvalues: str) -> "Counting":
        """The one of these labels."""
        ...

    def inc(self) -> None:
        """One more."""
        ...


class Observing(Protocol):
    """The same for what is measured."""

    def labels(self, *labelvalues: str) -> "Observing":
        """The one of these labels."""
        ...

    def observe(self, amount: float) -> None:
        """One more."""
        ...


@dataclass(slots=True)
class _Asked:
    """The carriers that were asked for a live call."""

    bids: list[tuple[str, float]] = field(default_factory=list)
    """Carrier, and when it was asked."""
    lead: int = 0
    status: int = 0
    """The last of the one that leads."""
    is_inbound: bool = False
    """It came by that one carrier."""
    answered_at_s: float | None = None


class CarrierMetrics:
    """The counters, and the live calls that they need to know."""

    def __init__(self, counter: Callable[..., Counting], histogram: Callable[..., Observing]) -> None:
        self._live: OrderedDict[str, _Asked] = OrderedDict()
        self._attempts = counter("carrier_attempts", "Calls that a carrier was asked for.", "carrier")
        self._answered = counter("carrier_answered", "Those that it was answered for.", "carrier")
        self._refused = counter("carrier_refused", "Those that came to nothing, by whose word.", "carrier", "whose")
        self._abandoned = counter("carrier_abandoned", "Those that another carrier was quicker with.", "carrier")
        self._inbound = counter("carrier_inbound", "Calls that a carrier brought, by how they ended.", "carrier", "end")
        self._seconds = histogram("carrier_call_seconds", "Of calls that were answered.", _LENGTHS, *_EITHER)
        self._mos = histogram("carrier_mos", "Score of what we heard of a call.", _SCORES, *_EITHER)
        self._one_way = counter("carrier_one_way", "Calls that were answered, and nothing was heard.", *_EITHER)
        self._delay = histogram("carrier_post_dial_delay_seconds", "From INVITE to ringing.", _SECONDS, "carrier")

    def __len__(self) -> int:
        return len(self._live)

    def count(self, fact: Fact) -> None:
        """One fact, in order."""
        if isinstance(fact, CallPlaced):
            if fact.slot >= 0:  # else it never left
                self._ask(fact.call, fact.carrier, fact.at_s)
            return
        if isinstance(fact, CallReceived):
            if fact.carrier:
                self._keep(fact.call, _Asked([(fact.carrier, fact.at_s)], is_inbound=True))
            return
        asked = self._live.get(fact.call)
        if asked is None:
            return
        if isinstance(fact, BidPlaced):
            self._attempts.labels(fact.carrier).inc()
            asked.bids.append((fact.carrier, fact.at_s))
        elif isinstance(fact, BidLed):
            asked.lead, asked.status = fact.bid, 0
        elif isinstance(fact, BidAbandoned):
            self._abandoned.labels(asked.bids[fact.bid][0]).inc()
        elif isinstance(fact, BidEnded):
            whose = next((_WHOSE[fault] for fault in Fault if fact.why.startswith(f"{fault.value}: ")), "")
            if whose:  # else it was given up before
                self._refused.labels(asked.bids[fact.bid][0], whose).inc()
        else:
            self._count_lead(asked, fact)

    def _ask(self, call: str, carrier: str, at_s: float) -> None:
        self._attempts.labels(carrier).inc()
        self._keep(call, _Asked([(carrier, at_s)]))

    def _keep(self, call: str, asked: _Asked) -> None:
        self._live[call] = asked
        while len(self._live) > METRIC_CALLS_MAX:
            self._live.popitem(last=False)

    def _count_lead(self, asked: _Asked, fact: Fact) -> None:
        carrier, at_s = asked.bids[asked.lead]
        if isinstance(fact, CallProgressed):
            if fact.status > 100 >= asked.status:
                self._delay.labels(carrier).observe(max(0.0, fact.at_s - at_s))
            asked.status = fact.status
        elif isinstance(fact, CallAnswered):
            asked.answered_at_s = fact.at_s
            if not asked.is_inbound:
                self._answered.labels(carrier).inc()
        elif isinstance(fact, CallRefused):
            self._refused.labels(carrier, _WHOSE[fault_of(fact, rang=asked.status > 100)]).inc()
        elif isinstance(fact, CallEnded):
            self._live.pop(fact.call, None)
            self._count_end(asked, carrier, fact)

    def _count_end(self, asked: _Asked, carrier: str, ended: CallEnded) -> None:
        direction = "inbound" if asked.is_inbound else "outbound"
        if asked.is_inbound:
            by_us = "refused" if ended.sip_status else "failed"
            unanswered = "cancelled" if ended.sip_status == 487 else by_us
            self._inbound.labels(carrier, "answered" if asked.answered_at_s is not None else unanswered).inc()
        if asked.answered_at_s is None:
            return
        self._seconds.labels(carrier, direction).observe(max(0.0, ended.at_s - asked.answered_at_s))
        if ended.mos is not None:
            self._mos.labels(carrier, direction).observe(ended.mos)
        if not ended.packets_received and ended.packets_sent >= MUTE_PACKETS_MIN:
            self._one_way.labels(carrier, direction).inc()
