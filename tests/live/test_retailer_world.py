"""The retailer's world over real sockets: callers who listen, carriers that take calls, and a node."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode

WORLD = Path(__file__).parents[2] / "examples" / "retailer" / "world"
BACKOFFICE = WORLD.parent / "backoffice"
DEADLINE_S = 60

LISTENERS = """
persona patient
  hear welcome
  hear goodbye
  believe goodbye
  listen
persona hasty
  hear welcome begin
  press 1 after 0.5-1
  hear goodbye -> heard, welcome -> missed
  label heard
  believe barged_in
  listen
  label missed
  believe missed
  listen
persona leaver
  hear welcome begin
  hang up after 0.2
"""
STRANGERS = """
persona stranger
  hear * begin
  press {invoice} after 0.1
  speak 0.2
  believe somebody
  listen
"""


class Carrier:
    """A carrier of the world, and what it told."""

    def __init__(self, *rules: str) -> None:
        options = [word for rule in rules for word in ("--rule", rule)]
        self.process = subprocess.Popen(
            [sys.executable, str(WORLD), "carrier", "--listen", "127.0.0.1:0", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = int(self.told()["sip"].rpartition(":")[2])

    def told(self) -> Any:
        """The next line, but for those that only say that somebody talks."""
        assert self.process.stdout is not None
        while (line := json.loads(self.process.stdout.readline()))["event"] == "talking":
            pass
        return line

    def say(self, command: str) -> Any:
        """Have it obey; what it says to that."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.told()

    def end(self) -> Any:
        """Its summary."""
        self.process.send_signal(signal.SIGTERM)
        text, _ = self.process.communicate(timeout=DEADLINE_S)
        assert self.process.returncode == 0
        return json.loads(text.splitlines()[-1])

    def put_away(self) -> None:
        """Whatever happened."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    made = Carrier("+1800*=answer,bye-after:6,ring:0.1", "+1900*=busy", "+1901*=status:404,cause:3")
    try:
        yield made
    finally:
        made.put_away()


def call(target: str, personas: Path, *more: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """(exit code, what each caller experienced, summary) of a crowd."""
    command = [sys.executable, str(WORLD), "crowd", "--target", target, "--personas", str(personas), *more]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.stdout, ended.stderr
    *told, summary = [json.loads(line) for line in ended.stdout.splitlines()]
    return ended.returncode, [each for each in told if each["event"] == "experience"], summary


def written(directory: Path, text: str) -> Path:
    path = directory / "personas.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_crowd_and_a_carrier_tell_the_same_story(tmp_path: Path, carrier: Carrier) -> None:
    target = f"sip:+18005550100@127.0.0.1:{carrier.port}"
    code, told, summary = call(target, written(tmp_path, STRANGERS), "--calls", "5", "--rate", "10")
    assert (code, summary["how"], summary["believes"]) == (0, {"done": 5}, {"somebody": 5})
    assert [report["faults"] for report in told] == [[]] * 5
    assert len({report["values"]["invoice"] for report in told}) == 5
    assert {report["keys"] for report in told} == {8}
    taken = [carrier.told() for _ in range(5)]
    assert {each["call_id"] for each in taken} == {each["call_id"] for each in told}
    assert {(each["behaviour"], each["ended_by"], each["error"]) for each in taken} == {("answer", "callee", "")}
    assert all(each["received"] and each["sent"] for each in taken)
    assert carrier.end()["statuses"] == {"200": 5}


def test_a_carrier_can_be_made_to_fail_while_it_runs(tmp_path: Path, carrier: Carrier) -> None:
    personas = written(tmp_path, "persona caller\n  cancel after 0.4\n  hang up\n")
    statuses = []
    for number, command in (
        ("+19005550100", ""),
        ("+19015550100", "rule *=decline"),
        ("+18005550100", "rule *=unavailable"),
        ("+18005550100", "rule *=ring"),
        ("+18005550100", "clear"),
    ):
        if command:
            assert carrier.say(command)["event"] == "obeyed"
        code, [told], _ = call(f"sip:{number}@127.0.0.1:{carrier.port}", personas, "--calls", "1")
        statuses.append((told["status"], told["how"], code))
        assert carrier.told()["status"] == told["status"]
    assert statuses == [
        (486, "unanswered", 1), (603, "unanswered", 1), (503, "unanswered", 1), (487, "gave up", 0),
        (200, "hung up", 0),
    ]  # fmt: skip
    assert carrier.say("dance")["event"] == "refused"


def test_callers_act_on_what_a_node_plays(tmp_path: Path, calm_node: LocalNode) -> None:
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps({name: str(path.resolve()) for name, path in calm_node.prompts().items()}))
    code, told, summary = call(
        calm_node.uri("1000"), written(tmp_path, LISTENERS), "--calls", "9", "--rate", "5", "--prompts", str(prompts),
        "--seed", "2",
    )  # fmt: skip
    assert code == 0, summary
    believed = {report["persona"]: report["believes"] for report in told}
    assert believed == {"patient": ["goodbye"], "hasty": ["barged_in"], "leaver": []}
    assert {report["how"] for report in told if report["persona"] != "leaver"} == {"done"}
    assert [report["faults"] for report in told] == [[]] * 9
    deadline = time.monotonic() + DEADLINE_S
    called = {report["call_id"] for report in told}
    while not called <= {record["sip_call_id"] for record in calm_node.calls()}:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_callers_know_what_the_back_office_knows(tmp_path: Path, carrier: Carrier) -> None:
    office = subprocess.Popen(
        [sys.executable, str(BACKOFFICE), "--port", "0", "--db", str(tmp_path / "office.db"), "--quiet"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert office.stdout is not None
        port = office.stdout.readline().split()[1].rpartition(":")[2]
        personas = written(tmp_path, "persona caller\n  press {booked_order} after 0.1\n  press {cvv}\n  listen\n")
        code, told, summary = call(
            f"sip:+18005550100@127.0.0.1:{carrier.port}", personas, "--calls", "3", "--backoffice",
            f"127.0.0.1:{port}", "--book-ahead", "3", "--seed", "5",
        )  # fmt: skip
    finally:
        office.terminate()
        office.communicate(timeout=DEADLINE_S)
    assert (code, summary["ledger"]) == (0, {"booked": 3})
    assert len({report["values"]["booked_order"] for report in told}) == 3
    assert all("{cvv}" in str(report["diary"]) for report in told)


def test_mistakes_on_the_command_line_are_named(tmp_path: Path) -> None:
    for words, problem in (
        (["crowd", "--mix", "nobody:3"], "no persona is called nobody"),
        (["crowd", "--mix", "move"], "is --book-ahead missing?"),
        (["crowd", "--personas", str(written(tmp_path, "dance"))], "line 1: a line that is not indented"),
        (["carrier", "--rule", "*=hum"], "'hum' is none of"),
    ):
        ended = subprocess.run([sys.executable, str(WORLD), *words], capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert problem in ended.stderr
