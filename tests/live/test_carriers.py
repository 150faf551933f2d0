"""Calls of a real node over two carriers, played by SIPp: silent, out of order, slow, busy, and a node that dies."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.sipp_callee import sipp_plays

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("carriers") / "keepline.yaml"
WITHIN_S = 60
NOBODY = ""
"""A carrier that takes every datagram and answers none."""


class Carriers:
    """A node, and the ports of its carriers."""

    def __init__(self, node: LocalNode, ports: tuple[int, int]) -> None:
        self.node = node
        self.ports = ports

    def place(self, *more: str) -> tuple[int, dict[str, Any], str]:
        """`keepline call place`: its exit code, the record, stderr."""
        done = self.node.command(
            "call", "place", "+15550001", "--flow", "brief", "--json", "--timeout", "50", *more, check=False
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr

    @contextmanager
    def play(self, directory: Path, first: str | None, second: str | None) -> Iterator[None]:
        """Each carrier plays a scenario of SIPp's, is `NOBODY`, or is left alone; SIPp must be content in the end."""
        with ExitStack() as stack:
            for port, scenario, name in zip(self.ports, (first, second), ("first", "second"), strict=True):
                if scenario == NOBODY:
                    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    sock.bind(("127.0.0.1", port))
                elif scenario is not None:
                    place = directory / name
                    place.mkdir()
                    stack.enter_context(sipp_plays(scenario, port, place, within_s=WITHIN_S))
            yield

    def record(self, call: str) -> dict[str, Any]:
        """Of a call, as it stands."""
        return next(record for record in self.node.calls() if record["id"] == call)


@pytest.fixture
def carriers(tmp_path: Path) -> Iterator[Carriers]:
    """A node of its own for each test: what is known of carriers is known by the process."""
    ports = free_port(), free_port()
    extra = [
        word
        for name, port in zip(("first", "second"), ports, strict=True)
        for word in ("--set", f"trunks.{name}.outbound.proxy=127.0.0.1:{port}")
    ]
    with LocalNode(NodeSettings(OPERATION, tmp_path / "data", slots=20, extra=extra)) as node:
        yield Carriers(node, ports)
        assert node.stop() == 0
        node.wait_gone()


def asked(record: dict[str, Any]) -> list[str]:
    return [each["carrier"] for each in record["carriers"]]


def test_a_carrier_that_is_well_is_asked_alone(carriers: Carriers, tmp_path: Path) -> None:
    with carriers.play(tmp_path, "answer", None):
        code, record, said = carriers.place()
    assert (code, said) == (output.FINE, "")
    assert (record["carrier"], asked(record), record["attempts"]) == ("first", ["first"], 1)


@pytest.mark.parametrize("first", [NOBODY, "out_503", "no_route"])
def test_a_carrier_that_is_silent_or_out_costs_the_callee_nothing(
    carriers: Carriers, tmp_path: Path, first: str
) -> None:
    with carriers.play(tmp_path, first, "answer"):
        code, record, said = carriers.place()
    assert (code, said) == (output.FINE, "")
    assert (record["carrier"], record["outcome"], asked(record)) == ("second", "answered", ["first", "second"])
    told = carriers.node.command("call", "show", record["id"]).stdout
    assert "bid_placed" in told
    assert "second: unknown" in told, "why it was asked"


def test_rfc3261_9_1_100_and_nothing_more_is_cancelled_once_another_rings(carriers: Carriers, tmp_path: Path) -> None:
    with carriers.play(tmp_path, "trying_alone", "answer"):
        code, record, said = carriers.place()
    assert (code, said, record["carrier"]) == (output.FINE, "", "second")
    assert record["carriers"][0]["result"] == "given up: another carrier rings"


def test_rfc3261_9_1_one_that_rings_too_late_is_cancelled(carriers: Carriers, tmp_path: Path) -> None:
    with carriers.play(tmp_path, "slow_ringing", "answer"):
        code, record, said = carriers.place()
    assert (code, said, record["carrier"]) == (output.FINE, "", "second")


def test_rfc3326_busy_is_the_callees_word(carriers: Carriers, tmp_path: Path) -> None:
    with carriers.play(tmp_path, "busy_q850", None):
        code, record, said = carriers.place()
    assert (code, record["outcome"], asked(record)) == (output.BUSY, "busy", ["first"])
    assert said == "busy: Busy Here (486)\n"


def test_busy_is_believed_though_the_first_carrier_is_dead(carriers: Carriers, tmp_path: Path) -> None:
    with carriers.play(tmp_path, NOBODY, "busy_q850"):
        code, record, _ = carriers.place()
    assert (code, record["outcome"], asked(record)) == (output.BUSY, "busy", ["first", "second"])


def test_the_call_process_dies_while_two_carriers_are_asked(carriers: Carriers, tmp_path: Path) -> None:
    node = carriers.node
    with carriers.play(tmp_path, NOBODY, "answer_late"):
        call = node.command("call", "place", "+15550001", "--flow", "brief", "--no-wait").stdout.strip()
        wait_until("it rings", lambda: "call_progressed" in node.command("call", "show", call).stdout, WITHIN_S)
        node.kill("active")
        wait_until("it is over", lambda: carriers.record(call)["state"] == "ended", WITHIN_S)
    record = carriers.record(call)
    assert (record["outcome"], record["ended_by"], record["carrier"]) == ("answered", "flow", "second")
    assert asked(record) == ["first", "second"], "nobody was asked again"


def test_what_is_drained_is_passed_over_also_by_a_successor(carriers: Carriers, tmp_path: Path) -> None:
    node = carriers.node
    node.command("path", "drain", "first", "--for", "30m", "--why", "works at the first", "--by", "Ana")
    node.kill("active")
    with carriers.play(tmp_path, None, "answer"):
        code, record, said = carriers.place()
    assert (code, said, asked(record)) == (output.FINE, "", ["second"])
    assert "drained by Ana (works at the first)" in record["carriers"][0]["why"]
    told = [json.loads(line) for line in node.command("paths", "--json").stdout.splitlines()]
    assert [(each["path"], each["wish"], each["condition"]) for each in told] == [
        ("telephony/first", "drain", "unknown"),
        ("telephony/second", "", "healthy"),
    ]
    node.command("path", "release", "first")
    assert "drain" not in node.command("paths").stdout


def test_rfc3261_11_a_carrier_that_answers_nothing_is_found_out_before_a_call_is_tried(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    extra = [
        word
        for setting in (*(f"trunks.{name}.outbound.proxy=127.0.0.1:{port}" for name, port in
                          zip(("first", "second"), ports, strict=True)), "outbound.probe_every_s=1")
        for word in ("--set", setting)
    ]  # fmt: skip
    settings = NodeSettings(OPERATION, tmp_path / "data", slots=20, extra=extra)
    with LocalNode(settings) as node, Carriers(node, ports).play(tmp_path, NOBODY, None):
        wait_until("it is found out", lambda: "telephony/first  degraded" in node.command("paths").stdout, WITHIN_S)
        assert "probes unanswered" in node.command("paths").stdout
        assert node.stop() == 0
        node.wait_gone()
