"""What the board says in words."""

from typing import Any

import pytest

from keepline.desk.meaning import Verdict, capability_of, verdict_of
from keepline.desk.models import Status
from keepline.desk.models_board import CapabilityNow, Late, PathNow, TrafficNow
from tests.unit.desk.desk_fakes import STATUS, standing

WELL: dict[str, Any] = dict(STATUS) | {
    "trouble": [],
    "registrations": {},
    "work": {},
    "processes": {"supervisor": {"pid": 1}, "media": {"pid": 2}, "calls": {"active": {"pid": 3}, "warm": {"pid": 4}}},
}


def capability(name: str, *paths: dict[str, object]) -> CapabilityNow:
    return capability_of(name, [PathNow.model_validate(each) for each in paths])


def traffic(refused: int = 0, per_s: float = 1.0) -> TrafficNow:
    return TrafficNow(
        window_s=300, live=1, per_s=per_s, arriving=60, refused=refused, refused_last_minute=refused, placed=0,
        asr=None, pdd_s=None, mos=None, flows=[],
    )  # fmt: skip


def verdict(*capabilities: CapabilityNow, late: tuple[Late, ...] = (), refused: int = 0, **more: Any) -> Verdict:
    return verdict_of(Status.model_validate(WELL | more), capabilities, traffic(refused), late)


CRM, COPY = standing("orders/crm"), standing("orders/copy", 2)
UNTRIED = {"condition": "unknown"}
DOWN = {"condition": "down", "breaker": "open", "evidence": "5 of 5 uses failed"}


@pytest.mark.parametrize(
    ("paths", "served", "in_use", "words"),
    [
        ([CRM, COPY], "yes", "crm", "Served by crm."),
        ([CRM | DOWN, COPY], "limited", "copy", "Served by copy, since crm is down. No other path is left."),
        ([CRM | DOWN, COPY | DOWN], "no", "", "Callers who need it are told that it cannot be done now: "),
        ([CRM | {"condition": "degraded"}], "limited", "crm", "It works, worse than usual. There is no second path."),
        ([CRM | {"condition": "degraded"}, COPY], "limited", "copy", "since crm is degraded."),
        ([CRM | {"wish": "drain", "by": "mara"}, COPY], "yes", "copy", "since crm is given rest by mara."),
        ([CRM | {"wish": "disable"}, COPY], "yes", "copy", "since crm is switched off. No other path is left."),
        ([CRM, COPY | {"wish": "prefer"}], "yes", "copy", "Served by copy, since crm is healthy."),
        ([CRM | {"condition": "down", "breaker": "returning"}, COPY], "limited", "copy", "coming back"),
        ([CRM | UNTRIED], "yes", "crm", "There is no second path."),
        ([CRM | UNTRIED, COPY | UNTRIED], "yes", "crm", "Nothing has been tried yet."),
    ],
)  # fmt: skip
def test_what_a_capability_means(paths: list[dict[str, object]], served: str, in_use: str, words: str) -> None:
    found = capability("orders", *reversed(paths))
    assert (found.served, found.in_use) == (served, in_use)
    assert words in found.words
    assert [each.order for each in found.paths] == sorted(each.order for each in found.paths)


def test_telephony_is_told_as_calls() -> None:
    assert capability("telephony", standing("telephony/a")).words.startswith("Calls go out by a.")
    assert "Hardly a call gets out: a is down" in capability("telephony", standing("telephony/a") | DOWN).words


def test_all_is_well() -> None:
    found = verdict(capability("orders", CRM, COPY))
    assert (found.served, found.headline, found.broken, found.doing) == ("yes", "Callers are served", [], [])


def test_a_path_that_is_down_is_broken_and_what_goes_on_is_said() -> None:
    found = verdict(capability("orders", CRM | DOWN, COPY))
    assert (found.served, found.headline) == ("limited", "Callers are served, not as usual")
    assert found.broken == ["orders/crm is down: 5 of 5 uses failed"]
    assert found.doing[0] == "Orders goes on by copy"
    assert "tried again" in found.doing[1]


def test_a_capability_without_a_path_limits_the_service() -> None:
    found = verdict(capability("orders", CRM | DOWN))
    assert (found.served, found.summary) == ("limited", "There is no way to orders now.")


def test_refusals_are_counted_against_those_who_call() -> None:
    assert verdict(refused=3).headline == "Some callers are refused"
    assert verdict_of(Status.model_validate(WELL), [], traffic(1, per_s=100.0), []).served == "yes", "1 of 6,000"


@pytest.mark.parametrize(
    ("changed", "summary"),
    [
        ({"state": "starting"}, "starting"),
        ({"state": "stopping"}, "no new one is taken"),
        ({"processes": {"media": {"pid": 2}, "calls": {"active": None}}}, "No process takes calls"),
        ({"processes": {"calls": {"active": {"pid": 3}, "warm": {"pid": 4}}}}, "No process sends audio"),
    ],
)
def test_a_node_that_takes_no_call_serves_nobody(changed: dict[str, object], summary: str) -> None:
    found = verdict(**changed)
    assert (found.served, found.headline) == ("no", "Callers are not served")
    assert summary in found.summary


def test_what_the_machinery_lacks_is_told_with_what_is_done() -> None:
    found = verdict(
        trouble=["calls: disk full"],
        registrations={"carrier": {"registered": False, "for_s": 0, "why": "403"}},
        work={"pending": 2, "use": 1},
        processes={"media": {"pid": 2}, "calls": {"active": {"pid": 3}}},
        late=(Late(part="calls", since=1.0, why="it hangs"),),
    )
    assert found.broken == [
        "calls: disk full", "The process that stands by is missing",
        "carrier does not send us calls: not registered (403)",
        "The process that takes calls does not say how its paths are: it hangs",
    ]  # fmt: skip
    assert len(found.doing) == 4
    assert found.served == "yes"


def test_a_node_that_does_not_answer_is_not_said_to_be_well() -> None:
    found = verdict(late=(Late(part="node", since=1.0, why="it is gone"),))
    assert (found.served, found.broken) == ("unknown", ["The node does not answer: it is gone"])
    assert verdict_of(None, [], traffic(), []).served == "unknown"
