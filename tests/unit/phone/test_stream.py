"""What the phone sends, packet by packet."""

from keepline.phone.stream import KEY_GAP_FRAMES, OutboundStream
from keepline.rtp.dtmf import DIGITS, EventReceiver
from keepline.rtp.packet import RtpPacket, parse_packet

SILENCE = 0xFF


def stream(*, seq: int = 65_530, ts: int = 2**32 - 320) -> OutboundStream:
    return OutboundStream(ssrc=7, seq=seq, ts=ts, payload_type=0, dtmf_payload_type=101, silence=SILENCE)


def packets(sender: OutboundStream, count: int) -> list[tuple[RtpPacket, str]]:
    found = []
    for _ in range(count):
        frame = sender.next_frame()
        packet = parse_packet(frame.data)
        assert packet is not None
        found.append((packet, frame.began))
    return found


def test_silence_is_contiguous_and_wraps_with_the_marker_on_the_first_alone() -> None:
    sent = [packet for packet, _ in packets(stream(), 10)]
    assert [packet.seq for packet in sent] == [(65_530 + at) % 65_536 for at in range(10)]
    assert [packet.ts for packet in sent] == [(2**32 - 320 + 160 * at) % 2**32 for at in range(10)]
    assert [packet.marker for packet in sent] == [True] + [False] * 9
    assert {packet.payload for packet in sent} == {bytes([SILENCE]) * 160}


def test_each_key_arrives_once_and_in_order() -> None:
    sender = stream()
    sender.press(DIGITS + "11")
    receiver = EventReceiver()
    heard, began = "", ""
    while not sender.idle:
        packet, key = packets(sender, 1)[0]
        began += key
        if packet.payload_type == 101:
            code, flags = packet.payload[0], packet.payload[1]
            duration = int.from_bytes(packet.payload[2:], "big")
            if receiver.update(packet.ts, packet.marker, code, bool(flags & 0x80), duration):
                heard += DIGITS[code]
    assert heard == began == DIGITS + "11"


def test_a_key_takes_the_place_of_silence_and_silence_follows_it() -> None:
    sender = stream(seq=0, ts=0)
    packets(sender, 1)
    sender.press("5")
    sent = packets(sender, 20)
    kinds = [packet.payload_type for packet, _ in sent]
    keyed = kinds.count(101)
    assert kinds == [101] * keyed + [0] * (20 - keyed)
    assert {packet.ts for packet, _ in sent[:keyed]} == {160}
    assert [packet.marker for packet, _ in sent] == [True] + [False] * 19
    assert [packet.ts for packet, _ in sent[keyed:]] == [160 * (1 + at) for at in range(keyed, 20)]
    assert [packet.seq for packet, _ in sent] == list(range(1, 21))
    sender.press("5")
    assert not sender.idle
    following = packets(sender, KEY_GAP_FRAMES + 20)
    assert next(key for _, key in following if key) == "5"
