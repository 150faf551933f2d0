"""Whose packets are taken: the peer's, who is learnt by its first packets within the trunk's media networks.

It refuses to look at what a packet says beyond that it is audio, or a key, as agreed.
"""

from collections.abc import Callable

from keepline.model.limits import LATCH_PACKETS, LATCH_S, RTP_PACKET_BYTES_MAX
from keepline.node.media_stream import Stream
from keepline.node.mediawire import Event, Latched
from keepline.rtp.packet import HEADER, payload_bounds


def is_peer(
    stream: Stream,
    source: tuple[str, int],
    buffer: bytearray,
    length: int,
    now_s: float,
    tell: Callable[[Event], None],
) -> bool:
    """Decide about a packet from anybody: whether the peer sent it, who is learnt by it where need be.

    The signalled address is the peer at once, and so is the one that was, when it was silent and comes back. Another
    one within the networks is so for the time being: it is displaced by these within the first packets, which must
    have come as a stream does and not all at once, and by nobody after them.
    """
    address = source[:2]
    if stream.latched:
        return address == stream.remote
    is_known = address in (stream.signalled, stream.known)
    if address == stream.source:
        stream.learned += 1
    else:
        if (stream.source and not is_known) or not stream.accepts(source[0]) or not _is_media(stream, buffer, length):
            return False
        _, _, seq, ts, ssrc = HEADER.unpack_from(buffer)
        stream.follow(source, seq, ts, ssrc)
        stream.learned, stream.learned_from_s = 1, now_s
        tell(Latched(stream.call, stream.slot))
    if is_known or (stream.learned >= LATCH_PACKETS and now_s - stream.learned_from_s >= LATCH_S):
        stream.latch(source)
    return True


def _is_media(stream: Stream, buffer: bytearray, length: int) -> bool:
    if payload_bounds(buffer, length) is None or length > RTP_PACKET_BYTES_MAX:
        return False
    return buffer[1] & 0x7F in (stream.payload_type, stream.dtmf_payload_type)
