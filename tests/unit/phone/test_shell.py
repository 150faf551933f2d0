"""The phone's shell where no socket is needed."""

from keepline.model.limits import PHONE_PACKETS_PER_WAKE_MAX
from keepline.phone.recording import Ear
from keepline.phone.shell import Phone, parse_target
from keepline.rtp.packet import RtpPacket, pack_packet


class FloodedSocket:
    """Always has another packet."""

    def __init__(self) -> None:
        self.taken = 0

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int]]:
        self.taken += 1
        source = "192.0.2.1" if self.taken % 2 else "127.0.0.1"
        return pack_packet(RtpPacket(0, False, self.taken, 160 * self.taken, 1, bytes(160))), (source, 4000)


def test_a_flood_does_not_keep_the_phone_from_everything_else() -> None:
    phone = Phone(parse_target("sip:1@127.0.0.1"), (), None, None, False)
    flood = FloodedSocket()
    phone._rtp = flood  # type: ignore[assignment]
    phone._media_host = "127.0.0.1"
    phone._ear = Ear("PCMU", 0, None)
    phone._read_rtp()
    assert flood.taken == PHONE_PACKETS_PER_WAKE_MAX
    # Packets from elsewhere are not heard.
    assert phone._ear.packets == PHONE_PACKETS_PER_WAKE_MAX // 2
