"""Requests to place a call, to the node and back: what is read, and who gets the answer."""

import socket

import pytest

from keepline.call.inputs import PlaceCall
from keepline.node.placements import request_of, wanted_of
from keepline.node.waiting_commands import WaitingCommands


def test_what_is_asked_arrives() -> None:
    wanted = PlaceCall("+15550001", "remind", "0" * 16, "1000", (("order", "4711"),), "carrier", 20.0)
    assert wanted_of(request_of(wanted)) == wanted


@pytest.mark.parametrize(
    "broken",
    [{"number": 1}, {"variables": []}, {"variables": {"a": 1}}, {"ring_timeout_s": "long"}, {"flow": None}],
)
def test_what_is_no_request_is_none(broken: dict[str, object]) -> None:
    assert wanted_of(request_of(PlaceCall("1000", "remind")) | broken) is None


def test_each_answer_goes_to_who_asked() -> None:
    waiting = WaitingCommands()
    ours, theirs = socket.socketpair()
    waiting.add({"call": "a"}, ours)
    waiting.add({"call": "b"}, theirs)
    assert waiting.take({"call": "a"}) is ours
    assert waiting.take({"call": "a"}) is None
    waiting.forget(theirs)
    assert len(waiting) == 0
    ours.close()
    theirs.close()
