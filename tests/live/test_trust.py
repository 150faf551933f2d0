"""A user who proves it by digest, and a trunk that registers: PJSIP is the phone, SIPp the registrar of a real node.

Whatever becomes of them, no password and nothing that a password could be guessed from is in anything that was written.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.sipp_callee import reached_by, sipp_plays

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("trust") / "keepline.yaml"
WITHIN_S = 60
SEED_OF_LOSSES = 36
"""The first REGISTER is lost, and so is the first answer to it."""
USER_PASSWORD, TRUNK_PASSWORD = "wonder-land", "open sesame"


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
    with sipp_plays("registrar", port, tmp_path / "1"):
        wait_until("the trunk is registered", lambda: registration(node).get("registered"), WITHIN_S)
    assert registration(node)["why"] == ""
    assert 0 < registration(node)["for_s"] <= 60  # type: ignore[operator]
    (tmp_path / "2").mkdir()
    with sipp_plays("registrar", port, tmp_path / "2"):
        node.kill("active")
    wait_until("the trunk is registered again", lambda: registration(node).get("registered"), WITHIN_S)
    assert "registered for" in node.command("status").stdout


def test_rfc3261_10_2_a_trunk_registers_in_spite_of_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPLINE_TEST_PASSWORD", TRUNK_PASSWORD)
    port = free_port()
    with reached_by("lossy", port, SEED_OF_LOSSES, loss=0.4) as (proxy, far):
        alice = "trunks.staff.users.alice={password_env: KEEPLINE_TEST_PASSWORD}"
        extra = ["--set", f"trunks.carrier.outbound.proxy={proxy}", "--set", alice]
        with (
            sipp_plays("registrar", port, tmp_path, far=far),
            LocalNode(NodeSettings(OPERATION, tmp_path / "data", slots=20, extra=extra)) as node,
        ):
            wait_until("the trunk is registered", lambda: registration(node).get("registered"), WITHIN_S)
            assert node.stop() == 0
            node.wait_gone()


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
