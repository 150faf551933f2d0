"""A crowd of many kinds of callers, over UDP and TCP, and of those whom they talk with: all of them on one loop.

It is the crowd of `examples/bench`, and calls what it takes from there and from the retailer's carrier by name.
"""

import random
import select
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from callers_crowd import AUDIO_POOL, Crowd, Plan
from callers_report import call_report
from callers_rtp import open_rtp_socket
from callers_sip import Message, State, parse, response_to
from callers_verdict import Recogniser
from mixed_caller import MixedCaller, TcpLine
from mixed_kinds import KINDS, Calling, Part, Talking, verdict
from world_callee import Callee, behaviour, called_number

LOOKS_EVERY = 20
"""Slots of 2 ms: a caller notices within 40 ms that it is asked something."""
TCP_LINGERS_S = 10.0
"""How long a caller that is through keeps its connection, for what is said twice."""
LEGS_END_WITHIN_S = 8.0
"""After its caller left, whom it was connected with."""
JUDGES_EVERY_S = 0.2
PREFIX = "+1202"
NUMBER_DIGITS = 7


@dataclass(slots=True)
class Mix:
    """Who calls, and how."""

    shares: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 1))
    """Of all callers, by kind; each share's callers come again and again, so that no kind is missing for long."""
    tcp_share: float = 0.2
    dwell_s: tuple[float, float] = (6.0, 12.0)
    """How long a call stays in the state that its kind is about."""
    ring_s: float = 8.0
    """How long the node lets a call of `ringing in` ring."""
    all_dies: bool = False
    """Everything of the node dies at once: what is heard then is not judged, but that nothing is lost or doubled."""
    ports: int = 0
    """How many even ports from the plan's first one on are this crowd's for audio."""
    ramp_rate: float = 0.0
    """New calls a second until there are as many as may be at once; 0 is the plan's rate."""


class Far(Callee):
    """Whom a caller talks with, and what was heard there."""

    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        self.heard_frames: Any = ()
        self.skipped = 0
        """Slots that the crowd skipped while it talked: what was not said nobody can hear."""


