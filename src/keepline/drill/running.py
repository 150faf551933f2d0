"""Runs one drill against a world of its own: steady state, method, rollbacks, steady state again, and a score card.

Each step is in the run's journal before it is taken. Rollbacks are taken whatever happened before; where this process
is killed, every fault ends by itself (they are leases of others), and `cut_off` puts away what else is left.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keepline.demo_node import MARK, NodeFailedError, marked
from keepline.demo_outage_side import DRAIN_S, Side, Traffic
from keepline.demo_outage_tally import Moments
from keepline.drill.experiment import Drill, DrillAction, Hypothesis, Probe
from keepline.drill.faults import DrillStage, ask_office, end_process
from keepline.drill.noted import DrillAbortedError, NotedRun
from keepline.drill.verdict import reasons, unsteady
from keepline.drill.way_back import all_back, back_after_s, busy_share, incidents_of, machine_ticks, overrides, shown
from keepline.model.limits_drills import DRILL_BACK_WITHIN_S

BEFORE_S, AFTER_S = 10.0, 10.0
CALLS_PER_S = 1.5
PEAK_CALLS_PER_S = 3.0
"""At the height of a surge: beyond it the programs of the callers, on the node's own machine, are what is late."""
SEED = 1
MIX = "order_status:25,impatient:10,book:3,cancel_appointment:3,pay:10,lead:5,wants_a_person:35,hangs_up_early:5"
"""Who calls: something of every path, and many who want a person, since those calls go out by a carrier."""
LISTEN_EVERY_S = 0.25
BACK_ASKED_EVERY_S = 1.0
CALLERS_WITHIN_S = 60.0
"""The program of the callers has so long to begin."""
SURGE_S = 15.0
HEALED_WITHIN_S = 20.0
ASKED_AGAIN_FOR_S = 5.0


