"""Calls out through a network that loses a tenth of all: SIPp's callees, and what the node makes of them."""

import csv
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port, free_port_range
from tests.live.lossy_relay import LossyRelay
from tests.live.sipp_runner import SCENARIOS
from tests.live.test_calls_out import OPERATION, Callee

pytestmark = pytest.mark.needs_program("sipp")

CALLS = 4
"""At once, so that some of them lose something."""
WITHIN_S = 90
PROOF = re.compile(r'regexp="([^"]*)" search_in="hdr" header="([^"]*)" check_it="true" assign_to="again"')
"""Of the ACK, in the scenario."""


class FarCallee(Callee):
    """A callee behind a relay."""

    def __init__(self, node: LocalNode, port: int, relay: LossyRelay) -> None:
        super().__init__(node, port)
        self.relay = relay

    @contextmanager
    def plays(self, scenario: str, directory: Path, calls: int = CALLS) -> Iterator[None]:
        """SIPp is the callee; its Contact is where the relay hears the node, and it stays for repetitions.

        SIPp takes any ACK for the one that it waits for; that of a repeated challenge may come late, and has no proof.
        """
        text = (SCENARIOS / "uas" / f"{scenario}.xml").read_text()
        text = text.replace("@[local_ip]:[local_port]>", f"@{self.relay.front}>")
        text = text.replace('<timewait milliseconds="500"/>', '<timewait milliseconds="6000"/>')
        text = PROOF.sub(r'regexp="CSeq: 1 ACK|\2 \1" search_in="msg" check_it="true" assign_to="again"', text)
        path, statistics, errors = (directory / f"{scenario}.{kind}" for kind in ("xml", "csv", "errors"))
        path.write_text(text)
        with subprocess.Popen(
            [
                "sipp", "-sf", str(path), "-i", "127.0.0.1", "-p", str(self.port), "-mi", "127.0.0.1",
                "-mp", str(free_port_range(8)[0]), "-m", str(calls), "-nostdin",
                "-default_behaviors", "all,-abortunexp", "-timeout", str(WITHIN_S), "-timeout_error",
                "-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_err", "-error_file", str(errors),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory, env={"TERM": "xterm"},
        ) as sipp:  # fmt: skip
            try:
                yield
                sipp.wait(WITHIN_S)
            finally:
                sipp.kill()
        said = errors.read_text(errors="replace") if errors.exists() else ""
        with statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        assert (int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])) == (calls, 0), said


@pytest.fixture(scope="module")
def callee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarCallee]:
    """One node for all, and the network between it and whom it calls."""
    directory = tmp_path_factory.mktemp("node")
    secret = directory / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    port, trunk = free_port(), "trunks.callee.outbound"
    with LossyRelay(f"127.0.0.1:{port}", seed=3) as relay:
        extra = ["--set", f"{trunk}.proxy={relay.front}", "--set", f"{trunk}.password_file={secret}"]
        with LocalNode(NodeSettings(OPERATION, directory / "data", slots=100, extra=extra)) as node:
            yield FarCallee(node, port, relay)
            assert node.stop() == 0
            node.wait_gone()
        print(f"the relay: {dict(sorted(relay.counts.items()))}")


OUTCOMES = [
    ("answer", "brief", output.FINE, "answered"),  # RFC 3261 §13.2, §15.1.1
    ("hangs_up", "hold", output.FINE, "answered"),  # RFC 3261 §15.1.2
    ("busy", "brief", output.BUSY, "busy"),  # RFC 3261 §13.2.2.3
    ("no_answer", "brief", output.NO_ANSWER, "no_answer"),  # RFC 3261 §9.1
    ("early", "brief", output.FINE, "answered"),  # RFC 3261 §13.2.1
    ("redirect", "brief", output.FINE, "answered"),  # RFC 3261 §8.1.3.4
    ("challenge_401", "brief", output.FINE, "answered"),  # RFC 3261 §22.2
    ("challenge_407", "brief", output.FINE, "answered"),  # RFC 3261 §22.3
]


@pytest.mark.parametrize(("scenario", "flow", "code", "outcome"), OUTCOMES)
def test_every_way_a_call_out_goes_is_gone_in_spite_of_loss(
    callee: FarCallee, tmp_path: Path, scenario: str, flow: str, code: int, outcome: str
) -> None:
    ring = ("--ring", "3") if scenario == "no_answer" else ()

    def place(_: int) -> tuple[int, dict[str, Any], str]:
        return callee.place("+15550001", flow, *ring)

    with callee.plays(scenario, tmp_path), ThreadPoolExecutor(CALLS) as pool:
        placed = list(pool.map(place, range(CALLS)))
    assert [(found, record.get("outcome")) for found, record, _ in placed] == [(code, outcome)] * CALLS, placed
    assert callee.relay.counts["to_node.arrived"] > 0
