"""SIPp as a peer: one scenario, some calls, straight to the node or through a network that loses a tenth of all.

What counts is in SIPp's statistics file. Through the network SIPp lets pass what comes again or out of order, which it
takes for unexpected: it knows a repetition of the last message alone. Straight, each unexpected message fails the call.
"""

import csv
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from keepline.demo_node import LocalNode, free_port, free_port_range
from tests.live.lossy_relay import LossyRelay, Weather, words_of

SCENARIOS = Path(__file__).with_name("sipp")
WITHIN_S = 100
WAYS = ("straight", "lossy")


@dataclass(slots=True)
class Run:
    """How SIPp is to run, and afterwards what the network did."""

    scenario: str
    number: str
    calls: int = 5
    rate: int = 5
    host: str = "127.0.0.1"
    way: str = "straight"
    transport: str = "u1"
    """SIPp's word: u1 is UDP, t1 one TCP connection for all calls, tn one for each."""
    weather: Weather = field(default_factory=Weather)
    seed: int = 1
    keys: dict[str, str] = field(default_factory=dict)
    """Words in square brackets of the scenario, beside `[contact]`."""
    options: tuple[str, ...] = ()
    """More of SIPp's own; `{target}` is where it sends."""
    did: dict[str, int] = field(default_factory=dict)
    """What the relay counted."""


def sipp(node: LocalNode, directory: Path, run: Run) -> Run:
    """Run a scenario; fail with SIPp's own words unless every call succeeded."""
    if run.way == "straight":
        _run(node.sip, None, node, directory, run)
        return run
    with LossyRelay(node.sip, run.weather, run.seed, run.host) as relay:
        try:
            _run(relay.front, relay.back, node, directory, run)
        finally:
            run.did = dict(relay.counts)
            print(f"the relay, {run.scenario}: {dict(sorted(run.did.items()))}", file=sys.stderr)
    return run


def _run(target: str, contact: str | None, node: LocalNode, directory: Path, run: Run) -> None:
    statistics, errors = (directory / f"{run.scenario}-{run.way}.{kind}" for kind in ("csv", "errors"))
    # Ports are tried on IPv4, where a node that speaks IPv6 takes none: keep clear of its range.
    first = node.rtp_ports[1] + 1 if ":" in run.host else free_port_range(8)[0]
    first += 4 * WAYS.index(run.way)  # the two may run at once
    port = free_port()
    nowhere = "::" if ":" in run.host else "0.0.0.0"
    keys = {"contact": contact or words_of((run.host, port)), "nowhere": nowhere, **run.keys}
    is_lossy = run.way == "lossy"
    done = subprocess.run(
        [
            "sipp", target, "-sf", str(SCENARIOS / f"{run.scenario}.xml"), "-s", run.number,
            "-i", run.host, "-p", str(port), "-mi", run.host, "-mp", str(first), "-nostdin",
            "-t", run.transport, "-max_socket", "500",
            *(option.format(target=target) for option in run.options),
            *(word for key, value in keys.items() for word in ("-key", key, value)),
            *(("-default_behaviors", "all,-abortunexp") if is_lossy else ()),
            "-m", str(run.calls), "-r", str(run.rate), "-l", str(run.calls),
            "-timeout", str(WITHIN_S), "-timeout_error", "-max_retrans", "10",
            "-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_err", "-error_file", str(errors),
        ],
        capture_output=True, text=True, timeout=2 * WITHIN_S, check=False, cwd=directory, env={"TERM": "xterm"},
    )  # fmt: skip
    said = errors.read_text(errors="replace") if errors.exists() else done.stderr + done.stdout[-2000:]
    assert statistics.exists(), f"exit {done.returncode}: {said}"
    with statistics.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    assert (int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])) == (run.calls, 0), said
    assert done.returncode == 0, said
