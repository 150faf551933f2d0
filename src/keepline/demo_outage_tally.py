"""What an outage did to the people who called: counted while it lasts, and put on a score card in the end.

Pure: lines that callers and carriers told, call records and moments in; figures out. Whether the steady state held is
decided here, from what people experienced and not from what the node says of itself.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keepline.demo_retailer_view import GOOD
from keepline.model.preflight import CALLING

Told = Mapping[str, Any]
LATELY_S = 5.0
DEAD_LINE = "a dead line"
STORIES_KEPT = 200


@dataclass(slots=True)
class Tally:
    """One operation's callers, as they tell of themselves."""

    live: list[Told] = field(default_factory=list)
    """Who is on the phone now."""
    calls: list[Told] = field(default_factory=list)
    customers: list[Told] = field(default_factory=list)
    calling_again: int = 0
    """Who will call again and does not yet."""
    believes: Counter[str] = field(default_factory=Counter)
    stories: deque[str] = field(default_factory=lambda: deque(maxlen=STORIES_KEPT))
    """A line for each customer that needed more than one call."""
    summary: Told = field(default_factory=dict)
    _begun: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=10_000))
    _known: set[int] = field(default_factory=set)
    _before: dict[int, list[str]] = field(default_factory=dict)

    def take(self, line: Told, now_s: float) -> None:
        """A line of the crowd, at `now_s` of any clock that goes on."""
        if line["event"] == "live":
            self.live = line["calls"]
            for call in self.live:
                self._begins(call["call"], now_s)
        elif line["event"] == "experience":
            self._begins(line["call"], now_s)
            self.calls.append(line)
            self.believes.update(line["believes"])
            self.calling_again += line["calls_again"] - (line["try"] > 1)
            if line["calls_again"] or line["try"] > 1:
                self._before.setdefault(line["customer"], []).append(f"…{line['number'][-4:]}, {what_of(line)}")
        elif line["event"] == "customer":
            self.customers.append(line)
            if line["tries"] > 1:
                told = ", then ".join(self._before.pop(line["customer"], ()))
                who = line["persona"].replace("_", " ")
                self.stories.append(f"customer {line['customer']} ({who}) called {told}")
        elif line["event"] == "summary":
            self.summary = line

    def _begins(self, call: int, now_s: float) -> None:
        if call not in self._known:
            self._known.add(call)
            self._begun.append((now_s, call))

    def calls_per_s(self, now_s: float) -> float:
        """Calls begun lately."""
        return sum(at >= now_s - LATELY_S for at, _ in self._begun) / LATELY_S

    @property
    def on_the_phone(self) -> int:
        """Who hears something."""
        return sum(call["hears"] != "ringing" for call in self.live)

    @property
    def hear_nothing(self) -> int:
        """Who has dialled, and nobody answers."""
        return len(self.live) - self.on_the_phone

    @property
    def served(self) -> int:
        return sum(bool(each["served"]) for each in self.customers)

    @property
    def lost(self) -> int:
        """Customers who gave up without what they wanted."""
        return len(self.customers) - self.served

    def count(self, what: str) -> int:
        """Calls of which a caller would say so."""
        return sum(what_of(call) == what for call in self.calls)


def what_of(call: Told) -> str:
    """What a caller would say of a call that is over, in two words."""
    if call["how"] in GOOD:
        return "well"
    if not call["answered"]:
        return f"refused ({call['status']})" if call["status"] >= 400 else "heard nothing"
    return "cut off" if call["how"] == "cut off" else str(call["how"])


@dataclass(frozen=True, slots=True)
class Moments:
    """When it failed and when it was there again, by the wall clock, and what the node found out and when."""

    fault_at: float
    back_at: float
    detected_at: float | None = None
    well_again_at: float | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    """What everybody else tells."""

    records: Sequence[Told]
    carriers: Sequence[Told]
    """Lines of the carriers' programs."""
    agreed: bool
    comparison: str
    kills: int = 0


