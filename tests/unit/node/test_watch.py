"""Who is hung, by a clock of the test's own; and when who died is started again."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from keepline.node import watch
from keepline.node.children import Child
from keepline.node.processes import ProcessId
from keepline.node.restarts import Restarts, how
from keepline.node.slots import Slots
from keepline.node.watch import Watch
from keepline.succession.epochs import is_over, next_epoch
from keepline.succession.restarts import (
    ACTIVE_DELAY_MAX_S,
    DELAYS_S,
    DIED_YOUNG_S,
    FAILED_START_DELAY_S,
    KILLED_DELAY_MAX_S,
    KILLED_YOUNG_S,
)
from keepline.succession.watch import (
    CALLS_HUNG_AFTER_S,
    CALLS_HUNG_ALONE_AFTER_S,
    CALLS_STOPPED_AFTER_S,
    MEDIA_HUNG_AFTER_S,
    MEDIA_STOPPED_AFTER_S,
    OWN_DELAY_MAX_S,
    STATE_LOOK_EVERY_S,
)
from tests.unit.node.node_doubles import slots_memory

BEGAN_S = 1_000.0
STEP_S = 0.05


def child(role: str, state: str = "", pid: int = 0, started_s: float = BEGAN_S) -> Child:
    return Child(role, ProcessId(pid or 10_000 + hash((role, state)) % 1_000, 1), -1, started_s, state=state)


class Clock:
    """Looks every `STEP_S`, while nothing beats but what the test says."""

    def __init__(self, slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slots = slots
        self.now_s = BEGAN_S
        self.stopped: set[int] = set()
        monkeypatch.setattr(watch, "is_suspended", lambda pid: pid in self.stopped)
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)
        self.watch = Watch(slots)
        monkeypatch.undo()
        monkeypatch.setattr(watch, "is_suspended", lambda pid: pid in self.stopped)

    def run(self, for_s: float, *children: Child, step_s: float = STEP_S) -> list[tuple[float, str]]:
        """When, from now, which role was found hung."""
        began_s, found = self.now_s, []
        while self.now_s < began_s + for_s:
            self.now_s += step_s
            for each, _ in self.watch.hung(self.now_s, list(children)):
                found.append((round(self.now_s - began_s, 3), each.role))
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with slots_memory() as slots:
        slots.media_heartbeat_s = slots.calls_heartbeat_s = BEGAN_S
        yield Clock(slots, monkeypatch)


ACTIVE, WARM, MEDIA = child("calls", "active"), child("calls", "warm"), child("media", "serving")


def about(found: list[tuple[float, str]], at_s: float, role: str) -> bool:
    return len(found) == 1 and found[0][1] == role and at_s <= found[0][0] <= at_s + 3 * STEP_S


def test_who_beats_is_left_alone(clock: Clock) -> None:
    for _ in range(100):
        clock.slots.media_heartbeat_s = clock.slots.calls_heartbeat_s = clock.now_s
        assert clock.run(0.1, ACTIVE, WARM, MEDIA) == []


def test_a_silent_process_is_hung_after_its_time_and_named_once(clock: Clock) -> None:
    assert about(clock.run(10, MEDIA), MEDIA_HUNG_AFTER_S, "media")


def test_a_silent_active_process_is_given_less_time_where_another_waits(clock: Clock) -> None:
    assert about(clock.run(10, ACTIVE, WARM), CALLS_HUNG_AFTER_S, "calls")


def test_a_silent_active_process_is_given_more_time_where_no_other_waits(clock: Clock) -> None:
    assert about(clock.run(10, ACTIVE), CALLS_HUNG_ALONE_AFTER_S, "calls")


@pytest.mark.parametrize(
    ("which", "limit_s"), [(ACTIVE, CALLS_STOPPED_AFTER_S), (MEDIA, MEDIA_STOPPED_AFTER_S), (WARM, STATE_LOOK_EVERY_S)]
)
def test_a_stopped_process_is_found_sooner(clock: Clock, which: Child, limit_s: float) -> None:
    clock.stopped.add(which.process.pid)
    assert about(clock.run(10, which), limit_s, which.role)


@pytest.mark.parametrize("role", ["speech", "desk", "calls", "media"])
def test_a_stopped_process_without_a_heartbeat_is_found_too(clock: Clock, role: str) -> None:
    stopped = child(role)
    clock.stopped.add(stopped.process.pid)
    assert about(clock.run(10, stopped), STATE_LOOK_EVERY_S, role)


def test_a_process_that_starts_needs_no_heartbeat_yet(clock: Clock) -> None:
    assert clock.run(10, child("calls"), child("media"), child("desk")) == []


def test_an_active_process_that_has_a_successor_is_ended(clock: Clock) -> None:
    older, newer = child("calls", "active", pid=70), child("calls", "active", pid=71)
    older.epoch, newer.epoch = 4, 5
    clock.slots.calls_heartbeat_s = BEGAN_S + 1_000
    found = clock.watch.hung(BEGAN_S + STEP_S, [older, newer, WARM])
    assert [(each.process.pid, why) for each, why in found] == [(70, "another process is active")]


def test_time_runs_from_the_promotion(clock: Clock) -> None:
    promoted = child("calls", "active")
    promoted.active_since_s = BEGAN_S + 3
    assert about(clock.run(10, promoted, WARM), 3 + CALLS_HUNG_AFTER_S, "calls")


def test_whoever_slept_himself_gives_the_others_their_time_again(clock: Clock) -> None:
    assert clock.run(0.5, MEDIA, ACTIVE, WARM) == []
    clock.now_s += 60
    assert about(clock.run(MEDIA_HUNG_AFTER_S + 2 * STEP_S, MEDIA), MEDIA_HUNG_AFTER_S, "media")


def test_an_idle_supervisor_looks_often_enough_to_see(clock: Clock) -> None:
    from keepline.node.supervisor import WATCH_IDLE_EVERY_S

    assert WATCH_IDLE_EVERY_S * 1.5 < OWN_DELAY_MAX_S
    found = clock.run(10, ACTIVE, WARM, step_s=WATCH_IDLE_EVERY_S * 1.2)
    assert [role for _, role in found] == ["calls"]


def test_a_number_used_again_is_somebody_else(clock: Clock) -> None:
    first = child("media", "serving", pid=77)
    assert len(clock.run(5, first)) == 1
    second = Child("media", ProcessId(77, 2), -1, clock.now_s, state="serving")
    assert len(clock.run(5, second)) == 1


@pytest.mark.parametrize(("on_disk", "in_memory", "epoch"), [(0, 0, 1), (4, 2, 5), (2, 4, 5)])
def test_an_epoch_is_above_all_that_were_seen(on_disk: int, in_memory: int, epoch: int) -> None:
    assert next_epoch(on_disk, in_memory) == epoch


def test_an_epoch_is_over_once_a_newer_one_has_begun() -> None:
    assert is_over(4, 5)
    assert not is_over(5, 5)
    assert not is_over(5, 4), "what memory has forgotten ends nobody"


# Starting again -------------------------------------------------------------------------------------------------------

KILLED, FAILED, CRASHED = 9, 1 << 8, 11


def starts(restarts: Restarts, deaths: int, lived_s: float, status: int | None, state: str = "") -> list[float]:
    """How long after each of so many deaths in a row the next start was due."""
    now_s, delays = BEGAN_S, []
    for _ in range(deaths):
        dead = child("calls", state, started_s=now_s)
        now_s += lived_s
        restarts.note_death(now_s, dead, status)
        died_s = now_s
        while not (due := restarts.take_due(now_s)):
            now_s += 0.01
        assert due == ["calls"]
        delays.append(round(now_s - died_s, 1))
    return delays


def test_who_fails_again_and_again_waits_longer_and_longer() -> None:
    restarts = Restarts()
    assert starts(restarts, 9, 2.0, FAILED) == [*DELAYS_S[1:], 5.0, 5.0]
    (trouble,) = restarts.troubles(BEGAN_S + 9 * 2 + 20)
    assert "calls has ended 9 times in a row (exit 1)" in trouble


@pytest.mark.parametrize("status", [FAILED, CRASHED, 0])
def test_whoever_ends_of_itself_has_a_fault(status: int) -> None:
    assert starts(Restarts(), 6, DIED_YOUNG_S - 1, status)[-1] > 1


@pytest.mark.parametrize("status", [KILLED, int(signal.SIGTERM), None])
def test_whoever_is_killed_has_none(status: int | None) -> None:
    restarts = Restarts()
    assert starts(restarts, 50, KILLED_YOUNG_S + 0.1, status, "warm") == [0.0] * 50
    assert restarts.troubles(BEGAN_S) == []


def test_whoever_is_killed_again_and_again_is_soon_back() -> None:
    assert max(starts(Restarts(), 30, KILLED_YOUNG_S / 2, KILLED, "serving")) <= KILLED_DELAY_MAX_S


def test_a_process_that_served_for_long_begins_anew() -> None:
    restarts = Restarts()
    starts(restarts, 8, 1.0, FAILED)
    assert starts(restarts, 1, DIED_YOUNG_S + 1, FAILED) == [0.0]
    assert restarts.troubles(BEGAN_S + 60) == []


def test_an_active_process_that_is_killed_is_always_replaced_at_once() -> None:
    assert starts(Restarts(), 20, 0.1, KILLED, "active") == [0.0] * 20


def test_active_processes_that_end_of_themselves_are_a_loop_too_and_wait_less() -> None:
    restarts = Restarts()
    delays = starts(restarts, 9, 2.0, FAILED, "active")
    assert delays == [min(each, ACTIVE_DELAY_MAX_S) for each in (*DELAYS_S[1:], 5.0, 5.0)]
    assert "calls has ended 9 times in a row (exit 1)" in restarts.troubles(BEGAN_S + 9 * 2 + 20)[0]


def test_what_cannot_be_started_is_tried_again_later() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.note_failed_start(BEGAN_S, "media", "Cannot allocate memory")
        assert restarts.take_due(BEGAN_S) == []
    assert restarts.take_due(BEGAN_S + FAILED_START_DELAY_S) != []
    assert "Cannot allocate memory" in restarts.troubles(BEGAN_S)[0]


def test_a_trouble_that_is_long_over_is_none() -> None:
    restarts = Restarts()
    starts(restarts, 8, 1.0, FAILED)
    assert restarts.troubles(BEGAN_S + 1_000) == []


def test_deaths_are_told_in_words() -> None:
    for command, words in (("exit 3", "exit 3"), ("kill -9 $$", "signal 9")):
        pid = subprocess.Popen(["sh", "-c", command])
        _, status = os.waitpid(pid.pid, 0)
        pid.returncode = 0
        assert how(status) == words
    assert how(None) == ""


def test_a_child_that_is_gone_at_once_is_no_zombie() -> None:
    from keepline.model.errors import LocalError
    from keepline.node.children import child_of
    from keepline.node.processes import identify

    made = subprocess.Popen(["true"])
    made.returncode = 0
    while identify(made.pid) is not None:
        pass
    with pytest.raises(LocalError, match="gone before it began"):
        child_of("media", made.pid, 0.0)
    with pytest.raises(ChildProcessError):
        os.waitpid(made.pid, os.WNOHANG)
