"""Stand-ins for what surrounds the active calls process: a core that does as it is told, a journal held back."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from keepline.call import effects as fx
from keepline.call.facts import Fact
from keepline.connectors.speech.client import PromptFailed
from keepline.model.operation import Prompt
from keepline.node.active import Active
from keepline.node.journal import JournalFailed, JournalFigures, Written
from keepline.node.medialink import MediaLink
from keepline.node.slots import Slots

INET = socket.AddressFamily["AF_INET"]
PEER = ("192.0.2.1", 5060)
EPOCH = 3


class Asleep(list[str]):
    """Calls that nobody has touched yet."""

    cut_off: ClassVar[dict[str, bool]] = {}

    @property
    def wakeful(self) -> int:
        return len(self)


class ScriptedCore:
    """Answers each input with what `answer` says, and remembers it."""

    def __init__(self) -> None:
        self.inputs: list[fx.Input] = []
        self.answer: Callable[[fx.Input], list[fx.Effect]] = lambda given: []
        self.deadline_s: float | None = None
        self.sleepers = Asleep()
        self.live_calls = 0
        self.is_unrecorded = False

    def step(self, now_s: float, given: fx.Input) -> list[fx.Effect]:
        self.inputs.append(given)
        return self.answer(given)

    def kinds(self) -> list[type]:
        return [type(given) for given in self.inputs]


class HeldJournal:
    """Tells of nothing by itself."""

    def __init__(self) -> None:
        self.groups: list[list[Fact]] = []
        self.trouble = ""
        self.backlog = 0
        self.figures = JournalFigures()
        self.is_full = False
        self.is_closed = False

    def submit(self, facts: Sequence[Fact], *, synced: bool = False, quiet: bool = False) -> int:
        if self.is_full:
            self.trouble = "the disk takes nothing"
            raise JournalFailed("more facts than the limit wait for the disk")
        self.groups.append(list(facts))
        return len(self.groups)

    def close(self) -> None:
        self.is_closed = True


class SipSocket:
    """A SIP socket whose datagrams a test puts in and takes out."""

    family = INET

    def __init__(self) -> None:
        self.waiting: deque[bytes | OSError] = deque()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.send_error: OSError | None = None
        # Readable as long as it is open: a flood.
        self._read, self._write = os.pipe()
        os.write(self._write, b"x")

    def fileno(self) -> int:
        return self._read

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.waiting:
            raise BlockingIOError
        found = self.waiting.popleft()
        if isinstance(found, OSError):
            raise found
        return found[:size], PEER

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """It keeps no errors."""

    def recvmsg(self, size: int, ancillary: int, flags: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        raise BlockingIOError

    def sendto(self, data: bytes, peer: tuple[str, int]) -> None:
        if self.send_error is not None:
            raise self.send_error
        socket.htons(peer[1])  # as the system does: OverflowError past 65535
        self.sent.append((data, peer))

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class Prompts:
    """Prompts of which some are on disk, some are made when a test says so, and some fail."""

    def __init__(self) -> None:
        self.on_disk: set[str] = set()
        self.made: asyncio.Event = asyncio.Event()
        self.failure = ""

    def ready(self, key: str) -> bool:
        return key in self.on_disk

    async def ensure(self, prompt: Prompt) -> str:
        await self.made.wait()
        if self.failure:
            raise PromptFailed(self.failure)
        self.on_disk.add(prompt.key)
        return prompt.key


@contextmanager
def slots_memory(count: int = 4) -> Iterator[Slots]:
    slots = Slots.create(count, 1_700_000_000.0, 0.0)
    slots.calls_epoch = EPOCH
    try:
        yield slots
    finally:
        slots.close()
        os.close(slots.fd)


class Rig:
    """An `Active` with everything around it but the world."""

    def __init__(self, slots: Slots) -> None:
        self.loop = asyncio.get_running_loop()
        self.slots = slots
        self.core = ScriptedCore()
        self.journal = HeldJournal()
        self.sip = SipSocket()
        self.link, self.media_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self.link, self.media_end):
            end.setblocking(False)
        self.prompts = Prompts()
        self.troubles: list[str] = []
        self.active = Active(
            self.loop,
            self.core,  # type: ignore[arg-type]
            self.journal,  # type: ignore[arg-type]
            slots,
            [self.sip],  # type: ignore[list-item]
            lambda what, _figures: self.troubles.append(what),
        )
        self.media = MediaLink(self.loop, slots, self.link, self.prompts, EPOCH, self.active.feed)  # type: ignore[arg-type]

    def start(self) -> None:
        self.active.start(self.media, self.link)

    def close(self) -> None:
        self.active.stop()
        for each in (self.link, self.media_end, self.sip):
            each.close()

    def written(self, group: int, error: str = "") -> None:
        self.active.on_written(Written(group, error))

    def synced(self, group: int, error: str = "") -> None:
        self.active.on_written(Written(group, error, synced=True))

    def commands(self) -> list[bytes]:
        """The datagrams that media has got since the last look."""
        found = []
        while True:
            try:
                found.append(self.media_end.recv(65_536))
            except BlockingIOError:
                return found


@contextmanager
def rig() -> Iterator[Rig]:
    with slots_memory() as slots:
        made = Rig(slots)
        try:
            yield made
        finally:
            made.close()


async def until(what: Callable[[], object]) -> None:
    """Let the loop run until it is so."""
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0)
