"""How soon a node notices what no simulation shows: dead air, a death, a process that hangs, a full disk.

The faults are those of the drills of these names, planted by the drills' own steps into a world of their own: a real
node with its back office, carriers and callers. Each is planted so many times in one world, once all is well again, as
a whole drill around every one of them would take two minutes. Noticed is what a drill takes for it.
"""

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from keepline.config import load_operation
from keepline.demo_node import NodeFailedError
from keepline.demo_outage_side import UNFIT, Side, Traffic
from keepline.demo_retailer import retailer_path
from keepline.drill.experiment import Drill, DrillAction
from keepline.drill.faults import DrillStage
from keepline.drill.generating import generated
from keepline.drill.running import CALLS_PER_S, LISTEN_EVERY_S, MIX, SEED
from keepline.drill.way_back import busy_share, incidents_of, machine_ticks, overrides

DRILLS = ("carrier-silent-audio", "calls-killed", "media-killed", "calls-frozen", "disk-full")
WARM_S = 30.0
"""Until calls of every kind are on their way."""
NOTICED_WITHIN_S, WELL_WITHIN_S = 60.0, 180.0
CLOSE_AFTER_S = 1.0
"""What fails again before its incident is closed is of that one, whose gate waits twice as long: each has its own."""
RESTS_S = 5.0, 10.0
"""Between two faults, by chance, so that none comes at the beat of anything that is asked now and then."""


class Stage:
    """The world, and who listens to its callers while something is waited for."""

    def __init__(self, side: Side) -> None:
        self.side, self.drill = side, DrillStage(side)

    def wait(self, seconds: float, holds: Callable[[], object] = bool) -> bool:
        """Until it holds, so long at most; whether it did."""
        until_s = time.monotonic() + seconds
        while not (held := bool(holds())) and time.monotonic() < until_s:
            if not self.side.listen(time.monotonic()):
                raise NodeFailedError("the program of the callers has ended before its time")
            time.sleep(LISTEN_EVERY_S)
        return held

    def unwell(self) -> str:
        """What fails, which gate has not passed, or who would take over and is not there; empty where all is well."""
        side = self.side
        try:
            gone = [role for role in ("active", "warm", "media") if not side.node.pid(role)]
            unwell = [f"{side.watched} is {side.condition}: {side.evidence}"] if side.condition in UNFIT else []
            left = [each for each in incidents_of(side.node.http) if each["phase"] != "closed"]
        except (OSError, ValueError, KeyError, NodeFailedError) as error:
            return f"it does not answer: {error}"
        told = [f"{each['id']} ({each['cause']}): {each['gate']}, {each['evidence']}" for each in left]
        return "; ".join([*(f"there is no {role}" for role in gone), *unwell, *told])

    def noticed_after_s(self, drill: Drill) -> float | None:
        """Plant its fault, and end it once it is noticed: seconds until then, None where it was not."""
        fault_at = time.time()
        for step in drill.method:
            if isinstance(step, DrillAction):
                self.drill.does[step.provider.func](**step.provider.arguments)

        def found() -> list[float]:
            return [at for at, what in list(self.side.changes) if at >= fault_at and what in UNFIT]

        self.wait(NOTICED_WITHIN_S, found)
        left = self.drill.heal()
        if left:
            raise NodeFailedError(f"faults are left: {', '.join(left)}")
        return round(found()[0] - fault_at, 2) if found() else None


def measure(names: Sequence[str], times: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds until the fault of each of these drills was noticed, of so many times that it was planted."""
    drills = generated(load_operation(retailer_path() / "keepline.yaml"))
    chance, ticks = random.Random(SEED), machine_ticks()
    found: dict[str, Any] = {"times": times, "faults": {}}
    with tempfile.TemporaryDirectory(prefix="keepline-bench-") as directory, contextlib.ExitStack() as stack:
        more = [*overrides("noticing"), "--set", f"incidents.close_after_s={CLOSE_AFTER_S:g}"]
        side = Side("noticing", ("carrier", "second"), Path(directory) / "stage", stack, more=more)
        side.begin()
        side.open(Traffic(CALLS_PER_S, 1.0, SEED), MIX)
        stage = Stage(side)
        stack.callback(stage.drill.heal)
        stage.wait(WARM_S)
        for name in names:
            side.watch(drills[name].detects)
            took: list[float | None] = []
            while len(took) < times and stage.wait(WELL_WITHIN_S, lambda: not stage.unwell()):
                stage.wait(chance.uniform(*RESTS_S))
                took.append(stage.noticed_after_s(drills[name]))
            found["faults"][name] = it = fault_of(took) | {"unwell": stage.unwell() if len(took) < times else ""}
            say(f"  {name}: {words(it)}")
    found["busy"] = busy_share(ticks, machine_ticks())
    return found


def fault_of(took: list[float | None]) -> dict[str, Any]:
    """What is said of one fault."""
    noticed = [each for each in took if each is not None]
    return {
        "took_s": took, "median_s": round(median(noticed), 2) if noticed else None,
        "worst_s": max(noticed, default=None), "missed": len(took) - len(noticed),
    }  # fmt: skip


def words(it: dict[str, Any]) -> str:
    """One fault, for a person."""
    said = f"median {it['median_s']} s, worst {it['worst_s']} s, of {len(it['took_s'])}"
    said += f", MISSED {it['missed']} times" if it["missed"] else ""
    return said + (f"; then NOT WELL within {WELL_WITHIN_S:g} s: {it['unwell']}" if it["unwell"] else "")


def rows(it: dict[str, Any]) -> list[tuple[str, str]]:
    """The results as lines of a table."""
    busy = f"the machine {it['busy']:.0%} busy"
    return [(f"noticed: {name}", f"{words(each)}; {busy}") for name, each in it["faults"].items()]
