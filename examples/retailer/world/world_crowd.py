"""A crowd of callers who listen: each plays a persona and does what it does because of what it hears.

The engine of `examples/bench/callers*.py` carries the calls; here a mind is put behind each ear. For every call that
ends there is a report of what its caller experienced.
"""

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callers_crowd import Crowd, Plan
from callers_report import call_report, hears_now
from callers_sip import Caller, Script, State
from callers_verdict import FAINT, Expectation, Recogniser
from world_actor import Action, Actor, EndCall, PressKey, Talk
from world_directory import Directory
from world_ear import Ear
from world_portal import Portal
from world_redial import CHECKS, SERVED, Customer, Rush
from world_script import Persona
from world_tone import tone

LOOKS_EVERY = 30
"""Slots of 2 ms: a caller notices what it hears within 60 ms."""
VOICE_HERTZ = 220
HEARD_AUDIO_S = 600.0
RINGS_LONGER = 4
"""Times that one lets it ring longer than one listens to nothing at all."""
RELEASED_AFTER_S = 2.0
"""Whoever hangs up is free, whatever becomes of the BYE."""


@dataclass(slots=True)
class Mix:
    """Who calls."""

    personas: Mapping[str, Persona]
    weights: Mapping[str, float] = field(default_factory=dict)
    """By persona; those that are absent do not call. Empty: as the personas themselves say."""
    seed: int = 0
    give_up_after_s: float = 300.0

    def chosen(self, index: int) -> tuple[Persona, random.Random]:
        """Who caller `index` is, and the chance that goes with it: of the seed and the index alone."""
        rng = random.Random(f"{self.seed}/{index}")
        weights = self.weights or {name: persona.weight for name, persona in self.personas.items()}
        name = rng.choices(list(weights), list(weights.values()))[0]
        return self.personas[name], rng


@dataclass(frozen=True, slots=True)
class Manners:
    """What callers do where all is not well; without any they wait as long as it takes, and call once."""

    lines: Sequence[tuple[str, str, int]] = ()
    """More numbers that they know of: (number, host, port)."""
    other_first: float = 0.0
    """The share of those who dial one of these first."""
    tries: int = 1
    """Calls that one makes for one thing at most."""
    patience_s: float = 0.0
    """How long one listens to nothing at all before hanging up; 0 for ever."""
    rush: float = 1.0
    """How many times as many call once it is known that people do not get through."""
    portal: Portal | None = None
    """Who points the number that is dialled first,"""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """and where it leads: what the portal calls each carrier, and (host, port) of its edge."""


@dataclass(slots=True)
class Mind:
    """One caller's persona, and its ear once there is something to hear."""

    actor: Actor
    ear: Ear
    customer: Customer
    quiet_since: float
    """When the last packet was heard; before the answer, when it was dialled."""
    packets: int = 0


class Line:
    """The crowd as those see it who dial one number: everything is the crowd's but where it sends."""

    def __init__(self, crowd: "World", number: str, host: str, port: int) -> None:
        self._crowd, self.number = crowd, number
        self.target_host, self.target_port = host, port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._crowd, name)

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        """To the network of whom it dialled."""
        self._crowd.send(data, to or (self.target_host, self.target_port))


