"""SIPp as the side that is called: it plays a scenario of `sipp/uas` meanwhile, and must be content in the end.

Behind a relay, `far`, it lets pass what comes again or out of order, and stays a while for repetitions: it takes any
ACK for the one that it waits for, and that of a challenge that came again may be late, and has no proof. Nor does it
send a challenge again once the call has come with its proof, so the ACK of the challenge may be missing; that the call
comes again without one has it send the challenge again.
"""

import csv
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keepline.demo_node import free_port_range
from tests.live.lossy_relay import LossyRelay, Weather
from tests.live.sipp_runner import SCENARIOS

_PROOF = re.compile(r'regexp="([^"]*)" search_in="hdr" header="([^"]*)" check_it="true" assign_to="again"')
"""Of the ACK, in the scenario."""
_ASKED_AGAIN = re.compile(
    r'<send retrans="500">(\s*<!\[CDATA\[\s*SIP/2\.0 [34](?:(?!</send>).)*</send>\s*)<recv request="ACK"/>'
    r'(?=\s*<recv request="INVITE"/?>)',
    re.DOTALL,
)
"""An answer upon which the call comes again, and its ACK."""
_LINGERING = re.compile(r'<timewait milliseconds="\d+"/>')


def _heard_afar(scenario: str) -> str:
    """A scenario of somebody whom a node reaches at `[far]`."""
    text = (SCENARIOS / "uas" / f"{scenario}.xml").read_text().replace("[local_ip]:[local_port]", "[far]")
    text = text.replace("SIP/2.0 100 ", "SIP/2.0 1[08]0 ")  # of what a NOTIFY tells: the next one may overtake it
    text = _ASKED_AGAIN.sub(r'<send>\1<recv request="ACK" optional="true"/>', text)
    text = _LINGERING.sub('<timewait milliseconds="6000"/>', text)
    return _PROOF.sub(r'regexp="CSeq: 1 ACK|\2 \1" search_in="msg" check_it="true" assign_to="again"', text)


@contextmanager
def reached_by(way: str, port: int, seed: int = 1, loss: float = 0.1) -> Iterator[tuple[str, str]]:
    """Where a node finds who listens at `port`, host:port, and the same again as `far` of `sipp_plays`."""
    here = f"127.0.0.1:{port}"
    if way == "straight":
        yield here, ""
    else:
        with LossyRelay(here, Weather(loss), seed) as relay:
            yield relay.front, relay.front
        print(f"the relay: {dict(sorted(relay.counts.items()))}")
        assert relay.counts["to_node.arrived"] > 0


@contextmanager
def sipp_plays(
    scenario: str,
    port: int,
    directory: Path,
    *options: str,
    calls: int = 1,
    within_s: int = 60,
    far: str = "",
    host: str = "127.0.0.1",
) -> Iterator[None]:
    """Every one of its calls must have gone as the scenario says; `options` are more of SIPp's own."""
    statistics, errors = (directory / f"{scenario}.{kind}" for kind in ("csv", "errors"))
    file = SCENARIOS / "uas" / f"{scenario}.xml"
    if far:
        file = directory / f"{scenario}.xml"
        file.write_text(_heard_afar(scenario))
        options = (*options, "-key", "far", far, "-default_behaviors", "all,-abortunexp")
    with subprocess.Popen(
        [
            "sipp", "-sf", str(file), "-i", host, "-p", str(port), "-mi", host, "-mp", str(free_port_range(8)[0]),
            *options, "-m", str(calls), "-nostdin", "-timeout", str(within_s), "-timeout_error",
            "-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_err", "-error_file", str(errors),
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory, env={"TERM": "xterm"},
    ) as sipp:  # fmt: skip
        try:
            yield
            sipp.wait(within_s)
        finally:
            sipp.kill()
    said = errors.read_text(errors="replace") if errors.exists() else ""
    with statistics.open(newline="") as counted:
        last = list(csv.DictReader(counted, delimiter=";"))[-1]
    assert (int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])) == (calls, 0), said
