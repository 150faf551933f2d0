"""The whole way of the figures: a real node, a phone with and without audio, the record."""

import subprocess
import sys
from typing import Any

from keepline.demo_node import LocalNode
from tests.live.media_rig import until


def call(node: LocalNode, *arguments: str) -> dict[str, Any]:
    """Place a call of 2000 and hang up; its record."""
    before = len(node.calls())
    command = [sys.executable, "-m", "keepline.cli", "phone", node.uri("2000"), *arguments]
    subprocess.run(command, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=True)
    shown = until(node.calls, lambda calls: len(calls) > before and calls[-1]["state"] == "ended")
    media: dict[str, Any] = shown[-1]["media"]
    return media


def test_a_call_with_audio_is_scored(calm_node: LocalNode) -> None:
    media = call(calm_node, "--seconds", "1.5")
    assert media["codec"] == "PCMU"
    assert media["packets_sent"] >= 50
    assert media["packets_received"] >= 50
    assert media["lost"] == 0
    assert media["audio"] == "both_ways"
    assert media["mos"] > 4
