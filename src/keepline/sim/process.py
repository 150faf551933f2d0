"""One calls process in virtual time: the shell around the call core, which may be killed or stopped at any instant.

It does what the active calls process does: facts first, then the effects that wait for them, in order; and before each
thing that it does it looks whether a successor has begun. Every instant between two things that it does is a *moment*,
counted, so that a test can have it die, or be stopped, at each one in turn. What outlives it is the node's.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call.adoption import has_changed
from keepline.call.callbacks.book import TicketBook
from keepline.call.carriers.inheriting import Standings
from keepline.call.effects import Persist
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, Fact, IncidentFact, NumberFact, PathFact, RunFact, WorkFact
from keepline.call.facts.message import MessageFact
from keepline.call.numbers.book import NumberBook
from keepline.call.runs.apart import is_apart
from keepline.call.unfinished.book import WorkBook
from keepline.incident.book import IncidentBook
from keepline.incident.message_book import message_book
from keepline.incident.plays import PlaybookRuns
from keepline.incident.whole import IncidentsTold
from keepline.node.held_effects import Then, Waiting
from keepline.sim.acts import carry_out
from keepline.sim.boundaries import SYNCED
from keepline.sim.saving import Saving
from keepline.sim.streams import SimStream
from keepline.succession.epochs import is_over

if TYPE_CHECKING:
    from keepline.sim.node import SimNode

WAKES_PER_TURN = 8
TURN_S = 0.0005
"""From one turn of the process to the next."""


class Died(BaseException):  # not an Exception: nothing in the core may hold it up
    """The process is killed at this very moment, or ends because its epoch is over."""


FOR_MEDIA = frozenset((fx.OpenMedia, fx.PlayPrompt, fx.CloseMedia, fx.StopPrompt, fx.RedirectMedia))
"""The most frequent commands."""


class SimProcess:
    """A calls process, from its start to its death."""

    role = "calls"

    def __init__(self, node: "SimNode", number: int, version: str = "") -> None:
        self._node = node
        self._world = node.world
        self.process = number
        self.version = version
        """Of the operation, for new calls."""
        self.ended_by_itself = False
        self.state = ""
        """As its supervisor knows it: empty while it starts, then warm, then active."""
        self.started_s = self.active_since_s = node.world.now_s
        self.epoch = 0
        self.exchange: Exchange | None = None
        self.is_alive = True
        self.frozen_at_s: float | None = None
        """Since when it does nothing: it was stopped, or hangs."""
        self.is_stopped = False
        """The kernel says so."""
        self._backlog: deque[Callable[[], None]] = deque()
        """What it will do first when it goes on."""
        self._in_work: set[SimStream] = set()
        self._unwritten: deque[list[Fact]] = deque()
        self._waiting: deque[tuple[int, list[Waiting]]] = deque()
        self._groups = 0
        self._groups_written = 0
        self._saving: Saving | None = None
        """Where the journal's disk takes its time."""
        self._timer_at_s: float | None = None

    # Life and death -------------------------------------------------------------------------------------------------

    def promote(self) -> None:
        """It is the active one: it begins an epoch, with what was written."""
        node = self._node
        self.state, self.active_since_s = "active", self._world.now_s
        self.epoch = node.begin_epoch(self)
        exchange = self.exchange = node.make(b"process %d" % self.process, self.version)
        calls: dict[str, list[Fact]] = {}
        for fact in node.written:
            if not isinstance(fact, WorkFact | RunFact | NumberFact | PathFact | IncidentFact | MessageFact):
                calls.setdefault(fact.call, []).append(fact)
        exchange.unfinished.take(WorkBook(node.written), self._world.now_s)
        exchange.numbers.take(NumberBook(node.written))
        exchange.tickets.book = TicketBook(node.written)
        known = IncidentBook(node.written), PlaybookRuns(node.written), Standings(node.written)
        messages = message_book(node.written, exchange.greetings)
        exchange.attach(IncidentsTold(exchange, *known, self._world.now_s, messages=messages))
        exchange.switchboard.carriers.inherit(self._world.now_s, Standings(node.written))
        open_calls = {call: facts for call, facts in calls.items() if not isinstance(facts[-1], CallEnded)}
        exchange.note_step, exchange.blamed = node.note_step, node.note_deaths()
        if node.disk is not None:
            self._saving = Saving(node, node.disk, self.soon, lambda facts: node.append(self, facts), self._carry_out)
            self._saving.begin([call for call, facts in open_calls.items() if has_changed(facts)])
        for call, facts in open_calls.items():
            lost = not node.media.has(facts[0])
            lost_keys = lost and facts[0].at_s < node.media.since_s
            exchange.step(self._world.now_s, fx.CallAdopted(call, tuple(facts), lost, lost_keys))
        for facts in calls.values():
            if isinstance(facts[-1], CallEnded):
                exchange.step(self._world.now_s, fx.CallLeft(facts[-1]))
        node.media.close_strangers(set(open_calls))
        node.streams.take_over()
        self.soon(self._wake_some)
        self.look()
        self.soon(lambda: self.feed(node.runs.adopted()))
        for order in node.orders:
            self.soon(lambda order=order: self.feed(order))  # type: ignore[misc]

    def look(self) -> None:
        """Look at everything that may bring something."""
        for read in (self.read_socket, self.read_streams, self.read_media):
            self.soon(read)

    def die(self) -> None:
        """It is gone at once; of what it was writing, any first part may have reached the journal."""
        if not self.is_alive:
            return
        self.is_alive, self.exchange = False, None
        saving = self._saving
        unwritten = self._unwritten if saving is None else [group.facts for group in saving.unwritten]
        for index in range(self._world.random.randint(0, len(unwritten))):
            if is_over(self.epoch, self._node.epoch_on_disk):
                break
            self._node.write(unwritten[index])
        self._unwritten.clear()
        self._node.on_death(self)

    def step_down(self) -> None:
        """It writes all that it has, and ends; what was to follow is its successor's."""
        saving = self._saving
        waiting = self._unwritten if saving is None else [group.facts for group in saving.unwritten]
        for facts in waiting:
            self._node.append(self, facts)
        self._unwritten.clear()
        if saving is not None:
            saving.unwritten.clear()
        self.fail()

    def fail(self) -> None:
        """It ends of itself."""
        self.ended_by_itself = True
        self.die()

    def freeze(self, *, stopped: bool) -> None:
        """It does nothing from now on: it was stopped by a signal or, where not `stopped`, hangs by itself."""
        if self.frozen_at_s is None:
            self.frozen_at_s, self.is_stopped = self._world.now_s, stopped
            self._node.on_frozen()

    def go_on(self) -> None:
        """It does what it left undone, not knowing how much time has passed."""
        if not self.is_alive or self.frozen_at_s is None:
            return
        self.frozen_at_s, self.is_stopped = None, False
        backlog, self._backlog = self._backlog, deque()
        for do in backlog:
            self._guarded(do)
        if self.exchange is not None:
            self.look()

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at_s is not None

    def guard(self, do: Callable[[], None]) -> None:
        """Have it do something now, where it lives."""
        if self.is_alive:
            self._guarded(do)

    def soon(self, do: Callable[[], None], wait_s: float = TURN_S) -> None:
        """Have it do something after a while, where it lives by then."""
        self._world.after(wait_s, self._guarded, do)

    def _guarded(self, do: Callable[[], None]) -> None:
        if not self.is_alive:
            return
        if self.frozen_at_s is not None:
            self._backlog.append(do)
            return
        try:
            do()
        except Died:
            self.die()

    def _stops_here(self, rest: Callable[[], None], what: object) -> bool:
        """A moment passes; True where the process is stopped at it, `rest` being what it will go on with.

        `what` comes next.
        """
        node = self._node
        if self.frozen_at_s is None:
            node.boundaries.note_crash_point(what)
            node.moment += 1
            if node.moment - 1 in node.dies_at:
                raise Died
            if node.moment - 1 in node.stops_at:
                self.freeze(stopped=True)
        if self.frozen_at_s is None:
            return False
        self._backlog.append(rest)
        return True

    def beat(self) -> None:
        """It says that it is at work, where it still may be; only a beat that changes something is made."""
        self._leave_if_over()

    def _leave_if_over(self) -> None:
        """Whoever has a successor takes nothing and does nothing."""
        if self._node.active is not self and is_over(self.epoch, self._node.epoch_in_memory):
            raise Died

    # Inputs ---------------------------------------------------------------------------------------------------------

    def read_streams(self) -> None:
        """What TCP connections have brought."""
        self._leave_if_over()
        self._node.streams.read(self, self._in_work)

    def read_socket(self) -> None:
        """The datagrams that wait."""
        self._leave_if_over()
        waiting = self._node.socket
        while waiting and self.frozen_at_s is None:
            self.feed(fx.DatagramReceived(*waiting.popleft()))

    def read_media(self) -> None:
        """Media's events."""
        self._leave_if_over()
        while self.frozen_at_s is None and (given := self._node.media.read()) is not None:
            self.feed(given)

    def _wake_some(self) -> None:
        assert self.exchange is not None
        if len(self.exchange.sleepers):
            self.feed(fx.WakeSome(WAKES_PER_TURN))
            self.soon(self._wake_some)
        else:
            self._arm_timer()

    def feed(self, given: fx.Input, then: Then | None = None) -> None:
        """One input; its facts are one group of the journal. `then` follows its effects."""
        assert self.exchange is not None
        node = self._node
        is_watched = node.watches or self.frozen_at_s is not None
        if not is_watched:
            node.moment += 1
        elif self._stops_here(lambda: self.feed(given, then), given):
            return
        given_out = self.exchange.step(self._world.now_s, given)
        saved: list[Persist] = []
        effects: list[Waiting] = []
        for effect in given_out:
            if type(effect) is Persist:
                saved.append(effect)
            else:
                effects.append(effect)
        if then is not None:
            effects.append(then)
        if self._saving is not None:
            self._save(self._saving, saved, effects, apart=is_apart(given_out))
        elif saved and node.writes_at_once and not is_watched and not self._waiting:
            node.moment += 1  # nothing can happen at it
            node.append(self, [each.fact for each in saved])
            if effects:
                self._carry_out(effects)
        elif saved and node.writes_first:
            self._groups += 1
            self._waiting.append((self._groups, effects))
            self._write(saved)
        elif self._waiting:
            self._waiting[-1][1].extend(effects)
        else:
            if effects:
                self._carry_out(effects)
            if saved:
                self._write(saved)
        self._arm_timer()

    def _arm_timer(self) -> None:
        assert self.exchange is not None
        if self._timer_at_s is not None and not self.exchange.agenda.comes_before(self._timer_at_s):
            return
        deadline_s = self.exchange.deadline_s
        if deadline_s is None or (self._timer_at_s is not None and self._timer_at_s <= deadline_s):
            return
        self._timer_at_s = deadline_s
        self.soon(lambda: self._on_timer(deadline_s), max(TURN_S, deadline_s - self._world.now_s))

    def _on_timer(self, at_s: float) -> None:
        if self._timer_at_s == at_s:
            self._timer_at_s = None
            self.feed(fx.TimeCame())

    # Facts, then effects --------------------------------------------------------------------------------------------

    def _save(self, saving: Saving, saved: list[Persist], effects: list[Waiting], *, apart: bool) -> None:
        facts = [each.fact for each in saved]
        if apart:
            saving.put_apart(facts, effects)
            return
        promised = {each.fact.call for each in saved if each.promised}
        saving.put(facts, effects, synced=any(each.synced for each in saved), promised=promised)

    def _write(self, saved: list[Persist]) -> None:
        """One group of facts, all of one input."""
        facts = [each.fact for each in saved]
        if self._node.write_s is not None:
            self._unwritten.append(facts)
            self.soon(self._commit, self._node.write_s())
            return
        synced = any(each.synced for each in saved) if self._node.boundaries.counts_syncs else False
        if not self._node.watches and self.frozen_at_s is None:
            self._node.moment += 1
            self._write_now(facts, synced)
        elif not self._stops_here(lambda: self._write_now(facts, synced), facts):
            self._write_now(facts, synced)

    def _write_now(self, facts: list[Fact], synced: bool) -> None:
        self._node.append(self, facts)
        if not synced:
            self._on_written()
        elif not self._stops_here(self._synced, SYNCED):
            self._synced()

    def _synced(self) -> None:
        self._node.boundaries.note_passed(SYNCED)
        self._on_written()

    def _commit(self) -> None:
        if self._unwritten:
            self._node.append(self, self._unwritten.popleft())
            self._on_written()

    def _on_written(self) -> None:
        self._groups_written += 1
        waiting = self._waiting
        while waiting and waiting[0][0] <= self._groups_written:
            self._carry_out(waiting.popleft()[1])

    def _carry_out(self, effects: list[Waiting], first: int = 0, answers: tuple[fx.Input, ...] = ()) -> None:
        node = self._node
        is_watched = node.watches or self.frozen_at_s is not None
        for index, effect in enumerate(effects[first:] if first else effects, first):
            if is_watched:
                if self._stops_here(lambda: self._carry_out(effects, index, answers), effect):  # noqa: B023 - over then
                    return
            else:
                node.moment += 1
            if node.active is not self or node.boundaries.notes:
                self._leave_if_over()
                node.note_act(self, effect)
            if isinstance(effect, fx.SendSip):
                node.send(effect)
            elif type(effect) in FOR_MEDIA and effect.slot >= 0:  # type: ignore[union-attr]
                node.media.apply(effect)  # type: ignore[arg-type]
            else:
                answers += tuple(carry_out(self, node, effect))
        for answer in answers:
            self.feed(answer)
