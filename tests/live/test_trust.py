"""A user who proves it by digest, and a trunk that registers: PJSIP is the phone, SIPp the registrar of a real node.

Whatever becomes of them, no password and nothing that a password could be guessed from is in anything that was written.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.sipp_runner import SCENARIOS

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("trust") / "keepline.yaml"
WITHIN_S = 60
USER_PASSWORD, TRUNK_PASSWORD = "wonder-land", "open sesame"


class Registrar:
    """SIPp in the registrar's place, for one registration."""

    def __init__(self, port: int, directory: Path) -> None:
        self.statistics = directory / "registrar.csv"
        self.errors = directory / "registrar.errors"
        self.process = subprocess.Popen(
            [
                "sipp", "-sf", str(SCENARIOS / "uas" / "registrar.xml"), "-i", "127.0.0.1", "-p", str(port),
                "-m", "1", "-nostdin", "-timeout", str(WITHIN_S), "-timeout_error", "-trace_stat",
                "-stf", str(self.statistics), "-fd", "1", "-trace_err", "-error_file", str(self.errors),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=directory, env={"TERM": "xterm"},
        )  # fmt: skip

    def is_content(self) -> None:
        """It took one registration, and verified its proof."""
        try:
            said = self.process.communicate(timeout=WITHIN_S)[1]
        finally:
            self.process.kill()
            self.process.wait()
        said += self.errors.read_text(errors="replace") if self.errors.exists() else ""
        with self.statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        assert (int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])) == (1, 0), said


def phone(node: LocalNode, directory: Path, *credentials: str) -> int:
    """A call by PJSIP; 0 where it was answered and hung up by the node."""
    program = Path(__file__).with_name("pjsip_call.py")
    command = [sys.executable, str(program), node.uri("2000"), str(directory / "heard.wav"), *credentials]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False, cwd=directory)
    assert done.returncode in (0, 1), done.stderr + done.stdout
    return done.returncode


@pytest.fixture(scope="module")
def port() -> int:
    """Of the registrar."""
    return free_port()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[LocalNode]:
    directory = tmp_path_factory.mktemp("node")
    secret = directory / "alice"
    secret.write_text(USER_PASSWORD + "\n")
    extra = [
        *("--set", f"trunks.carrier.outbound.proxy=127.0.0.1:{port}"),
        *("--set", f"trunks.staff.users.alice.password_file={secret}"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEEPLINE_TEST_PASSWORD", TRUNK_PASSWORD)
        with LocalNode(NodeSettings(OPERATION, directory / "data", slots=20, extra=extra)) as found:
            yield found
            assert found.stop() == 0
            found.wait_gone()


def registration(node: LocalNode) -> dict[str, object]:
    found = node.status()["registrations"].get("carrier", {})
    assert isinstance(found, dict)
    return found


def test_rfc3261_10_2_a_trunk_registers_and_its_successor_does_again(
    node: LocalNode, port: int, tmp_path: Path
) -> None:
    (tmp_path / "1").mkdir()
    registrar = Registrar(port, tmp_path / "1")
    wait_until("the trunk is registered", lambda: registration(node).get("registered"), WITHIN_S)
    registrar.is_content()
    assert registration(node)["why"] == ""
    assert 0 < registration(node)["for_s"] <= 60  # type: ignore[operator]
    (tmp_path / "2").mkdir()
    registrar = Registrar(port, tmp_path / "2")
    node.kill("active")
    registrar.is_content()
    wait_until("the trunk is registered again", lambda: registration(node).get("registered"), WITHIN_S)
    assert "registered for" in node.command("status").stdout


def test_rfc3261_22_a_user_calls_and_others_do_not(node: LocalNode, tmp_path: Path) -> None:
    assert phone(node, tmp_path, "alice", USER_PASSWORD) == 0
    assert phone(node, tmp_path, "alice", "guess") == 1
    assert phone(node, tmp_path) == 1
    found = [(each["carrier"], each["outcome"], each["sip_status"]) for each in node.calls()]
    assert sorted(found) == [("", "refused", 403), ("staff", "answered", 200)]  # a question is no refusal
    assert "a wrong password for the user 'alice'" in node.stderr()


def test_the_bound_of_calls_out_holds_after_a_kill(node: LocalNode) -> None:
    def place(number: str) -> dict[str, object]:
        done = node.command(
            *("call", "place", number, "--flow", "brief", "--ring", "1", "--json", "--timeout", "45"), check=False
        )
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    assert place("+15550001")["outcome"] != "refused"  # nobody is there to answer it
    killed = node.kill("active")
    wait_until("another process serves", lambda: node.pid("active") not in (0, killed), WITHIN_S)
    second = place("+15550001")
    assert (second["outcome"], second["sip_status"]) == ("refused", None)
    assert second["reason"] == "1 calls were placed within the hour; `outbound.calls_per_hour_max` allows no more"
    assert "no prefix of `outbound.allow` covers it" in str(place("+4930123")["reason"])
    assert "is an emergency number" in str(place("112")["reason"])
    assert node.stderr().count("call_denied") >= 3


def test_rfc3261_26_nothing_that_was_written_has_a_password_or_a_proof(node: LocalNode) -> None:
    written = [path for path in node.settings.data.rglob("*") if path.is_file() and path.stat().st_size]
    texts = {path.name: path.read_bytes() for path in written}
    texts["stderr"] = node.stderr().encode()
    assert any(b"Authorization: redacted" in text for text in texts.values())
    for secret in (USER_PASSWORD, TRUNK_PASSWORD, 'username=\\"alice', "nonce=", "cnonce"):
        assert [name for name, text in texts.items() if secret.encode() in text] == [], secret