class MixedCrowd(Crowd):
    """Runs a plan with a mix; `tell(report)` is given each call that ended, of callers and of callees."""

    def __init__(self, plan: Plan, mix: Mix, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(plan, self._part_of, self._on_end)
        self.mix, self.tell = mix, tell
        self.media_dies, self.all_dies = plan.expect.media_deaths, mix.all_dies
        self.known = Recogniser(plan.prompts)
        draw = random.Random(f"{plan.seed}/voices")
        self._near, self._far = (
            [bytes(draw.choices(range(0x90, 0xA0), k=160)) for _ in range(AUDIO_POOL)] for _ in range(2)
        )
        self._audio = self._near if plan.rtp == "noise" else self._audio
        self.voices = frozenset(map(crc32, self._near)), frozenset(map(crc32, self._far))
        """What callers say and what callees say, as receivers write it down."""
        self._deck = [name for name, share in mix.shares.items() for _ in range(share)]
        draw.shuffle(self._deck)
        self.called: dict[str, Any] = {}
        self._legs: dict[int, list[Any]] = {}
        self._parts: dict[int, Part] = {}
        self._listeners: dict[str, Any] = {}
        self._lines: dict[int, tuple[TcpLine, MixedCaller]] = {}
        self._tcp_poll = select.epoll()
        self._sip_poll.register(self._tcp_poll.fileno(), select.EPOLLIN)
        self._steady_rate, self._slot, self._taken = plan.rate, 0, 0
        plan.rate = mix.ramp_rate or plan.rate

    # --- who calls

    def _part_of(self, index: int) -> Part:
        rng = random.Random(f"{self.plan.seed}/{index}")
        part = KINDS[self._deck[index % len(self._deck)]].part(rng, rng.uniform(*self.mix.dwell_s))
        part.name = f"{PREFIX}{index:0{NUMBER_DIGITS}d}"
        part.give_up_after_s = self.plan.drain_s + 4 * self.mix.dwell_s[1] + 60
        return part

    def _start_calls(self, now: float, elapsed_s: float) -> None:
        if len(self.live) >= self.plan.concurrent > 0:
            self.plan.rate = self._steady_rate
        super()._start_calls(now, elapsed_s)

    def _start_one(self) -> None:
        index = self.started
        self.started += 1
        part = self._part_of(index)
        rng = random.Random(f"{self.plan.seed}/{index}/tcp")
        line: Any = TcpLine(self) if rng.random() < self.mix.tcp_share else self
        call_id = f"{self.run_id}-{index:06d}@{self.host}"
        caller = MixedCaller(line, index, call_id, part.kind.user if part.kind else "", part)
        caller.held_packets = caller.takes = caller.looked = 0
        caller.is_cut, caller.heard_frames = False, ()
        self._parts[index] = part
        if isinstance(line, TcpLine):
            self._lines[line.sock.fileno()] = line, caller
            self._tcp_poll.register(line.sock.fileno(), select.EPOLLIN)
        self.live[call_id] = caller
        self.peak = max(self.peak, len(self.live))
        caller.start()

    def _rtp_socket(self) -> Any:
        """One of the ports of this crowd alone, in turn: whoever sent to the call before has stopped by then."""
        plan = self.plan
        for _ in range(self.mix.ports if plan.port_base else 0):
            port = plan.port_base + 2 * (self._taken % self.mix.ports)
            self._taken += 1
            try:
                return open_rtp_socket(self.host, port)
            except OSError:
                self.port_misses += 1
        return open_rtp_socket(self.host)

    # --- who is called

    def legs_of(self, index: int) -> list[Any]:
        """The calls that were placed for a caller."""
        return self._legs.get(index, [])

    def _dispatch(self, message: Message, at: float, source: tuple[str, int]) -> None:
        call_id = message.one("call-id")
        callee = self.called.get(call_id)
        if callee is not None:
            callee.on_message(message, source)
        elif message.method == "INVITE" and ";tag=" not in message.one("to"):
            self._take(message, source)
        elif message.method == "OPTIONS":
            self.send(response_to(message, 200, "k"), source)
        else:
            super()._dispatch(message, at, source)

    def _take(self, invite: Message, source: tuple[str, int]) -> None:
        index = int(called_number(invite)[-NUMBER_DIGITS:])
        part = self._parts[index]
        does = Calling.behaviour(part.dwell_s) if isinstance(part.kind, Calling) else Talking.callee
        callee: Any = Far(self, index, invite, source, behaviour(does))
        self.called[callee.call_id] = callee
        self._legs.setdefault(index, []).append(callee)
        callee.start()

    def talk(self, caller: Any, host: str, port: int, codec: int, event_type: int) -> None:
        """Somebody answered, or is answered."""
        super().talk(caller, host, port, codec, event_type)
        # The ports of many programs' streams are neighbours here, and somebody's reports may come to one of ours.
        caller.leg.receiver.peer = (host, port)
        if isinstance(caller, Far):
            caller.leg.sender.audio, caller.leg.sender.audio_every = self._far, 1
            caller.skipped = self.slots_skipped
            return
        kind = caller.script.kind
        if isinstance(kind, Talking) or kind.name == "message":
            caller.leg.sender.audio, caller.leg.sender.audio_every = self._near, 1
        if kind.listens_for:
            self._listeners[caller.call_id] = caller
        kind.answered(self, caller)

    # --- what happens

    def act(self, caller: Any, what: str) -> None:
        """A timer that a kind set."""
        if what == "close":
            self._close_line(caller.line)
        elif what == "judge":
            self._judge_later(caller)
        elif caller.state is State.TALKING:
            caller.script.kind.act(self, caller, what)

    def look(self) -> None:
        """Let callers notice that they are asked something; called every slot."""
        self._slot += 1
        for caller in self._listeners.values():
            if caller.index % LOOKS_EVERY == self._slot % LOOKS_EVERY and caller.leg is not None:
                frames = caller.leg.receiver.frames
                opening = self.known.prompts[caller.script.kind.listens_for][0]
                for _ in range(frames[caller.looked :].count(opening)):
                    caller.script.kind.noticed(self, caller)
                caller.looked = len(frames)

    def _read_sip(self) -> None:
        super()._read_sip()
        for fd, _ in self._tcp_poll.poll(0):
            line, caller = self._lines[fd]
            for data in line.read():
                message = parse(data)
                if message is not None:
                    super()._dispatch(message, self.now(), (self.target_host, self.target_port))
            if line.is_closed:
                self._close_line(line)
                if caller.state is not State.ENDED:
                    caller.facts.error = "the node closed the connection"

    def _close_line(self, line: TcpLine) -> None:
        with suppress(OSError, ValueError):
            fd = line.sock.fileno()
            if self._lines.pop(fd, None):
                self._tcp_poll.unregister(fd)
            line.sock.close()

    def _hang_up_all(self) -> None:
        for caller in list(self.live.values()):
            caller.is_cut = True
            if caller.state is State.TALKING:
                caller.hang_up()
            elif caller.script.cancel_after_s is None:
                caller.cancel()

    # --- the end of calls

    def ended(self, caller: Any) -> None:
        """Once for each, when it is through."""
        if isinstance(caller, Far):
            if caller.leg is not None:
                self._close(caller.leg)
            caller.times.ended = self.now()
            caller.skipped = self.slots_skipped - caller.skipped
            caller.facts.stalls = [stall for stall in self.stalls if stall[0] > caller.times.answered - 1]
            caller.heard_frames = caller.leg.receiver.frames if caller.leg else ()
            return
        self._listeners.pop(caller.call_id, None)
        caller.heard_frames = caller.leg.receiver.frames if caller.leg else ()
        super().ended(caller)
        if isinstance(caller.line, TcpLine):
            self.later(TCP_LINGERS_S, caller, "do close")

    def _on_end(self, caller: Any) -> None:
        caller.kept_leg = caller.leg
        if self.legs_of(caller.index):
            # A callee hears of the end after its caller: the call counts as live until both are through.
            self.live[caller.call_id] = caller
            caller.judge_by = self.now() + LEGS_END_WITHIN_S
            self._judge_later(caller)
        else:
            self.tell(self.report(caller))

    def _judge_later(self, caller: Any) -> None:
        if self.now() < caller.judge_by and not all(leg.times.ended for leg in self.legs_of(caller.index)):
            self.later(JUDGES_EVERY_S, caller, "do judge")
            return
        self.live.pop(caller.call_id, None)
        caller.leg = caller.kept_leg
        self.tell(self.report(caller))
        caller.leg = caller.kept_leg = None

    def report(self, caller: Any) -> dict[str, Any]:
        """One call of a caller as JSON."""
        expect, more = verdict(self, caller)
        report = call_report(caller, expect, self.known)
        faults = [*report["faults"], *more]
        legs = [leg.leg.receiver.heard for leg in self.legs_of(caller.index) if leg.leg]
        return report | {
            "kind": caller.script.kind.name, "tcp": caller.is_tcp, "cut": caller.is_cut, "faults": faults,
            "good": not faults, "requests": caller.requests, "takes": caller.takes, "dwell_s": caller.script.dwell_s,
            "far_gap_ms_max": max((heard.gap_ms_max for heard in legs), default=0.0),
        }  # fmt: skip

    def close(self) -> None:
        """Free what is left."""
        for line, _ in list(self._lines.values()):
            self._close_line(line)
        super().close()
        self._tcp_poll.close()
