"""A carrier fails at peak traffic and comes back: how many calls failed, how many waited, and for how long.

50 new calls a second for a minute, each by a caller with a number of its own; one of two carriers fails at 20 s and is
well again at 40 s. The wait of a call is from the caller's INVITE to the INVITE that reached the carrier whose callee
answered, both by their own programs' clocks (one machine); its *delay* is what it waited beyond the p99 of the calls
before the fault. Kamailio, before the same carriers in the same run, is measured by the same two programs.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.outage.carrier_process import FAULTS, CarrierProcess
from bench.outage.peer import PORT, Kamailio, is_there
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeSettings

HERE: Final = Path(__file__).parent / "outage"
RATE: Final = 50.0
SECONDS, FAULT_AT_S, BACK_AT_S = 60.0, 20.0, 40.0
CARRIERS: Final = {"first": "127.0.0.2:5080", "second": "127.0.0.3:5080"}
EVENTS: Final = (*FAULTS, "killed", "none")
NEAR: Final = "0,0,0"
FAR: Final = "20,7.5,0.005"
"""Each way, of each message: a round trip of 40 ± 15 ms, and one of two hundred is lost."""
PEERS: Final[dict[str, int | None]] = {"kamailio 500 ms": 500, "kamailio 200 ms": 200, "kamailio as shipped": None}
DELAYED_S: Final = 0.02
"""A call is delayed that waited so much longer than the slowest hundredth before the fault."""
SLOTS: Final = 1500
ENDS_WITHIN_S: Final = 150.0


@dataclass(frozen=True, slots=True)
class Outage:
    """One fault, as callers and callees tell it."""

    event: str
    who: str
    calls: int
    failed: int
    """Nobody answered them."""
    usual_ms_p99: float
    """Wait before the fault."""
    delayed: int
    delay_ms_p99: float
    """Of the delayed calls; 0 where there were none."""
    delay_ms_max: float
    rerouted_s: float
    """From the fault to the last call that was delayed within its first seconds: later ones are trials."""
    trials: int
    """Calls delayed after that, while the carrier was still away: each has found that it is."""
    back_s: float | None
    """From its return to the first call that it carried."""
    rung_twice: int
    """Callees whose phones rang at both carriers."""
    hedged: int
    """Calls that reached both."""
    delays: list[tuple[float, float]]
    """Of each delayed call: seconds after the fault, milliseconds."""
    failures: list[tuple[float, int, list[str]]]
    """Of each failed one: seconds after the fault, what its caller was told, and the carriers that it reached."""

    def words(self) -> str:
        """For a person."""
        back = "never within the minute" if self.back_s is None else f"{self.back_s:.1f} s after its return"
        return (
            f"{self.failed} of {self.calls} failed; {self.delayed} delayed (p99 {self.delay_ms_p99:.0f} ms, max "
            f"{self.delay_ms_max:.0f} ms), the last {self.rerouted_s:.2f} s after the fault, and {self.trials} trials; "
            f"back {back}; {self.hedged} reached both carriers, {self.rung_twice} rung twice"
        )


def measure(events: list[str], peers: list[str], far: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Each fault for Keepline and for each peer that is here; carriers may be far away."""
    found: dict[str, Any] = {}
    for event in events:
        for who in ("keepline", *(peers if is_there() else ())):
            outage = _one(event, who, FAR if far else NEAR)
            say(f"  {event}, {who}: {outage.words()}")
            found[f"{event}, {who}"] = asdict(outage)
    if peers and not is_there():
        say("  kamailio is not installed: measured alone")
    return found


def _one(event: str, who: str, distance: str = NEAR, scale: float = 1.0) -> Outage:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keepline-outage-")))
        carriers = [CarrierProcess(name, address, distance) for name, address in CARRIERS.items()]
        for each in carriers:
            stack.callback(each.end)
            each.start()
        target = stack.enter_context(_router(who, directory))
        options = ["--rate", str(RATE), "--seconds", str(SECONDS * scale)]
        program = (str(HERE / "outage_callers.py"),)
        crowd = stack.enter_context(Crowd(target, options, program=program))
        begun_s = time.time()
        _wait_until(begun_s + FAULT_AT_S * scale)
        carriers[0].fail(event)
        fault_s = time.time()
        _wait_until(begun_s + BACK_AT_S * scale)
        carriers[0].mend()
        back_s = time.time()
        crowd.wait(ENDS_WITHIN_S)
        for each in carriers:
            each.end()
        return judged(event, who, crowd.reports, [call for each in carriers for call in each.taken], fault_s, back_s)


def _wait_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.time()))


@contextmanager
def _router(who: str, directory: Path) -> Iterator[str]:
    """What stands between callers and carriers; gives the SIP URI that is called."""
    if who == "keepline":
        settings = NodeSettings(HERE / "operation" / "keepline.yaml", directory / "data", SLOTS)
        with LocalNode(settings) as node:
            yield node.uri("1000")
            node.stop()
            node.wait_gone()
        return
    peer = Kamailio(directory, list(CARRIERS.values()), PEERS[who])
    try:
        peer.start()
        yield f"sip:1000@127.0.0.1:{PORT}"
    finally:
        peer.end()


def judged(
    event: str, who: str, calls: list[dict[str, Any]], taken: list[dict[str, Any]], fault_s: float, back_s: float
) -> Outage:
    """What the accounts of both ends come to."""
    by_call: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in taken:
        by_call[each["number"][-7:] if who == "keepline" else each["call_id"]].append(each)
    waits: list[tuple[float, float]] = []
    rung_twice = hedged = 0
    failures: list[tuple[float, int, list[str]]] = []
    back: float | None = None
    for call in calls:
        legs = by_call[f"{call['call']:07d}" if who == "keepline" else call["call_id"]]
        talked = [leg for leg in legs if leg["talked_at"]]
        rang = {leg["carrier"] for leg in legs if leg["behaviour"] == "answer"}
        rung_twice += len(rang) > 1
        hedged += len({leg["carrier"] for leg in legs}) > 1
        if not talked:
            reached = [leg["carrier"] for leg in legs]
            failures.append((round(call["invited_at"] - fault_s, 3), call["status"], reached))
            continue
        waits.append((call["invited_at"], min(leg["invited_at"] for leg in talked) - call["invited_at"]))
        if talked[0]["carrier"] == "first" and call["invited_at"] > back_s:
            back = min(back or talked[0]["invited_at"], talked[0]["invited_at"])
    usual_s = _share([wait for at, wait in waits if at < fault_s - 1.0], 0.99)
    delayed = [(at, wait - usual_s) for at, wait in waits if at > fault_s - 1.0 and wait > usual_s + DELAYED_S]
    at_first = [at for at, _ in delayed if at < fault_s + 5.0]
    return Outage(
        event, who, len(calls), len(failures), round(usual_s * 1000, 1), len(delayed),
        round(_share([delay for _, delay in delayed], 0.99) * 1000, 1),
        round(max((delay for _, delay in delayed), default=0.0) * 1000, 1),
        round(max(0.0, max(at_first, default=fault_s) - fault_s), 3), len(delayed) - len(at_first),
        round(back - back_s, 2) if back is not None else None, rung_twice,
        hedged, [(round(at - fault_s, 3), round(delay * 1000, 1)) for at, delay in delayed], failures,
    )  # fmt: skip


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0
