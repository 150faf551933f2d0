"""Keys that are private: media's own memory for them, and who is told how many there are.

While a stream has an `Entry`, its keys go there and not into the slot, which others map and core dumps show. The memory
here is this process's alone: left out of core dumps, kept from the swap where the kernel allows it, overwritten as soon
as a secret is dropped, its call closes or its slot is opened anew. The slot says that keys are private, so that a
successor keeps them so, and how many there are; what they were dies with this process. A stream that listens in private
is not recorded: some phones send a key's tone beside its event. It refuses to know what a secret is for.
"""

import ctypes
import mmap
from collections.abc import Callable
from typing import Final

from keepline.model.limits import SECRET_AHEAD_MAX, SECRETS_PER_CALL_MAX
from keepline.node import slots as at
from keepline.node.media_messages import Event, FinishReason
from keepline.node.media_private import DEAF_S
from keepline.node.media_stream import Stream
from keepline.node.secretwire import (
    AskSecret,
    DropSecret,
    EndSecret,
    KeySecret,
    ListenOpenly,
    Reveal,
    SecretCommand,
    SecretNews,
    encode_revealed,
)
from keepline.node.slots import Slots
from keepline.rtp.entry import CELL_BYTES, Entry, EntryState

CELLS: Final = SECRETS_PER_CALL_MAX + 1
"""Of one slot: its call's secrets, and one that is asked for again."""
_COUNT_SHIFT: Final = 32
_STATE_SHIFT: Final = 48


