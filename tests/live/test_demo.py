"""`keepline demo` as a person runs it: it kills, it counts, it leaves nothing behind."""

import json
import os
import signal
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from keepline.demo_node import COMMAND_WITHIN_S, keepline_command, marked, wait_until

MARK = "KEEPLINE_DEMO_TEST"


def start(directory: Path, *options: str) -> subprocess.Popen[str]:
    environment = os.environ | {MARK: str(directory), "TMPDIR": str(directory)}
    command = [*keepline_command(), "demo", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def assert_nothing_left(directory: Path) -> None:
    assert list(marked(MARK, str(directory))) == []
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("operation", ["retailer", "bench"])
def test_the_demo_kills_and_loses_nothing(tmp_path: Path, operation: str) -> None:
    demo = start(tmp_path, "--kills", "--seconds", "12", "--json", "--operation", operation)
    out, err = demo.communicate(timeout=300)
    summary = json.loads(out)
    assert (demo.returncode, summary["good"], summary["lost"], summary["faults"]) == (0, True, 0, []), out + err
    assert summary["kills"] >= 1
    assert summary["completed"] == summary["calls"] > 10
    assert summary["packets_lost"] == 0
    if operation == "retailer":
        assert summary["agreed"] is True
        assert "all agree" in summary["comparison"]
        assert summary["believes"]["order_status"] > 0
    assert_nothing_left(tmp_path)


def test_two_demos_at_once_do_not_collide(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "other")]
    for place in places:
        place.mkdir()
    demos = [start(place, "--kills", "--seconds", "5", "--json", "--operation", "bench") for place in places]
    for demo, place in zip(demos, places, strict=True):
        out, err = demo.communicate(timeout=300)
        assert (demo.returncode, json.loads(out)["lost"]) == (0, 0), out + err
        assert_nothing_left(place)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    demo = start(tmp_path, "--minutes", "5")
    assert demo.stdout is not None
    # The first lines are written before the nodes start, those that follow while callers are on the phone.
    assert any("on the phone" in line for line in islice(demo.stdout, 20))
    demo.send_signal(number)
    demo.communicate(timeout=COMMAND_WITHIN_S)
    wait_until("the demo's processes end", lambda: not list(marked(MARK, str(tmp_path))), COMMAND_WITHIN_S)
    assert_nothing_left(tmp_path)


def test_a_demo_interrupted_before_its_node_is_ready_leaves_nothing(tmp_path: Path) -> None:
    demo = start(tmp_path, "--kills", "--seconds", "300")
    assert demo.stdout is not None
    demo.stdout.readline()
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=COMMAND_WITHIN_S)
    assert_nothing_left(tmp_path)


def test_the_crm_is_silent_and_nobody_hears_of_it(tmp_path: Path) -> None:
    demo = start(tmp_path, "--crm", "--rate", "2", "--minutes", "0.2", "--no-compare", "--json")
    out, err = demo.communicate(timeout=400)
    told = json.loads(out)
    assert (demo.returncode, told["held"]) == (0, True), out + err
    card = told["with"]
    assert card["calls"] > 20
    assert (card["reads_unavailable"], card["still_kept"], card["went_wrong"]) == (0, 0, [])
    assert card["flows"]["order"]["from_a_copy"] > 0
    assert_nothing_left(tmp_path)
