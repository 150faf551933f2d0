"""The stages of an upgrade, without processes; `tests/sim/test_upgrades.py` has calls in them."""

from dataclasses import dataclass, field

import pytest

from keepline.succession.upgrades import (
    PROBATION_S,
    SWITCH_LIMIT_S,
    WARM_LIMIT_S,
    Stage,
    UpgradeNews,
    UpgradeOutcome,
    UpgradePlan,
)


@dataclass(eq=False)
class Process:
    process: int
    version: str = "a1"
    state: str = ""
    started_s: float = 0.0
    role: str = "calls"
    active_since_s: float = 0.0
    epoch: int = 0


@dataclass
class Hands:
    """Who starts and ends what it is told to, and notes it."""

    there: list[Process] = field(default_factory=list)
    ended: list[Process] = field(default_factory=list)
    stepping_down: list[Process] = field(default_factory=list)
    told: list[UpgradeNews] = field(default_factory=list)
    version: str = "a1"
    can_start: bool = True
    renewed: int = 0
    plan: UpgradePlan[Process] = field(init=False)

    def __post_init__(self) -> None:
        self.there = [Process(1, state="active"), Process(2, state="warm")]
        self.plan = UpgradePlan(self)

    def calls(self) -> list[Process]:
        return list(self.there)

    def start(self, version: str = "") -> None:
        if self.can_start:
            process = Process(len(self.there) + len(self.ended) + 1, version or self.version)
            self.plan.note_start(process, is_new=bool(version))
            self.there.append(process)

    def step_down(self, member: Process) -> None:
        self.stepping_down.append(member)

    def end(self, member: Process) -> None:
        self.ended.append(member)

    def use(self, version: str) -> None:
        self.version = version

    def renew_helpers(self) -> None:
        self.renewed += 1

    def tell(self, news: UpgradeNews) -> None:
        self.told.append(news)

    def state(self, process: Process, state: str) -> None:
        process.state = state
        self.plan.note_state(1.0, process)

    def bury(self, process: Process, *, by_itself: bool = False) -> bool:
        self.there.remove(process)
        return self.plan.owns_death(process, by_itself=by_itself)


def begun() -> Hands:
    hands = Hands()
    hands.plan.begin(0.0, "a1", "b2")
    return hands


def switched() -> Hands:
    hands = begun()
    hands.state(hands.there[2], "warm")
    return hands


def served() -> Hands:
    hands = switched()
    old, standby, new = hands.there
    assert hands.bury(standby)
    assert hands.bury(old, by_itself=True)
    hands.state(new, "active")
    return hands


def test_the_new_version_is_warm_before_anything_changes() -> None:
    hands = begun()
    assert (hands.ended, hands.stepping_down, hands.version) == ([], [], "a1")
    old, standby, new = hands.there
    hands.state(new, "warm")
    assert (hands.stepping_down, hands.ended) == ([old], [standby])


def test_once_it_serves_it_is_what_is_started() -> None:
    hands = served()
    assert (hands.version, hands.renewed, hands.plan.stage) == ("b2", 1, Stage.PROBATION)
    assert [each.version for each in hands.there] == ["b2", "b2"]
    assert hands.told == [UpgradeNews(UpgradeOutcome.DONE, "a1", "b2", took_s=1.0)]
    hands.plan.tick(1.0 + PROBATION_S)
    assert hands.plan.stage is Stage.NONE


@pytest.mark.parametrize("how", ["cannot be started", "ends", "is not warm in time"])
def test_what_does_not_come_up_is_refused_and_nothing_has_changed(how: str) -> None:
    hands = Hands(can_start=how != "cannot be started")
    hands.plan.begin(0.0, "a1", "b2")
    if how == "ends":
        assert hands.bury(hands.there[2], by_itself=True)
    hands.plan.tick(WARM_LIMIT_S)
    assert [news.outcome for news in hands.told] == [UpgradeOutcome.REFUSED]
    assert (hands.version, hands.plan.stage) == ("a1", Stage.NONE)
    assert hands.ended == (hands.there[2:] if how == "is not warm in time" else [])


def test_one_that_does_not_let_go_is_killed() -> None:
    hands = switched()
    hands.plan.tick(1.0 + SWITCH_LIMIT_S)
    assert hands.there[0] in hands.ended


def test_one_that_dies_before_it_serves_brings_the_old_standby_back() -> None:
    hands = switched()
    old, standby, new = hands.there
    assert hands.bury(standby)
    assert hands.bury(new, by_itself=True)
    assert [each.version for each in hands.there] == ["a1", "a1"], "another standby of the old version"
    assert hands.told[0].outcome is UpgradeOutcome.REFUSED
    assert old in hands.there


def test_one_that_ends_of_itself_takes_the_new_version_with_it() -> None:
    hands = served()
    first, second = hands.there
    assert hands.bury(first, by_itself=True)
    assert (hands.version, hands.ended[-1]) == ("a1", second)
    assert [each.version for each in hands.there[1:]] == ["a1", "a1"]
    assert hands.told[-1].outcome is UpgradeOutcome.TAKEN_BACK


def test_one_that_is_killed_is_replaced_by_another_of_it() -> None:
    hands = served()
    assert not hands.bury(hands.there[0])
    assert hands.plan.stage is Stage.PROBATION


@pytest.mark.parametrize(("wanted", "left"), [("a1", 2), ("b2", 3)])
def test_what_a_dead_supervisor_left_half_done_is_tidied(wanted: str, left: int) -> None:
    hands = Hands()
    hands.there.append(Process(3, "b2", "warm", started_s=5.0))
    hands.plan.tidy(wanted)
    assert [each.process for each in hands.there if each not in hands.ended] == [1, left]
    assert hands.bury(hands.ended[0]), "nobody is started in its place"
    assert hands.plan.tidy(wanted) == []
