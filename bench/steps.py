"""Steps a second of flows without a caller, beside DBOS on SQLite, on the same disk in one run.

A step is a `use` that does nothing, whose result is synced before the next step of that flow. Ours runs in a whole
node, its flows started by its command line and timed by its own journal; every step is counted there. DBOS runs as
shipped, and with a write-ahead log, in an environment of its own (`.venv-dbos`, made when it is first needed). The two
take turns, so that a machine that is busy is busy for both. The same number of steps is asked of each, so many that
beginnings and ends weigh little: some seconds of DBOS. At each width all have a short round first that is not counted.
Before every round, whoever's it is, the disk has all that was left to it, so that nobody pays for the one before.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.machine import Meter, flat_pids, syncs_per_s
from keepline.demo_node import LocalNode, NodeSettings
from keepline.node.journal_file import FILE_NAME, connect

HERE = Path(__file__).parent
PEER_ENVIRONMENT = HERE.parent / ".venv-dbos"
WIDTHS = (1, 16, 64)
STEPS = {1: 400, 16: 200, 64: 50}
"""Of each flow, by how many there are at once, the same for both; so many that beginnings and ends weigh little."""
WARM_SHARE = 10
"""A round that is not counted has so many times fewer."""
ROUNDS = 5
"""Of DBOS in each mode; ours has one before each of those."""
MODES = ("shipped", "wal")
WITHIN_S = 120.0
POLL_S = 0.05
OPERATION = """
operation: steps
sip: {listen: "127.0.0.1:5060"}
http: {listen: "127.0.0.1:8080"}
trunks: {loopback: {peers: ["127.0.0.0/8"]}}
numbers: {1000: {flow: nobody}}
flows: {nobody: "flows:nobody", crowd: "flows:crowd", one: "flows:one"}
capabilities:
  bench:
    paths:
      - name: own
        in_flight_max: 64
        python: {module: "noop:Noop", actions: {noop: {changes: false}}}
"""
FLOWS = '''"""Flows that do nothing, often."""

from keepline.flow import Call, Run, flow


@flow
async def nobody(call: Call) -> None:
    await call.hangup()


@flow
async def crowd(run: Run) -> None:
    width, steps = int(run.variables["width"]), int(run.variables["steps"])
    started = [await run.start("one", steps=steps) for _ in range(width)]
    for each in started:
        await run.join(each)


@flow
async def one(run: Run) -> None:
    for _ in range(run.variables["steps"]):
        await run.use("bench.noop")
'''
NOOP = '''"""A capability that does nothing."""


class Noop:
    """It."""

    async def noop(self) -> None:
        """Nothing."""
'''


def measure(say: Callable[[str], None], widths: tuple[int, ...] = WIDTHS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Steps a second of each, by how many flows there are at once: medians, and every round."""
    python = peer_python(say)
    found: dict[str, Any] = {"rounds": rounds}
    with tempfile.TemporaryDirectory(prefix=".keepline-bench-", dir=HERE.parent) as directory:
        base = Path(directory)
        found["fdatasync_per_s"] = round(syncs_per_s(base))
        with _node(base) as node:
            ours(node, 1, 20)  # everything is imported, and the connector is made
            for width in widths:
                found[str(width)] = _one_width(node, python, base, width, rounds, say)
            node.stop()
            node.wait_gone()
    return found


