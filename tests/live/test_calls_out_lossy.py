"""Calls out through a network that loses a tenth of all: SIPp's callees, and what the node makes of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port
from tests.live.lossy_relay import LossyRelay
from tests.live.sipp_callee import sipp_plays
from tests.live.test_calls_out import OPERATION, Callee

pytestmark = pytest.mark.needs_program("sipp")

CALLS = 4
"""At once, so that some of them lose something."""
WITHIN_S = 90


class FarCallee(Callee):
    """A callee behind a relay."""

    def __init__(self, node: LocalNode, port: int, relay: LossyRelay) -> None:
        super().__init__(node, port)
        self.relay = relay
        self.host = relay.node[0]

    @contextmanager
    def plays(self, scenario: str, directory: Path, calls: int = CALLS, within_s: int = WITHIN_S) -> Iterator[None]:
        """SIPp is the callee meanwhile, where the relay hears the node; it hears of no call before."""
        self.relay.part()
        far, host = self.relay.front, self.host
        with sipp_plays(scenario, self.port, directory, calls=calls, within_s=within_s, far=far, host=host):
            yield


@contextmanager
def far_callee(directory: Path, sip: str = "") -> Iterator[FarCallee]:
    """A node, which listens at `sip`, and the network between it and whom it calls."""
    secret = directory / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    port, trunk = free_port(), "trunks.callee.outbound"
    host = "[::1]" if sip.startswith("[") else "127.0.0.1"
    with LossyRelay(f"{host}:{port}", seed=3) as relay:
        extra = ["--set", f"{trunk}.proxy='{relay.front}'", "--set", f"{trunk}.password_file={secret}"]
        node = LocalNode(NodeSettings(OPERATION, directory / "data", slots=100, extra=extra))
        node.sip = sip or node.sip
        with node:
            yield FarCallee(node, port, relay)
            assert node.stop() == 0
            node.wait_gone()
        print(f"the relay: {dict(sorted(relay.counts.items()))}")


@pytest.fixture(scope="module")
def callee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarCallee]:
    """One node for all."""
    with far_callee(tmp_path_factory.mktemp("node")) as found:
        yield found


def placed_at_once(
    callee: FarCallee, directory: Path, scenario: str, flow: str, *more: str
) -> list[tuple[int, dict[str, Any], str]]:
    """Of each of the calls: exit code, record, stderr."""

    def place(_: int) -> tuple[int, dict[str, Any], str]:
        return callee.place("+15550001", flow, *more)

    with callee.plays(scenario, directory), ThreadPoolExecutor(CALLS) as pool:
        return list(pool.map(place, range(CALLS)))


OUTCOMES = [
    ("answer", "brief", output.FINE, "answered"),  # RFC 3261 §13.2, §15.1.1
    ("hangs_up", "hold", output.FINE, "answered"),  # RFC 3261 §15.1.2
    ("holds", "hold", output.FINE, "answered"),  # RFC 3261 §14.2, RFC 3264 §8.4
    ("busy_q850", "brief", output.BUSY, "busy"),  # RFC 3261 §13.2.2.3, RFC 3326
    ("no_answer", "brief", output.NO_ANSWER, "no_answer"),  # RFC 3261 §9.1
    ("early", "brief", output.FINE, "answered"),  # RFC 3261 §13.2.1
    ("redirect", "brief", output.FINE, "answered"),  # RFC 3261 §8.1.3.4
    ("routed", "brief", output.FINE, "answered"),  # RFC 3261 §12.1.2
    ("challenge_401", "brief", output.FINE, "answered"),  # RFC 3261 §22.2
    ("challenge_407", "brief", output.FINE, "answered"),  # RFC 3261 §22.3
    ("challenge_bye", "brief", output.FINE, "answered"),  # RFC 3261 §22.2
]


@pytest.mark.parametrize(("scenario", "flow", "code", "outcome"), OUTCOMES)
def test_every_way_a_call_out_goes_is_gone_in_spite_of_loss(
    callee: FarCallee, tmp_path: Path, scenario: str, flow: str, code: int, outcome: str
) -> None:
    ring = ("--ring", "3") if scenario == "no_answer" else ()
    placed = placed_at_once(callee, tmp_path, scenario, flow, *ring)
    assert [(found, record.get("outcome")) for found, record, _ in placed] == [(code, outcome)] * CALLS, placed
    if scenario == "busy_q850":
        said = 'Q.850;cause=17;text="User busy"'
        assert {(record["reason_header"], record["cause"]) for _, record, _ in placed} == {(said, 17)}
    assert callee.relay.counts["to_node.arrived"] > 0


def test_calls_out_over_ipv6_in_spite_of_loss(tmp_path: Path) -> None:
    with far_callee(tmp_path, f"[::1]:{free_port()}") as callee:
        assert callee.host == "::1"
        for scenario, flow in (("early", "brief"), ("challenge_407", "brief"), ("holds", "hold")):
            (tmp_path / scenario).mkdir()
            placed = placed_at_once(callee, tmp_path / scenario, scenario, flow)
            assert [(code, each.get("outcome")) for code, each, _ in placed] == [(output.FINE, "answered")] * CALLS
