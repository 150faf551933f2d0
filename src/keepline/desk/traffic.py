"""Calls, counted as they happen: by carrier and by flow, over a window that moves, and a quarter of an hour of history.

A fold over facts, by their own times. The rules of what a carrier's attempt, answer and refusal is are those of the
metrics (`carrier_metrics`). It refuses to guess about what lies before the first fact that it was given. Test calls are
nobody's, and count in nothing.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallReceived, Fact
from keepline.call.facts.bid import BidLed, BidPlaced
from keepline.desk.carrier_metrics import CARRIER_FACTS, CarrierMetrics
from keepline.desk.models_board import CarrierNow, FlowNow, History, TrafficNow
from keepline.incident.experience import TEST_FLOWS
from keepline.model.limits_desk import BOARD_CALLS_MAX, BOARD_NAMES_MAX

PART_S: Final = 10
PARTS: Final = 90
WINDOW_S: Final = 300
RATE_S: Final = 60
TRAFFIC_FACTS: Final = (CallReceived, *CARRIER_FACTS)
OTHER: Final = "other"
"""The carrier or flow of calls whose own is one too many."""
Key = tuple[str, ...]


@dataclass(slots=True)
class _Live:
    """A call that has not ended."""

    is_inbound: bool
    carrier: str
    flow: str
    is_answered: bool = False
    carriers: list[str] = field(default_factory=list)
    """Whom it was given to, one after the other."""


class _Part:
    """What happened within ten seconds."""

    __slots__ = ("counts", "sums")

    def __init__(self) -> None:
        self.counts: Counter[Key] = Counter()
        self.sums: dict[Key, float] = {}

    def observe(self, key: Key, value: float) -> None:
        self.counts[key] += 1
        self.sums[key] = self.sums.get(key, 0.0) + value


class _Tally:
    """One counter of the metrics, counted into the part of the moment."""

    __slots__ = ("_key", "_traffic")

    def __init__(self, traffic: "Traffic", *key: str) -> None:
        self._traffic, self._key = traffic, key

    def labels(self, *labelvalues: str) -> "_Tally":
        return _Tally(self._traffic, *self._key, *labelvalues)

    def inc(self) -> None:
        self._traffic.part().counts[self._key] += 1

    def observe(self, amount: float) -> None:
        self._traffic.part().observe(self._key, amount)


class Traffic:
    """The calls of one node. `count` takes the facts in order."""

    def __init__(self) -> None:
        self._parts: dict[int, _Part] = {}
        self._live: OrderedDict[str, _Live] = OrderedDict()
        self._names: set[str] = set()
        self._tests: OrderedDict[str, None] = OrderedDict()
        """Test calls that have not ended."""
        self._now = 0
        self._since_s: float | None = None
        self._attempts = CarrierMetrics(lambda name, *_: _Tally(self, name), lambda name, *_: _Tally(self, name))

    def begin(self, open_calls: Iterable[Fact], since_s: float) -> None:
        """The calls that are live to begin with; nothing is known of what was before `since_s`."""
        self._since_s = since_s
        for fact in open_calls:
            if self._is_test(fact):
                continue
            if isinstance(fact, CallReceived | CallPlaced):
                self._add(fact)
            elif isinstance(fact, CallAnswered) and fact.call in self._live:
                self._live[fact.call].is_answered = True

    def part(self) -> _Part:
        """Where the fact of the moment is counted."""
        return self._parts.setdefault(self._now, _Part())

    def count(self, fact: Fact) -> None:
        """One fact, in order."""
        self._now = int(fact.at_s) // PART_S
        if self._is_test(fact):
            return
        self._attempts.count(fact)
        if isinstance(fact, CallReceived):
            live = self._add(fact)
            self.part().counts.update((("arriving", live.carrier), ("flow_arriving", live.flow)))
        elif isinstance(fact, CallPlaced):
            self._add(fact)
            self.part().counts[("begun",)] += 1
        elif (found := self._live.get(fact.call)) is not None:
            self._count_in(found, fact)
        while len(self._parts) > PARTS + 1:
            del self._parts[min(self._parts)]

    def _is_test(self, fact: Fact) -> bool:
        """Whether it is of a test call."""
        if isinstance(fact, CallReceived | CallPlaced) and fact.flow.startswith(TEST_FLOWS):
            self._tests[fact.call] = None
            while len(self._tests) > BOARD_CALLS_MAX:
                self._tests.popitem(last=False)
            return True
        if isinstance(fact, CallEnded) and fact.call in self._tests:
            del self._tests[fact.call]
            return True
        return fact.call in self._tests

    def _count_in(self, live: _Live, fact: Fact) -> None:
        if isinstance(fact, CallAnswered):
            live.is_answered = True
        elif isinstance(fact, BidPlaced):
            live.carriers.append(self._name(fact.carrier))
        elif isinstance(fact, BidLed) and fact.bid < len(live.carriers):
            live.carrier = live.carriers[fact.bid]
        elif isinstance(fact, CallEnded):
            part = self.part()
            part.counts[("ended",)] += 1
            if fact.mos is not None:
                part.observe(("mos", live.carrier), fact.mos)
            if live.is_inbound and not live.is_answered and fact.sip_status >= 400 and fact.sip_status != 487:
                part.counts.update((("refused", live.carrier), ("flow_refused", live.flow)))
            del self._live[fact.call]

    def _add(self, fact: CallReceived | CallPlaced) -> _Live:
        carrier = self._name(fact.carrier)
        live = _Live(isinstance(fact, CallReceived), carrier, self._name(fact.flow), carriers=[carrier])
        self._live[fact.call] = live
        while len(self._live) > BOARD_CALLS_MAX:
            self._live.popitem(last=False)
        return live

    def _name(self, name: str) -> str:
        if name and name not in self._names:
            if len(self._names) >= BOARD_NAMES_MAX:
                return OTHER
            self._names.add(name)
        return name

    # What is shown ----------------------------------------------------------------------------------------------------

    def traffic(self, now_s: float, live_calls: int | None) -> TrafficNow:
        """All calls; `live_calls` is what the node says of those that are live."""
        window, minute = self._sum(now_s, WINDOW_S), self._sum(now_s, RATE_S)
        known_s = now_s - self._since_s if self._since_s is not None else 0.0
        return TrafficNow(
            window_s=round(min(WINDOW_S, max(1.0, known_s))),
            live=len(self._live) if live_calls is None else live_calls,
            per_s=round(_total(minute, "arriving") / min(RATE_S, max(1.0, known_s)), 2),
            arriving=_total(window, "arriving"),
            refused=_total(window, "refused"),
            refused_last_minute=_total(minute, "refused"),
            placed=_total(window, "carrier_attempts"),
            asr=_share(answered := _total(window, "carrier_answered"), answered + _total(window, "carrier_refused")),
            pdd_s=_mean(window, "carrier_post_dial_delay_seconds"),
            mos=_mean(window, "mos"),
            flows=self._flows(window),
        )

    def _flows(self, window: _Part) -> list[FlowNow]:
        live = Counter(each.flow for each in self._live.values() if each.flow)
        names = live.keys() | {key[1] for key in window.counts if key[0] in ("flow_arriving", "flow_refused")}
        return [
            FlowNow(
                flow=name,
                live=live[name],
                arriving=window.counts[("flow_arriving", name)],
                refused=window.counts[("flow_refused", name)],
            )
            for name in sorted(names)
        ]

    def carriers(self, now_s: float, known: Iterable[str]) -> list[CarrierNow]:
        """Every carrier that is known or that calls came by, in that order."""
        window, minute = self._sum(now_s, WINDOW_S), self._sum(now_s, RATE_S)
        live = Counter(each.carrier for each in self._live.values() if each.carrier)
        seen = {key[1] for key in window.counts if key[0] in ("arriving", "carrier_attempts")} - {""}
        names = list(dict.fromkeys([*known, *sorted(seen | live.keys())]))
        known_s = min(RATE_S, max(1.0, now_s - self._since_s)) if self._since_s is not None else RATE_S
        found = []
        for name in names:
            placed, answered = (window.counts[(each, name)] for each in ("carrier_attempts", "carrier_answered"))
            by_carrier, by_callee = (window.counts[("carrier_refused", name, whose)] for whose in ("carrier", "callee"))
            done = answered + by_carrier + by_callee
            of_minute = minute.counts[("arriving", name)] + minute.counts[("carrier_attempts", name)]
            found.append(
                CarrierNow(
                    carrier=name,
                    condition="",
                    live=live[name],
                    arriving=window.counts[("arriving", name)],
                    refused=window.counts[("refused", name)],
                    placed=placed,
                    answered=answered,
                    refused_by_carrier=by_carrier,
                    refused_by_callee=by_callee,
                    per_s=round(of_minute / known_s, 2),
                    asr=_share(answered, done),
                    ner=_share(answered + by_callee, done),
                    pdd_s=_mean(window, "carrier_post_dial_delay_seconds", name),
                    mos=_mean(window, "mos", name),
                )
            )
        return found

    def history(self, now_s: float) -> History:
        """The last quarter of an hour; how many were live is counted back from now."""
        last = int(now_s) // PART_S
        numbers = range(last - PARTS + 1, last + 1)
        known = [self._since_s is not None and (number + 1) * PART_S > self._since_s for number in numbers]
        parts = [self._parts.get(number, _EMPTY) for number in numbers]
        live, at_the_end = len(self._live), []
        for part in reversed(parts):
            at_the_end.append(max(0, live))
            live += part.counts[("ended",)] - part.counts[("begun",)] - _total(part, "arriving")
        return History(
            at=[number * PART_S for number in numbers],
            live=_where(known, at_the_end[::-1]),
            arriving=_where(known, [_total(part, "arriving") for part in parts]),
            placed=_where(known, [_total(part, "carrier_attempts") for part in parts]),
            refused=_where(known, [_total(part, "refused") for part in parts]),
        )

    def _sum(self, now_s: float, window_s: int) -> _Part:
        last, total = int(now_s) // PART_S, _Part()
        for number, part in self._parts.items():
            if last - window_s // PART_S < number <= last + 1:
                total.counts.update(part.counts)
                for key, value in part.sums.items():
                    total.sums[key] = total.sums.get(key, 0.0) + value
        return total


_EMPTY: Final = _Part()


def _total(part: _Part, what: str) -> int:
    return sum(count for key, count in part.counts.items() if key[0] == what)


def _mean(part: _Part, what: str, *names: str) -> float | None:
    keys = [key for key in part.sums if key[: 1 + len(names)] == (what, *names)]
    count = sum(part.counts[key] for key in keys)
    return round(sum(part.sums[key] for key in keys) / count, 3) if count else None


def _where(known: list[bool], counts: list[int]) -> list[int | None]:
    return [count if is_known else None for is_known, count in zip(known, counts, strict=True)]


def _share(some: int, of: int) -> float | None:
    return round(some / of, 3) if of else None
