"""Private keys in virtual time: what the media process keeps for itself, and loses when it dies."""

from collections.abc import Callable
from dataclasses import dataclass, field

from keepline.call import effects as fx
from keepline.flow.capabilities import SecretsGone, Value, handles_in, read_value, write_value
from keepline.flow.secrets import filled
from keepline.rtp.entry import CELL_BYTES, Entry, EntryState

GONE = "the digits are lost"


@dataclass(slots=True)
class SimSecrets:
    """Those of one slot."""

    call: str
    entry: Entry | None = None
    kept: dict[int, Entry] = field(default_factory=dict)
    number: int = 0
    cseq: int = 0
    keyed: str = ""
    """Every private key of the call, for whoever checks it."""

    def heard(self) -> fx.SecretHeard | None:
        """What the slot says; None where keys are everybody's."""
        if self.entry is None:
            return None
        return fx.SecretHeard(self.call, self.number, self.entry.length, self.entry.state.name.lower(), self.cseq)

    @property
    def is_touched(self) -> bool:
        return self.entry is not None and self.entry.is_touched

    @property
    def interrupts(self) -> bool:
        return self.entry is None or self.entry.interrupts

    def press(self, key: str) -> None:
        """A key, while keys are private."""
        assert self.entry is not None
        self.keyed += key
        self.entry.take(key.encode())

    def apply(self, command: fx.SecretEffect) -> bool:
        """One command, new or repeated; whether there are news."""
        if isinstance(command, fx.CollectSecret):
            if command.number > self.number:
                self._collect(command)
            return command.number == self.number
        if isinstance(command, fx.EndSecretEntry):
            if command.number > self.number:
                self.number = command.number
                self.lose()
            if self.entry is None or command.number != self.number:
                return False
            self.entry.end()
            return True
        if isinstance(command, fx.HearOpenly):
            if command.number > self.number:
                self.number, self.entry = command.number, None
            return False
        if isinstance(command, fx.PassSecretKey):
            if self.entry is None or command.cseq <= self.cseq:
                return False
            self.cseq = command.cseq
            self.press(command.key)
            return True
        for handle in command.handles:
            self.kept.pop(handle, None)
        return False

    def _collect(self, command: fx.CollectSecret) -> None:
        ahead = self.entry.ahead() if self.entry is not None else b""
        self.number = command.number
        self.entry = self.kept[command.handle] = Entry(
            command.number,
            command.handle,
            bytearray(CELL_BYTES),
            count_max=command.count,
            min_count=command.min_count,
            terminator=command.terminator,
            check=command.check,
        )
        self.entry.take(ahead)

    def die(self) -> bool:
        """The process is another one; whether there are news."""
        self.kept.clear()
        if self.entry is None:
            return False
        self.lose()
        return True

    def lose(self) -> None:
        """The entry is nobody's."""
        self.entry = Entry(self.number, 0, bytearray(CELL_BYTES), state=EntryState.LOST)

    def reveal(self, arguments: str) -> str | SecretsGone:
        """Written arguments with the digits in the places of their handles."""
        found = {each: self.kept[each].read().decode() for each in handles_in(arguments) if each in self.kept}
        gone = tuple(each for each in sorted(handles_in(arguments)) if not found.get(each))
        if gone:
            return SecretsGone(GONE, gone)
        given: Callable[[int], Value] = lambda handle: found[handle]  # noqa: E731
        return write_value(filled(read_value(arguments), given))