class DrillRun(NotedRun):
    """One run, against a world of its own."""

    def __init__(self, drill: Drill, directory: Path, say: Callable[[str], None], lane: int = 0) -> None:
        super().__init__(drill, directory, say, lane)
        self.drill = drill
        self._fault_at = self._back_at = 0.0

    def perform(self, scratch: Path) -> dict[str, Any]:
        """Do all of it; the journal. Everything it starts is ended, whatever happens."""
        self._write()
        try:
            with contextlib.ExitStack() as stack:
                self._on_stage(stack, scratch)
        except (DrillAbortedError, KeyboardInterrupt):
            self.journal["status"] = "aborted"
        except NodeFailedError as failure:
            self.journal["status"], self.journal["error"] = "failed", str(failure).splitlines()[0]
        return self._end()

    def _on_stage(self, stack: contextlib.ExitStack, scratch: Path) -> None:
        drill = self.drill
        watched, more = drill.detects or drill.path, overrides(drill.name)
        side = Side(drill.title, ("carrier", "second"), scratch / "stage", stack, watched, more=more)
        self.say("a world of its own: a node, its back office, two carriers, and people who call")
        side.begin()
        surge = next((_surge(step) for step in drill.method if step.provider.func == "surge"), (1.0, 1.0))
        traffic = Traffic(min(CALLS_PER_S, PEAK_CALLS_PER_S / surge[0]), 1.0, SEED)
        side.open(traffic, drill.callers or MIX, surge)
        stage = DrillStage(side)
        self._note_owned(stage.owned())
        ticks = machine_ticks()
        try:
            self._wait_for_callers(stage)
            self._wait(stage, BEFORE_S)
            if not self._look(stage, drill.steady_state, "before"):
                self.journal["status"], self.journal["deviated"] = "not begun", True
                self.say("the steady state does not hold before anything is done: not begun")
                self.journal["why"] = [
                    f"before anything was done: {words}" for words in unsteady(self.journal, "before")
                ]
                return
            for step in drill.method:
                self._take(stage, step, "run")
        finally:
            self._roll_back(stage)
        self._back_at = stage.since_at = time.time()
        self._wait(stage, AFTER_S)
        incidents = self._wait_for_return(stage)
        side.finish()
        self._wait(stage, DRAIN_S, until_over=True)
        busy = busy_share(ticks, machine_ticks())
        self._look(stage, drill.steady_state, "after")
        card = side.conclude(Moments(self._fault_at, self._back_at))
        card |= {"incidents": shown(incidents), "back_after_s": back_after_s(incidents, self._back_at)}
        card |= {"waited_for_the_return_s": DRILL_BACK_WITHIN_S, "machine_busy": busy}
        card["detected"] = card["detected_after_s"] is not None if drill.detects else None
        card["evidence"] = side.found
        card["rerouted"] = card["to_people"]["of_these_rerouted"]
        self.journal |= {"card": card, "status": "completed"}
        self.journal["why"] = reasons(self.journal)
        self.journal["deviated"] = bool(self.journal["why"])

    def _wait_for_callers(self, stage: DrillStage) -> None:
        """Until the first of them calls: before that a state of nobody's calls would be looked at."""
        limit_s, tally = time.monotonic() + CALLERS_WITHIN_S, stage.side.tally
        while not (tally.live or tally.calls) and time.monotonic() < limit_s:
            self._wait(stage, LISTEN_EVERY_S)

    def _wait_for_return(self, stage: DrillStage) -> list[dict[str, Any]]:
        """Until the gate of every incident has passed, while people call on, since their calls show it."""
        incidents: list[dict[str, Any]] = []
        limit_s = time.monotonic() + DRILL_BACK_WITHIN_S - AFTER_S
        while True:
            with contextlib.suppress(OSError, ValueError, KeyError):
                incidents = incidents_of(stage.side.node.http)
                if all_back(incidents):
                    break
            if time.monotonic() >= limit_s:
                break
            self._wait(stage, BACK_ASKED_EVERY_S)
        for each in incidents:
            self.say(f"{each['id']} ({each['cause']}), an exercise: {each['phase']}")
        return incidents

    def _look(self, stage: DrillStage, hypothesis: Hypothesis, when: str) -> bool:
        found = []
        for probe in hypothesis.probes:
            value = stage.does[probe.provider.func](**probe.provider.arguments)
            found.append({"name": probe.name, "value": value, "held": probe.holds(value)})
        held = all(each["held"] for each in found)
        self.journal["steady_states"][when] = {"held": held, "probes": found}
        self.say(f"steady state {when}: {'holds' if held else 'does not hold'}")
        return held

    def _take(self, stage: DrillStage, step: DrillAction | Probe, where: str) -> None:
        pauses = step.pauses if isinstance(step, DrillAction) else None
        if pauses is not None and pauses.before:
            self._wait(stage, pauses.before)
        taken: dict[str, Any] = {"name": step.name, "at": time.time(), "status": "begun"}
        if isinstance(step, DrillAction):
            self._fault_at = self._fault_at or taken["at"]
        self.journal[where].append(taken)
        self.say(f"{step.name.replace('-', ' ')} ({step.provider.func.replace('_', ' ')})")
        taken["output"] = stage.does[step.provider.func](**step.provider.arguments)
        taken["status"] = "done" if not isinstance(step, Probe) or step.holds(taken["output"]) else "deviated"
        self._note_owned(stage.owned())
        self._write()
        if pauses is not None and pauses.after:
            self._wait(stage, pauses.after)

    def _roll_back(self, stage: DrillStage) -> None:
        """Always, and again until nothing is left; an interrupt waits for it."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._is_ending:
                self.say("asked to end: rolling back")
            for step in self.drill.rollbacks:
                with contextlib.suppress(OSError, NodeFailedError):
                    self._take(stage, step, "rollbacks")
            limit_s = time.monotonic() + HEALED_WITHIN_S
            left = stage.heal()
            while left and time.monotonic() < limit_s:
                time.sleep(LISTEN_EVERY_S)
                left = stage.heal()
            self._say_rolled_back(left)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _wait(self, stage: DrillStage, seconds: float, *, until_over: bool = False) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            if not stage.side.listen(time.monotonic()) and until_over:
                return
            time.sleep(LISTEN_EVERY_S)


def _surge(step: DrillAction | Probe) -> tuple[float, float]:
    arguments = step.provider.arguments
    return float(arguments.get("times", 1.0)), float(arguments.get("expires_s", SURGE_S))


def cut_off(noted: dict[str, Any]) -> list[str]:
    """End what a run has left whose process is dead: its faults first, then its world. What was ended."""
    if "production" in noted:
        return _lifted(noted["production"])
    ended = []
    for admin in noted.get("carriers", ()):
        with contextlib.suppress(OSError):
            ask_office(admin, "DELETE")
            ended.append(f"the faults of the carrier at {admin}")
    with contextlib.suppress(OSError):
        ask_office(noted["office"], "DELETE")
        ended.append(f"the faults of the back office at {noted['office']}")
    for pid, birth in noted.get("holders", {}).items():
        if end_process(int(pid), birth, signal.SIGTERM):
            ended.append(f"holder {pid}")
    for pid, birth in noted.get("processes", {}).items():
        if end_process(int(pid), birth):
            ended.append(f"process {pid} of its world")
    for found in list(marked(MARK, str(noted.get("node_mark", "")))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)
            ended.append(f"process {found.pid} of its node")
    return ended


def _lifted(noted: dict[str, Any]) -> list[str]:
    """End the fault of a drill against a node that serves callers; without an answer it ends by itself."""
    from keepline.drill.production import end_fault
    from keepline.node.asking import ask_until_answered
    from keepline.node.control import NodeNotRunning

    carrier, data = str(noted["carrier"]), Path(noted["data"])
    with contextlib.suppress(NodeNotRunning, OSError):
        if not end_fault(lambda request: ask_until_answered(data, request, ASKED_AGAIN_FOR_S), carrier):
            return [f"the fault of {carrier} for test calls"]
    return [f"nothing: the node in {data} does not answer, and its faults end by themselves"]
