"""SIPp, with scenarios of our own, as the caller; what counts is in its statistics file."""

import csv
import subprocess
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, free_port_range

pytestmark = pytest.mark.needs_program("sipp")

SCENARIOS = Path(__file__).with_name("sipp")


def sipp(
    node: LocalNode, directory: Path, scenario: str, number: str, calls: int, rate: int, host: str = "127.0.0.1"
) -> None:
    """Run a scenario that many times; fail with SIPp's own words unless every call succeeded."""
    statistics, errors = directory / "statistics.csv", directory / "errors.txt"
    # Ports are tried on IPv4, where a node that speaks IPv6 takes none: keep clear of its range.
    first = node.rtp_ports[1] + 1 if ":" in host else free_port_range(2)[0]
    done = subprocess.run(
        [
            "sipp", node.sip, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", number,
            "-i", host, "-mi", host, "-mp", str(first), "-nostdin",
            "-m", str(calls), "-r", str(rate), "-l", str(calls), "-timeout", "60", "-timeout_error",
            "-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_err", "-error_file", str(errors),
        ],
        capture_output=True, text=True, timeout=120, check=False, cwd=directory, env={"TERM": "xterm"},
    )  # fmt: skip
    said = errors.read_text(errors="replace") if errors.exists() else done.stderr + done.stdout[-2000:]
    assert statistics.exists(), f"exit {done.returncode}: {said}"
    with statistics.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    assert (int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])) == (calls, 0), said
    assert done.returncode == 0, said


def test_calls_are_answered_spoken_to_and_ended(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "listen", "1000", calls=5, rate=5)


def test_a_key_by_rfc4733_ends_the_first_prompt(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "press", "1000", calls=1, rate=1)


def test_calls_are_hung_up(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "hang_up", "2000", calls=40, rate=20)


def test_every_transaction_recovers_from_loss(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "lossy", "2000", calls=20, rate=20)


def test_options_is_answered(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "options", "1000", calls=5, rate=5)


def test_an_unknown_number_is_refused(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "unknown", "4711", calls=5, rate=5)