def secret_word(slots: Slots, slot: int) -> tuple[int, EntryState, int]:
    """What a slot says of private keys: the number of the last command about them, the state, how many keys."""
    word = slots.u64[(slots.base(slot) + at.S_SECRET) // 8]
    return word & 0xFFFFFFFF, EntryState(word >> _STATE_SHIFT), word >> _COUNT_SHIFT & 0xFFFF


def secret_cseq(slots: Slots, slot: int) -> int:
    """The CSeq of the last INFO whose key was taken as a private one."""
    return slots.u32[(slots.base(slot) + at.S_SECRET_CSEQ) // 4]


class Vault:
    """Memory for secrets, `CELLS` of `CELL_BYTES` for each slot."""

    def __init__(self, slot_count: int) -> None:
        size = slot_count * CELLS * CELL_BYTES
        self._map = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map.madvise(mmap.MADV_DONTDUMP)
        if hasattr(mmap, "MADV_DONTFORK"):
            self._map.madvise(mmap.MADV_DONTFORK)
        _lock(self._map, size)
        self._view = memoryview(self._map)

    def cell(self, slot: int, index: int) -> memoryview:
        """One cell of a slot's."""
        first = (slot * CELLS + index) * CELL_BYTES
        return self._view[first : first + CELL_BYTES]


def _lock(memory: mmap.mmap, size: int) -> None:
    """Keep memory from the swap (mlock(2)); where the limits forbid it, it is as any other."""
    first = ctypes.c_char.from_buffer(memory)
    ctypes.CDLL(None).mlock(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(size))
    del first


class MediaSecrets:
    """The private keys of every open slot."""

    def __init__(
        self,
        slots: Slots,
        tell: Callable[[Event], None],
        finish: Callable[[Stream, FinishReason], None],
        reveal: Callable[[bytearray], None],
    ) -> None:
        """`finish` ends what a key interrupts; `reveal` sends a datagram at once or not at all."""
        self._slots = slots
        self._tell = tell
        self._finish = finish
        self._reveal = reveal
        self._vault = Vault(slots.count)
        self._cells: dict[int, dict[int, tuple[int, Entry]]] = {}
        """By slot and handle: the index of the cell, and what is in it."""
        self._toned: dict[int, bytearray] = {}
        """By slot: private keys that were tones, and may yet come as INFOs too."""

    # -- commands -------------------------------------------------------------------------------------------------

    def apply(self, command: SecretCommand, stream: Stream | None, now_s: float) -> bool:
        """Carry out a command; False for one that is old or of another call."""
        is_its = stream is not None and stream.call == command.call
        if isinstance(command, Reveal):
            self._answer(command, is_its)
        elif stream is None or not is_its:
            return False
        elif isinstance(command, AskSecret):
            return self._ask(command, stream)
        elif isinstance(command, KeySecret):
            return self._take_info(command, stream)
        elif isinstance(command, DropSecret):
            self._drop(stream.slot, command.handle)
        elif isinstance(command, ListenOpenly):
            return self._listen_openly(command, stream, now_s)
        else:
            return self._end(command, stream)
        return True

    def _ask(self, command: AskSecret, stream: Stream) -> bool:
        number, state, count = secret_word(self._slots, stream.slot)
        if command.number <= number:
            if command.number == number and state is not EntryState.OPENLY:
                self._tell(SecretNews(stream.call, stream.slot, number, state, count))
            return False
        before = stream.entry
        ahead = before.ahead() if before is not None else bytearray()
        self._settle(stream.slot, before)
        self._drop(stream.slot, command.handle)
        cells = self._cells.setdefault(stream.slot, {})
        free = [index for index in range(CELLS) if index not in [taken for taken, _ in cells.values()]]
        if not free:
            return False  # who asks keeps to the limit
        stream.entry = entry = Entry(
            command.number,
            command.handle,
            self._vault.cell(stream.slot, free[0]),
            count_max=command.count,
            min_count=command.min_count,
            terminator=command.terminator,
            check=command.check,
        )
        cells[command.handle] = (free[0], entry)
        ring_at = stream.base + at.S_RING
        self._slots.view[ring_at : ring_at + at.RING_BYTES] = bytes(at.RING_BYTES)
        entry.take(ahead)
        ahead[:] = bytes(len(ahead))
        self._note(stream, entry)
        return True

    def _end(self, command: EndSecret, stream: Stream) -> bool:
        if command.number > secret_word(self._slots, stream.slot)[0]:
            self._settle(stream.slot, stream.entry)
            self._lose(stream, command.number)
            return True
        entry = stream.entry
        if entry is None or entry.number != command.number:
            return False
        entry.end()
        self._note(stream, entry)
        return True

    def _listen_openly(self, command: ListenOpenly, stream: Stream, now_s: float) -> bool:
        if command.number <= secret_word(self._slots, stream.slot)[0]:
            return False
        self._settle(stream.slot, stream.entry)
        stream.entry = None
        stream.deaf_until_s = now_s + DEAF_S
        self._store(stream, command.number, EntryState.OPENLY, 0)
        return True

    def _answer(self, command: Reveal, is_its: bool) -> None:
        found = self._cells.get(command.slot, {}).get(command.handle) if is_its else None
        digits = found[1].read() if found is not None and found[1].state is EntryState.ANSWERED else None
        datagram = encode_revealed(self._slots.media_epoch, command, digits)
        self._reveal(datagram)
        datagram[:] = bytes(len(datagram))
        if digits is not None:
            digits[:] = bytes(len(digits))

    # -- keys -----------------------------------------------------------------------------------------------------

    def key(self, stream: Stream, key: str) -> None:
        """A key of a stream that listens in private."""
        entry = stream.entry
        assert entry is not None
        if stream.ear is not None:
            toned = self._toned.setdefault(stream.slot, bytearray())
            toned += key.encode()[: SECRET_AHEAD_MAX - len(toned)]
        entry.take((ord(key),))
        self._note(stream, entry)

    def _take_info(self, command: KeySecret, stream: Stream) -> bool:
        cseq_at = (stream.base + at.S_SECRET_CSEQ) // 4
        if stream.entry is None or command.number <= self._slots.u32[cseq_at]:
            return False
        self._slots.u32[cseq_at] = command.number
        if self._is_twin(stream, command.key):
            self._note(stream, stream.entry)
            return True
        self.key(stream, command.key)
        if stream.barge_in and stream.entry.interrupts:
            self._finish(stream, FinishReason.DIGIT)
        return True

    def _is_twin(self, stream: Stream, key: str) -> bool:
        """Whether a key by INFO was heard as a tone already: of a phone that sends both, until the first INFO."""
        toned = self._toned.get(stream.slot)
        if not toned:
            return False
        is_twin = toned[0] == ord(key)
        toned[:] = toned[1:] if is_twin else bytes(len(toned))
        if not is_twin:
            toned.clear()
        return is_twin

    # -- life -----------------------------------------------------------------------------------------------------

    def resume(self, stream: Stream, now_s: float) -> None:
        """Go on listening in private where an earlier process did; what it had heard is lost."""
        number, state, _ = secret_word(self._slots, stream.slot)
        if state is not EntryState.OPENLY:
            self._lose(stream, number)
        elif number:
            stream.deaf_until_s = now_s + DEAF_S

    def _lose(self, stream: Stream, number: int) -> None:
        """Nothing is known of this entry, and keys go nowhere until the next."""
        stream.entry = Entry(number, 0, bytearray(CELL_BYTES), state=EntryState.LOST)
        self._note(stream, stream.entry)

    def close(self, stream: Stream) -> None:
        """Overwrite all that its call had."""
        for _, entry in self._cells.pop(stream.slot, {}).values():
            entry.wipe()
        toned = self._toned.pop(stream.slot, bytearray())
        toned[:] = bytes(len(toned))
        stream.entry = None

    def _settle(self, slot: int, entry: Entry | None) -> None:
        """An entry takes no more keys: those after it are overwritten, and the whole of it where it is no answer."""
        if entry is None:
            return
        entry.wipe(keeps_entry=entry.state is EntryState.ANSWERED)
        if entry.state is not EntryState.ANSWERED:
            self._drop(slot, entry.handle)

    def _drop(self, slot: int, handle: int) -> None:
        _, entry = self._cells.get(slot, {}).pop(handle, (0, None))
        if entry is not None:
            entry.wipe()

    def _note(self, stream: Stream, entry: Entry) -> None:
        """Say what there is of an entry: in the slot, then by an event."""
        self._store(stream, entry.number, entry.state, entry.length)
        self._tell(SecretNews(stream.call, stream.slot, entry.number, entry.state, entry.length))

    def _store(self, stream: Stream, number: int, state: EntryState, count: int) -> None:
        word = number | count << _COUNT_SHIFT | state << _STATE_SHIFT
        self._slots.u64[(stream.base + at.S_SECRET) // 8] = word
