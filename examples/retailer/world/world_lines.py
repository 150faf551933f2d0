"""Callers of one number, whose calls come by whichever carrier the number points to: lines that may be dead.

Each line is a carrier's edge at an address of its own. It brings the calls that the portal sends its way, and answers
OPTIONS. A dead one does neither: who calls then reaches nobody, which is told as `misdirected`.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from callers_crowd import Crowd, Plan
from callers_sip import Caller, Message, Script, response_to
from world_portal import Portal

GIVES_UP_AFTER_S = 20.0
Tell = Callable[[dict[str, Any]], None]


class Line(Crowd):
    """One carrier's calls to us."""

    def __init__(self, name: str, plan: Plan, portal: Portal, talk_s: float, tell: Tell) -> None:
        script = Script(hang_up_after_s=talk_s, give_up_after_s=GIVES_UP_AFTER_S)
        super().__init__(plan, lambda index: script, self._on_end)
        self.name, self.portal, self.tell = name, portal, tell
        self.is_dead = False
        self.misdirected = 0

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        """Nothing leaves a dead line."""
        if not self.is_dead:
            super().send(data, to)

    def _start_one(self) -> None:
        if self.portal.target(f"+{self.plan.user.lstrip('+')}") != self.name:
            return
        if self.is_dead:
            self.misdirected += 1
            self.tell({"event": "misdirected", "line": self.name, "at": time.time()})
            return
        super()._start_one()

    def _dispatch(self, message: Message, at: float, source: tuple[str, int]) -> None:
        if self.is_dead:
            return
        if message.method == "OPTIONS":
            self.send(response_to(message, 200, "k"), source)
        else:
            super()._dispatch(message, at, source)

    def _on_end(self, caller: Caller) -> None:
        facts, times = caller.facts, caller.times
        self.tell({
            "event": "call", "line": self.name, "call_id": caller.call_id, "status": facts.status,
            "answered": facts.answered, "error": facts.error, "invited_at": times.invited,
            "answered_at": times.answered,
        })  # fmt: skip


class Lines:
    """All of them, each on a thread of its own, and what one may say to them while they run."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = {line.name: line for line in lines}
        self._threads = [threading.Thread(target=line.run, daemon=True) for line in lines]

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def command(self, text: str) -> None:
        """`kill NAME` or `mend NAME`; ValueError says what is wrong."""
        verb, _, name = text.strip().partition(" ")
        if verb not in ("kill", "mend") or name not in self.lines:
            raise ValueError(f"{text.strip()!r} is neither kill NAME nor mend NAME of {', '.join(self.lines)}")
        self.lines[name].is_dead = verb == "kill"

    def stop(self) -> None:
        """No new calls; hang up those that are live."""
        for line in self.lines.values():
            line.stop(hang_up=True)

    def wait(self, within_s: float) -> None:
        """Until all are through."""
        for thread in self._threads:
            thread.join(within_s)
