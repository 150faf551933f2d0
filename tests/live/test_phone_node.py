"""The phone and the desk of a real node: a call placed, heard, keyed into, and shown by the API afterwards."""

import json
import subprocess
import sys
import urllib.request
import wave
from pathlib import Path
from typing import Any

import numpy as np

from keepline.demo_node import LocalNode


def phone(node: LocalNode, number: str, *arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "keepline.cli", "phone", node.uri(number), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    return result.returncode, result.stdout.splitlines()


def get(node: LocalNode, path: str) -> Any:
    with urllib.request.urlopen(f"http://{node.http}{path}", timeout=60) as answer:
        return json.load(answer)


def test_a_digit_interrupts_the_greeting_and_the_node_hangs_up(calm_node: LocalNode, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    code, lines = phone(calm_node, "1000", "--keys", "wait:0.5,5", "--record", str(heard))
    assert code == 0, lines
    assert "answered: PCMU" in lines
    assert "sent 5" in lines
    assert lines[-1].startswith("ended by the other side after ")
    assert lines[-1].endswith(", 0 lost")
    with wave.open(str(heard)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    # The goodbye of 3 s is heard to its end, and of the greeting of 8 s only what came before the digit.
    assert 3.0 < len(samples) / 8000 < 11.0
    assert np.sqrt((samples**2).mean()) > 500


def test_the_api_shows_the_call_as_the_command_line_does(calm_node: LocalNode) -> None:
    code, _ = phone(calm_node, "2000", "--seconds", "0.2")
    assert code == 0
    shown = get(calm_node, "/api/calls?limit=1000")["calls"]
    assert shown == calm_node.calls()
    last = shown[-1]
    assert (last["to"], last["ended_by"], last["sip_status"]) == ("2000", "caller", 200)
    assert get(calm_node, f"/api/calls/{last['id']}") == last


def test_the_api_shows_the_status(calm_node: LocalNode) -> None:
    shown = get(calm_node, "/api/status")
    told = json.loads(calm_node.command("status", "--json").stdout)
    assert shown["processes"].pop("status_page") is None, "there is none here"
    assert {name: told[name] for name in shown if name != "uptime_s"} == {
        name: value for name, value in shown.items() if name != "uptime_s"
    }


def test_a_number_that_the_operation_lacks_is_refused(calm_node: LocalNode) -> None:
    code, lines = phone(calm_node, "9999")
    assert (code, lines[-1]) == (1, "refused: no such number (404 Not Found)")
