"""One caller's mind: a persona's steps, what was heard, and what to do next.

A machine without clock or chance: `answered`, `heard`, `tick` and `ended` are told the time in seconds and give back a
list of what to do. What the caller experienced stands in `diary`, and in `outcome` once the call is over. Digits of a
card never stand there: keys are written down as the persona names them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from world_ear import Sound
from world_script import (
    APOLOGY,
    SECRET_VALUES,
    VALUE,
    Believe,
    Go,
    HangUp,
    Hear,
    Listen,
    Maybe,
    Persona,
    Press,
    Span,
    Speak,
    Step,
    Wait,
)

KEY_GAP_S = 0.25
DEAD_LINE = "a dead line"
STEPS_WITHOUT_WAITING_MAX = 100
"""A persona that goes round in circles without ever waiting is broken."""


@dataclass(frozen=True, slots=True)
class PressKey:
    """Press one key now."""

    key: str


@dataclass(frozen=True, slots=True)
class Talk:
    """Speak from now on, or be quiet again."""

    on: bool


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up."""


Action = PressKey | Talk | EndCall


@dataclass(slots=True)
class Entry:
    """A line of the diary."""

    at_s: float
    """Since the answer."""
    what: str


@dataclass(slots=True)
class Outcome:
    """How it ended, as the caller saw it."""

    how: str = "unanswered"
    """"done", "hung up", "cut off" (by the other side, too early), "confused" or "unanswered"."""
    where: str = ""
    """What it was waiting for, where it is neither "done" nor "hung up"."""
    believes: list[str] = field(default_factory=list)