def score(tally: Tally, moments: Moments, accounts: Accounts) -> dict[str, Any]:
    """The card of one operation."""
    swallowed = {one["call_id"] for one in accounts.carriers if one["event"] == "offered" and not one["passed"]}
    swallowed -= {one["call_id"] for one in accounts.carriers if one["event"] == "offered" and one["passed"]}
    swallowed -= {str(one["onward"]) for one in accounts.carriers if one.get("onward")}
    cut = {one["call_id"] for one in accounts.carriers if one["event"] == "cut"} | _mute(accounts)
    reached = [call for call in tally.calls if call["call_id"] not in swallowed | cut]
    failed = [call for call in reached if call["how"] not in GOOD]
    during = [call for call in tally.calls if moments.fault_at <= call["invited_at"] < moments.back_at]
    waits = sorted(each["waited_s"] for each in tally.customers if each["served"] and each["waited_s"] is not None)
    detected, well = moments.detected_at, moments.well_again_at
    card: dict[str, Any] = {
        "customers": len(tally.customers) + int(tally.summary.get("left", 0)), "served": tally.served,
        "lost": tally.lost, "customers_who_called_again": sum(each["tries"] > 1 for each in tally.customers),
        "waited_s_p50": _share(waits, 0.5), "waited_s_max": _share(waits, 1.0),
        "calls": len(tally.calls), "calls_during_the_outage": len(during),
        "of_these_answered": sum(bool(call["answered"]) for call in during),
        "never_reached_us": len(swallowed), "cut_off_by_the_carrier": len(cut & {c["call_id"] for c in tally.calls}),
        "failed_on_a_healthy_carrier": len(failed),
        "failures": [f"{call['persona']}: {what_of(call)} {call['where']}".strip() for call in failed][:20],
        "audio_faults": sum(bool(call["faults"]) for call in reached),
        "longest_gap_ms": round(max((call["gap_ms_max"] for call in reached), default=0.0), 1),
        "to_people": _to_people(accounts.records, moments),
        "detected_after_s": None if detected is None else round(detected - moments.fault_at, 2),
        "well_again_after_s": None if well is None else round(well - moments.back_at, 2),
        **_numbers(tally, moments, swallowed),
        "kills": accounts.kills, "agreed": accounts.agreed, "comparison": accounts.comparison,
        "believes": dict(tally.believes),
    }  # fmt: skip
    people = card["to_people"]
    card["steady_state"] = {
        "no customer lost": not card["lost"] and card["served"] == card["customers"] > 0,
        "no call failed that reached a healthy carrier": not failed,
        "everybody who asked for a person was put through": people["answered"] == people["asked"],
        "callers, carriers, records and ledger agree call by call": accounts.agreed,
    }
    card["held"] = all(card["steady_state"].values())
    return card


def _mute(accounts: Accounts) -> set[str]:
    """Calls whose other leg a carrier left without audio, for a while or all the time, as the carrier itself tells."""
    told = {one["call_id"] for one in accounts.carriers if one["event"] == "taken" and one.get("muted")}
    # The INVITE to each further carrier has the Call-ID of the call with a number behind it.
    legs = told | {call_id.rpartition("-")[0] for call_id in told}
    mute = {one["parent"] for one in accounts.records if one.get("parent") and one["sip_call_id"] in legs}
    return {one["sip_call_id"] for one in accounts.records if one.get("id") in mute}


def _numbers(tally: Tally, moments: Moments, swallowed: set[str]) -> dict[str, float | None]:
    """What the portal was asked for, in seconds after the fault and after its end, and the last call that it lost."""
    asked = [one for one in tally.summary.get("portal", {}).get("asked", ()) if one["status"] == 200]
    away = [one["at"] for one in asked if moments.fault_at <= one["at"] < moments.back_at]
    back = [one["at"] for one in asked if one["at"] >= moments.back_at]
    lost = [call["invited_at"] for call in tally.calls if call["call_id"] in swallowed]
    return {
        "number_asked_away_after_s": round(away[0] - moments.fault_at, 2) if away else None,
        "last_misdirected_call_after_s": round(max(lost) - moments.fault_at, 2) if lost else None,
        "number_asked_back_after_s": round(back[0] - moments.back_at, 2) if back else None,
    }


def _to_people(records: Sequence[Told], moments: Moments) -> dict[str, Any]:
    """Calls that we placed, to people at their desks; who hung up while it rang did not mean to be put through."""
    placed = [one for one in records if one["direction"] == "outbound" and one.get("flow") != CALLING]
    placed = [one for one in placed if one["answered_at"] is not None or one["outcome"] != "cancelled"]
    during = [one for one in placed if moments.fault_at <= one["received_at"] < moments.back_at]
    return {
        "asked": len(placed), "answered": sum(one["answered_at"] is not None for one in placed),
        "during_the_outage": len(during),
        "of_these_rerouted": sum(len(one.get("carriers") or ()) > 1 for one in during),
        "by_carrier": dict(Counter(str(one["carrier"]) for one in during)),
    }  # fmt: skip


def _share(values: Sequence[float], share: float) -> float | None:
    return round(values[min(len(values) - 1, int(len(values) * share))], 1) if values else None


def held_words(card: Mapping[str, Any]) -> list[str]:
    """The steady state, a line for each thing it says."""
    return [f"{'yes' if held else 'NO '}  {what}" for what, held in card["steady_state"].items()]
