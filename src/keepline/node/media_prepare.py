"""What is done for some streams before each packet: bridged ones say what the other end said, recorded ones are heard.

Keys that the other end pressed go out as telephone-events of the stream's own, a packet in place of a frame of audio
(RFC 4733 §2.5.1.2): all packets of one key have the timestamp of its beginning. It refuses to count keys: each
belongs to the call that it was pressed in.
"""

from keepline.node.media_bridge_end import BridgeEnd
from keepline.node.media_private import is_keying
from keepline.node.media_stream import Stream
from keepline.node.mediawire import NO_DTMF
from keepline.node.slots import S_SEND_FAILED
from keepline.rtp.packet import HEADER, MARKER, PLAIN, SEQ_MASK, TS_MASK


def prepare(streams: list[Stream], at_s: float, units: int) -> list[Stream]:
    """Do so for the streams of one tick, `units` after frame 0; returns those that are to send a frame in it."""
    keyed: list[Stream] = []
    for stream in streams:
        audio = stream.frames[stream.position] if stream.frames is not None else None
        bridge = stream.bridge
        if bridge is not None:
            passed = bridge.buffer.take(stream.frame_bytes)
            if audio is None:
                stream.say(passed)
                audio = passed
                if bridge.events and stream.dtmf_payload_type != NO_DTMF:
                    _send_event(stream, bridge, (stream.ts_origin + units) & TS_MASK)
                    keyed.append(stream)
        recording = stream.recording
        if audio is not None and recording is not None and recording.channels == 2 and not is_keying(stream):
            recording.say(at_s, audio)
    return [stream for stream in streams if stream not in keyed] if keyed else streams


def _send_event(stream: Stream, bridge: BridgeEnd, ts: int) -> None:
    """One packet of a key, with the next number of the stream."""
    began, is_first, payload = bridge.next_event(ts)
    second = stream.dtmf_payload_type | (MARKER if is_first else 0)
    packet = HEADER.pack(PLAIN, second, (stream.seq0 + stream.sent) & SEQ_MASK, began, stream.ssrc) + payload
    try:
        if stream.latched:
            stream.sock.send(packet)
        else:
            stream.sock.sendto(packet, stream.remote)
    except OSError:
        stream.bump(S_SEND_FAILED)
    stream.sent = (stream.sent + 1) & TS_MASK
    stream.slots.u32[stream.sent_at] = stream.sent
