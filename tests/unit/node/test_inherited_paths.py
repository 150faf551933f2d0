"""A process that takes over knows which paths of back offices were not well: no caller waits for them once more."""

from types import SimpleNamespace

import pytest

from keepline.call.carriers.inheriting import Standings
from keepline.call.effects import Persist
from keepline.call.effects_path import PathTold
from keepline.call.facts.path import PathStood
from keepline.flow.capabilities import Reply, Unavailable
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, PythonClass
from keepline.node.ledgers import Ledgers, know_paths
from keepline.node.use_paths import POLICY, UsePaths
from tests.spec.carriers_rig import CarriersPlacer

PATHS = tuple(CapabilityPath(name, PythonClass("crm", name), {"find": CapabilityAction()}) for name in ("crm", "copy"))
ORDERS = Capability("orders", PATHS)


class Process:
    """One that asks paths, with what the journal has."""

    def __init__(self, journal: list[PathStood], now_s: float) -> None:
        self.now_s = now_s
        self.choosing = UsePaths(lambda: self.now_s, lambda: 0.5)
        self.choosing.inherit(Standings(journal))
        self.choosing.tell = journal.append

    def use(self, path: str, outcome: Reply | Unavailable) -> None:
        key = ("a1", "orders", path)
        began_s = self.choosing.began(key)
        self.now_s += 0.1
        self.choosing.ended(key, began_s, outcome)

    @property
    def first(self) -> str:
        """The path that is asked first."""
        path, _ = self.choosing.choose("a1", "orders", PATHS, [])
        return path.name if path is not None else ""


def dead(journal: list[PathStood]) -> Process:
    process = Process(journal, 1_000.0)
    for _ in range(5):
        process.use("crm", Unavailable("no answer in time"))
    return process


def test_one_that_was_dead_is_not_asked_by_a_successor() -> None:
    journal: list[PathStood] = []
    process = dead(journal)
    assert [(each.path, each.condition) for each in journal] == [("orders/crm", "degraded"), ("orders/crm", "down")]
    assert "5 of the last 5 uses failed (no answer in time)" in journal[-1].evidence
    assert process.first == "copy"
    assert Process(journal, process.now_s + 0.2).first == "copy"
    assert Process([], process.now_s + 0.2).first == "crm", "who knows nothing waits for it"


def test_its_turn_comes_as_it_would_have_come() -> None:
    journal: list[PathStood] = []
    successor = Process(journal, dead(journal).now_s + 0.2)
    assert (successor.first, successor.now_s < journal[-1].until_s) == ("copy", True)
    successor.now_s = journal[-1].until_s
    assert successor.first == "crm", "one use decides"
    successor.use("crm", Reply({}))
    assert journal[-1].condition == "degraded", "it is returning, and has to hold"


def test_one_that_is_well_again_or_was_not_long_ago_is_nobodys_concern() -> None:
    journal: list[PathStood] = []
    process = dead(journal)
    process.now_s = journal[-1].until_s
    while journal[-1].condition != "healthy":
        process.use("crm", Reply({}))
        process.now_s += POLICY.return_every_s
    assert Process(journal, process.now_s).first == "crm"
    assert Process(journal[:2], journal[1].at_s + POLICY.calm_s).first == "crm"


def test_of_carriers_the_carriers_know() -> None:
    journal: list[PathStood] = []
    dead(journal)
    placer = CarriersPlacer()
    placer.exchange.switchboard.carriers.inherit(1_001.0, journal)
    told = placer.exchange.switchboard.carriers.standings(placer.operation, 1_001.0)
    assert {each["condition"] for each in told} == {"unknown"}


def test_it_is_put_on_record_by_the_process_that_asks() -> None:
    journal: list[PathStood] = []
    dead(journal)
    fed: list[PathTold] = []
    ledgers = Ledgers()
    for each in journal:
        ledgers.note(each)
    choosing = UsePaths(lambda: 1_001.0, lambda: 0.5)
    know_paths(choosing, ledgers, fed.append)
    assert choosing.choose("a1", "orders", PATHS, [])[0] is PATHS[1]
    choosing.tell(journal[-1])
    effects = CarriersPlacer().exchange.step(1_001.0, fed[0])
    assert effects == [Persist(journal[-1])]


@pytest.mark.parametrize("version", ["a1", "b2"])
def test_another_version_of_the_operation_asks_the_same_office(version: str) -> None:
    journal: list[PathStood] = []
    successor = Process(journal, dead(journal).now_s + 0.2)
    operation = SimpleNamespace(digest=version, capabilities={"orders": ORDERS})
    told = {each["path"]: each["condition"] for each in successor.choosing.standings(operation)}  # type: ignore[arg-type]
    assert told["orders/crm"] == "down"
