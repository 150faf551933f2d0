"""What a caller heard, and whether that was right: pure functions over what the receiver wrote down.

The receiver keeps one number a packet, the CRC-32 of its payload. Here those numbers become *runs* (which prompt, from
which frame to which), and runs, RTP counters and SIP facts become a list of faults. An empty list is a good call.
It opens no socket, reads no clock and imports nothing of keepline.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from zlib import crc32

FRAME_BYTES = 160
FRAME_MS = 20
LOST = 1
"""Stands for a packet that never came; no CRC of a real payload was ever this in practice."""
QUIET = frozenset({crc32(b"\xff" * FRAME_BYTES), crc32(b"\xd5" * FRAME_BYTES)})
"""Digital silence in PCMU and in PCMA."""
FAINT_CODES = (*range(0x70, 0x80), *range(0xF0, 0x100), *(code ^ 0xD5 for code in (*range(16), *range(0x80, 0x90))))
"""The smallest codes of PCMU and of PCMA, on both sides of zero."""
FAINT = QUIET | {crc32(bytes([code]) * FRAME_BYTES) for code in FAINT_CODES}
"""Silence to an ear: nothing moves. A voice that pauses does so at some small constant, and not always at zero."""
PAUSE_FRAMES = 25
"""Unknown audio (no prompt file given) is split into runs at pauses as long as this."""
STALL_GRACE_S = 0.25
"""What the standstill of a machine delays comes this close to its end."""
BARGE_IN_GRACE_FRAMES = 25
"""A digit pressed in the last half second of a prompt may well come too late to cut it."""

Frames = Sequence[int]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one prompt as it was heard; frames are 20 ms."""

    prompt: str
    """Its name, or "" for audio that belongs to no known prompt."""
    heard_at: int
    """Index of its first frame among the packets received."""
    first: int
    """Where in the prompt it began; 0 is its first frame that is not silence."""
    frames: int
    """Up to and with the last frame that is not silence."""
    complete: bool
    """It reached the prompt's last frame that is not silence."""
    crc: int
    """Over the frames heard: two runs of unknown audio with one CRC are the same audio."""

    @property
    def ended_at(self) -> int:
        return self.heard_at + self.frames


@dataclass(slots=True)
class Heard:
    """Everything the strict receiver of one call wrote down."""

    packets: int = 0
    frames: Frames = ()
    frames_left_out: int = 0
    """Frames past the limit of what is kept; counted and checked in sequence, but not compared with prompts."""
    sequence_gaps: int = 0
    lost: int = 0
    late_or_double: int = 0
    doubled: int = 0
    """The packet before, once more, bit by bit; any receiver drops it."""
    timestamp_jumps: list[tuple[int, int]] = field(default_factory=list)
    """(index of the frame, timestamp units more than the 160 expected)."""
    jumped_at: list[float] = field(default_factory=list)
    """When the packet of each of these jumps arrived, wall clock, in seconds."""
    markers: int = 0
    first_has_marker: bool = False
    odd_packets: int = 0
    """Not RTP version 2, not the negotiated payload type, not 160 bytes. They are counted and not listened to."""
    odd_example: str = ""
    """The first of them: its source, its size and its first bytes."""
    sources: int = 0
    ssrcs: int = 0
    gap_ms_max: float = 0.0
    gap_max_at: int = 0
    """Index of the frame that ended the largest gap."""


@dataclass(slots=True)
class Facts:
    """What happened to one call besides its audio."""

    answered: bool = False
    cancelled: bool = False
    status: int = 0
    """The last final status of the INVITE; 0 when none came."""
    bye: str = "none"
    """"theirs", "ours" or "none"."""
    bye_answered: bool = False
    pressed: list[tuple[str, int]] = field(default_factory=list)
    """(digit, frames received when its first event packet left)."""
    error: str = ""
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """(wall clock of its end, length), in seconds: when this whole machine stood still, as the crowd itself noticed."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a good call looks like."""

    bye: str = "theirs"
    """Whose BYE ends it; "none" for a call that ought not to be answered."""
    status: int = 200
    prompts: tuple[str, ...] = ()
    """In order. `name*` may be cut by a digit, `name+` repeats until the end; () leaves the audio alone."""
    media_deaths: bool = False
    """Whether the process that sends may die: the timestamp may jump forward by the whole frames that it was dead, and
    the packet at which it died may come twice, since nobody knows whether it left."""
    audio: bool = True
    """Whether there must be RTP at all."""


