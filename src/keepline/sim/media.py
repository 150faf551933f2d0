"""Media in virtual time: slots that outlive the calls process, and commands that may be repeated.

It keeps the rules of the media process: an `OpenMedia` of the slot's own call, a command of another call and one that
is not newer than the last are ignored; closing is always answered; a digit stops a prompt that it may stop.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from keepline.call import effects as fx
from keepline.call.facts import CallBegun, Fact
from keepline.flow.capabilities import SecretsGone
from keepline.model.operation import Prompt
from keepline.sim.secrets import SimSecrets
from keepline.sim.world import World

SPOKEN_S = 2.0
"""Length of a prompt that does not say."""
FRAMES_PER_S = 50
DIGITS_IN_RING = 32
"""As many as media's memory shows."""


MediaEffect = (
    fx.OpenMedia | fx.RedirectMedia | fx.RecordMedia | fx.StopRecording | fx.PlayPrompt | fx.StopPrompt | fx.CloseMedia
    | fx.BridgeMedia | fx.UnbridgeMedia | fx.IgnoreTones | fx.SecretEffect
)  # fmt: skip
PLAYING = (fx.PlayPrompt, fx.StopPrompt)
"""The most frequent commands; a union that is written where it is asked for is made each time."""


@dataclass(slots=True)
class SimSlot:
    """One slot: what a call's stream is."""

    call: str = ""
    figures_of: str = ""
    opened: fx.OpenMedia | None = None
    opened_at_s: float = 0.0
    applied: int = 0
    playing: fx.PlayPrompt | None = None
    finished: int = 0
    reason: str = ""
    keyed: str = ""
    """Every digit of the call that is nobody's secret."""
    secrets: SimSecrets = field(default_factory=lambda: SimSecrets(""))
    packets: int = 0
    packets_received: int = 0
    bridge: tuple[str, int] = ("", 0)
    """The call that it was bridged with, and the number of the last command."""
    recording: fx.RecordMedia | None = None
    recording_at_s: float = 0.0
    recorded: fx.RecordingFinished | None = None
    """The last recording that is over."""
    is_silent: bool = False
    """Nothing comes by the caller's line."""
    sound_until_s: float = 0.0
    """When the caller falls silent, or fell."""


@dataclass(frozen=True, slots=True)
class Started:
    """A prompt that began to be heard."""

    call: str
    number: int
    prompt_key: str
    at_s: float
    prompt: Prompt


@dataclass(slots=True)
class MediaLog:
    """What happened, for whoever checks it."""

    opened: list[fx.OpenMedia] = field(default_factory=list)
    """Every command to open, repeated ones too."""
    started: list[Started] = field(default_factory=list)
    directions: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Call -> the number of the last command that changed its stream, and the direction since."""
    bridged: list[tuple[str, str, float]] = field(default_factory=list)
    """Every bridge that began: the call that ordered it, the other, and when."""
    keyed: dict[str, str] = field(default_factory=dict)
    """Call -> every digit that was heard in it."""
    keyed_in_private: dict[str, str] = field(default_factory=dict)
    recorded: list[fx.RecordMedia] = field(default_factory=list)
    """Every recording that began."""
    files: dict[str, float] = field(default_factory=dict)
    """Key of a recording -> how long its file is: it outlives everything."""
    kept: dict[str, float] = field(default_factory=dict)
    """The same when media's memory was lost."""
    losses: int = 0
    """How often all of the memory was lost."""