class Actor:
    """Plays a persona. `known` are the names of the prompts whose audio can be recognised."""

    def __init__(self, persona: Persona, values: Mapping[str, str], known: frozenset[str], rng: random.Random) -> None:
        self.persona, self.values, self.known, self.rng = persona, values, known, rng
        self.diary: list[Entry] = []
        self.outcome = Outcome()
        self.over = False
        self._answered_at = 0.0
        self._at = 0
        self._wakes_at: float | None = None
        self._keys: list[str] = []
        self._unread: list[Sound] = []

    # --- what happens

    def answered(self, now_s: float) -> list[Action]:
        """The call is up."""
        self._answered_at = now_s
        self.outcome.how = "cut off"
        return self._go_on(now_s)

    def heard(self, sounds: list[Sound], now_s: float) -> list[Action]:
        """Audio has begun or ended."""
        if self.over:
            return []
        for sound in sounds:
            if sound.ended:
                self._note(now_s, f"heard {sound.prompt or 'something'}{'' if sound.complete else ', cut'}")
        self._unread += sounds
        return self._read(now_s)

    def tick(self, now_s: float) -> list[Action]:
        """Time has passed."""
        if self.over or self._wakes_at is None or now_s < self._wakes_at:
            return []
        if self._keys:
            return self._press_next(now_s)
        step, self._wakes_at = self._step(), None
        if isinstance(step, Hear):
            if step.otherwise:
                self._note(now_s, f"waited in vain for {_wanted(step)}")
                return self._jump(step.otherwise, now_s)
            return self._leave("confused", now_s)
        if isinstance(step, Listen):
            return self._leave("confused", now_s)
        if isinstance(step, HangUp):
            return self._leave("hung up", now_s)
        self._at += 1
        return [*([Talk(False)] if isinstance(step, Speak) else []), *self._go_on(now_s)]

    def line_is_dead(self, now_s: float) -> list[Action]:
        """Nothing at all has come for a while, not even silence: nobody is there any more."""
        if self.over:
            return []
        self.over = True
        self.outcome.how, self.outcome.where = "cut off", DEAD_LINE
        self._note(now_s, "heard nothing any more")
        return [EndCall()]

    def ended(self, now_s: float) -> None:
        """The other side has hung up."""
        if self.over:
            return
        self.over = True
        step = self._step()
        done = step is None or isinstance(step, Listen | HangUp)
        self.outcome.how, self.outcome.where = ("done", "") if done else ("cut off", self._where())
        self._note(now_s, "was hung up on")

    # --- how it goes on

    def _step(self) -> Step | None:
        return self.persona.steps[self._at] if self._at < len(self.persona.steps) else None

    def _go_on(self, now_s: float) -> list[Action]:
        """Take steps until one of them waits."""
        for _ in range(STEPS_WITHOUT_WAITING_MAX):
            step = self._step()
            if isinstance(step, Maybe):
                self._at = self.persona.labels[step.label] if self.rng.random() < step.share else self._at + 1
            elif isinstance(step, Go):
                self._at = self.persona.labels[step.label]
            elif isinstance(step, Believe):
                self.outcome.believes.append(step.word)
                self._note(now_s, f"believes {step.word}")
                self._at += 1
            else:
                return self._begin(step, now_s)
        return self._leave("confused", now_s)

    def _begin(self, step: Step | None, now_s: float) -> list[Action]:
        if step is None:
            return self._leave("hung up", now_s)
        if isinstance(step, Hear):
            self._wakes_at = now_s + step.within_s
            return self._read(now_s)
        if isinstance(step, Press):
            self._keys = list(VALUE.sub(lambda match: self.values[match[1]], step.keys))
            self._wakes_at = now_s + self._draw(step.after_s)
        elif isinstance(step, Speak):
            self._note(now_s, f"speaks {step.seconds:g} s")
            self._wakes_at = now_s + step.seconds
            return [Talk(True)]
        elif isinstance(step, Wait):
            self._wakes_at = now_s + self._draw(step.seconds)
        elif isinstance(step, Listen):
            self._wakes_at = now_s + step.within_s
        elif isinstance(step, HangUp):
            self._wakes_at = now_s + self._draw(step.after_s)
        return []

    def _press_next(self, now_s: float) -> list[Action]:
        key = self._keys.pop(0)
        if self._keys:
            self._wakes_at = now_s + KEY_GAP_S
            return [PressKey(key)]
        step = self._step()
        assert isinstance(step, Press)
        self._note(now_s, f"pressed {self._shown(step.keys)}")
        # What was heard before is no answer to these keys.
        self._unread.clear()
        self._wakes_at = None
        self._at += 1
        return [PressKey(key), *self._go_on(now_s)]

    def _read(self, now_s: float) -> list[Action]:
        """Whether something that was heard is what the step waits for."""
        step = self._step()
        if not isinstance(step, Hear):
            return []
        while self._unread:
            sound = self._unread.pop(0)
            for pattern, label in step.options if sound.ended is not step.begin else ():
                if self._matches(pattern, sound):
                    self._wakes_at = None
                    return self._jump(label, now_s)
            if sound.ended and sound.prompt == APOLOGY:
                self._wakes_at = None
                return self._jump(APOLOGY, now_s)
        return []

    def _matches(self, pattern: str, sound: Sound) -> bool:
        if sound.prompt or pattern == "*":
            return fnmatchcase(sound.prompt, pattern)
        return not any(fnmatchcase(name, pattern) for name in self.known)

    def _jump(self, label: str, now_s: float) -> list[Action]:
        self._at = self.persona.labels[label] if label else self._at + 1
        return self._go_on(now_s)

    def _leave(self, how: str, now_s: float) -> list[Action]:
        self.over = True
        self.outcome.how = how
        self.outcome.where = self._where() if how == "confused" else ""
        self._note(now_s, how)
        return [EndCall()]

    def _where(self) -> str:
        step = self._step()
        return _wanted(step) if isinstance(step, Hear) else type(step).__name__.lower() if step else ""

    def _draw(self, span: Span) -> float:
        return span[0] + (span[1] - span[0]) * self.rng.random()

    def _shown(self, keys: str) -> str:
        """With values in place of their names, but for those of a card."""
        return VALUE.sub(lambda match: match[0] if match[1] in SECRET_VALUES else self.values[match[1]], keys)

    def _note(self, now_s: float, what: str) -> None:
        self.diary.append(Entry(round(now_s - self._answered_at, 3), what))


def _wanted(step: Hear) -> str:
    return " or ".join(pattern for pattern, _ in step.options)
