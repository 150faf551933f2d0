"""What the figures mean for callers, in plain words: a pure function of what the node says, without memory.

It knows what every operation has and no more: which path is asked, whether one is left, whether calls are taken. It
refuses to promise: what is not known is said not to be known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keepline.desk.models import Status
from keepline.desk.models_board import CapabilityNow, Late, PathNow, Served, TrafficNow

TELEPHONY: Final = "telephony"
_RANKS: Final = {"healthy": 1, "unknown": 1, "degraded": 2, "down": 5}
NOT_FIT: Final = 5
_WISHES: Final = {"drain": "given rest", "disable": "switched off"}
_LEAST_REFUSED: Final = 0.01
"""Of the callers of the last minute: fewer refusals than this share are no limit of the service."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether callers are served, what is broken, what is being done."""

    served: Served
    headline: str
    summary: str
    broken: list[str]
    doing: list[str]


def rank_of(path: PathNow) -> tuple[int, int]:
    """What is asked before what, as the choice of paths has it; from `NOT_FIT` on a path is not fit."""
    if path.wish == "disable":
        return 6, path.order
    if path.breaker == "open":
        return 5, path.order
    if path.wish == "drain":
        return 4, path.order
    if path.breaker in ("half-open", "returning"):
        return 3, path.order
    if path.wish == "prefer":
        return 0, path.order
    return _RANKS.get(path.condition, 5), path.order


def capability_of(name: str, paths: Sequence[PathNow]) -> CapabilityNow:
    """A capability with what it means for callers."""
    ordered = sorted(paths, key=lambda path: path.order)
    best = min(ordered, key=rank_of)
    is_fit = rank_of(best)[0] < NOT_FIT
    served: Served = "no"
    if is_fit:
        served = "limited" if best.condition == "degraded" or (best is not ordered[0] and is_bad(ordered[0])) else "yes"
    words = _words(name, ordered, best) if is_fit else _none_left(name, ordered)
    return CapabilityNow(name=name, served=served, words=words, in_use=best.name if is_fit else "", paths=ordered)


def is_bad(path: PathNow) -> bool:
    """Whether somebody should see to it: it works worse than it should, or not at all."""
    return path.condition in ("degraded", "down") or path.breaker != "closed"


def _words(name: str, ordered: Sequence[PathNow], best: PathNow) -> str:
    first, others = ordered[0], [path for path in ordered if path is not best]
    said = "Calls go out by" if name == TELEPHONY else "Served by"
    said += f" {best.name}"
    if best is not first:
        said += f", since {first.name} is {_state_of(first)}"
    said += "."
    if best.condition == "degraded":
        said += " It works, worse than usual."
    if not others:
        said += " There is no second path."
    elif not any(rank_of(path)[0] < NOT_FIT for path in others):
        said += " No other path is left."
    elif all(path.condition == "unknown" for path in ordered):
        said += " Nothing has been tried yet."
    return said


def _none_left(name: str, ordered: Sequence[PathNow]) -> str:
    states = ", ".join(f"{path.name} is {_state_of(path)}" for path in ordered)
    if name == TELEPHONY:
        return f"Hardly a call gets out: {states}. Each still tries the best of them."
    return f"Callers who need it are told that it cannot be done now: {states}. The best of them is still tried."


def _state_of(path: PathNow) -> str:
    if path.wish in ("drain", "disable"):
        return _WISHES[path.wish] + (f" by {path.by}" if path.by else "")
    if path.breaker in ("half-open", "returning"):
        return "coming back and tried a little"
    return path.condition