class SimMedia:
    """The media process, its memory and its event queue."""

    def __init__(self, world: World, slot_count: int, tell: Callable[[], None]) -> None:
        """`tell` is called when an event is waiting."""
        self._world = world
        self.slots = [SimSlot() for _ in range(slot_count)]
        self.log = MediaLog()
        self._events: deque[tuple[int, fx.Input]] = deque()
        self.since_s = 0.0
        """When its memory began, in the world's time."""
        self._slots_of: dict[fx.Address, list[int]] = {}
        """RTP address -> every slot whose last stream has it, in order."""
        self.unheard: set[str] = set()
        """Calls whose peers send no audio."""
        self.keeps_files = True
        """False is a planted bug: a recording that is asked for again begins its file anew."""
        self.gone: set[fx.Address] = set()
        """RTP addresses of those who have hung up, or were hung up on."""
        self._tell = tell

    # Callers --------------------------------------------------------------------------------------------------------

    def hears(self, rtp: fx.Address) -> bool:
        """Whether the caller with this RTP address has a stream with us."""
        return self._slot_of(rtp) is not None

    def press(self, rtp: fx.Address, key: str) -> None:
        """A digit of the caller with this RTP address."""
        index = self._slot_of(rtp)
        if index is None:
            return
        slot = self.slots[index]
        if slot.secrets.entry is not None:
            slot.secrets.press(key)
            self._secret_news(index)
        else:
            slot.keyed += key
            self.log.keyed[slot.call] = self.log.keyed.get(slot.call, "") + key
            self._event(index, fx.DigitsHeard(slot.call, len(slot.keyed), ""))
        if slot.playing is not None and slot.playing.barge_in and slot.secrets.interrupts:
            self._finish(index, slot.playing, "digit")

    def speak(self, rtp: fx.Address, seconds: float) -> None:
        """The caller with this RTP address makes a sound from now on for so long."""
        index = self._slot_of(rtp)
        if index is not None:
            slot = self.slots[index]
            slot.sound_until_s = max(slot.sound_until_s, self._world.now_s + seconds)

    def _secret_news(self, index: int) -> None:
        slot = self.slots[index]
        self.log.keyed_in_private[slot.call] = slot.secrets.keyed
        heard = slot.secrets.heard()
        if heard is not None:
            self._event(index, heard)

    def fall_silent(self, rtp: fx.Address, *, silent: bool = True) -> None:
        """Nothing comes by this caller's line any more, for so long that it counts; or something does again."""
        index = self._slot_of(rtp)
        if index is None or self.slots[index].is_silent == silent:
            return
        slot = self.slots[index]
        slot.is_silent, silent_s = silent, slot.opened.dead_air_s if slot.opened else 0.0
        began = fx.DeadAirBegan(slot.call, silent_s, True)
        self._event(index, began if silent else fx.DeadAirEnded(slot.call, silent_s))

    def _slot_of(self, rtp: fx.Address) -> int | None:
        for index in self._slots_of.get(rtp, ()):
            opened = self.slots[index].opened
            if self.slots[index].call and opened is not None and (opened.remote_host, opened.remote_port) == rtp:
                return index
        return None

    # Commands -------------------------------------------------------------------------------------------------------

    def apply(self, command: MediaEffect) -> None:
        """One command, new or repeated."""
        slot = self.slots[command.slot]
        if isinstance(command, fx.OpenMedia):
            self._open(slot, command)
            return
        if isinstance(command, PLAYING):
            if slot.call == command.call and _is_new(command, slot.applied):
                slot.applied = command.number
                if isinstance(command, fx.PlayPrompt):
                    self._play(command.slot, slot, command)
                elif slot.playing is not None:
                    self._finish(command.slot, slot.playing, "stopped")
            return
        if isinstance(command, fx.CloseMedia):
            if slot.call == command.call:
                self._end_recording(command.slot, "closed")
                slot.packets = int((self._world.now_s - slot.opened_at_s) * FRAMES_PER_S)
                slot.packets_received = slot.packets if self._is_heard(slot) else 0
                slot.call, slot.playing = "", None
            self._event(command.slot, self.figures(command.call, command.slot))
            return
        if isinstance(command, fx.RedirectMedia):
            if slot.call == command.call and command.number > self.log.directions.get(command.call, (0, ""))[0]:
                self.log.directions[command.call] = (command.number, command.way.direction)
            return
        if isinstance(command, fx.IgnoreTones):
            return  # nobody sounds any here
        if isinstance(command, fx.BridgeMedia | fx.UnbridgeMedia):
            self._bridge(slot, command)
        elif isinstance(command, fx.RecordMedia | fx.StopRecording):
            self._record(command)
        else:
            self._keep_secret(slot, command)

    def _open(self, slot: SimSlot, command: fx.OpenMedia) -> None:
        self.log.opened.append(command)
        if slot.call == command.call:
            return
        opened = SimSlot(command.call, command.call, command, self._world.now_s, applied=1)
        opened.secrets.call = command.call
        self.slots[command.slot] = opened
        if slot.opened is not None:
            self._slots_of[slot.opened.remote_host, slot.opened.remote_port].remove(command.slot)
        known = self._slots_of.setdefault((command.remote_host, command.remote_port), [])
        if command.slot not in known:
            insort(known, command.slot)

    def _keep_secret(self, slot: SimSlot, command: fx.SecretEffect) -> None:
        if slot.call != command.call:
            return
        if isinstance(command, fx.CollectSecret) and command.number > slot.secrets.number:
            slot.keyed = "\0" * len(slot.keyed)
        if slot.secrets.apply(command):
            self._secret_news(command.slot)
        is_key = isinstance(command, fx.PassSecretKey) and slot.secrets.interrupts
        if is_key and slot.playing is not None and slot.playing.barge_in:
            self._finish(command.slot, slot.playing, "digit")

    def _bridge(self, slot: SimSlot, command: fx.BridgeMedia | fx.UnbridgeMedia) -> None:
        other, number = slot.bridge
        if isinstance(command, fx.BridgeMedia):
            if slot.call == command.call and command.number > number:
                slot.bridge = (command.other_call, command.number)
                self.log.bridged.append((command.call, command.other_call, self._world.now_s))
        elif slot.call == command.call and (command.number > number or (command.number == number and other)):
            slot.bridge = ("", command.number)

    def bridged_with(self, call: str) -> str:
        """The call that this one hears now; "" for none."""
        live = {slot.call: slot.bridge[0] for slot in self.slots if slot.call}
        for mine, other in live.items():
            if other in live and call in (mine, other):
                return other if call == mine else mine
        return ""

    def _play(self, index: int, slot: SimSlot, play: fx.PlayPrompt) -> None:
        slot.playing = play
        if play.barge_in and (slot.secrets.is_touched or play.digits_seen < len(slot.keyed)):
            self._finish(index, play, "digit")
            return
        self.log.started.append(Started(play.call, play.number, play.prompt.key, self._world.now_s, play.prompt))
        if not play.repeat:
            length_s = play.prompt.length_s or SPOKEN_S
            self._world.after(length_s, lambda: self._finish(index, play, "ended"))

    def _finish(self, index: int, play: fx.PlayPrompt, reason: str) -> None:
        slot = self.slots[index]
        if slot.playing is play:
            slot.playing, slot.finished, slot.reason = None, play.number, reason
            self._event(index, fx.PromptPlayed(play.call, play.number, reason))

    # Recordings -----------------------------------------------------------------------------------------------------

    def _record(self, command: fx.RecordMedia | fx.StopRecording) -> None:
        slot = self.slots[command.slot]
        is_running = slot.recording is not None and (slot.call, slot.recording.number) == (command.call, command.number)
        last = slot.recorded if slot.recorded is not None and slot.figures_of == command.call else None
        if isinstance(command, fx.StopRecording) and is_running:
            self._end_recording(command.slot, "stopped")
        elif not is_running and last is not None and last.number == command.number:
            self._event(command.slot, last)
        elif isinstance(command, fx.StopRecording):
            length_s = self.log.files.get(command.key, 0.0)
            self._event(command.slot, fx.RecordingFinished(command.call, command.number, "stopped", length_s, length_s))
        elif not is_running and slot.call == command.call and command.number > (last.number if last else 0):
            self._end_recording(command.slot, "stopped")
            self.log.recorded.append(command)
            before_s = self.log.files.get(command.key, 0.0) if self.keeps_files else 0.0
            slot.recording, slot.recording_at_s = command, self._world.now_s - before_s
            slot.sound_until_s = max(slot.sound_until_s, slot.recording_at_s + before_s)
            self._watch(command.slot, command)

    def _watch(self, index: int, command: fx.RecordMedia) -> None:
        slot, now_s = self.slots[index], self._world.now_s
        if slot.recording is not command:
            return
        limit_s = slot.recording_at_s + command.length_s_max
        silent_s = max(slot.recording_at_s, slot.sound_until_s) + (command.silence_s or inf)
        if now_s >= min(limit_s, silent_s):
            self._end_recording(index, "limit" if limit_s <= silent_s else "silence")
        else:
            self._world.at(min(limit_s, silent_s), lambda: self._watch(index, command))

    def _end_recording(self, index: int, why: str) -> None:
        slot = self.slots[index]
        if slot.recording is not None:
            length_s = self._world.now_s - slot.recording_at_s
            heard_s = min(length_s, max(0.0, slot.sound_until_s - slot.recording_at_s))
            self.log.files[slot.recording.key] = length_s
            slot.recorded = fx.RecordingFinished(slot.call, slot.recording.number, why, length_s, heard_s)
            slot.recording = None
            self._event(index, slot.recorded)

    def die(self) -> None:
        """The process is killed: what it alone had is lost, the rest is as it was."""
        for index, slot in enumerate(self.slots):
            if slot.call and slot.secrets.die():
                self._secret_news(index)
        self.restart()

    def reveal(self, call: str, index: int, arguments: str) -> str | SecretsGone:
        """Arguments of a use with their secrets."""
        if not 0 <= index < len(self.slots) or self.slots[index].call != call:
            return SimSecrets(call).reveal(arguments)
        return self.slots[index].secrets.reveal(arguments)

    def restart(self) -> None:
        """The process is a new one; the slots are as they were."""
        self._event(0, fx.MediaRestarted())

    # The calls process ----------------------------------------------------------------------------------------------

    def read(self) -> fx.Input | None:
        """The next event that waits; once read it is gone, whatever becomes of its reader."""
        while self._events:
            index, given = self._events.popleft()
            if isinstance(given, fx.DigitsHeard):
                slot = self.slots[index]
                if slot.call != given.call:
                    continue
                return fx.DigitsHeard(slot.call, len(slot.keyed), slot.keyed[-DIGITS_IN_RING:])
            if isinstance(given, fx.MediaStopped):
                return self.figures(given.call, index)
            return given
        return None

    def inspect(self, call: str, index: int) -> fx.MediaSeen | None:
        """What the slot says of the call; None where it is another's."""
        slot = self.slots[index]
        if slot.call != call:
            return None
        digits = len(slot.keyed), slot.keyed[-DIGITS_IN_RING:]
        return fx.MediaSeen(
            call, slot.finished, slot.reason, *digits, slot.secrets.heard(), slot.is_silent, self._is_heard(slot)
        )

    def _is_heard(self, slot: SimSlot) -> bool:
        """Its peer sends, and some of it has come since the slot was opened."""
        opened = slot.opened
        if slot.call in self.unheard or (opened and (opened.remote_host, opened.remote_port) in self.gone):
            return False
        return self._world.now_s > slot.opened_at_s + 1 / FRAMES_PER_S

    def has(self, begun: Fact) -> bool:
        """A slot is this call's."""
        return isinstance(begun, CallBegun) and begun.slot >= 0 and self.slots[begun.slot].call == begun.call

    def lose_all(self, keys_on_record: Mapping[str, int]) -> None:
        """The memory is gone with the node: streams, prompts, secrets, and keys that nobody put on record."""
        for slot in self.slots:
            if slot.recording is not None:
                length_s = self._world.now_s - slot.recording_at_s
                self.log.files[slot.recording.key] = self.log.kept[slot.recording.key] = length_s
        self.slots = [SimSlot() for _ in self.slots]
        self._slots_of.clear()
        self.since_s = self._world.now_s
        for call, keyed in self.log.keyed.items():
            self.log.keyed[call] = keyed[: keys_on_record.get(call, 0)]
        self._events.clear()
        self.log.losses += 1

    def figures(self, call: str, index: int) -> fx.MediaStopped:
        """The figures of a call; zeros where the slot is another's by now."""
        slot = self.slots[index]
        if slot.figures_of != call:
            return fx.MediaStopped(call)
        return fx.MediaStopped(call, slot.packets, slot.packets_received)

    def close_strangers(self, live: set[str]) -> None:
        """Close the slots of calls that are over on record: the command to close them was lost."""
        for index, slot in enumerate(self.slots):
            if slot.call and slot.call not in live:
                self.apply(fx.CloseMedia(slot.call, index, 0xFFFFFFFF))

    def _event(self, index: int, given: fx.Input) -> None:
        self._events.append((index, given))
        self._tell()


def _is_new(command: fx.PlayPrompt | fx.StopPrompt, applied: int) -> bool:
    """A stop has the number of the play that it means."""
    return command.number > applied or (command.number == applied and isinstance(command, fx.StopPrompt))
