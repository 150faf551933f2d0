"""A carrier that owns a number dies: how soon is the number asked to point elsewhere, and who called in vain meanwhile.

Judged apart from calls out: until a portal has pointed the number, no node can help a caller. Callers at an even rate
call by whichever carrier the number points to (the world's `lines`), one of which dies. All times are of this machine's
one clock: of the fault, of the first request at the portal, of the last call that went to the dead carrier.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.outage.lines_process import NUMBER, LinesProcess
from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until

OPERATION: Final = Path(__file__).parent / "inbound" / "keepline.yaml"
RATE: Final = 50.0
BEFORE_S: Final = 6.0
AFTER_S: Final = 3.0
"""Of calls by the other carrier, once the number points there."""
SLOTS: Final = 200
WITHIN_S: Final = 60.0
PORTALS: Final[dict[str, dict[str, float]]] = {
    "acts at once": {"answer_s": 0.05},
    "accepts in 0.5 s, acts 2 s later": {"answer_s": 0.5, "apply_s": 2.0},
    "fails twice": {"answer_s": 0.05, "fails": 2},
}


@dataclass(frozen=True, slots=True)
class Inbound:
    """One outage, as the portal and the callers tell it."""

    portal: str
    asked_s: float
    """From the fault to the first request to point the number elsewhere."""
    pointed_s: float
    """From the fault to when it did."""
    last_misdirected_s: float
    """From the fault to the last call that went to the dead carrier."""
    misdirected: int
    calls: int
    """By the other carrier after that."""
    failed: int
    """Of those."""
    requests: int
    returned_s: float
    """From the carrier's return to the first call that it brings: the hold time is in it."""

    def words(self) -> str:
        """For a person."""
        return (
            f"re-pointing asked {self.asked_s:.2f} s after the fault, the last of {self.misdirected} misdirected calls "
            f"{self.last_misdirected_s:.2f} s after it, {self.requests} requests; {self.failed} of {self.calls} calls "
            f"by the other carrier failed; back {self.returned_s:.1f} s after its return (held for 15 s)"
        )


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """With each kind of portal."""
    found = {}
    for name, behaviour in PORTALS.items():
        found[name] = asdict(inbound := _one(name, behaviour))
        say(f"  a portal that {name}: {inbound.words()}")
    return found


def _one(name: str, behaviour: dict[str, float]) -> Inbound:
    port, portal = free_port(), free_port()
    lines = {"north": f"127.0.0.2:{port}", "south": f"127.0.0.3:{port}"}
    given = [f"trunks.{line}.outbound.proxy={at}" for line, at in lines.items()]
    given.append(f"capabilities.portal.paths.0.http.base_url=http://127.0.0.1:{portal}")
    extra = [word for each in given for word in ("--set", each)]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keepline-inbound-")))
        node = stack.enter_context(LocalNode(NodeSettings(OPERATION, directory / "data", SLOTS, extra=extra)))
        callers = stack.enter_context(LinesProcess(node.uri(NUMBER), lines, portal, RATE))
        time.sleep(BEFORE_S)
        callers.behave(**behaviour)
        fault_s = time.time()
        callers.say("kill north")
        wait_until("calls come by south", lambda: callers.calls("south"), WITHIN_S)
        time.sleep(AFTER_S)
        callers.behave(answer_s=0.05, apply_s=0)
        mended_s = time.time()
        callers.say("mend north")
        wait_until("calls come by north", lambda: callers.calls("north", mended_s), WITHIN_S)
        asked = [each for each in callers.requests()["asked"] if each["target"] == "south"]
        callers.end()
        node.stop()
        node.wait_gone()
        return judged(name, callers.told, asked, fault_s, mended_s)


def judged(
    portal: str, told: list[dict[str, Any]], asked: list[dict[str, Any]], fault_s: float, mended_s: float
) -> Inbound:
    """What the accounts of callers and portal come to."""
    in_vain = [each["at"] for each in told if each["event"] == "misdirected"]
    calls = [each for each in told if each["event"] == "call" and each["line"] == "south"]
    back = min(each["invited_at"] for each in told
               if each["event"] == "call" and each["line"] == "north" and each["invited_at"] >= mended_s)  # fmt: skip
    return Inbound(
        portal,
        round(asked[0]["at"] - fault_s, 2),
        round(min(each["invited_at"] for each in calls) - fault_s, 2),
        round(max(in_vain, default=fault_s) - fault_s, 2),
        len(in_vain),
        len(calls),
        sum(1 for each in calls if each["error"] or not each["answered"]),
        len(asked),
        round(back - mended_s, 2),
    )
