"""What a caller notices while listening: that a prompt has begun, and that it has ended.

It reads the same frames with the same recogniser as the verdict at the end of the call, a little at a time: only what
is not settled yet is read again. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from callers_verdict import LOST, Recogniser, Run

PAUSE_FRAMES = 40
"""Audio that is followed by so much silence (0.8 s) has ended."""
SCRAP_FRAMES = 15
"""Less of anything is the tail of what a key has cut, or a frame that two prompts share, and is not noticed."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Something that was heard."""

    prompt: str
    """"" where it belongs to no known prompt."""
    ended: bool
    """False: it has just begun."""
    complete: bool
    at_frame: int
    """Where it began, among all frames of the call."""
    frames: int


class Ear:
    """Listens to one call; `listen(frames)` is given everything heard so far, again and again."""

    def __init__(self, recogniser: Recogniser, pause_frames: int = PAUSE_FRAMES) -> None:
        self.recogniser, self.pause_frames = recogniser, pause_frames
        self.settled = 0
        """Everything before this frame has been told of."""
        self._told_begin = -1

    def split(self, frames: Sequence[int]) -> None:
        """What comes from now on is something new: the caller has pressed a key, and waits for an answer to it."""
        self.settled = len(frames)

    def listen(self, frames: Sequence[int], hung_up: bool = False) -> list[Sound]:
        """Every beginning and end that was not told of before, in order; who has `hung_up` says nothing more."""
        base, tail = self.settled, frames[self.settled :]
        runs = self._joined(self.recogniser.runs(tail), tail)
        sounds: list[Sound] = []
        for place, run in enumerate(runs):
            at = base + run.heard_at
            quiet = len(tail) - run.ended_at
            over = place < len(runs) - 1 or (bool(run.prompt) and run.complete) or quiet >= self._pause_after(run)
            over = over or hung_up
            scrap = self._is_scrap(run)
            if at != self._told_begin and not scrap:
                self._told_begin = at
                sounds.append(Sound(run.prompt, False, False, at, run.frames))
            if over:
                self.settled = base + run.ended_at
                if not scrap:
                    sounds.append(Sound(run.prompt, True, run.complete, at, run.frames))
        if not runs:
            self.settled = len(frames)
        return sounds

    def _pause_after(self, run: Run) -> int:
        """How much silence says that it has ended: more than it may hold itself."""
        if not run.prompt:
            return self.pause_frames
        reference = self.recogniser.prompts[run.prompt]
        rest = reference[run.first + run.frames :]
        inside = next((n for n, frame in enumerate(rest) if frame not in self.recogniser.quiet), 0)
        return max(self.pause_frames, inside + SCRAP_FRAMES)

    def _is_scrap(self, run: Run) -> bool:
        whole = bool(run.prompt) and run.first == 0 and run.complete
        return run.frames < SCRAP_FRAMES and not whole

    def _joined(self, runs: list[Run], frames: Sequence[int]) -> list[Run]:
        """Without what tears apart: a lost packet, a short pause in unknown audio, a frame that it shares."""
        joined: list[Run] = []
        for each in runs:
            if not each.prompt and set(frames[each.heard_at : each.ended_at]) <= {LOST}:
                continue
            last = joined[-1] if joined else None
            apart = each.heard_at - last.ended_at if last else 0
            shared = last is not None and not last.prompt and self._is_scrap(each)
            run = Run("", each.heard_at, 0, each.frames, True, 0) if shared else each
            whole = last is not None and last.prompt == run.prompt and (
                run.first - last.first - last.frames == apart > 0 if run.prompt else apart < self.pause_frames
            )  # fmt: skip
            if last is not None and whole:
                joined[-1] = Run(run.prompt, last.heard_at, last.first, run.ended_at - last.heard_at, run.complete, 0)
            else:
                joined.append(run)
        return joined
