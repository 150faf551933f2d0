"""Callers whose carrier vanishes under their calls, media and signalling: we come back to them by the other, once."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.sipp_callee import sipp_plays
from tests.live.talker import Talker

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("callbacks") / "keepline.yaml"
WITHIN_S = 90
CALLERS = ("+15550100", "+15550101")


def told(node: LocalNode, *more: str) -> list[dict[str, Any]]:
    """`keepline callbacks`."""
    return [json.loads(line) for line in node.command("callbacks", "--json", *more).stdout.splitlines()]


def test_callers_of_a_carrier_that_vanishes_are_called_back_by_the_other_once(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    extra = [
        word
        for name, port in zip(("first", "second"), ports, strict=True)
        for word in ("--set", f"trunks.{name}.outbound.proxy=127.0.0.1:{port}")
    ]
    settings = NodeSettings(OPERATION, tmp_path / "data", slots=20, extra=extra)
    with (
        LocalNode(settings) as node,
        sipp_plays("answer", ports[1], tmp_path, calls=len(CALLERS), within_s=WITHIN_S),
        ExitStack() as stack,
    ):
        nobody = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        nobody.bind(("127.0.0.1", ports[0]))
        for number in CALLERS:
            talker = Talker(node, "2000")
            talker.name = number
            stack.enter_context(talker)
            wait_until("it is under way", lambda: len(live(node)) == 1 + CALLERS.index(number), WITHIN_S)  # noqa: B023
            talker.over.set()  # from here on it sends nothing, and nobody reads what it is sent
        wait_until("both are to be called back", lambda: len(told(node, "--all")) == 2, WITHIN_S)
        node.kill("active")
        wait_until("both were reached", lambda: [each["state"] for each in told(node, "--all")] == ["reached"] * 2, 90)
        assert told(node) == []
        records = node.calls()
        placed = [each for each in records if each["direction"] == "outbound"]
        assert sorted(each["to"] for each in placed) == sorted(CALLERS), "each of them once"
        assert {(each["carrier"], each["outcome"]) for each in placed} == {("second", "talked")}
        assert {json.dumps(each["outcome_fields"]) for each in placed} == {'{"about": "ordering", "step": "1 wait"}'}
        assert node.command("work", "list", "--json").stdout == ""
        story = node.command("call", "show", next(each["id"] for each in records if each["to"] == "2000")).stdout
        assert "call_lost.1" in story
        assert "its far side answers nothing" in story
        assert node.stop() == 0
        node.wait_gone()
    assert nobody.fileno() == -1


def live(node: LocalNode) -> list[dict[str, Any]]:
    """Calls that a flow has begun to serve."""
    return [each for each in node.calls() if each["state"] == "live" and each["outcome"] == "ordering"]
