"""The verdicts of a mixed crowd can fail: each kind finds what a death might do to it."""

import random
from array import array
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import pytest
from callers_rtp import GAP_BUCKETS, HEADER, Receiver, open_socket
from callers_verdict import FRAME_BYTES, Facts, Heard, Recogniser, Run
from mixed_kinds import KINDS, Part, leg_faults, verdict
from mixed_office import card_of

NEAR, FAR = frozenset({1}), frozenset({2})


def crowd(*legs: Any, media_dies: bool = False, all_dies: bool = False, rtp: str = "noise") -> Any:
    return SimpleNamespace(
        plan=SimpleNamespace(rtp=rtp),
        legs_of=lambda index: list(legs), media_dies=media_dies, all_dies=all_dies, voices=(NEAR, FAR),
        known=Recogniser({}),
        mix=SimpleNamespace(ring_s=6.0),
    )  # fmt: skip


def caller(kind: str, **more: Any) -> Any:
    part = KINDS[kind].part(random.Random(1), 5.0)
    facts = Facts(answered=True, status=200, bye="theirs", bye_answered=True)
    found = {
        "script": part, "facts": facts, "index": 1, "is_cut": False, "leg": None, "heard_frames": (),
        "refers": {"1": b""}, "held_packets": 0, "takes": 1, "name": "+12020000001",
        "times": SimpleNamespace(invited=0.0, answered=6.1, ended=30.0),
    }  # fmt: skip
    return SimpleNamespace(**found | more)


def leg(**more: Any) -> Any:
    found = {
        "times": SimpleNamespace(answered=10.0, ended=20.0), "leg": None, "heard_frames": (1,) * 400,
        "facts": Facts(answered=True, status=200, bye="theirs"), "skipped": 0,
    }  # fmt: skip
    made = SimpleNamespace(**found | more)
    made.leg = SimpleNamespace(receiver=SimpleNamespace(heard=Heard(packets=400, first_has_marker=True, markers=1)))
    return made


def run(prompt: str, complete: bool = True) -> Run:
    return Run(prompt, 0, 0, 50, complete, 7)


def faults(kind: str, *heard: Run, legs: tuple[Any, ...] = (), media_dies: bool = False, **more: Any) -> list[str]:
    it = caller(kind, **more)
    return it.script.kind.faults(crowd(*legs, media_dies=media_dies), it, heard)


def test_somebody_who_was_called_twice_or_not_at_all_is_noticed() -> None:
    assert faults("bridged", legs=(leg(),)) == []
    assert faults("bridged", legs=(leg(), leg())) == ["legs: 2 calls were placed for this one"]
    assert faults("bridged") == ["legs: 0 calls were placed for this one"]
    assert faults("ringing out", run("goodbye"), legs=(leg(),)) == []
    assert faults("ringing out", legs=(leg(),)) == ["prompts: heard nothing at the end"]


def test_a_conversation_in_which_nobody_hears_the_other_is_noticed() -> None:
    assert leg_faults(crowd(), caller("bridged", heard_frames=(2,) * 400), leg()) == []
    [fault] = leg_faults(crowd(), caller("bridged", heard_frames=(1,) * 400), leg())
    assert fault == "voice: the caller heard 0 frames of the other side, 400 were due"
    [fault] = leg_faults(crowd(), caller("bridged", heard_frames=(2,) * 400), leg(heard_frames=()))
    assert fault.startswith("voice: the callee heard 0")
    assert leg_faults(crowd(), caller("bridged", heard_frames=(2,) * 100), leg(skipped=1000)) == []


def test_a_leg_whose_stream_broke_or_that_was_left_behind_is_noticed() -> None:
    broken = leg()
    broken.leg.receiver.heard.sequence_gaps, broken.leg.receiver.heard.lost = 1, 3
    found = leg_faults(crowd(), caller("bridged", heard_frames=(2,) * 400), broken)
    assert found == ["leg sequence: 3 packets missing in 1 gaps"]
    left = leg(times=SimpleNamespace(answered=10.0, ended=0.0))
    assert leg_faults(crowd(), caller("bridged"), left) == ["leg: still up after its caller had left"]
    assert verdict(crowd(left), caller("bridged", is_cut=True))[1] == ["leg: still up after its caller had left"]


def test_a_leg_between_two_packets_of_a_caller_who_sends_one_a_second_is_not_blamed() -> None:
    for rtp, lasts_s, found in (("light", 1.0, []), ("light", 2.0, ["leg rtp: not one packet"]),
                                ("noise", 1.0, ["leg rtp: not one packet"])):  # fmt: skip
        short = leg(times=SimpleNamespace(answered=10.0, ended=10.0 + lasts_s))
        short.leg.receiver.heard = Heard()
        assert leg_faults(crowd(rtp=rtp), caller("bridged", heard_frames=(2,) * 400), short)[:1] == found


def test_a_transfer_that_is_asked_for_twice_is_noticed() -> None:
    part = Part(kind=KINDS["transferring"], succeeds=True)
    assert faults("transferring", script=part) == []
    assert faults("transferring", script=part, refers={"1": b"", "2": b""}) == ["refer: 2 different ones came"]
    assert faults("transferring", run("goodbye"), script=part) == [
        "prompts: heard goodbye after a transfer that worked"
    ]


