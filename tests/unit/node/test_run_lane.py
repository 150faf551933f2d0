"""What runs want done waits until all facts before it are synced, and costs calls nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from keepline.call import effects as fx
from keepline.call.effects_run import ReadFacts, RestRun, RunAnswered, RunRested
from keepline.call.facts import Fact
from keepline.call.facts.run import RunStarted, RunStepEnded
from keepline.node import run_lane
from keepline.node.journal import JournalFailed, Written
from keepline.node.run_lane import BACKLOG_FACTS_MAX, RunLane

RUN = "r000000000000001"


def started(run: str = RUN) -> RunStarted:
    return RunStarted(run, 1.0, "one", "", "a1", "", -1, "{}")


def ended(step: int, run: str = RUN) -> RunStepEnded:
    return RunStepEnded(run, 2.0, step, "use", "f" * 12, "done", "{}", 1.0)


def use(step: int, run: str = RUN) -> fx.CallCapability:
    return fx.CallCapability(run, step, "shop", "look", "{}", f"{run}-{step}", 9.0, False, 1, "a1")


class Paper:
    """A journal that takes what it is given, and says when it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[Fact]] = []
        self.failure, self.backlog = "", 0
        self.refuses = False

    def submit(self, facts: Sequence[Fact], *, synced: bool = False, quiet: bool = False) -> int:
        assert (synced, quiet) == (True, True), "a run waits for the disk, and hears of nothing else"
        if self.refuses:
            raise JournalFailed("full")
        self.groups.append(list(facts))
        return len(self.groups)


class Rig:
    """A lane among doubles."""

    def __init__(self) -> None:
        self.journal = Paper()
        self.asked: list[object] = []
        self.fed: list[object] = []
        self.told: list[object] = []
        rig = self

        class Notes:
            def ask(self, wanted: Any) -> None:
                rig.asked.append(wanted)

        self.lane = RunLane(
            asyncio.get_running_loop(),
            self.journal,
            Notes(),
            Notes(),
            self.fed.append,
            self.told.append,  # type: ignore[arg-type]
        )

    def synced(self, group: int, error: str = "") -> None:
        self.lane.on_written(Written(group, error, synced=True))


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def with_rig(test: Callable[[Rig], Awaitable[None]], *, past: bool = False) -> None:
    """`past`: what processes before wrote is synced."""

    async def run() -> None:
        rig = Rig()
        if past:
            rig.lane.take([])
            await turn()
            rig.synced(1)
            rig.journal.groups.clear()
            rig.journal.groups.append([])
        await test(rig)

    asyncio.run(run())


def test_effects_wait_until_their_facts_are_synced() -> None:
    async def test(rig: Rig) -> None:
        rig.lane.take([fx.Persist(ended(0), True), use(1)])
        await turn()
        assert (rig.journal.groups[1:], rig.asked) == ([[ended(0)]], [])
        rig.lane.on_written(Written(2))
        assert rig.asked == [], "written is not synced"
        rig.synced(2)
        assert rig.asked == [use(1)]

    with_rig(test, past=True)


def test_what_comes_within_one_round_of_the_loop_shares_a_group() -> None:
    async def test(rig: Rig) -> None:
        others = [f"r{number:015x}" for number in range(16)]
        for run in others:
            rig.lane.take([fx.Persist(ended(0, run), True), use(1, run)])
        assert len(rig.journal.groups) == 1
        await turn()
        assert rig.journal.groups[1:] == [[ended(0, run) for run in others]]
        rig.synced(2)
        assert rig.asked == [use(1, run) for run in others]

    with_rig(test, past=True)


def test_the_first_effects_wait_for_what_a_process_before_wrote() -> None:
    async def test(rig: Rig) -> None:
        rig.lane.take([ReadFacts(RUN)])
        await turn()
        assert (rig.journal.groups, rig.asked) == ([[]], [])
        rig.synced(1)
        assert rig.asked == [ReadFacts(RUN)]
        rig.lane.take([ReadFacts(RUN)])
        await turn()
        assert (len(rig.journal.groups), len(rig.asked)) == (1, 2), "with nothing to wait for it is done at once"

    with_rig(test)


def test_effects_without_facts_keep_their_place_behind_those_that_wait() -> None:
    async def test(rig: Rig) -> None:
        rig.lane.take([fx.Persist(ended(0), True), use(1)])
        await turn()
        rig.lane.take([ReadFacts(RUN)])
        await turn()
        assert rig.asked == []
        rig.synced(2)
        assert rig.asked == [use(1), ReadFacts(RUN)]

    with_rig(test, past=True)


