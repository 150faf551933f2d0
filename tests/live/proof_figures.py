"""The figures of a review, made anew from the raw lines of an export: call by call, with nothing of the product.

What a fact means is read from its words in docs/reference alone. An answer to a call of ours that this does not know
is an error here, so that nothing is counted by a guess.
"""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

BEFORE_S, DELAYED_S, MINUTE_S = 600, 2, 60
COUNTED = ("attempts", "answered", "delayed", "lost", "gave_up", "deferred", "denied")
ENDS = ("low", "mid", "high")
CARRIERS_TROUBLE = {0, 408, 500, 502, 503, 504}
"""Of a call that we place: nothing was heard, or this was."""
CALLEES_WORD = {404, 480, 486, 487, 600, 603}
Body = dict[str, Any]
Facts = list[tuple[str, Body]]


def facts_of(export: Iterable[str]) -> Facts:
    """Kind and fields of each fact, in order."""
    lines = [json.loads(line) for line in export]
    return [(line["kind"], json.loads(base64.b64decode(line["body"]))) for line in lines if line.get("body")]


@dataclass
class Figures:
    """What is counted."""

    minutes: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    arrived: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Calls that came, by carrier."""
    touched: dict[str, float] = field(default_factory=dict)
    """Caller -> when something was last not as usual."""
    had: dict[int, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """Minute -> capability -> something was had of it."""
    rerouted: Counter[int] = field(default_factory=Counter)

    def touch(self, caller: str, at_s: float) -> None:
        """This caller felt it."""
        if caller:
            self.touched[caller] = max(at_s, self.touched.get(caller, 0.0))


def counted(facts: Facts, since_s: float, until_s: float) -> Figures:
    """What came to each call until then, of those that began no earlier than what counts as usual."""
    found, calls = Figures(), defaultdict[str, Facts](list)
    for kind, body in facts:
        if since_s - BEFORE_S <= body.get("at_s", 0.0) <= until_s and "call" in body:
            calls[body["call"]].append((kind, body))
    for events in calls.values():
        kind, first = events[0]
        if kind in ("call_received.1", "call_placed.1") and not first["flow"].startswith(("preflight.", "drill.")):
            _count(found, first, events[1:], is_inbound=kind == "call_received.1")
    return found


def _count(found: Figures, first: Body, events: Facts, *, is_inbound: bool) -> None:
    at = minute_of(first["at_s"])
    mine, caller = found.minutes[at], first["from_number" if is_inbound else "to_number"]
    mine["attempts"] += 1
    if is_inbound:
        found.arrived[at][first["carrier"]] += 1
    bids, lead, is_answered, is_lost = 1, 0, False, False
    is_carriers = not is_inbound and first["slot"] < 0 and not first["carrier"]
    for kind, body in events:
        is_over = kind == "call_ended.1"
        if kind == "bid_placed.1":
            bids += 1
        elif kind == "bid_led.1":
            lead = body["bid"]
        elif kind == "call_refused.1":
            assert body["status"] in CARRIERS_TROUBLE | CALLEES_WORD, f"whose word is {body['status']}?"
            is_carriers = body["status"] in CARRIERS_TROUBLE
        elif kind == "call_answered.1":
            is_answered = True
            mine["answered"] += 1
            found.rerouted[at] += not is_inbound and lead > 0
            if bids > 1 or (is_inbound and body["at_s"] - first["answer_at_s"] > DELAYED_S):
                mine["delayed"] += 1
                found.touch(caller, body["at_s"])
        elif kind == "line_fell_silent.1":
            found.touch(caller, body["at_s"])
        elif kind == "step_ended.1" and body["verb"] == "use" and body["outcome"] == "done":
            _use(found, body, caller)
        gave_up = is_over and is_inbound and body["sip_status"] == 487 and not is_answered and not is_lost
        mine["gave_up"] += gave_up
        was_refused = is_over and not is_answered and not gave_up and (is_inbound or is_carriers)
        if not is_lost and (was_refused or kind in ("call_lost.1", "flow_failed.1")):
            is_lost = True
            mine["lost"] += 1
            found.touch(caller, body["at_s"])
        if is_over:
            return


def _use(found: Figures, body: Body, caller: str) -> None:
    at, outcome = minute_of(body["at_s"]), json.loads(body["value"])
    capability = body["reason"].partition(".")[0]
    found.had[at][capability] = found.had[at].get(capability, False) or "unavailable" not in outcome
    mine = found.minutes[at]
    mine["copied"] += outcome.get("age_s", 0.0) > 0
    for word, name in (("promised", "deferred"), ("unavailable", "denied")):
        if word in outcome:
            mine[name] += 1
            found.touch(caller, body["at_s"])


def minute_of(at_s: float) -> int:
    """Its beginning."""
    return int(at_s) // MINUTE_S * MINUTE_S


def never_came(found: Figures, paths: Iterable[str], since_s: float, until_s: float) -> tuple[int, int]:
    """Estimates: callers of what failed who came by nothing, and those who came by another carrier."""
    failed = {each.removeprefix("telephony/") for each in paths if each.startswith("telephony/")}
    before = sorted(at for at in found.minutes if at + MINUTE_S <= since_s)
    if not failed or not before:
        return 0, 0
    share = (until_s - since_s) / (since_s - before[0])
    usual, came = Counter[str](), Counter[str]()
    for at, arrived in found.arrived.items():
        if at in before:
            usual.update(arrived)
        if at > since_s - MINUTE_S:
            came.update(arrived)
    missed = sum(max(0.0, usual[name] * share - came[name]) for name in failed)
    others = sum(max(0.0, came[name] - usual[name] * share) for name in (usual | came).keys() - failed)
    return round(max(0.0, missed - others)), round(min(missed, others))


def bill(
    found: Figures, estimates: tuple[int, int], money: Mapping[str, Any], since_s: float
) -> dict[str, list[tuple[float, Mapping[str, Any]]]]:
    """Counts and prices of the lines, in their order, of what was `lost` and of what was `saved`; none that is 0."""
    total: Counter[str] = Counter()
    for at, each in found.minutes.items():
        if at > since_s - MINUTE_S:
            total.update(each)
    rerouted = sum(n for at, n in found.rerouted.items() if at > since_s - MINUTE_S)
    without = Counter(
        name for at, had in found.had.items() if at > since_s - MINUTE_S for name, was_had in had.items() if not was_had
    )
    one = money["lost_call"]
    lost = [(count, one) for count in (total["lost"], estimates[0], total["denied"])]
    lost += [(total["delayed"], money["delayed_call"]), (total["deferred"], money["deferred"])]
    lost += [(minutes, money["minute_without"].get(name)) for name, minutes in sorted(without.items())]
    saved = [(count, one) for count in (rerouted, estimates[1], total["copied"], total["deferred"])]
    return {"lost": [line for line in lost if line[0]], "saved": [line for line in saved if line[0]]}


def sums(lines: list[tuple[float, Mapping[str, Any]]]) -> dict[str, float]:
    """Low, middle and high of all of them."""
    return {end: round(sum(count * price[end] for count, price in lines if price), 2) for end in ENDS}


def credit(facts: Facts, path: str, terms: Mapping[str, Any], until_s: float) -> dict[str, float]:
    """What the terms give back for this month: seconds down, per cent of the fee, and the sum."""
    day = datetime.fromtimestamp(until_s, UTC)
    first = datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()
    after = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC).timestamp()
    down_s, since_s = 0.0, None
    for kind, body in facts:
        if kind != "path_stood.1" or body["path"] != path or body["at_s"] > until_s:
            continue
        if body["condition"] == "down":
            since_s = min(body["since_s"] or body["at_s"], body["at_s"]) if since_s is None else since_s
        elif since_s is not None:
            down_s, since_s = down_s + body["at_s"] - max(first, since_s), None
    down_s += until_s - max(first, since_s) if since_s is not None else 0.0
    available = 100 * (1 - down_s / (after - first))
    percent = max((step["percent"] for step in terms["credits"] if available < step["below"]), default=0)
    owed = round(terms["monthly_fee"] * percent / 100, 2)
    return {"down_min": round(round(down_s, 1) / MINUTE_S, 1), "percent": percent, "credit": owed}
