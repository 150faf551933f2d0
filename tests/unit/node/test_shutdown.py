"""How a node ends, phase by phase, by a clock of the test's own."""

from types import SimpleNamespace

import pytest

from keepline.node import shutdown
from keepline.node.children import Child
from keepline.node.control import Message
from keepline.node.processes import ProcessId
from keepline.node.shutdown import GOODBYE_LIMIT_S, SETTLE_S, Shutdown

DRAIN_LIMIT_S = 60.0


class World:
    """As much of a supervisor as its end needs; signals are written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.live = 2
        self.active = Child("calls", ProcessId(1, 1), -1, 0.0, state="active")
        self.media = Child("media", ProcessId(2, 1), -1, 0.0, state="serving")
        self.children = [self.active, self.media]
        self.settings = SimpleNamespace(drain_limit_s=DRAIN_LIMIT_S)
        self.told: list[str] = []
        self.signals: list[tuple[int, str]] = []
        monkeypatch.setattr(shutdown.time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(shutdown, "send_signal", lambda p, n: self.signals.append((p.pid, n.name)))
        self.shutdown = Shutdown(self)  # type: ignore[arg-type]

    @property
    def holdings(self) -> SimpleNamespace:
        return SimpleNamespace(slots=SimpleNamespace(live_calls=self.live))

    def find(self, role: str, state: str = "") -> Child | None:
        return next((c for c in self.children if c.role == role and (not state or c.state == state)), None)

    def tell(self, child: Child, message: Message) -> None:
        self.told.append(f"{child.process.pid} {message['op']}")

    def run(self, for_s: float) -> None:
        until_s = self.now_s + for_s
        while self.now_s < until_s:
            self.now_s += 0.05
            self.shutdown.tick(self.now_s)

    @property
    def is_at_the_end(self) -> bool:
        return (1, "SIGTERM") in self.signals and (2, "SIGTERM") in self.signals


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_node_that_nobody_asked_goes_on(world: World) -> None:
    world.live = 0
    world.run(1_000)
    assert (world.told, world.signals, world.shutdown.has_begun) == ([], [], False)


def test_live_calls_finish_first(world: World) -> None:
    world.shutdown.ask(now=False)
    assert world.told == ["1 drain"]
    world.run(DRAIN_LIMIT_S - 1)
    assert not world.is_at_the_end
    assert not world.shutdown.is_ending, "a process that dies now is replaced"
    world.live = 0
    world.run(0.1)
    assert world.is_at_the_end
    assert world.told == ["1 drain"]
    assert not world.shutdown.is_over
    world.children.clear()
    assert world.shutdown.is_over


def test_an_idle_node_waits_for_a_call_that_begins_in_the_very_moment(world: World) -> None:
    world.live = 0
    world.shutdown.ask(now=False)
    world.run(SETTLE_S - 0.1)
    assert not world.is_at_the_end
    world.live = 1
    world.run(10)
    assert not world.is_at_the_end
    world.live = 0
    world.run(0.1)
    assert world.is_at_the_end


def test_past_the_limit_calls_are_hung_up(world: World) -> None:
    world.shutdown.ask(now=False)
    world.run(DRAIN_LIMIT_S + 0.1)
    assert world.told == ["1 drain", "1 drain", "1 hang_up_all"]
    assert not world.is_at_the_end
    world.live = 0
    world.run(SETTLE_S + 0.1)
    assert world.is_at_the_end


def test_asked_twice_calls_are_hung_up_now(world: World) -> None:
    world.shutdown.ask(now=False)
    world.run(1)
    world.shutdown.ask(now=True)
    assert world.told[-1] == "1 hang_up_all"
    assert not world.is_at_the_end, "their BYEs need a moment"
    world.run(GOODBYE_LIMIT_S + 0.1)
    assert world.is_at_the_end, "but not for ever"


def test_asked_three_times_it_waits_for_nothing(world: World) -> None:
    for _ in range(3):
        world.shutdown.ask(now=True)
    assert world.is_at_the_end


def test_a_successor_in_the_middle_of_it_is_told(world: World) -> None:
    world.shutdown.ask(now=False)
    world.children.remove(world.active)
    successor = Child("calls", ProcessId(3, 1), -1, 0.0, state="warm")
    world.children.append(successor)
    world.shutdown.remind(successor)
    assert world.told == ["1 drain"]
    successor.state = "active"
    world.shutdown.remind(successor)
    assert world.told == ["1 drain", "3 drain"]


def test_between_two_active_processes_the_byes_are_waited_for(world: World) -> None:
    world.shutdown.ask(now=True)
    world.active.state = "warm"  # the active one has died, this one is about to take over
    world.run(1)
    assert not world.is_at_the_end
    world.active.state = "active"
    world.shutdown.remind(world.active)
    assert world.told[-2:] == ["1 drain", "1 hang_up_all"]


def test_without_a_calls_process_nothing_is_waited_for(world: World) -> None:
    world.shutdown.ask(now=True)
    world.children.remove(world.active)
    world.run(SETTLE_S + 0.1)
    assert (2, "SIGTERM") in world.signals


def test_whoever_does_not_end_is_ended(world: World) -> None:
    world.live = 0
    world.shutdown.ask(now=False)
    world.run(SETTLE_S + GOODBYE_LIMIT_S - 0.1)
    assert (2, "SIGKILL") not in world.signals
    world.run(0.3)
    assert (2, "SIGKILL") in world.signals


def test_stopped_processes_are_woken_to_end(world: World) -> None:
    world.live = 0
    world.shutdown.ask(now=False)
    world.run(SETTLE_S + 0.1)
    assert (1, "SIGCONT") in world.signals


def test_what_is_told_of_the_time_it_takes_is_enough(world: World) -> None:
    world.shutdown.ask(now=False)
    limit_s = world.shutdown.limit_s
    world.run(limit_s)
    assert (2, "SIGKILL") in world.signals