class World(Crowd):
    """Runs a plan with a mix of personas; `tell(report)` is given what each caller experienced."""

    def __init__(
        self,
        plan: Plan,
        mix: Mix,
        directory: Directory,
        tell: Callable[[dict[str, Any]], None],
        manners: Manners | None = None,
    ) -> None:
        plan.keep_audio_s = HEARD_AUDIO_S
        super().__init__(plan, self._script_of, self._on_end)
        self.mix, self.directory, self.tell = mix, directory, tell
        self.manners = manners or Manners()
        self.recogniser = Recogniser(plan.prompts, FAINT)
        self.minds: dict[int, Mind] = {}
        self.customers = self.served = 0
        self._lines = [Line(self, plan.user, plan.target_host, plan.target_port)]
        self._lines += [Line(self, *each) for each in self.manners.lines]
        self._placed = {name: Line(self, plan.user, *at) for name, at in self.manners.places.items()}
        self._rush, self._usual_rate = Rush(self.manners.rush), plan.rate
        self._again: list[tuple[float, int, Customer, Mapping[str, str]]] = []
        """Who will call again: when, and with what."""
        self._voice = tone(VOICE_HERTZ, plan.codec)
        self._slot = 0

    # --- who calls

    def waiting(self) -> bool:
        return bool(self._again)

    def _start_calls(self, now: float, elapsed_s: float) -> None:
        self.plan.rate = self._usual_rate * self._rush.factor(now)
        super()._start_calls(now, elapsed_s)
        while self._again and self._again[0][0] <= now:
            _, _, customer, values = heapq.heappop(self._again)
            self._call(customer, values)

    def surge(self, times: float, seconds: float) -> None:
        """So many times as many call for so long, and then no more."""
        self._rush.surge, self._rush.surge_until_s = times, time.monotonic() + seconds

    def _hang_up_all(self) -> None:
        self._again.clear()
        super()._hang_up_all()

    def _start_one(self) -> None:
        number = self.customers
        self.customers += 1
        persona, rng = self.mix.chosen(number)
        line = 1 + number % (len(self._lines) - 1) if len(self._lines) > 1 else 0
        # Drawn in any case: with one number or with two, the same people want the same.
        line = line if rng.random() < self.manners.other_first else 0
        customer = Customer(number, persona.name, line, rng, time.monotonic(), self.now())
        self._call(customer, self.directory.values(persona.values()))

    def _call(self, customer: Customer, values: Mapping[str, str]) -> None:
        index = self.started
        self.started += 1
        persona, rng = self.mix.personas[customer.persona], customer.rng
        actor = Actor(persona, values, frozenset(self.plan.prompts), rng)
        self.minds[index] = Mind(actor, Ear(self.recogniser), customer, self.now())
        span = persona.cancel_after_s
        cancel_after_s = None if span is None else span[0] + (span[1] - span[0]) * rng.random()
        phone = self.directory.phone(random.Random(f"{self.mix.seed}/{customer.number}/phone"))
        script = Script([], None, cancel_after_s, self.mix.give_up_after_s, phone)
        line = self._line_of(customer)
        call_id = f"{self.run_id}-{index:06d}@{self.host}"
        caller = self.live[call_id] = Caller(line, index, call_id, line.number, script)
        self.peak = max(self.peak, len(self.live))
        caller.start()

    def _line_of(self, customer: Customer) -> Line:
        """Whose network takes the call: a number that a portal points leads where it points now."""
        portal, line = self.manners.portal, self._lines[customer.line]
        return line if portal is None or customer.line else self._placed.get(portal.target(line.number), line)

    def _script_of(self, index: int) -> Script:
        raise AssertionError("every caller of a world has a customer behind it")

    def talk(self, caller: Caller, host: str, port: int, codec: int, event_type: int) -> None:
        """The call is answered: the mind awakes."""
        super().talk(caller, host, port, codec, event_type)
        mind = self.minds[caller.index]
        mind.quiet_since = self.now()
        self._do(caller, mind, mind.actor.answered(self.now()))

    def look(self) -> None:
        """Let some of the callers notice what they hear; called every slot."""
        self._slot += 1
        for caller in list(self.live.values()):
            if caller.index % LOOKS_EVERY == self._slot % LOOKS_EVERY:
                self._mind_silence(caller)
                if caller.facts.answered and caller.state is not State.ENDED:
                    self._look(caller)

    def _mind_silence(self, caller: Caller) -> None:
        """Whoever hears nothing at all, not even silence, hangs up after a while."""
        mind, now = self.minds[caller.index], self.now()
        packets = caller.leg.receiver.heard.packets if caller.leg else 0
        if packets != mind.packets:
            mind.packets, mind.quiet_since = packets, now
        patience_s = self.manners.patience_s * (RINGS_LONGER if caller.state is State.RINGING else 1)
        if caller.state is State.ENDING and now - caller.times.bye_sent > RELEASED_AFTER_S and patience_s:
            caller.release("no response to BYE")
        elif patience_s and now - mind.quiet_since > patience_s and caller.state is not State.ENDING:
            if caller.facts.answered:
                self._do(caller, mind, mind.actor.line_is_dead(now))
            else:
                caller.release("heard nothing")

    def _look(self, caller: Caller) -> None:
        mind = self.minds[caller.index]
        if caller.leg is None or mind.actor.over:
            return
        now = self.now()
        sounds = mind.ear.listen(caller.leg.receiver.frames)
        self._do(caller, mind, mind.actor.heard(sounds, now) if sounds else [])
        self._do(caller, mind, mind.actor.tick(now))

    def _do(self, caller: Caller, mind: Mind, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, PressKey):
                self.press(caller, action.key)
                mind.ear.split(caller.leg.receiver.frames)
            elif isinstance(action, Talk):
                sender = caller.leg.sender
                sender.audio = self._voice if action.on else self._audio
                sender.audio_every = 1
            elif isinstance(action, EndCall):
                caller.hang_up()

    def seen(self) -> dict[str, Any]:
        """Who is on the phone now, what each hears and what it did last; keys stand there as its persona names them."""
        rows = []
        for caller in self.live.values():
            mind, receiver = self.minds[caller.index], caller.leg.receiver if caller.leg else None
            name, position_ms = hears_now(caller, self.recogniser)
            did = next((entry.what for entry in reversed(mind.actor.diary) if not entry.what.startswith("heard")), "")
            rows.append({
                "call": caller.index, "persona": mind.actor.persona.name, "hears": name, "position_ms": position_ms,
                "did": did, "packets": receiver.heard.packets if receiver else 0,
                "gap_ms_max": round(receiver.gap_ns / 1e6, 1) if receiver else 0.0,
            })  # fmt: skip
        return {"event": "live", "calls": rows, "ended": self.ended_calls}

    def _on_end(self, caller: Caller) -> None:
        mind = self.minds.pop(caller.index)
        if caller.facts.answered:
            if caller.leg is not None and not mind.actor.over:
                mind.actor.heard(mind.ear.listen(caller.leg.receiver.frames, hung_up=True), self.now())
            mind.actor.ended(self.now())
        told = experience(caller, mind.actor, self.recogniser)
        customer = mind.customer
        told |= {"customer": customer.number, "try": customer.tries}
        after_s = self._calls_again(customer, told)
        self.tell(told | {"calls_again": after_s is not None})
        if after_s is not None:
            values = mind.actor.values
            if told["keys"] and mind.actor.persona.changes() and CHECKS in self.mix.personas:
                customer.persona = CHECKS
            heapq.heappush(self._again, (time.monotonic() + after_s, caller.index, customer, values))
            return
        self.served += told["how"] in SERVED
        if self.manners.tries < 2:
            return  # one call each: nothing to tell that the call does not
        self.tell({
            "event": "customer", "customer": customer.number, "persona": customer.persona, "tries": customer.tries,
            "served": told["how"] in SERVED, "took_s": round(time.monotonic() - customer.begun_s, 3),
            "waited_s": round(told["answered_at"] - customer.begun_at, 3) if told["answered_at"] else None,
        })  # fmt: skip

    def _calls_again(self, customer: Customer, told: Mapping[str, Any]) -> float | None:
        """In how many seconds; None where it is over."""
        if told["how"] not in SERVED:
            self._rush.failed(time.monotonic())
        if self._stop_at and time.monotonic() > self._stop_at:
            return None
        return customer.again(told["how"], self.manners.tries, len(self._lines))


