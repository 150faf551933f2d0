"""Everything is killed while calls are in the midst of a message, of a conversation, on a TCP connection."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from keepline.node.media_recording import HEADER
from keepline.sip.message import Request, make_response
from tests.live.talker import Talker, frame
from tests.live.tcp_phone import TcpPhone
from tests.live.test_all_killed import kill_everything
from tests.live.test_connect import OPERATION as CONNECTING
from tests.live.test_connect import Callee, Caller
from tests.live.test_messages import FLOWS, OPERATION

WITHIN_S = 60.0
LOST_AT_END_MAX = 50
"""Frames; half a second is 25."""


# A message ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def voicemail(tmp_path: Path) -> Iterator[LocalNode]:
    (tmp_path / "operation").mkdir()
    (tmp_path / "operation" / "keepline.yaml").write_text(OPERATION)
    # Nobody's silence ends it: who looks whether it has begun may be late.
    (tmp_path / "operation" / "flows.py").write_text(FLOWS.replace("silence_s=10", "silence_s=30"))
    with LocalNode(NodeSettings(tmp_path / "operation", tmp_path / "data", slots=10)) as found:
        yield found


def test_a_recording_keeps_what_it_had_and_goes_on_at_its_end(voicemail: LocalNode) -> None:
    node = voicemail
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(150)
        lived_at = talker.said  # one process after the other is killed, which may take a while
        kill_everything(node)
        died_at = talker.said
        [file] = (node.settings.data / "recordings").iterdir()
        had = file.stat().st_size
        node.up()
        wait_until("it is recorded again", lambda: file.stat().st_size > had + 8000, WITHIN_S)
        back_at = talker.said
        talker.says(back_at + 100)
        talker.speaking.clear()
        talker.keys += "#"
        message = talker.message()
        assert message["reason"] == "terminator"
        heard = file.read_bytes()[HEADER.size :]
        assert len(heard) == round(message["length_s"] * 8000)
        kept = [index for index in range(talker.said) if frame(index) in heard]
        before, after = [index for index in kept if index <= died_at], [index for index in kept if index > back_at]
        assert before[: lived_at - LOST_AT_END_MAX] == list(range(lived_at - LOST_AT_END_MAX))
        assert after == list(range(back_at + 1, talker.said))
        places = [heard.index(frame(index)) for index in (*before[:10], *after[-10:])]
        assert places == sorted(places), "what was said later comes later"


# A conversation -------------------------------------------------------------------------------------------------------


@pytest.fixture
def callee(tmp_path: Path) -> Iterator[Callee]:
    port = free_port()
    extra = ["--set", f"trunks.local.outbound.proxy=127.0.0.1:{port}"]
    with LocalNode(NodeSettings(CONNECTING, tmp_path / "data", slots=20, extra=extra)) as node:
        yield Callee(node, port)
        assert node.stop() == 0
        node.wait_gone()


def found(node: LocalNode) -> int:
    """Of how many calls the other side was found to be there still."""
    return sum("peer_found" in node.command("call", "show", call["id"]).stdout for call in node.calls())


@pytest.mark.needs_program("sipp")
def test_a_conversation_goes_on_in_the_same_stream(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("answer", tmp_path), Caller(callee.node) as caller:
        caller.hears_itself()
        kill_everything(callee.node)
        callee.node.up()
        caller.hears_itself()
        wait_until("both are known to be there", lambda: found(callee.node) == 2, WITHIN_S)
        caller.hang_up()
    record, leg = callee.records()
    assert (record["ended_by"], leg["outcome"]) == ("caller", "answered")
    assert [step["name"] for step in record["steps"]] == ["connect"], "connected once"
    assert len({packet.ssrc for packet in caller.phone.packets}) == 1
    assert callee.node.glance()["work"]["call_broken"] == 0


# A TCP connection -----------------------------------------------------------------------------------------------------


def broken(node: LocalNode) -> list[dict[str, str]]:
    items = [json.loads(line) for line in node.command("work", "--json").stdout.splitlines()]
    return [item for item in items if item["about"] == "call_broken"]


def states(node: LocalNode) -> list[str]:
    return [call["state"] for call in node.calls()]


def is_closed(phone: TcpPhone) -> bool:
    """The node's end of the connection is gone."""
    phone.sock.settimeout(WITHIN_S)
    with contextlib.suppress(EOFError, ConnectionError):
        phone.hear()
        return False
    return True


def test_who_called_by_tcp_is_reached_by_a_new_connection_at_its_contact(node: LocalNode) -> None:
    with TcpPhone(node.sip) as phone:
        phone.call("1000")
        wait_until("it is live", lambda: states(node) == ["live"], WITHIN_S)
        kill_everything(node)
        assert is_closed(phone)
        phone.sock.close()
        with socket.create_server(phone.address) as listener:
            listener.settimeout(WITHIN_S)
            node.up()
            with TcpPhone.over(listener.accept()[0]) as again:
                again.sock.settimeout(WITHIN_S)
                asked = again.hear()
                assert isinstance(asked, Request)
                assert asked.method == "OPTIONS"
                again.send(make_response(asked, 200).encode())
                assert again.bye().call_id == asked.call_id, "its prompts are over"
    wait_until("the call is over", lambda: states(node) == ["ended"], WITHIN_S)
    assert [step["name"] for step in node.calls()[0]["steps"]] == ["ask_digits", "say", "hangup"]


def test_who_called_by_tcp_and_cannot_be_reached_is_hung_up_on_and_looked_after(node: LocalNode) -> None:
    with TcpPhone(node.sip) as phone:
        phone.call("2000")
        wait_until("it is live", lambda: states(node) == ["live"], WITHIN_S)
        kill_everything(node)
    node.up()
    [item] = wait_until("somebody is told", lambda: broken(node), WITHIN_S)
    assert "was gone when the node came back" in item["why"]
    wait_until("the call is over", lambda: states(node) == ["ended"], WITHIN_S)
    assert "was gone when the node came back" in node.calls()[0]["reason"]


def test_who_calls_back_by_a_new_connection_hangs_up_by_it(node: LocalNode) -> None:
    """As a phone behind a NAT does: nobody can connect to it, and what it sends comes by a connection of its own."""
    with TcpPhone(node.sip) as phone:
        phone.call("2000")
        wait_until("it is live", lambda: states(node) == ["live"], WITHIN_S)
        kill_everything(node)
        node.up()
        phone.sock.close()
        host, _, port = node.sip.rpartition(":")
        phone.sock = socket.create_connection((host, int(port)), WITHIN_S)
        assert phone.hang_up("2000").status == 200
    wait_until("the call is over", lambda: states(node) == ["ended"], WITHIN_S)
    assert node.calls()[0]["ended_by"] == "caller"
