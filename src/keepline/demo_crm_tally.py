"""What a CRM outage did to the people who called: laid on a score card, with the outage and without it.

Pure: what callers told, call records and moments in; figures out. A flow is what somebody calls for; it is reached
where the caller has it, or a promise that is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepline.demo_retailer_view import GOOD

Told = Mapping[str, Any]
REACHED: Mapping[str, frozenset[str]] = {
    "order": frozenset({"order_status"}),
    "book": frozenset({"booked", "wish", "promised"}),
    "cancel": frozenset({"cancelled", "cancel_noted"}),
    "lead": frozenset({"lead"}),
    "pay": frozenset({"paid", "pay_later"}),
}
"""Flow -> outcomes with which it is reached. `promised`: the CRM fell silent when it was asked for a window."""
READS = ("use orders.find", "use billing.invoice")
"""What a copy can answer."""
WITHIN = 0.02
WRONG_SHOWN = 20
FIRST_S = 3.0
"""After a kill: calls of so long might have asked a path that its successor does not know to be dead."""


@dataclass(frozen=True, slots=True)
class CrmAccounts:
    """What everybody tells of one play."""

    told: Sequence[Told]
    """`experience` lines of the callers."""
    records: Sequence[Told]
    kept: int
    """Changes that were still kept in the end."""
    agreed: bool
    comparison: str
    killed_at: float = 0.0
    """When the process that has the calls was killed, by the wall clock; 0 for never."""


def card_of(accounts: CrmAccounts) -> dict[str, Any]:
    """The card of one play."""
    outcomes = {record["sip_call_id"]: record for record in accounts.records}
    flows: dict[str, dict[str, Any]] = {}
    for name, reached in REACHED.items():
        found = [
            outcomes[one["call_id"]] for one in accounts.told if one["persona"] == name and one["call_id"] in outcomes
        ]
        calls = sum(one["persona"] == name for one in accounts.told)
        flows[name] = {
            "calls": calls,
            "reached": _share(sum(record["outcome"] in reached for record in found), calls),
            "from_a_copy": _share(sum(any(map(_is_copied, record["steps"])) for record in found), calls),
            "promised": _share(sum(any(map(_is_promised, record["steps"])) for record in found), calls),
        }
    reads = [(record, step) for record in accounts.records for step in record["steps"] if step["name"] in READS]
    after = [step["took_ms"] for _, step in reads if accounts.killed_at <= step["at"] < accounts.killed_at + FIRST_S]
    return {
        "calls": len(accounts.told),
        "flows": flows,
        "reads": len(reads),
        "reads_unavailable": sum(step["result"].startswith("unavailable") for _, step in reads),
        "unanswered": [
            f"{step['name']}{_when(step['at'], accounts.killed_at)}, {step['took_ms'] / 1000:.2f} s: {step['result']}"
            for _, step in reads
            if step["result"].startswith("unavailable")
        ][:WRONG_SHOWN],
        "longest_read_s": _seconds(step["took_ms"] for _, step in reads),
        "longest_read_after_the_kill_s": _seconds(after) if accounts.killed_at else None,
        "promised": sum(_is_promised(step) for record in accounts.records for step in record["steps"]),
        "still_kept": accounts.kept,
        "went_wrong": [
            _wrong(one, outcomes.get(one["call_id"], {})) for one in accounts.told if one["how"] not in GOOD
        ][:WRONG_SHOWN],
        "agreed": accounts.agreed,
        "comparison": accounts.comparison,
    }


def steady_state(hurt: Mapping[str, Any], calm: Mapping[str, Any] | None) -> dict[str, bool]:
    """What must hold, and whether it does; `calm` is the card of the same callers without the outage."""
    found = {
        "nobody heard that we cannot look up what the copy has": not hurt["reads_unavailable"],
        "every change that a caller was told of is in the CRM exactly once": hurt["agreed"] and not hurt["still_kept"],
        "there was an outage: answers from a copy, and promises": bool(
            hurt["promised"] and hurt["flows"]["order"]["from_a_copy"]
        ),
    }
    if calm is not None:
        apart = [abs(hurt["flows"][name]["reached"] - calm["flows"][name]["reached"]) for name in REACHED]
        found["outcomes of every flow are within 2 % of those without the outage"] = max(apart) <= WITHIN
        found["the same callers without the outage: nothing wrong"] = calm["agreed"] and not calm["reads_unavailable"]
    return found


def lines_of(hurt: Mapping[str, Any], calm: Mapping[str, Any] | None) -> list[str]:
    """For a person."""
    lines = [f"{'':8}{'calls':>7}{'reached':>12}{'without':>12}{'from a copy':>14}{'promised':>11}"]
    for name, flow in hurt["flows"].items():
        without = f"{calm['flows'][name]['reached']:12.1%}" if calm is not None else f"{'-':>12}"
        shares = f"{flow['reached']:12.1%}{without}{flow['from_a_copy']:14.1%}{flow['promised']:11.1%}"
        lines.append(f"{name:8}{flow['calls']:7}{shares}")
    after = hurt["longest_read_after_the_kill_s"]
    kill = f", {after:.2f} s of those that began within {FIRST_S:.0f} s of the kill" if after is not None else ""
    lines += [
        "",
        f"{hurt['calls']} calls, {hurt['reads']} questions that the copy has, {hurt['reads_unavailable']} unanswered; "
        f"the longest took {hurt['longest_read_s']:.2f} s{kill}",
        f"{hurt['promised']} promises, {hurt['still_kept']} still kept in the end",
        *(f"  - {one}" for one in (*hurt["unanswered"], *hurt["went_wrong"])),
        hurt["comparison"],
        *(_without(calm) if calm is not None else ()),
        "",
        "Steady state:",
        *(f"  {'yes' if held else 'NO '}  {what}" for what, held in steady_state(hurt, calm).items()),
    ]
    return lines


def _without(calm: Mapping[str, Any]) -> list[str]:
    """What went wrong without the outage, where both are compared."""
    lines = [f"  - {one}" for one in (*calm["unanswered"], *calm["went_wrong"])]
    return [
        "",
        f"Without the outage, {calm['calls']} calls, {calm['reads_unavailable']} questions unanswered:",
        *lines,
        calm["comparison"],
    ]


def _wrong(told: Told, record: Told) -> str:
    """What went wrong for a caller, and what the record says of it."""
    unanswered = [step["result"] for step in record.get("steps", ()) if step["result"].startswith("unavailable")]
    said = [f"{record['ended_by']}: {record['reason']}", *unanswered] if record else ["no record"]
    return f"{told['persona']}: {told['how']} {told['where']} ({'; '.join(said)})"


def _when(at: float, killed_at: float) -> str:
    return f", begun {at - killed_at:+.1f} s from the kill" if killed_at else ""


def _is_copied(step: Told) -> bool:
    return str(step["result"]).startswith("done: from a copy")


def _is_promised(step: Told) -> bool:
    return str(step["name"]).startswith("use ") and str(step["result"]).startswith("promised")


def _share(count: int, of: int) -> float:
    return round(count / of, 4) if of else 0.0


def _seconds(took_ms: Any) -> float:
    return round(max(took_ms, default=0.0) / 1000, 2)