def experience(caller: Caller, actor: Actor, known: Recogniser) -> dict[str, Any]:
    """What one caller experienced, as JSON. The keys pressed are told as the persona names them: no card is in it."""
    facts = caller.facts
    # Who hangs up and how many prompts there are is the persona's affair; the stream is the receiver's.
    expect = Expectation(facts.bye, 200, media_deaths=True)
    report = call_report(caller, expect, known)
    if actor.persona.cancel_after_s is not None and facts.cancelled:
        actor.outcome.how = "gave up" if not facts.answered else actor.outcome.how
    kept = (
        "call", "caller", "call_id", "number", "status", "answered", "cancelled", "bye", "invited_at", "answered_at",
        "ended_at", "response_ms", "answer_ms", "refused_ms", "first_packet_ms", "packets", "sent", "lost",
        "timestamp_jumps", "gap_ms_max", "heard", "faults",
    )  # fmt: skip
    outcome = actor.outcome
    return {
        "event": "experience", "persona": actor.persona.name, "how": outcome.how, "where": outcome.where,
        "believes": outcome.believes,
        "values": {name: value for name, value in actor.values.items() if name.endswith(("order", "invoice"))},
        "keys": len(facts.pressed), "diary": [[entry.at_s, entry.what] for entry in actor.diary],
        **{name: report[name] for name in kept},
    }  # fmt: skip


class Count:
    """Sums over what callers experienced; it keeps numbers, not calls."""

    def __init__(self) -> None:
        self.calls = self.faulty = 0
        self.how: Counter[str] = Counter()
        self.believes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.by_persona: dict[str, Counter[str]] = {}
        self.lost_in: Counter[str] = Counter()
        """What those who were confused or cut off were waiting for."""

    def add(self, told: Mapping[str, Any]) -> None:
        """One more."""
        self.calls += 1
        self.faulty += bool(told["faults"])
        self.how[told["how"]] += 1
        self.statuses[str(told["status"])] += 1
        self.believes.update(told["believes"])
        self.by_persona.setdefault(told["persona"], Counter())[told["how"]] += 1
        if told["where"]:
            self.lost_in[f"{told['persona']}: {told['where']}"] += 1

    def summary(self) -> dict[str, Any]:
        """The last line of a run."""
        return {
            "event": "summary", "calls": self.calls, "how": dict(self.how), "believes": dict(self.believes),
            "statuses": dict(self.statuses), "with_faults": self.faulty, "lost_in": dict(self.lost_in),
            "personas": {name: dict(count) for name, count in sorted(self.by_persona.items())},
        }  # fmt: skip