def _one_width(
    node: LocalNode, python: Path, base: Path, width: int, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    taken: dict[str, list[float]] = {"keepline": [], "shipped": [], "wal": []}
    cpu: dict[str, list[float]] = {"keepline": [], "shipped": [], "wal": []}
    """Milliseconds of processor time a step."""
    steps = STEPS[width]
    for mode in MODES:
        ours(node, width, steps // WARM_SHARE)
        peer(python, base / f"{mode}-{width}-warm.sqlite", mode, width, steps // WARM_SHARE)
    for number in range(rounds):
        for mode in MODES:  # ours before each of them: it is soon over, and a disk has its moments
            os.sync()
            meter = Meter(flat_pids(node.status()["processes"]))
            taken["keepline"].append(ours(node, width, steps))
            cpu["keepline"].append(sum(meter.cpu_s().values()) * 1000 / (width * steps))
            os.sync()
            told = peer(python, base / f"{mode}-{width}-{number}.sqlite", mode, width, steps)
            taken[mode].append(float(told["steps_per_s"]))
            cpu[mode].append(float(told["cpu_s"]) * 1000 / (width * steps))
    result: dict[str, Any] = {name: round(statistics.median(figures), 1) for name, figures in taken.items()}
    result["times_shipped"] = round(result["keepline"] / result["shipped"], 1)
    result["times_wal"] = round(result["keepline"] / result["wal"], 1)
    result["cpu_ms_per_step"] = {name: round(statistics.median(figures), 3) for name, figures in cpu.items()}
    result["all"] = taken
    say(f"  {width} at once: {words(result)}")
    return result


def words(result: dict[str, Any]) -> str:
    """One width's result in words."""
    cpu = result["cpu_ms_per_step"]
    return (
        f"{result['keepline']:,.0f} steps/s; DBOS as shipped {result['shipped']:,.0f} ({result['times_shipped']}x), "
        f"with WAL {result['wal']:,.0f} ({result['times_wal']}x); processor time a step {cpu['keepline']:.2f} ms "
        f"(the whole node), {cpu['shipped']:.2f} and {cpu['wal']:.2f} ms"
    )


def ours(node: LocalNode, width: int, steps: int) -> float:
    """Steps a second of a crowd of runs, from the first one's start to the last one's end, as the journal has it."""
    run = node.command("flow", "start", "crowd", "--var", f"width={width}", "--var", f"steps={steps}").stdout.strip()
    _wait_for_end(node, run)
    listed = [json.loads(line) for line in node.command("flows", "--json", "--ended", "200").stdout.splitlines()]
    crowd = next(each for each in listed if each["id"] == run)
    children = [each for each in listed if each["parent"] == run]
    states = [each["state"] for each in (crowd, *children)]
    assert states == ["returned"] * (1 + width), states
    return float(width * steps / (crowd["ended_at"] - crowd["began_at"]))


def _wait_for_end(node: LocalNode, run: str) -> None:
    """Look into the journal's index: to start the command line again and again would cost what is being measured."""
    give_up_s = time.monotonic() + WITHIN_S
    with contextlib.closing(connect(node.settings.data / FILE_NAME, read_only=True)) as connection:
        while not connection.execute("SELECT 1 FROM runs WHERE run = ? AND ended_at > 0", (run,)).fetchone():
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"run {run} did not end within {WITHIN_S:g} s; {node.stderr()[-2000:]}")
            time.sleep(POLL_S)


def peer(python: Path, file: Path, mode: str, width: int, steps: int) -> dict[str, Any]:
    """The same of DBOS, and the processor time that it took."""
    command = [str(python), str(HERE / "dbos_steps.py"), str(file), mode, str(width), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    if done.returncode:
        raise RuntimeError(f"DBOS failed: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["journal_mode"] == {"shipped": "delete", "wal": "wal"}[mode], told
    return told


def peer_python(say: Callable[[str], None]) -> Path:
    """The interpreter that has DBOS; made when it is first needed, as pinned."""
    python = PEER_ENVIRONMENT / "bin" / "python"
    stamp = PEER_ENVIRONMENT / ".done"
    requirements = HERE / "requirements-dbos.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        say("  making an environment for DBOS")
        venv.create(PEER_ENVIRONMENT, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install"]
        subprocess.run([*pip, "--require-hashes", "-r", str(requirements)], check=True)
        stamp.write_text(requirements.read_text())
    return python


def _node(base: Path) -> LocalNode:
    operation = base / "operation"
    operation.mkdir()
    (operation / "keepline.yaml").write_text(OPERATION)
    (operation / "flows.py").write_text(FLOWS)
    (operation / "noop.py").write_text(NOOP)
    return LocalNode(NodeSettings(operation / "keepline.yaml", base / "data", slots=20))


def main() -> int:
    """Measure it by itself."""
    print(json.dumps(measure(lambda text: print(text, file=sys.stderr)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
