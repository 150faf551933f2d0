"""A media loop in the hands of a test, one phone that keys what nobody may see, and all that the loop told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.node.media_secrets import secret_word
from keepline.node.mediawire import Command, Event, decode_events
from keepline.node.secretwire import REVEALED_MAGIC, AskSecret, Reveal, SecretNews, decode_revealed
from keepline.rtp.dtmf import event_packets
from keepline.rtp.entry import EntryState
from tests.live.media_rig import EVENT, Clock, Rig


class Desk:
    """A media loop in the hands of the test, one phone, and all that the loop told."""

    def __init__(self, clock: Clock, **changes: int | None) -> None:
        self.clock = clock
        self.rig = clock.rig
        self.loop = clock.loop()
        self.phone = self.rig.phone()
        self.events: list[Event] = []
        self.revealed: list[tuple[int, int, str | None]] = []
        self.rig.send(self.rig.opening(self.phone, **changes))
        clock.wake(self.loop)
        self.rig.commands.setblocking(False)

    def send(self, *commands: Command) -> None:
        self.rig.send(*commands)
        self.clock.wake(self.loop)
        self.read()

    def read(self) -> None:
        while True:
            try:
                data = self.rig.commands.recv(65_536)
            except BlockingIOError:
                return
            if data.startswith(REVEALED_MAGIC):
                self.revealed.append(decode_revealed(data))
            else:
                self.events += decode_events(data)[1]

    def press(self, keys: str) -> None:
        """Keys as telephone events, each with its repetitions."""
        for key in keys:
            packets = event_packets(key, 60)
            for packet in packets:
                self.phone.send(self.rig.ports[0], packet.payload, EVENT, packet.marker)
                self.clock.wake(self.loop, 0.02)
            self.phone.ts += 160 * len(packets)
        self.read()

    def ask(self, number: int = 10, handle: int = 3, count: int = 16, **how: str) -> None:
        self.send(AskSecret(1, 0, number, handle, count, 1, how.get("terminator", "#"), how.get("check", "")))

    def told(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def news(self) -> tuple[EntryState, int]:
        """The last of an entry; the slot says the same."""
        last = self.told(SecretNews)[-1]
        assert isinstance(last, SecretNews)
        assert secret_word(self.rig.slots, 0) == (last.number, last.state, last.count)
        return last.state, last.count

    def reveal(self, handle: int = 3, number: int = 1) -> str | None:
        self.send(Reveal(1, 0, number, handle))
        call, found, digits = self.revealed[-1]
        assert (call, found) == (1, number)
        return digits

    def succeed(self) -> None:
        """Another process takes over; what this one had in its own memory is gone."""
        self.loop = self.clock.loop()
        self.clock.wake(self.loop)
        self.read()


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    (tmp_path / "prompts").mkdir()
    with Rig(tmp_path / "prompts", 3) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(clock)