def verdict_of(
    status: Status | None, capabilities: Sequence[CapabilityNow], traffic: TrafficNow, late: Sequence[Late]
) -> Verdict:
    """The few lines that somebody reads first. `status` is None where the node never answered."""
    node_late = next((each for each in late if each.part == "node"), None)
    if status is None or node_late is not None:
        why = node_late.why if node_late is not None else "no supervisor answers"
        return Verdict(
            "unknown",
            "Nobody knows whether callers are served",
            "The node does not answer. Calls that are under way may go on by themselves.",
            [f"The node does not answer: {why}"],
            ["Look whether `keepline up` still runs on this machine; a new one takes over what is left."],
        )
    broken, doing = _machinery(status, late)
    served: Served = "yes"
    headline, summary = "Callers are served", "Every call is taken."
    if stopped := _stopped(status):
        served, headline, summary = "no", "Callers are not served", stopped
    refused, came = traffic.refused_last_minute, max(1.0, traffic.per_s * 60)
    limited = [each for each in capabilities if each.served in ("no", "limited")]
    for each in capabilities:
        broken += [f"{path.path} is {_told_of(path)}" for path in each.paths if is_bad(path)]
        doing += _done_about(each)
    if served == "yes" and refused >= came * _LEAST_REFUSED and refused:
        served, headline = "limited", "Some callers are refused"
        summary = f"{refused} in the last minute, of {max(refused, round(traffic.per_s * 60))} who called."
        broken.append(f"{refused} callers were refused in the last minute")
    elif served == "yes" and (gone := [each.name for each in limited if each.served == "no"]):
        served, headline = "limited", "Callers are answered, with limits"
        summary = f"There is no way to {_list(gone)} now."
    elif served == "yes" and limited:
        served, headline = "limited", "Callers are served, not as usual"
        summary = " ".join(f"{title_of(each.name)}: {each.words}" for each in limited)
    elif served == "yes" and broken:
        summary = "Every call is taken. Something needs a person."
    return Verdict(served, headline, summary, broken, doing)


def _stopped(status: Status) -> str:
    """Why no call is taken; empty where they are."""
    if status.state == "starting":
        return "The node is starting."
    if status.state == "stopping":
        return f"The node is stopping: {status.live_calls} calls come to their end, no new one is taken."
    if status.processes.calls.active is None:
        return "No process takes calls at this moment. Calls under way hear what they heard."
    if status.processes.media is None:
        return "No process sends audio at this moment. No call is lost."
    return ""


def _machinery(status: Status, late: Sequence[Late]) -> tuple[list[str], list[str]]:
    broken, doing = list(status.trouble), list[str]()
    processes = status.processes
    for name, is_missing in (
        ("that takes calls", processes.calls.active is None),
        ("that stands by", processes.calls.warm is None and processes.calls.active is not None),
        ("for audio", processes.media is None),
    ):
        if is_missing and status.state == "running":
            broken.append(f"The process {name} is missing")
            doing.append(f"The supervisor starts another process {name}, and calls are handed to it")
    for trunk, each in status.registrations.items():
        if not each.registered:
            broken.append(f"{trunk} does not send us calls: not registered{f' ({each.why})' if each.why else ''}")
            doing.append(f"The node goes on asking {trunk} to be registered")
    for each_late in late:
        broken.append(f"{_PARTS[each_late.part]}: {each_late.why}")
    if status.work.get("pending"):
        doing.append(f"The node finds out what became of {status.work['pending']} changes in doubt")
    if people := sum(count for about, count in status.work.items() if about != "pending"):
        doing.append(f"{people} on the work list wait for a person: `keepline work`")
    return broken, doing


def _told_of(path: PathNow) -> str:
    state = path.condition if path.breaker in ("closed", "open") else "coming back and tried a little"
    return state + (f": {path.evidence}" if path.evidence else "")


_PARTS: Final = {
    "node": "The node does not answer",
    "calls": "The process that takes calls does not say how its paths are",
    "journal": "The journal cannot be read",
}


def _done_about(capability: CapabilityNow) -> list[str]:
    done = []
    for path in capability.paths:
        if path.breaker == "open":
            done.append(f"{path.path} is left alone, and tried again every little while")
        elif path.breaker in ("half-open", "returning"):
            done.append(f"{path.path} is tried with a call now and then, and takes its place again when it has held")
        elif path.wish in ("drain", "disable"):
            done.append(f"{path.path} is {_WISHES[path.wish]}" + (f" by {path.by}" if path.by else ""))
    if capability.in_use and capability.in_use != capability.paths[0].name:
        done.insert(0, f"{title_of(capability.name)} goes on by {capability.in_use}")
    return done


def title_of(name: str) -> str:
    """A capability's name at the beginning of a sentence."""
    return name.replace("_", " ").capitalize()


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
