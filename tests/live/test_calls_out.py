"""Calls out of a real node to SIPp: `keepline call place`, what the callee sees, the record, the exit code."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.sipp_callee import sipp_plays

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("calls_out") / "keepline.yaml"
WITHIN_S = 60


class Callee:
    """A node, and the port where its trunk's calls go."""

    def __init__(self, node: LocalNode, port: int) -> None:
        self.node = node
        self.port = port

    def place(self, number: str, flow: str, *more: str) -> tuple[int, dict[str, Any], str]:
        """`keepline call place`: its exit code, the record, stderr."""
        done = self.node.command(
            "call", "place", number, "--flow", flow, "--json", "--timeout", "30", *more, check=False
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr

    @contextmanager
    def plays(self, scenario: str, directory: Path, calls: int = 1, within_s: int = WITHIN_S) -> Iterator[None]:
        """SIPp is the callee meanwhile; it must be content in the end."""
        with sipp_plays(scenario, self.port, directory, calls=calls, within_s=within_s):
            yield


@pytest.fixture(scope="module")
def callee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callee]:
    """One node for all: no call harms it."""
    directory = tmp_path_factory.mktemp("node")
    secret = directory / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    port = free_port()
    trunk = "trunks.callee.outbound"
    by_tcp = f"{{proxy: '127.0.0.1:{port}', transport: tcp, username: shop, password_file: {secret}}}"
    extra = [
        *("--set", f"{trunk}.proxy=127.0.0.1:{port}", "--set", f"{trunk}.password_file={secret}"),
        *("--set", "trunks.stream.peers=['127.0.0.3/32']", "--set", f"trunks.stream.outbound={by_tcp}"),
    ]
    with LocalNode(NodeSettings(OPERATION, directory / "data", slots=100, extra=extra)) as node:
        yield Callee(node, port)
        assert node.stop() == 0
        node.wait_gone()


