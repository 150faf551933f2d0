"""Everything of a node is killed at once and started again: who stayed goes on, who left is looked after."""

import json
import os
import signal
import time

from callers_sip import parse, response_to

from keepline.demo_node import LocalNode, wait_until
from keepline.rtp.packet import RtpPacket, parse_packet
from tests.live.talker import Talker

WITHIN_S = 60.0
BACK_WITHIN_S = 5.0


def kill_everything(node: LocalNode) -> float:
    """Supervisor, media, both calls processes, speech and desk; when that was."""
    for found in node.processes():
        os.kill(found.pid, signal.SIGKILL)
    killed_at_s = time.monotonic()
    wait_until("all of it is gone", lambda: not node.processes(), WITHIN_S)
    return killed_at_s


def heard_by(talker: Talker) -> list[RtpPacket]:
    """The packets that have come to a caller since the last look."""
    talker.rtp.setblocking(False)
    packets = []
    try:
        while True:
            packet = parse_packet(talker.rtp.recv(2_000))
            packets += [packet] if isinstance(packet, RtpPacket) else []
    except BlockingIOError:
        return packets


def is_asked(talker: Talker) -> bool:
    """The node asks by OPTIONS whether it is there; it says so."""
    talker.sip.setblocking(False)
    try:
        message = parse(talker.sip.recv(65_535))
    except (BlockingIOError, ConnectionRefusedError):
        return False
    if message is None or message.method != "OPTIONS":
        return False
    talker.sip.send(response_to(message, 200))
    return True


def keyed(talker: Talker) -> list[str]:
    """What its flow was told, key by key."""
    return [step["result"] for step in talker.record()["steps"] if step["name"] == "ask_digits"]


def test_everything_dies_and_is_started_again(node: LocalNode) -> None:
    with Talker(node, "2000") as stays, Talker(node, "2000") as silent, Talker(node, "2000") as leaves:
        for talker in (stays, silent, leaves):
            wait_until("it is answered", lambda t=talker: t.record()["state"] == "live", WITHIN_S)
        stays.keys += ["1", "2"]
        wait_until("its keys are on record", lambda: keyed(stays) == ["1", "2"], WITHIN_S)
        silent.over.set()
        silent.thread.join(WITHIN_S)
        killed_at_s = kill_everything(node)
        before = heard_by(stays)
        leaves.over.set()
        leaves.thread.join(WITHIN_S)
        leaves.sip.close()
        node.up()
        assert time.monotonic() - killed_at_s <= BACK_WITHIN_S * 3, "the machine is too busy for this test to say much"
        after = wait_until("it hears us again", lambda: heard_by(stays), WITHIN_S)
        stays.keys += ["3", "4"]
        wait_until("who sends nothing is asked", lambda: is_asked(silent), WITHIN_S)
        wait_until("its step goes on", lambda: keyed(stays) == ["1", "2", "3", "4"], WITHIN_S)
        after += heard_by(stays)
        assert {packet.ssrc for packet in after} == {packet.ssrc for packet in before}, "the same stream"
        origins = {(packet.ts - 160 * packet.seq) % 160 for packet in before + after}
        assert len(origins) == 1, "and the same clock"
        assert 0 < (after[0].seq - before[-1].seq) & 0xFFFF < 0x8000, "going on"
        wait_until("who left is hung up on", lambda: broken(node), WITHIN_S)
        [item] = broken(node)
        assert item["from"] == leaves.name
        assert "was gone when the node came back" in item["why"]
        assert stays.ask("BYE").status == silent.ask("BYE").status == 200
        assert keyed(stays)[:4] == ["1", "2", "3", "4"]
        assert silent.ends()["ended_by"] == "caller"
        record = wait_until("it is over", lambda: ended(node, leaves.name), WITHIN_S)
        assert "was gone when the node came back" in record["reason"]
        assert node.glance()["work"]["call_broken"] == 1
        closing = ("--by", "test", "--outcome", "void", "--note", "nobody there")
        assert node.command("work", "close", item["id"], *closing).returncode == 0
        assert broken(node) == []
        assert node.command("verify", check=False).returncode == 0


def broken(node: LocalNode) -> list[dict[str, object]]:
    items = [json.loads(line) for line in node.command("work", "--json").stdout.splitlines()]
    return [item for item in items if item["about"] == "call_broken"]


def ended(node: LocalNode, name: str) -> dict[str, str]:
    return next((call for call in node.calls() if call["from"] == name and call["state"] == "ended"), {})
