"""Two phones, each with a call of its own in one media loop, for the tests of bridges."""

from keepline.node.media import MediaLoop
from keepline.node.mediawire import Bridge, StreamWay, Unbridge
from keepline.rtp.companding import PCMA, PCMU
from tests.live.media_rig import Clock

JOINED = Bridge(1, 0, 1, 2, 1)


def frame(number: int, size: int = 160) -> bytes:
    """Every one different, none silent."""
    return bytes((number * 7 + at) % 100 + 1 for at in range(size))


class Pair:
    """Two phones, each with a call in slots 0 and 1."""

    def __init__(self, clock: Clock, first: dict[str, int] | None = None, second: dict[str, int] | None = None) -> None:
        self.clock, self.rig, self.loop = clock, clock.rig, clock.loop()
        self.phones = clock.rig.phone(ssrc=0x11), clock.rig.phone(ssrc=0x22)
        for slot, changes in enumerate((first or {}, second or {})):
            frame_ms = changes.pop("frame_ms", 20)
            opening = self.rig.opening(
                self.phones[slot], slot, slot + 1, ssrc=0xA0 + slot, way=StreamWay(frame_ms=frame_ms), **changes
            )
            self.rig.send(opening)
        self.clock.wake(self.loop)

    def bridge(self, command: Bridge | Unbridge = JOINED) -> None:
        self.rig.send(command)
        self.clock.wake(self.loop)

    def run(self, packets: dict[int, list[bytes | None]], loop: MediaLoop | None = None) -> None:
        """Each 20 ms a packet of each phone, as its list has it; None is one that is lost."""
        for at in range(max(len(each) for each in packets.values())):
            for who, payloads in packets.items():
                phone, payload = self.phones[who], payloads[at] if at < len(payloads) else None
                if payload is None:
                    phone.seq, phone.ts = phone.seq + 1, phone.ts + 160
                else:
                    phone.send(self.rig.ports[who], payload, kind=self.kinds[who])
            for _ in range(10):
                self.clock.wake(loop or self.loop, 0.002)

    kinds = (PCMU, PCMU)

    def heard(self, who: int) -> bytes:
        """All that a phone has heard, without the silence at both ends."""
        self.phones[who].drain()
        audio = b"".join(packet.payload for packet in self.phones[who].packets)
        return audio.strip(b"\xd5" if self.kinds[who] == PCMA else b"\xff")