def test_a_call_that_is_answered_at_the_wrong_time_is_noticed() -> None:
    assert faults("ringing in") == []
    late = SimpleNamespace(invited=0.0, answered=11.0)
    assert faults("ringing in", times=late) == ["ring: it was answered after 11.00 s"]


def test_what_comes_while_the_line_is_held_is_noticed() -> None:
    assert faults("hold", held_packets=10) == []
    assert faults("hold", held_packets=40) == ["hold: 40 packets came meanwhile"]


def test_a_card_is_asked_for_again_only_where_media_died() -> None:
    assert faults("keying", run("card", False), run("paid")) == []
    assert faults("keying", run("card"), run("card"), run("paid")) == ["secret: it was asked for 2 times"]
    assert faults("keying", run("card"), run("card"), run("paid"), media_dies=True) == []
    assert faults("keying", run("card"), run("unpaid"), media_dies=True) != []
    assert faults("keying", run("paid"), media_dies=True) != []
    assert faults("keying", run("card"), run("paid"), run("card"), run("paid"), media_dies=True) != []


def test_who_pays_must_hear_the_whole_of_what_became_of_it() -> None:
    assert faults("paying", run("paid")) == faults("paying", run("unclear")) == []
    for heard in ((), (run("unpaid"),), (run("paid", False),), (run("paid"), run("paid"))):
        assert len(faults("paying", *heard)) == 1


def test_keys_of_a_card_begin_anew_when_it_is_asked_for_again() -> None:
    timers: list[str] = []
    pressed: list[str] = []
    digits: list[str] = ["7"]
    it = caller("keying", takes=0)
    it.line = SimpleNamespace(later=lambda delay_s, caller, name: timers.append(name))
    it.leg = SimpleNamespace(sender=SimpleNamespace(digits=digits))
    keyed = SimpleNamespace(press=lambda caller, key: pressed.append(key))
    for _ in range(2):
        it.script.kind.noticed(keyed, it)
    for name in timers:
        it.script.kind.act(keyed, it, name.removeprefix("do "))
    assert (len(timers), "".join(pressed), digits) == (16, card_of(it.name), [])


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_a_caller_does_follows_from_its_chance_alone(kind: str) -> None:
    first, second = (KINDS[kind].part(random.Random(7), 5.0) for _ in range(2))
    assert first == second
    assert first.kind is KINDS[kind]


def packet(seq: int, ts: int, marker: int = 0) -> bytes:
    return HEADER.pack(0x80, marker, seq, ts, 9) + bytes(FRAME_BYTES)


def test_the_pause_of_a_held_line_is_no_gap_and_what_follows_is_judged_as_before() -> None:
    there, here = open_socket("127.0.0.1", 0), open_socket("127.0.0.1", 0)
    with there, here:
        receiver = Receiver(here, array("Q", bytes(8 * GAP_BUCKETS)), 100)
        receiver.payload_type = 0

        def hear(data: bytes) -> None:
            count = receiver.heard.packets
            there.sendto(data, here.getsockname())
            while receiver.heard.packets == count:
                receiver.read()

        hear(packet(1, 160, 0x80))
        receiver.is_held = True
        hear(packet(2, 16_000, 0x80))
        assert (receiver.is_held, receiver.gap_ns) == (False, 0)
        heard = receiver.heard
        assert (heard.timestamp_jumps, heard.markers, heard.sequence_gaps) == ([], 1, 0)
        hear(packet(4, 16_480, 0x80))
        assert (heard.lost, heard.markers) == (1, 2)
        assert crc32(bytes(FRAME_BYTES)) in receiver.frames


def test_what_is_no_audio_and_comes_from_elsewhere_is_no_fault_of_the_node() -> None:
    node, stranger, here = (open_socket("127.0.0.1", 0) for _ in range(3))
    with node, stranger, here:
        receiver = Receiver(here, array("Q", bytes(8 * GAP_BUCKETS)), 100)
        receiver.payload_type, receiver.peer = 0, node.getsockname()
        for sock, data in (
            (stranger, b"report"),
            (node, b"garbage"),
            (stranger, packet(1, 160)),
            (node, packet(2, 320)),
        ):
            sock.sendto(data, here.getsockname())
        while receiver.heard.packets < 2:
            receiver.read()
        assert (receiver.heard.odd_packets, receiver.finish().sources) == (1, 2)


def test_where_everything_dies_a_second_stream_a_second_leg_and_a_second_transfer_are_noticed() -> None:
    kept = caller("transferring")
    expect, found = verdict(crowd(all_dies=True), kept)
    assert (expect.audio, expect.prompts, expect.bye, found) == (False, (), "theirs", [])
    twice = caller("transferring", refers={"1": b"", "2": b""})
    twice.leg = SimpleNamespace(receiver=SimpleNamespace(heard=Heard(ssrcs=2, sources=2)))
    found = verdict(crowd(leg(), leg(), all_dies=True), twice)[1]
    assert found == [
        "ssrc: 2 of one call",
        "source: 2 of one call",
        "refer: 2 different ones",
        "legs: 2 different ones",
    ]
    assert not verdict(crowd(leg(), all_dies=True), caller("bridged", is_cut=True))[0].audio