def test_rfc3261_13_2_the_callee_answers_and_the_flow_hangs_up(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("answer", tmp_path):
        code, record, said = callee.place("+15550001", "brief", "--var", "order=4711")
    assert (code, said) == (output.FINE, "")
    assert (record["direction"], record["outcome"], record["ended_by"]) == ("outbound", "answered", "flow")
    assert (record["from"], record["to"], record["carrier"]) == ("+18005550100", "+15550001", "callee")
    assert record["media"]["packets_sent"] > 20
    assert "4711" in record["steps"][0]["result"]


def test_rfc3261_15_the_callee_hangs_up(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("hangs_up", tmp_path):
        code, record, _ = callee.place("+15550001", "hold")
    assert (code, record["ended_by"], record["outcome"]) == (output.FINE, "callee", "answered")


def test_rfc3261_21_4_24_the_callee_is_busy(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("busy", tmp_path):
        code, record, said = callee.place("+15550001", "brief")
    assert (code, record["outcome"], record["sip_status"]) == (output.BUSY, "busy", 486)
    assert said == "busy: Busy Here (486)\n"


def test_rfc3261_9_1_nobody_answers_and_the_call_is_cancelled(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("no_answer", tmp_path):
        code, record, _ = callee.place("+15550001", "brief", "--ring", "1.5")
    assert (code, record["outcome"], record["sip_status"]) == (output.NO_ANSWER, "no_answer", 487)


def test_rfc3261_13_2_1_early_media_is_heard_before_the_answer(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("early", tmp_path):
        code, record, _ = callee.place("+15550001", "brief")
    assert code == output.FINE
    assert record["media"]["packets_sent"] > 70, "0.7 s before the answer and 1 s after it, 50 a second"


def test_a_flow_that_fails(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("answer", tmp_path):
        code, record, said = callee.place("+15550001", "failing")
    assert (code, record["outcome"]) == (output.FLOW_FAILED, "failed")
    assert "a mistake of the author's" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("+15550001", "nowhere"), "has no flow 'nowhere'; it has brief, failing, hold"),
        (("12 34", "brief"), "is not a number"),
        (("+15550001", "brief", "--var", "order"), "write it as name=value"),
        (("+15550001", "brief", "--trunk", "other"), "has no trunk 'other'"),
    ],
)
def test_what_cannot_be_asked_is_told(callee: Callee, arguments: tuple[str, ...], why: str) -> None:
    code, record, said = callee.place(*arguments)
    assert (code, record) == (output.WRONG_INPUT, {})
    assert why in said


@pytest.mark.parametrize("scenario", ["early", "redirect", "challenge_407", "challenge_bye"])
def test_rfc3261_18_2_a_call_by_tcp(callee: Callee, tmp_path: Path, scenario: str) -> None:
    with sipp_plays(scenario, callee.port, tmp_path, "-t", "t1"):
        code, record, said = callee.place("+15550001", "brief", "--trunk", "stream")
    assert (code, said) == (output.FINE, "")
    assert (record["outcome"], record["carrier"]) == ("answered", "stream")


@pytest.mark.parametrize("scenario", ["redirect", "challenge_401", "challenge_407"])
def test_rfc3261_8_1_3_a_second_invite_is_answered(callee: Callee, tmp_path: Path, scenario: str) -> None:
    with callee.plays(scenario, tmp_path):
        code, record, said = callee.place("+15550001", "brief")
    assert (code, said) == (output.FINE, "")
    assert (record["outcome"], record["attempts"]) == ("answered", 2)


def test_rfc3261_22_2_a_bye_that_is_challenged_is_proven(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("challenge_bye", tmp_path):
        code, record, said = callee.place("+15550001", "brief")
    assert (code, said) == (output.FINE, "")
    assert (record["outcome"], record["ended_by"], record["attempts"]) == ("answered", "flow", 1)


def test_pjsip_is_called_and_hears_us(callee: Callee, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    program = [sys.executable, str(Path(__file__).with_name("pjsip_callee.py")), str(callee.port), str(heard)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pjsip:
        assert pjsip.stdout is not None
        said = ""
        for line in pjsip.stdout:
            said += line
            if line.strip() == "listening":
                break
        code, record, complaint = callee.place("+15550001", "brief")
        said += pjsip.stdout.read()
        assert pjsip.wait(WITHIN_S) == 0, said
    assert (code, record["outcome"], record["ended_by"]) == (output.FINE, "answered", "flow"), complaint
    assert record["media"]["packets_sent"] > 20
    received = re.search(r"RX pt=0[^\n]*\n\s*total (\d+)pkt", said)
    assert received is not None, said
    assert int(received[1]) > 20


def test_the_call_process_dies_while_it_rings(callee: Callee, tmp_path: Path) -> None:
    node = callee.node
    with callee.plays("answer_late", tmp_path):
        done = node.command("call", "place", "+15550001", "--flow", "brief", "--no-wait")
        call = done.stdout.strip()
        wait_until("it rings", lambda: "call_progressed" in node.command("call", "show", call).stdout, WITHIN_S)
        node.kill("active")
        wait_until("it is over", lambda: _record(node, call)["state"] == "ended", WITHIN_S)
    record = _record(node, call)
    assert (record["outcome"], record["ended_by"], record["sip_status"]) == ("answered", "flow", 200)


def _record(node: LocalNode, call: str) -> dict[str, Any]:
    return next(record for record in node.calls() if record["id"] == call)


def test_a_call_asked_for_while_the_call_process_is_replaced_is_placed_once(callee: Callee, tmp_path: Path) -> None:
    before = len(callee.node.calls())
    with callee.plays("answer", tmp_path):
        callee.node.kill("active")
        code, record, said = callee.place("+15550001", "brief")
    assert (code, said) == (output.FINE, "")
    assert len(callee.node.calls()) == before + 1
    assert record["outcome"] == "answered"
