"""What a drill may do to its stage and look at there: the functions that `provider` names in a drill's file.

Every fault that lasts is a lease of somebody else's: of the carrier's program, of the back office, or of a holder that
is a process of its own. So none needs this process, or anything of a drill, to end.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from keepline.demo_node import NodeFailedError
from keepline.demo_outage_side import Side
from keepline.demo_retailer_view import GOOD
from keepline.drill.holder import born

WRITERS = ("supervisor", "active", "warm")
"""The processes of a node that write its journal."""
OFFICE_MS = 2500
ASKED_WITHIN_S = 5.0
HOLDER_ENDS_WITHIN_S = 10.0


class DrillStage:
    """A side of a world, and the faults in it."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.holders: list[subprocess.Popen[str]] = []
        self.since_at = 0.0
        """`share_well` counts calls that began then or later, by the wall clock."""
        self.surge_until_s = 0.0
        self.does: dict[str, Callable[..., Any]] = {
            "carrier_fault": self.carrier_fault, "office_fault": self.office_fault, "killed": self.killed,
            "frozen": self.frozen, "disk_full": self.disk_full, "surge": self.surge, "heal": self.heal,
            "share_well": self.share_well, "answers": self.answers,
        }  # fmt: skip

    # --- faults

    def carrier_fault(self, at: str, kind: str, expires_s: float, ms: float | None = None) -> str:
        """A fault of the carrier `at`: one of those that the world's README lists."""
        carrier = next((each for each in self.side.carriers if each.name == at), None)
        if carrier is None:
            raise NodeFailedError(f"there is no carrier {at!r}, only {', '.join(c.name for c in self.side.carriers)}")
        return carrier.plant(kind, expires_s, None if ms is None else int(ms))

    def office_fault(self, route: str, kind: str, expires_s: float, ms: float = OFFICE_MS) -> str:
        """A fault of the back office: `GET /orders/*`, and one of those that its README lists."""
        body = {"route": route, "kind": kind, "expires_s": expires_s} | ({"ms": int(ms)} if kind == "slow" else {})
        return str(self._office("POST", body).get("id", ""))

    def killed(self, role: str) -> int:
        """`kill -9` of a process of the node."""
        return self.side.node.kill(role)

    def frozen(self, role: str, expires_s: float) -> int:
        """A process of the node stands still."""
        return self._hold("frozen", [self.side.node.pid(role)], expires_s)

    def disk_full(self, expires_s: float) -> int:
        """The disk takes nothing more of what the node writes."""
        pids = [pid for role in WRITERS if (pid := self.side.node.pid(role))]
        return self._hold("disk full", pids, expires_s)

    def surge(self, times: float, expires_s: float) -> float:
        """So many times as many call, as was said when they began; the program of the callers ends it by itself."""
        self.side.crowd.process.send_signal(signal.SIGUSR2)
        self.surge_until_s = time.monotonic() + expires_s
        return times

    def _hold(self, kind: str, pids: list[int], expires_s: float) -> int:
        asked = json.dumps({"kind": kind, "pids": pids, "expires_s": expires_s})
        holder = subprocess.Popen(
            [sys.executable, "-m", "keepline.drill.holder", asked],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.holders.append(holder)
        assert holder.stdout is not None
        if holder.stdout.readline().strip() != "planted":
            raise NodeFailedError(f"{kind} could not be planted into {pids}")
        return holder.pid

    # --- their end

    def heal(self) -> list[str]:
        """End every fault before its time; those that still stand afterwards."""
        for carrier in self.side.carriers:
            with contextlib.suppress(OSError):
                carrier.heal()
        with contextlib.suppress(OSError):
            self._office("DELETE")
        for holder in self.holders:
            holder.terminate()
        for holder in self.holders:
            with contextlib.suppress(subprocess.TimeoutExpired):
                holder.wait(HOLDER_ENDS_WITHIN_S)
        return self.left()

    def left(self) -> list[str]:
        """The faults that stand now, as those say who would know."""
        found = [f"carrier {each.name}: {fault['kind']}" for each in self.side.carriers for fault in each.faults()]
        found += [f"back office: {fault['kind']} {fault['route']}" for fault in self._office("GET").get("faults", [])]
        found += ["a surge of callers"] if time.monotonic() < self.surge_until_s else []
        return found + [f"holder {each.pid}" for each in self.holders if each.poll() is None]

    def _office(self, method: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return ask_office(self.side.office.address, method, body)

    def owned(self) -> dict[str, Any]:
        """What somebody else needs to end all of it, should this process die."""
        side = self.side
        pids = [side.office.process.pid] if side.office.process else []
        pids += [pid for each in side.carriers if (pid := each.pid)] + [side.crowd.process.pid]
        return {
            "carriers": [each.admin for each in side.carriers], "office": side.office.address,
            "holders": {str(each.pid): born(each.pid) for each in self.holders},
            "processes": {str(pid): born(pid) for pid in pids}, "node_mark": side.node.mark,
        }  # fmt: skip

    # --- probes

    def share_well(self) -> float:
        """Of the calls since `since_at` that have ended and that a carrier did not keep, those that ended well."""
        told = [line for each in self.side.carriers for line in list(each.told)]
        lost = {line["call_id"] for line in told if line["event"] == "cut" or not line.get("passed", True)}
        calls = [one for one in self.side.tally.calls if one["invited_at"] >= self.since_at]
        calls = [one for one in calls if one["call_id"] not in lost]
        return sum(one["how"] in GOOD for one in calls) / len(calls) if calls else float(bool(self.side.tally.live))

    def answers(self) -> bool:
        """Whether the node says that it is ready."""
        try:
            return self.side.node.pid("active") > 0
        except (NodeFailedError, OSError, KeyError, ValueError):
            return False


def ask_office(address: str, method: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The faults of a back office; OSError where it does not answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://{address}/admin/faults", data, headers, method=method)
    with urllib.request.urlopen(asked, timeout=ASKED_WITHIN_S) as answer:
        said = json.loads(answer.read() or b"{}")
    return said if isinstance(said, dict) else {"faults": said}


def end_process(pid: int, birth: str | None, number: int = signal.SIGKILL) -> bool:
    """Signal a process if it is still the one that it was; whether it was."""
    if birth is None or born(pid) != birth:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    return True
