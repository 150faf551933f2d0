"""A carrier: a SIP address that takes calls and does with each what the rules for its number say.

It runs on the callers' engine, with callees in place of callers. A rule is `PATTERN=BEHAVIOUR`; the newest that matches
counts, so that a carrier can be made to fail while it runs; so can faults that are planted over HTTP (`world_faults`).
A number may be another carrier's: calls to it go on to that one (`world_onward`).
With an edge (`world_edge`) it brings calls in as well: one program is then all of a carrier, and fails as a whole.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from callers_crowd import Crowd, Plan
from callers_sip import Caller, Message, Script, State, response_to
from world_callee import Behaviour, Callee, behaviour, called_number
from world_distance import Distance, Way
from world_edge import Edge
from world_faults import Faults
from world_onward import Onward, Outlet
from world_passage import CALLS_MAX
from world_tone import tone

OPTIONS_ANSWERS = {"200": 200, "503": 503, "none": 0}
RULES_MAX = 1000
NEAR = Distance()


@dataclass(slots=True)
class Rules:
    """What happens to which number, newest first; a number without a rule answers."""

    rules: list[tuple[str, Behaviour]] = field(default_factory=list)
    options: str = "200"
    """How OPTIONS is answered: "200", "503" or "none"."""

    def add(self, text: str) -> None:
        """`PATTERN=BEHAVIOUR`; ValueError says what is wrong."""
        pattern, equals, does = text.partition("=")
        if not equals or not pattern:
            raise ValueError(f"{text!r} is not PATTERN=BEHAVIOUR")
        if len(self.rules) >= RULES_MAX:
            raise ValueError(f"there are {RULES_MAX} rules already")
        self.rules.insert(0, (pattern, behaviour(does)))

    def command(self, line: str) -> None:
        """A line of what one may say to a carrier that runs: `rule …`, `clear`, `options …`."""
        verb, _, rest = line.strip().partition(" ")
        if verb == "rule":
            self.add(rest)
        elif verb == "clear" and not rest:
            self.rules.clear()
            self.options = "200"
        elif verb == "options" and rest in OPTIONS_ANSWERS:
            self.options = rest
        else:
            raise ValueError(f"{line.strip()!r} is none of: rule PATTERN=BEHAVIOUR, clear, options 200|503|none")

    def of(self, number: str) -> Behaviour:
        """What a number does."""
        return next((does for pattern, does in self.rules if fnmatchcase(number, pattern)), Behaviour())


class Carrier(Crowd):
    """Takes calls until it is stopped; `tell(report)` is given each that ended."""

    def __init__(
        self,
        plan: Plan,
        rules: Rules,
        tell: Callable[[dict[str, Any]], None],
        distance: Distance = NEAR,
        faults: Faults | None = None,
        edge: Edge | None = None,
    ) -> None:
        super().__init__(plan, lambda index: Script(), self._on_end)
        self.way = Way(distance, plan.seed)
        self.rules, self.tell, self.edge = rules, tell, edge
        self.outlet = Outlet(plan.host)
        self.faults = faults or Faults()
        self.statuses: Counter[str] = Counter()
        self._kinds: dict[str, int] = {}
        """The faults that stand, with their milliseconds."""
        self._tones: dict[tuple[int, int], list[bytes]] = {}
        self._muted: set[str] = set()
        """Calls to its people, of which it lost what they said, by Call-ID."""

    def turn(self, now_s: float) -> None:
        """Mind the faults and bring calls in; called every slot, with the monotonic clock."""
        before, self._kinds = self._kinds, {each.kind: each.ms for each in self.faults.standing(now_s)}
        if before != self._kinds:
            for callee in self.live.values():
                self._speak_or_not(callee)
        self.outlet.turn(self._kinds, now_s)
        if self.edge is not None:
            self.edge.turn(self._kinds, now_s)

    def counts(self) -> dict[str, int]:
        """How many calls came to it, from the customer and for the customer."""
        edge = self.edge
        return {
            "taken": self.started, "offered": edge.offered if edge else 0, "passed": edge.passed if edge else 0,
        }  # fmt: skip

    def _start_calls(self, now: float, elapsed_s: float) -> None:
        """Carriers call nobody."""

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        """Send it the whole way."""
        if "black-holed" not in self._kinds:
            self.way.send(time.monotonic(), lambda: Crowd.send(self, data, to))

    def _run_timers(self, now: float) -> None:
        self.way.deliver(now)
        super()._run_timers(now)

    def _dispatch(self, message: Message, at: float, source: tuple[str, int]) -> None:
        self.way.send(time.monotonic(), lambda: self._arrived(message, source))

    def _arrived(self, message: Message, source: tuple[str, int]) -> None:
        call_id = message.one("call-id")
        callee: Any = self.live.get(call_id) or self.finished.get(call_id)
        if callee is not None:
            if "black-holed" not in self._kinds:
                callee.on_message(message, source)
        elif message.method == "INVITE" and ";tag=" not in message.one("to"):
            self._take(message, source)
        elif message.method == "OPTIONS":
            status = 503 if "503" in self._kinds else OPTIONS_ANSWERS[self.rules.options]
            if status:
                self.send(response_to(message, status, "k"), source)
        elif message.method and message.method != "ACK":
            self.send(response_to(message, 481, "k"), source)

    def _take(self, invite: Message, source: tuple[str, int]) -> None:
        does = spoilt(self.rules.of(called_number(invite)), self._kinds)
        callee: Any
        if does.word != "onward":
            callee = Callee(self, self.started, invite, source, does)
        elif len(self.outlet.passages) < CALLS_MAX:
            callee = Onward(self, self.started, invite, source, does, self.outlet)
        else:
            callee = Callee(self, self.started, invite, source, replace(does, word="unavailable", status=503))
        self.started += 1
        self.live[callee.call_id] = callee
        self.peak = max(self.peak, len(self.live))
        callee.start()

    def close(self) -> None:
        self.outlet.close()
        if self.edge is not None:
            self.edge.close()
        super().close()

    def talk(self, caller: Caller, host: str, port: int, codec: int, event_type: int) -> None:
        """The callee speaks its tone, or is mute."""
        super().talk(caller, host, port, codec, event_type)
        self.tell(taken(caller) | {"event": "talking"})
        hertz = caller.behaviour.tone_hertz  # type: ignore[attr-defined]
        if caller.leg is not None and hertz:
            key = hertz, codec
            caller.leg.sender.audio = self._tones.setdefault(key, tone(hertz, codec))
        self._speak_or_not(caller)

    def _speak_or_not(self, callee: Any) -> None:
        if callee.leg is not None:
            mute = "black-holed" in self._kinds or "silent audio" in self._kinds
            speaks = callee.behaviour.tone_hertz
            callee.leg.sender.audio_every = 1 if speaks and not mute else 0
            if speaks and mute:
                self._muted.add(callee.call_id)

    def _hang_up_all(self) -> None:
        for callee in list(self.live.values()):
            if callee.state is State.TALKING:
                callee.hang_up()
            else:
                self.ended(callee)

    def _on_end(self, callee: Any) -> None:
        self.statuses[str(callee.facts.status)] += 1
        more = callee.told() if isinstance(callee, Onward) else {"muted": callee.call_id in self._muted}
        self.tell(taken(callee) | more)
        self._muted.discard(callee.call_id)


def spoilt(does: Behaviour, kinds: dict[str, int]) -> Behaviour:
    """How a called number behaves while these faults stand."""
    if "black-holed" in kinds:
        return replace(does, word="silent", status=0)
    if "503" in kinds:
        return replace(does, word="unavailable", status=503)
    if "100 only" in kinds:
        return replace(does, word="trying", status=0)
    return replace(does, after_s=does.after_s + kinds["slow"] / 1000) if "slow" in kinds else does


def taken(callee: Any) -> dict[str, Any]:
    """One call as the carrier saw it, as JSON."""
    facts, leg = callee.facts, callee.leg
    return {
        "event": "taken", "call": callee.index, "call_id": callee.call_id, "number": callee.number,
        "behaviour": callee.behaviour.word, "status": facts.status, "answered": facts.answered,
        "cancelled": facts.cancelled, "ended_by": callee.ended_by, "error": facts.error, "acked": callee.acked,
        "invites": callee.seen_invite, "invited_at": callee.invited_at, "talked_at": callee.talked_at,
        "received": leg.receiver.heard.packets if leg else 0, "sent": leg.sender.sent if leg else 0,
    }  # fmt: skip