def test_one_sync_is_one_of_everything_before() -> None:
    async def test(rig: Rig) -> None:
        for step in range(3):
            rig.lane.take([fx.Persist(ended(step), True), use(step + 1)])
            await turn()
        rig.synced(3)
        assert rig.asked == [use(1), use(2)]
        rig.synced(4)
        assert rig.asked == [use(1), use(2), use(3)]

    with_rig(test, past=True)


def test_a_failed_sync_is_followed_by_another_and_nothing_leaves_before(monkeypatch: Any) -> None:
    monkeypatch.setattr(run_lane, "RETRY_EVERY_S", 0.0)

    async def test(rig: Rig) -> None:
        rig.lane.take([fx.Persist(ended(0), True), use(1)])
        await turn()
        rig.journal.failure = "fdatasync: it failed"
        rig.synced(2, "fdatasync: it failed")
        await turn()
        assert (rig.journal.groups[1:], rig.asked) == ([[ended(0)]], []), "not while the journal is in trouble"
        rig.journal.failure = ""
        for _ in range(1_000):
            if len(rig.journal.groups) == 3:
                break
            await asyncio.sleep(0)
        assert rig.journal.groups[2] == []
        rig.synced(3)
        assert rig.asked == [use(1)]

    with_rig(test, past=True)


def test_runs_leave_it_to_calls_where_more_than_backlog_facts_max_wait(monkeypatch: Any) -> None:
    monkeypatch.setattr(run_lane, "RETRY_EVERY_S", 0.0)

    async def test(rig: Rig) -> None:
        rig.journal.backlog = BACKLOG_FACTS_MAX + 1
        rig.lane.take([fx.Persist(ended(0), True)])
        await turn()
        assert len(rig.journal.groups) == 1
        rig.journal.backlog = BACKLOG_FACTS_MAX
        for _ in range(1_000):
            if len(rig.journal.groups) == 2:
                break
            await asyncio.sleep(0)
        assert rig.journal.groups[1] == [ended(0)]
        rig.journal.refuses = True
        rig.lane.take([fx.Persist(ended(1), True)])
        await turn()
        rig.journal.refuses = False
        for _ in range(1_000):
            if len(rig.journal.groups) == 3:
                break
            await asyncio.sleep(0)
        assert rig.journal.groups[2] == [ended(1)], "what is refused is kept"

    with_rig(test, past=True)


def test_facts_that_wait_may_go_with_those_of_calls() -> None:
    async def test(rig: Rig) -> None:
        rig.lane.take([fx.Persist(started(), True), use(0)])
        assert rig.lane.hand_over() == [started()]
        rig.lane.handed(7)
        await turn()
        assert len(rig.journal.groups) == 1, "nothing is left to write"
        rig.synced(6)
        assert rig.asked == []
        rig.synced(7)
        assert rig.asked == [use(0)]

    with_rig(test, past=True)


def test_each_effect_goes_where_it_belongs() -> None:
    async def test(rig: Rig) -> None:
        answered = RunAnswered(RUN, RUN)
        rig.lane.take([RestRun(RUN, 3), answered, fx.Report("run_broken", RUN, "why")])
        await turn()
        assert rig.fed == [RunRested(RUN, 3)]
        assert rig.told == [answered]

    with_rig(test, past=True)


def test_an_effect_of_a_turn_with_calls_waits_for_a_sync_of_its_own() -> None:
    async def test(rig: Rig) -> None:
        rig.lane.after_sync(ReadFacts(RUN))
        await turn()
        assert (rig.journal.groups[1:], rig.asked) == ([[]], [])
        rig.synced(2)
        assert rig.asked == [ReadFacts(RUN)]

    with_rig(test, past=True)


def test_once_stopped_it_writes_what_is_left_and_does_nothing_more() -> None:
    async def test(rig: Rig) -> None:
        rig.lane.take([fx.Persist(ended(0), True), use(1)])
        rig.lane.stop()
        assert rig.journal.groups[1:] == [[ended(0)]]
        rig.synced(2)
        rig.lane.take([use(2)])
        await turn()
        assert (rig.asked, len(rig.journal.groups)) == ([], 2)

    with_rig(test, past=True)
