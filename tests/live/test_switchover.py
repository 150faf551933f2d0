"""Processes die while a crowd is on the phone, and no caller notices: invariants only, the clock is `make bench`'s.

The verdict on every call is the crowd's: both prompts in full or cut by the one digit, each exactly once, RTP unbroken
by sequence and timestamp from the answer to BYE, a marker on the first packet only, one source, one stream.
"""

import os
import signal
from collections import Counter
from typing import Any

import pytest

from bench.killing import Outcome, Siege, besiege, complete
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, wait_until

ADOPTED_WITHIN_S = 30.0


def assert_nothing_lost(node: LocalNode, outcome: Outcome, kills: int) -> None:
    assert outcome.failed == []
    assert outcome.summary["failed"] == 0
    assert outcome.summary["left"] == 0
    assert len(set(outcome.killed)) == kills
    assert outcome.struck() > 0, "no call was on the phone when a process died: this run proves nothing"
    assert_records_match(node, outcome)


def assert_records_match(node: LocalNode, outcome: Outcome) -> None:
    """One record for each call, and in it each digit that cut the prompt, once."""
    reports = {report["caller"]: report for report in outcome.reports}
    records = wait_until("every call has ended in the records", lambda: ended_records(node, len(reports)), 15)
    assert Counter(record["from"] for record in records) == Counter(reports.keys())
    told = {record["from"]: answers(record) for record in records}
    assert told == {caller: keyed(report) for caller, report in reports.items()}


def answers(record: dict[str, Any]) -> list[str]:
    """What the flow was told, question by question."""
    return [step["result"] for step in record["steps"] if step["name"] == "ask_digits"]


def keyed(report: dict[str, Any]) -> list[str]:
    """What it must have been told: the key that cut the prompt; the one that ends an entry leaves it empty."""
    if report["heard"][0]["complete"]:
        return ["no_input"]
    digit = report["pressed"][0]["digit"]
    return ["too_short" if digit == "#" else digit]


def ended_records(node: LocalNode, wanted: int) -> list[dict[str, Any]]:
    records = [record for record in node.calls() if record.get("ended_at")]
    return records if len(records) >= wanted else []


@pytest.mark.parametrize(
    "siege",
    [
        pytest.param(Siege("active", signal.SIGKILL), id="active-killed"),
        pytest.param(Siege("active", signal.SIGSTOP, kills=2), id="active-stopped"),
        pytest.param(Siege("media", signal.SIGKILL, kills=3), id="media-killed"),
        pytest.param(Siege("media", signal.SIGSTOP, kills=2), id="media-stopped"),
        pytest.param(Siege("warm", signal.SIGKILL, kills=2), id="warm-killed"),
    ],
)
def test_no_call_is_lost(node: LocalNode, siege: Siege) -> None:
    assert_nothing_lost(node, besiege(node, siege), siege.kills)


def test_a_new_supervisor_adopts_what_is_left(node: LocalNode) -> None:
    options = ["--rate", "4", "--concurrent", "15", "--expect", "welcome*,goodbye", "--digits", "random@0.3-6.5"]
    with Crowd(node.uri("1000"), [*options, *prompt_options(node.prompts())]) as crowd:
        outcome = Outcome(crowd.reports, {})
        wait_until("the first call ends", lambda: crowd.reports, 30)
        before = wait_until("the node is complete", lambda: complete(node), 30)
        outcome.killed.append(node.kill("supervisor"))
        ended = len(crowd.reports)
        # Nobody supervises now, and calls go on nevertheless.
        wait_until("calls end without a supervisor", lambda: len(crowd.reports) > ended + 2, 60)
        node.up()
        after = wait_until("the node is complete again", lambda: complete(node), ADOPTED_WITHIN_S)
        ended = len(crowd.reports)
        wait_until("calls end under the new supervisor", lambda: len(crowd.reports) > ended + 2, 60)
        crowd.finish()
        outcome.summary = crowd.wait(90)
    assert outcome.failed == []
    assert after["media"] == before["media"], "media was not adopted but replaced"
    assert_records_match(node, outcome)


def test_the_adopted_node_survives_the_next_kill(node: LocalNode) -> None:
    node.kill("supervisor")
    node.up()
    siege = Siege("active", signal.SIGKILL, kills=1)
    assert_nothing_lost(node, besiege(node, siege), siege.kills)


def test_everything_but_the_supervisor_dies_at_once_and_comes_back(node: LocalNode) -> None:
    pids = wait_until("the node is complete", lambda: complete(node), 30)
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    wait_until("the node is complete again", lambda: complete(node, list(pids.values())), 30)
    with Crowd(node.uri("2000"), ["--calls", "3", "--hang-up-after", "0.5"]) as crowd:
        assert crowd.wait(60)["failed"] == 0
