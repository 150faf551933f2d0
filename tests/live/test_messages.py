"""Messages that callers leave, with real RTP: what is in the file is what was sent, whichever process dies."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.node.media_recording import HEADER
from tests.live.talker import WITHIN_S, Talker, frame

OPERATION = """
operation: voicemail
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {leave: flows:leave}
numbers: {"1000": {flow: leave}}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def leave(call: Call) -> None:
    message = await call.record_message(silence_s=10, length_s_max=30)
    await call.outcome("message" if message else "none", path=message.path, length_s=message.length_s)
    await call.hangup()
"""


def samples(talker: Talker, message: dict[str, Any]) -> bytes:
    """What its file holds, the header of which is right."""
    data = (talker.node.settings.data / message["path"]).read_bytes()
    fields = HEADER.unpack_from(data)
    assert fields[-1] == len(data) - HEADER.size == round(message["length_s"] * 8000)
    return data[HEADER.size :]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    directory = tmp_path_factory.mktemp("voicemail")
    (directory / "operation").mkdir()
    (directory / "operation" / "keepline.yaml").write_text(OPERATION)
    (directory / "operation" / "flows.py").write_text(FLOWS)
    with LocalNode(NodeSettings(directory / "operation", directory / "data", slots=10)) as found:
        yield found


def spoken(frames: int) -> bytes:
    return b"".join(frame(index) for index in range(frames))


def test_a_message_that_ends_in_silence_is_what_was_said(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(150)
        talker.speaking.clear()
        message = talker.message()
        assert (message["reason"], talker.record()["outcome"]) == ("silence", "message")
        assert samples(talker, message).strip(b"\xff") == spoken(talker.said)
        assert talker.record()["outcome_fields"]["path"] == message["path"]
        shown = node.command("call", "show", talker.record()["id"]).stdout
        assert "message_started" in shown
        assert "reason=silence" in shown


def test_a_key_ends_it_though_the_process_of_its_call_died(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(50)
        node.kill("active")
        talker.says(200)
        talker.speaking.clear()
        talker.keys += "#"
        message = talker.message()
        assert message["reason"] == "terminator"
        assert samples(talker, message).strip(b"\xff") == spoken(talker.said)


def test_who_hangs_up_leaves_what_was_said(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(100)
        talker.speaking.clear()
        assert talker.ask("BYE").status == 200
        message = talker.message()
        assert (message["reason"], talker.record()["ended_by"]) == ("hung_up", "caller")
        assert samples(talker, message).strip(b"\xff") == spoken(talker.said)
        assert talker.record()["steps"][-1]["result"] == "hung_up"


def test_the_death_of_media_costs_half_a_second_at_most(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(100)
        node.kill("media")
        talker.says(250)
        talker.speaking.clear()
        talker.keys += "#"
        message = talker.message()
        assert message["reason"] == "terminator"
        heard = samples(talker, message)
        missing = [index for index in range(talker.said) if frame(index) not in heard]
        assert missing == list(range(min(missing, default=0), max(missing, default=-1) + 1)), "one gap"
        assert len(missing) <= 50  # 25 are half a second; the rest is a busy machine's
        assert min(missing, default=1) > 0


def metric(node: LocalNode, series: str) -> float:
    """What Prometheus would read; 0 for what has not been counted."""
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=WITHIN_S) as answer:
        lines = answer.read().decode().splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{series} ")), 0))


def test_prometheus_counts_messages_calls_and_deaths(node: LocalNode) -> None:
    messages, calls = 'keepline_messages_total{reason="terminator"}', "keepline_live_calls"
    ended = 'keepline_calls_total{direction="inbound",outcome="message",status="200"}'
    reigns, restarts = 'keepline_reigns{process="media"}', 'keepline_process_restarts{process="media"}'
    before = {series: metric(node, series) for series in (messages, ended, reigns, restarts)}
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(60)
        wait_until("the call is live", lambda: metric(node, calls) == 1, WITHIN_S)
        node.kill("media")
        talker.says(120)
        talker.keys += "#"
        assert talker.message()["reason"] == "terminator"
    for series, past in before.items():
        wait_until(f"{series} is counted", lambda s=series, n=past: metric(node, s) == n + 1, WITHIN_S)
    assert metric(node, "keepline_node_up") == metric(node, "keepline_journal_readable") == 1
