"""The active calls process at work: sockets and the journal around one `Exchange`.

Every input steps the core; its facts go to the journal as one group, and its other effects wait in order until that
group is written. It decides nothing.
"""

import asyncio
import contextlib
import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from keepline.call import effects as fx
from keepline.call.adoption import has_changed
from keepline.call.effects_run import RunEffect
from keepline.call.exchange import Exchange
from keepline.call.facts import CallBegun, CallEnded, Fact
from keepline.call.runs.apart import is_apart, is_of_runs
from keepline.model.errors import LocalError
from keepline.model.limits import JOURNAL_BACKLOG_FACTS_MAX, WAKES_PER_TURN
from keepline.node import sip_bounces
from keepline.node.capabilities import Capabilities
from keepline.node.held_effects import UNRECORDED, HeldEffects, Leaving, Then, Waiting
from keepline.node.journal import Journal, JournalFailed, JournalFigures, Written
from keepline.node.medialink import MediaLink
from keepline.node.run_lane import RunLane
from keepline.node.sip_intake import Intake
from keepline.node.slots import Slots
from keepline.node.streams import Streams
from keepline.sip.peers import TcpPeer
from keepline.succession.epochs import is_over

HEARTBEAT_EVERY_S = 0.1
HEARTBEAT_IDLE_EVERY_S = 0.25
"""Without a live call: the supervisor looks no oftener either."""
TROUBLE_SAID_EVERY_S = 10.0
"""In the log; who looks at the node is told at once."""
log = structlog.get_logger("calls")


