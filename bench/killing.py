"""Kill a process of a node again and again while a crowd is on the phone, and say what the callers lost.

The live tests run it small and look at the verdicts alone; `bench/switchover.py` runs it large and looks at the clock
too. The count is the crowd's, not the node's.
"""

import json
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeFailedError, wait_until

REPLACED_WITHIN_S = 30.0
FIRST_CALLS_WITHIN_S = 30.0
CALLS_END_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Siege:
    """What is done to the node, and what calls it meanwhile."""

    role: str = "active"
    """"active", "warm" or "media"."""
    number: int = signal.SIGKILL
    kills: int = 5
    pause_s: tuple[float, float] = (0.2, 1.0)
    """Between a complete node and the next kill, at random between the two."""
    concurrent: int = 20
    rate: float = 4.0
    """New calls a second."""
    digits: str = "random@0.3-6.5"
    digits_share: float = 0.7
    seed: int = 1
    crowd_cores: tuple[int, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    reports: list[dict[str, Any]]
    """One for each call, as the crowd saw it."""
    summary: dict[str, Any]
    killed_at: list[float] = field(default_factory=list)
    """Wall clock, in seconds."""
    killed: list[int] = field(default_factory=list)
    """Process ids."""

    @property
    def failed(self) -> list[str]:
        """What is wrong with each call that was not good."""
        return [
            f"call {report['call']} ({report['call_id']}): {'; '.join(report['faults'])}; "
            f"answered_at={report['answered_at']:.3f} heard={json.dumps(report['heard'])} pressed={report['pressed']}"
            for report in self.reports
            if not report["good"]
        ]

    def struck(self) -> int:
        """How many kills fell into the talk of each call, added up: a siege that strikes nobody proves nothing."""
        return sum(
            sum(report["answered_at"] < at < report["ended_at"] for at in self.killed_at)
            for report in self.reports
            if report["answered_at"]
        )


def complete(node: LocalNode, without: Sequence[int] = ()) -> dict[str, int]:
    """The process ids by role once media, active and warm all live and none of them is one of `without`; else {}."""
    try:
        processes = node.glance()["processes"]
        pids = {"media": processes["media"]["pid"]} | {
            role: processes["calls"][role]["pid"] for role in ("active", "warm")
        }
    except (KeyError, TypeError, ValueError, NodeFailedError):
        return {}
    alive = all(pid and pid not in without and _runs(pid) for pid in pids.values())
    return pids if alive else {}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _complete_again(node: LocalNode, outcome: Outcome) -> dict[str, int]:
    what = f"the node is complete again after {outcome.killed[-1:] or 'its start'}"
    try:
        return dict(wait_until(what, lambda: complete(node, outcome.killed), REPLACED_WITHIN_S))
    except NodeFailedError as failure:
        raise NodeFailedError(f"{failure}\n{node.story()}") from failure


def besiege(node: LocalNode, siege: Siege) -> Outcome:
    """Run the siege and wait until the last call has ended."""
    rng = random.Random(siege.seed)
    options = [
        "--rate", str(siege.rate), "--concurrent", str(siege.concurrent), "--seed", str(siege.seed),
        "--digits", siege.digits, "--digits-share", str(siege.digits_share), "--give-up-after", "60",
        "--expect", "welcome*,goodbye", *prompt_options(node.prompts()),
    ]  # fmt: skip
    if siege.role == "media":
        options.append("--media-deaths")
    with Crowd(node.uri("1000"), options, siege.crowd_cores) as crowd:
        outcome = Outcome(crowd.reports, {})
        wait_until("the first call ends", lambda: crowd.reports, FIRST_CALLS_WITHIN_S)
        for _ in range(siege.kills):
            pids = _complete_again(node, outcome)
            # The instant is random with regard to every call; nothing waits for this pause to be long enough.
            time.sleep(rng.uniform(*siege.pause_s))
            outcome.killed_at.append(time.time())
            os.kill(pids[siege.role], siege.number)
            outcome.killed.append(pids[siege.role])
        crowd.finish()
        outcome.summary = crowd.wait(CALLS_END_WITHIN_S)
    return outcome
