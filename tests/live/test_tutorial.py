"""The tutorial, done as it stands: its own operation, checked, run, called, killed and stopped."""

import re
import subprocess
import wave
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, NodeSettings, keepline_command, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-call.md"
PHONE_WITHIN_S = 60.0


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The empty directory of step 2, with what it tells to write."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "keepline.yaml").write_text(block("yaml"), encoding="utf-8")
    (tmp_path / "first" / "flows.py").write_text(block("python"), encoding="utf-8")
    return tmp_path / "first"


def test_the_tutorial(directory: Path) -> None:
    checked = subprocess.run([*keepline_command(), "check"], cwd=directory, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "keepline.yaml: fine: 1 number, 1 flow, 0 prompts\n")
    heard = directory / "survived.wav"
    with LocalNode(NodeSettings(directory, directory / "keepline-data", slots=10)) as node:
        phone = subprocess.Popen(
            [*keepline_command(), "phone", node.uri("100"), "--keys", "wait:2,47", "--record", str(heard)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until("the call is answered", lambda: any(call["answered_at"] for call in node.calls()), PHONE_WITHIN_S)
        node.kill("active")
        said, _ = phone.communicate(timeout=PHONE_WITHIN_S)
        assert phone.returncode == 0, said
        wait_until("the record is complete", lambda: node.calls()[0]["state"] == "ended", PHONE_WITHIN_S)
        [call] = node.calls()
        asked = call["steps"][0]
        assert (asked["name"], asked["result"], call["ended_by"]) == ("ask_digits", "47", "flow")
        assert node.command("stop").stdout == "stopped\n"
        node.wait_gone()
    with wave.open(str(heard)) as recording:
        assert recording.getnframes() > 8000