class Active:
    """Drives the core for as long as this process holds the lock."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        exchange: Exchange,
        journal: Journal,
        slots: Slots,
        sip: Sequence[socket.socket],
        tell_trouble: Callable[[str, JournalFigures], None],
    ) -> None:
        """`tell_trouble` hears what is wrong with the journal, empty when it is well again, and how it does."""
        self._loop = loop
        self._exchange = exchange
        self._journal = journal
        self._slots = slots
        self._sip = sip
        self._sip_of = {each.family: each for each in reversed(sip)}
        self._tell_trouble = tell_trouble
        self.media: MediaLink | None = None
        self._commands: Mapping[type, Callable[[Any], fx.Input | None]] = {}
        """What is said to media for each effect that is its."""
        self.capabilities: Capabilities | None = None
        self.streams: Streams | None = None
        self.lane: RunLane | None = None
        """Of runs; None while they have to wait."""
        self.tell: Callable[[fx.PlacementAnswered | fx.RegistrationChanged | fx.WorkEffect], None] = lambda _news: None
        self._facts: list[Fact] = []
        self._must_sync = False
        self._promised: set[str] = set()
        self._effects: list[Waiting] = []
        self._outbox = HeldEffects()
        self._words: deque[Written] = deque()
        self._heeds_soon = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = 0.0
        self._link: socket.socket | None = None
        self._intake = Intake()
        self._serves_soon = False
        self._is_stopped = False
        self.trouble = self._said_trouble = ""
        self._said_at_s = -math.inf
        self.figures = JournalFigures()

    def start(self, media: MediaLink, link: socket.socket) -> None:
        """Begin to serve: the sockets, the clock and the heartbeat."""
        self.media, self._commands = media, media.commands()
        self._link = link
        self._intake.be_patient(self._loop.time())
        for sip in map(sip_bounces.watched, self._sip):
            self._loop.add_reader(sip.fileno(), self._read_sip, sip)
        self._loop.add_reader(link.fileno(), self._read_media)
        self._beat()
        self._wake_sleepers()
        self._arm_timer()  # what the taken-over calls wait for may be due before anything else comes in

    def hold(self, calls: Mapping[str, Sequence[Fact]]) -> None:
        """What a process before wrote may not be synced yet: calls that may promise by it wait until it is."""
        changed = [call for call, facts in calls.items() if has_changed(facts)]
        with contextlib.suppress(JournalFailed):
            self._outbox.hold(self._journal.submit((), synced=True), time.monotonic(), changed)

    def now_s(self) -> float:
        """Node time."""
        return self._slots.now_s(time.monotonic())

    # Inputs ---------------------------------------------------------------------------------------------------------

    def feed(self, given: fx.Input) -> None:
        """One input, on its own."""
        self.feed_all((given,))

    def feed_all(self, inputs: Iterable[fx.Input], then: Callable[[], None] | None = None) -> None:
        """Several inputs; their facts share one transaction of the journal. `then` follows their effects."""
        if self._is_stopped:
            return
        now_s = self.now_s()
        at_once: list[fx.SendSipAtOnce] = []
        for given in inputs:
            try:
                effects = self._exchange.step(now_s, given)
            except Exception:  # a bug that no call contains costs this one input, not those that wait behind it
                log.exception("step_failed", input=type(given).__name__)
                continue
            if self.lane is not None and is_apart(effects):
                self.lane.take(effects)
                continue
            for effect in effects:
                if isinstance(effect, fx.Persist):
                    self._facts.append(effect.fact)
                    self._must_sync |= effect.synced
                    if effect.promised:
                        self._promised.add(effect.fact.call)
                elif isinstance(effect, fx.SendSipAtOnce):
                    at_once.append(effect)
                else:
                    self._effects.append(effect)
        if at_once:
            self._leave_if_over()
            for answer in at_once:
                self._send(answer)
        if then is not None:
            self._effects.append(Then(then))
        self._flush()

    def _leave_if_over(self) -> None:
        """End where a successor has begun: whoever was stopped, or lost his lock with its file, may not know of it.

        Looked at before anything is taken from a socket and before anything is done, so that what a successor needs is
        left to it and no call is in two hands.
        """
        if self.media is not None and is_over(self.media.epoch, self._slots.calls_epoch):
            log.error("epoch_over", what=f"epoch {self._slots.calls_epoch} has begun; this is of {self.media.epoch}")
            os._exit(1)

    def _read_sip(self, sip: socket.socket) -> None:
        self._leave_if_over()
        self._intake.read(sip, self._loop.time())
        if not self._serves_soon:
            self._serve_sip()

    def _serve_sip(self) -> None:
        """Deal with a few of those that wait; the others have their turn when everybody else had one."""
        self.feed_all(self._intake.take(self._loop.time()))
        self._serves_soon = len(self._intake) > 0 and not self._is_stopped
        if self._serves_soon:
            self._loop.call_soon(self._serve_sip)

    def _read_media(self) -> None:
        if self.media is None:
            return
        self._leave_if_over()
        if self._slots.events_overflow:
            self._slots.events_overflow = False
            self.feed(fx.MediaRestarted())
        self.feed_all(list(self.media.read()))

    def _on_timer(self) -> None:
        self._timer = None
        self.feed(fx.TimeCame())

    def _wake_sleepers(self) -> None:
        """Wake the calls taken over, a few at a time; who is touched wakes by itself. Half the time is the writer's."""
        if self._exchange.sleepers.wakeful and not self._is_stopped:
            began_s = self._loop.time()
            self.feed(fx.WakeSome(WAKES_PER_TURN))
            is_silent = bool(self._exchange.sleepers.cut_off)  # they hear nothing until then
            self._loop.call_later(0.0 if is_silent else self._loop.time() - began_s, self._wake_sleepers)

    def _beat(self) -> None:
        self._leave_if_over()
        self._slots.calls_heartbeat_s = time.monotonic()
        self._slots.live_calls = self._exchange.live_calls
        self._leave(self._outbox.overdue(time.monotonic()))
        self._note_trouble()
        self._loop.call_later(HEARTBEAT_EVERY_S if self._exchange.live_calls else HEARTBEAT_IDLE_EVERY_S, self._beat)

    # Facts, then effects --------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        facts, effects = self._facts, self._effects
        if facts:
            self._facts, self._effects = [], []
            must_sync, self._must_sync = self._must_sync, False
            promised, self._promised = self._promised, set()
            try:
                number = self._submit(facts, must_sync)
            except JournalFailed:
                self._note_trouble()
                self._leave(self._outbox.put_unrecorded(effects, time.monotonic()))
            else:
                self._leave(self._outbox.put(number, effects, time.monotonic(), promised))
        elif effects:
            self._effects = []
            self._carry_out(self._outbox.pass_on(effects))
        self._arm_timer()

    def _submit(self, facts: list[Fact], must_sync: bool) -> int:
        """Facts of runs that wait in the lane come before others of runs."""
        lane = self.lane
        if lane is None or not any(map(is_of_runs, facts)):
            return self._journal.submit(facts, synced=must_sync)
        number = self._journal.submit([*lane.hand_over(), *facts], synced=True)
        lane.handed(number)
        return number

    def hear_written(self, written: Written) -> None:
        """Of another thread: word of the journal. What comes together is dealt with together."""
        self._words.append(written)
        if not self._heeds_soon:
            self._heeds_soon = True
            self._loop.call_soon_threadsafe(self._heed_words)

    def _heed_words(self) -> None:
        self._heeds_soon = False  # first: whoever adds from here on has this called again
        words = []
        while self._words:
            words.append(self._words.popleft())
        self.on_written(*words)

    def on_written(self, *words: Written) -> None:
        """What of the effects that wait may leave by these words."""
        leaving = Leaving()
        for found in map(self._heed, words):
            leaving.effects += found.effects
            leaving.refused += found.refused
        self._note_trouble()
        self._leave(leaving)
        self._arm_timer()

    def _heed(self, written: Written) -> Leaving:
        """A group is written: its effects may leave. Where it is not, they leave too: callers come before records."""
        if written.error.startswith("EpochOver"):
            log.error("epoch_over", what=written.error)
            os._exit(1)
        if self.lane is not None:
            self.lane.on_written(written)
        report = self._outbox.on_synced if written.synced else self._outbox.on_written
        return report(written.group, written.error)

    def _leave(self, leaving: Leaving) -> None:
        for use in leaving.refused:
            if self.capabilities is not None:
                self.capabilities.refuse(use, UNRECORDED)
        if leaving.effects:
            self._carry_out(leaving.effects)

    def _note_trouble(self) -> None:
        """Say what is wrong with the journal when it changes."""
        what = self._journal.trouble or self._outbox.trouble
        self._exchange.is_unrecorded = self._journal.backlog >= JOURNAL_BACKLOG_FACTS_MAX
        figures = self._journal.figures
        if what != self.trouble or figures != self.figures:
            self.trouble, self.figures = what, figures
            self._tell_trouble(what, figures)
        if what == self._said_trouble or time.monotonic() < self._said_at_s + TROUBLE_SAID_EVERY_S:
            return
        self._said_trouble, self._said_at_s = what, time.monotonic()
        if what:
            log.error("journal_trouble", what=what, meaning="calls go on; a crash now would lose what is not written")
        else:
            log.warning("journal_well", meaning="what had to wait is written", lost=figures.lost)

    def _carry_out(self, effects: list[Waiting]) -> None:
        media = self.media
        assert media is not None
        answers: list[fx.Input] = []
        unsent: list[fx.SendSip] = []
        for effect in effects:
            if isinstance(effect, fx.SendSip):
                unsent.append(effect)
                continue
            command = self._commands.get(type(effect))
            if command is None:
                self._let_go(media, unsent)
                self._do(effect)
                continue
            answer = command(effect)
            if answer is not None:
                answers.append(answer)
        self._let_go(media, unsent)
        if answers:
            self.feed_all(answers)

    def _let_go(self, media: MediaLink, unsent: list[fx.SendSip]) -> None:
        """What an answer promises, such as silence to who holds, is media's before it leaves."""
        self._leave_if_over()
        media.flush()
        for effect in unsent:
            self._leave_if_over()
            self._send(effect)
        unsent.clear()

    def _do(self, effect: Waiting) -> None:
        """What is neither media's nor SIP."""
        if isinstance(effect, Then):
            effect.do()
        elif isinstance(effect, fx.CallCapability):
            if self.capabilities is not None:
                self.capabilities.ask(effect)
        elif isinstance(effect, fx.CloseConnection):
            if self.streams is not None:
                self.streams.close(effect.peer)
        elif isinstance(effect, fx.PlacementAnswered | fx.RegistrationChanged | fx.WorkEffect):
            self.tell(effect)
        elif isinstance(effect, fx.Report):
            log.warning(effect.event, call=effect.call, detail=effect.detail)
        elif isinstance(effect, RunEffect) and self.lane is not None:
            self.lane.after_sync(effect)

    def _send(self, effect: fx.SendSip) -> None:
        if isinstance(effect.peer, TcpPeer):
            if self.streams is not None:
                self.streams.send(effect.data, effect.peer)
            return
        host, port = effect.peer
        wanted = socket.AF_INET6 if ":" in host else socket.AF_INET
        sip = self._sip_of.get(wanted)
        if sip is None:
            log.warning("sip_no_socket", peer=f"{host}:{port}", what="no SIP socket of this address family")
            return
        try:
            # Never a name, which the system would look up while every call waits.
            socket.inet_pton(wanted, host.partition("%")[0])
            sip_bounces.send(sip, effect.data, (host, port))
        except (OSError, ValueError, OverflowError) as error:  # a lost datagram; the transactions retransmit
            log.debug("sip_send_failed", peer=f"{host}:{port}", error=str(error))

    def _arm_timer(self) -> None:
        deadline_s = self._exchange.deadline_s
        if deadline_s is None:
            return
        if self._timer is not None:
            if self._timer_at_s <= deadline_s:
                return
            self._timer.cancel()
        self._timer_at_s = deadline_s
        self._timer = self._loop.call_later(max(0.0, deadline_s - self.now_s()), self._on_timer)

    def stop(self) -> None:
        """Let go of the sockets and write out what is left; its effects leave as the news of it comes in."""
        while len(self._intake):
            self.feed_all(self._intake.take(self._loop.time()))
        self._is_stopped = True
        if self.lane is not None:
            self.lane.stop()
        if self.streams is not None:
            self.streams.stop()
        for each in (*self._sip, *([self._link] if self._link is not None else [])):
            self._loop.remove_reader(each.fileno())
        self._journal.close()


def adopt(
    exchange: Exchange,
    now_s: float,
    open_calls: dict[str, list[Fact]],
    left: Iterable[CallEnded],
    slots: Slots,
) -> None:
    """Take over a predecessor's calls: the live ones asleep, the ended ones for their late requests."""
    for call, facts in open_calls.items():
        try:
            begun = facts[0]
            lost = isinstance(begun, CallBegun) and not slots.holds(call, begun.slot)
            lost_keys = lost and begun.at_s < slots.wall_anchor_s
            exchange.step(now_s, fx.CallAdopted(call, tuple(facts), lost, lost_keys))
        except LocalError as error:
            log.error("call_lost", call=call, what=str(error))
    for ended in left:
        exchange.step(now_s, fx.CallLeft(ended))