def expectation_prompts(text: str) -> tuple[str, ...]:
    """`"welcome*,goodbye"` as the tuple that `Expectation` holds."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def prompt_frames(audio: bytes, silence: int = 0xFF) -> tuple[int, ...]:
    """The CRC-32 of every 20 ms of raw G.711, the last one padded with silence."""
    padding = -len(audio) % FRAME_BYTES
    audio += bytes([silence]) * padding
    return tuple(crc32(audio[at : at + FRAME_BYTES]) for at in range(0, len(audio), FRAME_BYTES))


def trim(frames: Frames, quiet: "frozenset[int]" = QUIET) -> Frames:
    """Without the silence before and after."""
    loud = [at for at, frame in enumerate(frames) if frame not in quiet]
    return frames[loud[0] : loud[-1] + 1] if loud else ()


class Recogniser:
    """Knows prompts by their frames, which are trimmed; made once for all the calls that may hear them.

    What counts as silence is `quiet`: digital silence to a judge of every packet, also faint frames to an ear.
    """

    def __init__(self, prompts: Mapping[str, Frames], quiet: "frozenset[int]" = QUIET) -> None:
        self.quiet = quiet
        prompts = {name: trim(frames, quiet) for name, frames in prompts.items()}
        self.prompts = {name: array("I", frames) for name, frames in prompts.items()}
        self._opening: dict[int, list[str]] = {}
        self._inside: dict[int, tuple[str, int]] = {}
        for name, reference in prompts.items():
            if reference:
                self._opening.setdefault(reference[0], []).append(name)
            self._inside |= {frame: (name, at) for at, frame in enumerate(reference) if frame not in quiet}
        self._known = self._inside.keys() | self._opening.keys()

    def runs(self, frames: Frames) -> list[Run]:
        """Read what was heard as stretches of known prompts and of unknown audio, in order.

        Silence between runs is passed over; silence inside a prompt belongs to it. Of prompts that begin alike, the one
        is taken that goes on longest as what was heard.
        """
        frames = frames if isinstance(frames, array) else array("I", frames)
        found: list[Run] = []
        at = 0
        while at < len(frames):
            frame = frames[at]
            if frame in self.quiet:
                at += 1
                continue
            if frame in self._opening:
                names = self._opening[frame]
                several = [_follow(frames, at, name, self.prompts[name], 0, self.quiet) for name in names]
                run = max(several, key=lambda one: one.frames)
            elif frame in self._inside:
                name, position = self._inside[frame]
                run = _follow(frames, at, name, self.prompts[name], position, self.quiet)
            else:
                run = _unknown(frames, at, self._known, self.quiet)
            found.append(run)
            at += run.frames
        return found


def runs(frames: Frames, prompts: "Mapping[str, Frames] | Recogniser") -> list[Run]:
    """What a `Recogniser` of these prompts finds."""
    recogniser = prompts if isinstance(prompts, Recogniser) else Recogniser(prompts)
    return recogniser.runs(frames)


def _follow(
    frames: "array[int]", at: int, name: str, reference: "array[int]", first: int, silent: "frozenset[int]"
) -> Run:
    length = min(len(frames) - at, len(reference) - first)
    matched, step = 0, length
    # Slices are compared at the speed of C; the first frame that differs is found by halving.
    while step:
        here, there = at + matched, first + matched
        if matched + step <= length and frames[here : here + step] == reference[there : there + step]:
            matched += step
        else:
            step //= 2
    while frames[at + matched - 1] in silent:
        matched -= 1
    heard = frames[at : at + matched]
    return Run(name, at, first, matched, first + matched == len(reference), _crc(heard))


def _unknown(frames: "array[int]", at: int, known: "set[int]", silent: "frozenset[int]") -> Run:
    end, quiet = at + 1, 0
    for position in range(at + 1, len(frames)):
        frame = frames[position]
        if frame in known:
            break
        quiet = quiet + 1 if frame in silent else 0
        if quiet == PAUSE_FRAMES:
            break
        if not quiet:
            end = position + 1
    return Run("", at, 0, end - at, True, _crc(frames[at:end]))


def _crc(frames: "array[int]") -> int:
    return crc32(frames)


def judge(expect: Expectation, facts: Facts, heard: Heard, found: Sequence[Run]) -> tuple[str, ...]:
    """Every fault of one call, each beginning with a word that can be counted: `kind: what happened`."""
    faults = [*_judge_signalling(expect, facts)]
    if expect.audio and facts.answered:
        faults += _judge_rtp(expect, facts, heard)
        if expect.prompts and not heard.frames_left_out:
            faults += _judge_prompts(expect.prompts, facts, heard, found)
    return tuple(faults)


def _judge_signalling(expect: Expectation, facts: Facts) -> list[str]:
    faults = [f"error: {facts.error}"] if facts.error else []
    if facts.cancelled and facts.status != 487 and not facts.answered:
        faults.append(f"status: a cancelled call ended with {facts.status} instead of 487")
    if not facts.cancelled and facts.status != expect.status:
        faults.append(f"status: {facts.status or 'no final answer'} instead of {expect.status}")
    if facts.answered and not facts.cancelled and facts.bye != expect.bye:
        faults.append(f"bye: {facts.bye} instead of {expect.bye}")
    if facts.bye == "ours" and not facts.bye_answered:
        faults.append("bye: ours was never answered")
    return faults


def excused(jump: int, at: float, stalls: Sequence[tuple[float, float]]) -> bool:
    """Whether a jump of the timestamp, in its units, is the standstill of the machine and not of what runs on it.

    It is where the machine stood still for half as long as the jump, at once or in pieces, shortly before.
    """
    jump_s = jump / FRAME_BYTES * FRAME_MS / 1000
    begun = at - 2 * jump_s - STALL_GRACE_S
    return jump > 0 and sum(length_s for end, length_s in stalls if begun < end < at + STALL_GRACE_S) >= jump_s / 2


def _judge_rtp(expect: Expectation, facts: Facts, heard: Heard) -> list[str]:
    if not heard.packets:
        return ["rtp: not one packet"]
    faults = []
    if heard.sequence_gaps:
        faults.append(f"sequence: {heard.lost} packets missing in {heard.sequence_gaps} gaps")
    if heard.doubled and not expect.media_deaths:
        faults.append(f"sequence: {heard.doubled} packets sent twice")
    if heard.late_or_double:
        faults.append(f"sequence: {heard.late_or_double} packets late or out of order")
    both = zip_longest(heard.timestamp_jumps, heard.jumped_at, fillvalue=0.0)
    jumps = [jump for jump, at in both if not (jump[1] % FRAME_BYTES == 0 and excused(jump[1], at, facts.stalls))]
    whole = all(jump > 0 and jump % FRAME_BYTES == 0 for _, jump in jumps)
    if jumps and not (expect.media_deaths and whole):
        where = ", ".join(f"{jump:+d} at frame {at}" for at, jump in jumps[:3])
        faults.append(f"timestamp: {len(jumps)} jumps ({where})")
    if not heard.first_has_marker:
        faults.append("marker: missing on the first packet")
    if heard.markers - heard.first_has_marker:
        faults.append(f"marker: {heard.markers - heard.first_has_marker} after the first packet")
    if heard.odd_packets:
        odd = f"{heard.odd_packets} packets that are not 20 ms of the negotiated codec"
        faults.append(f"rtp: {odd}, the first {heard.odd_example}")
    if heard.sources > 1:
        faults.append(f"source: {heard.sources} addresses sent audio")
    if heard.ssrcs > 1:
        faults.append(f"ssrc: {heard.ssrcs} streams")
    return faults


def _judge_prompts(expected: Sequence[str], facts: Facts, heard: Heard, found: Sequence[Run]) -> list[str]:
    names = [run.prompt or "unknown audio" for run in found]
    wanted = [name.rstrip("*+") for name in expected]
    if expected[-1].endswith("+"):
        wanted += wanted[-1:] * (len(names) - len(wanted))
    if names != wanted:
        return [f"prompts: heard {', '.join(names) or 'nothing'} instead of {', '.join(wanted)}"]
    faults = []
    for at, run in enumerate(found):
        rule = expected[min(at, len(expected) - 1)]
        if run.first:
            faults.append(f"prompts: {run.prompt} began at its frame {run.first}")
        if rule.endswith("*"):
            faults += _judge_cut(run, facts.pressed)
        elif not run.complete and not (rule.endswith("+") and run is found[-1]):
            faults.append(f"prompts: {run.prompt} broke off after {run.frames * FRAME_MS} ms")
        if LOST in heard.frames[run.heard_at : run.ended_at]:
            faults.append(f"prompts: packets of {run.prompt} are missing")
    return faults


def _judge_cut(run: Run, pressed: Sequence[tuple[str, int]]) -> list[str]:
    """A prompt that a digit interrupts: cut if and only if one was pressed while it played."""
    during = [at for _, at in pressed if at <= run.ended_at]
    if not during and not run.complete:
        return [f"prompts: {run.prompt} broke off after {run.frames * FRAME_MS} ms and no digit was pressed"]
    if run.complete and any(at < run.ended_at - BARGE_IN_GRACE_FRAMES for at in during):
        return [f"digit: pressed while {run.prompt} played, which went on to its end"]
    return []


def barge_in_frames(facts: Facts, found: Sequence[Run]) -> int | None:
    """How many more frames of a prompt came after the first event packet of the digit that cut it."""
    for run in found:
        for _, at in facts.pressed:
            if run.heard_at <= at and not run.complete and at <= run.ended_at:
                return run.ended_at - at
    return None
