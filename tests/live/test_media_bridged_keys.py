"""Keys that are pressed in a conversation: counted in their own call, passed on to the other end."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from keepline.model.limits import BRIDGE_EVENTS_MAX
from keepline.node.mediawire import DigitsReceived, Redirect, StreamWay
from keepline.rtp.companding import PCMU
from keepline.rtp.dtmf import DIGITS, END, EventReceiver, event_packets
from keepline.rtp.packet import RtpPacket
from tests.live.bridge_rig import Pair, frame
from tests.live.media_rig import EVENT, Clock, Rig


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    (tmp_path / "prompts").mkdir()
    with Rig(tmp_path / "prompts", 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


def keyed(packets: list[RtpPacket]) -> str:
    """The keys that a receiver would count."""
    receiver, found = EventReceiver(), ""
    for packet in packets:
        if packet.payload_type == EVENT:
            code, end, duration = packet.payload[0], packet.payload[1] >= END, int.from_bytes(packet.payload[2:])
            if receiver.update(packet.ts, packet.marker, code, end, duration):
                found += DIGITS[code]
    return found


def test_keys_count_in_their_own_call_and_go_on_as_keys_of_the_others_stream(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    pair.run({0: [frame(at) for at in range(5)]})
    phone = pair.phones[0]
    for digit in "550":
        for packet in event_packets(digit, 100):
            phone.send(pair.rig.ports[0], packet.payload, EVENT, packet.marker)
            for _ in range(10):
                clock.wake(pair.loop, 0.002)
        phone.ts += 1_600
    pair.run({0: [frame(at) for at in range(20)]})
    assert pair.rig.wait(DigitsReceived) == DigitsReceived(1, 0, 1)
    assert pair.rig.slots.digits(0) == (3, "550")
    assert pair.rig.slots.digits(1) == (0, "")
    heard = pair.phones[1]
    heard.drain()
    assert keyed(heard.packets) == "550"
    steps = {after.seq - before.seq & 0xFFFF for before, after in pairwise(heard.packets)}
    assert steps == {1}
    keys = [packet for packet in heard.packets if packet.payload_type == EVENT]
    assert [packet.marker for packet in keys].count(True) == len({packet.ts for packet in keys}) == 3
    assert {len(packet.payload) for packet in keys} == {4}
    assert frame(10) in {packet.payload for packet in heard.packets[-12:]}


def test_keys_go_nowhere_where_the_other_end_speaks_no_events(clock: Clock) -> None:
    pair = Pair(clock, second={"dtmf_payload_type": None})  # type: ignore[dict-item]
    pair.bridge()
    pair.run({0: [frame(at) for at in range(5)]})
    for packet in event_packets("5", 100):
        pair.phones[0].send(pair.rig.ports[0], packet.payload, EVENT, packet.marker)
        clock.wake(pair.loop, 0.02)
    pair.phones[1].drain()
    assert {packet.payload_type for packet in pair.phones[1].packets} == {PCMU}


def test_keys_for_an_end_that_is_held_are_bounded_and_not_told_later(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    pair.run({0: [frame(at) for at in range(5)]})
    host, port = pair.phones[1].host, pair.phones[1].port
    pair.rig.send(Redirect(2, 1, 1, host, port, PCMU, EVENT, StreamWay(sends=False)))
    clock.wake(pair.loop)
    packet = event_packets("5", 20)[0]
    for _ in range(3 * BRIDGE_EVENTS_MAX):
        pair.phones[0].send(pair.rig.ports[0], packet.payload, EVENT, packet.marker)
        clock.wake(pair.loop, 0.002)
    stream = pair.loop._streams.find(1)
    assert stream is not None
    assert stream.bridge is not None
    assert len(stream.bridge.events) == BRIDGE_EVENTS_MAX
    pair.rig.send(Redirect(2, 1, 2, host, port, PCMU, EVENT, StreamWay()))
    clock.wake(pair.loop)
    pair.phones[1].drain()
    before = len(pair.phones[1].packets)
    pair.run({0: [frame(at) for at in range(10)]})
    pair.phones[1].drain()
    assert keyed(pair.phones[1].packets[before:]) == ""
