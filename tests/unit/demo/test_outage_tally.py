"""The story of an outage: what is counted while it lasts, what stands on the score card, and when it held."""

import contextlib
import queue
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_outage_side import Side, put_first
from keepline.demo_outage_tally import Accounts, Moments, Tally, held_words, score, what_of
from keepline.demo_outage_view import CARD_ROWS, Story, card_table, card_words

MOMENTS = Moments(100.0, 140.0, 103.0, None)


def call(number: int, how: str = "done", **more: Any) -> dict[str, Any]:
    return {
        "event": "experience", "call": number, "customer": number, "try": 1, "calls_again": False, "how": how,
        "answered": how != "unanswered", "status": 200, "believes": [], "number": "+18005550100", "persona": "pay",
        "call_id": f"c{number}", "invited_at": 90.0 + number, "where": "", "faults": [], "gap_ms_max": 20.0,
    } | more  # fmt: skip


def customer(number: int, served: bool = True, tries: int = 1) -> dict[str, Any]:
    return {
        "event": "customer", "customer": number, "persona": "pay", "tries": tries, "served": served,
        "waited_s": 0.1 * tries if served else None,
    }  # fmt: skip


def outage() -> Tally:
    """One is served at once, one is cut off and calls again, one gives up after two vain calls."""
    tally = Tally()
    lines = [
        call(0), customer(0),
        call(1, "cut off", calls_again=True), call(12, customer=1, **{"try": 2}), customer(1, tries=2),
        call(13, "unanswered", customer=2, calls_again=True), call(14, "unanswered", customer=2, **{"try": 2}),
        customer(2, served=False, tries=2),
    ]  # fmt: skip
    for line in lines:
        tally.take(line, 50.0)
    return tally


def accounts(*carriers: dict[str, Any], agreed: bool = True, records: Any = ()) -> Accounts:
    return Accounts(records, carriers, agreed, "all agree")


def test_what_is_counted_while_it_lasts() -> None:
    tally = outage()
    assert (tally.served, tally.lost, tally.calling_again) == (2, 1, 0)
    assert [tally.count(what) for what in ("well", "cut off", "heard nothing")] == [2, 1, 2]
    assert list(tally.stories) == [
        "customer 1 (pay) called …0100, cut off, then …0100, well",
        "customer 2 (pay) called …0100, heard nothing, then …0100, heard nothing",
    ]
    tally.take({"event": "live", "calls": [{"call": 15, "hears": "ringing"}, {"call": 16, "hears": "menu"}]}, 51.0)
    assert (tally.on_the_phone, tally.hear_nothing, tally.calls_per_s(51.0)) == (1, 1, 7 / 5.0)
    assert tally.calls_per_s(60.0) == 0.0


@pytest.mark.parametrize(
    ("how", "answered", "status", "words"),
    [
        ("hung up", True, 200, "well"), ("unanswered", False, 0, "heard nothing"),
        ("unanswered", False, 503, "refused (503)"),
        ("cut off", True, 200, "cut off"), ("confused", True, 200, "confused"),
    ],
)  # fmt: skip
def test_what_a_caller_would_say(how: str, answered: bool, status: int, words: str) -> None:
    assert what_of({"how": how, "answered": answered, "status": status}) == words


def test_what_a_carrier_has_lost_is_not_the_operations_failure_but_the_customer_is() -> None:
    lost = [{"event": "offered", "call_id": f"c{n}", "passed": False} for n in (13, 14)]
    card = score(outage(), MOMENTS, accounts({"event": "cut", "call_id": "c1"}, *lost))
    assert (card["never_reached_us"], card["cut_off_by_the_carrier"], card["failed_on_a_healthy_carrier"]) == (2, 1, 0)
    assert (card["calls_during_the_outage"], card["of_these_answered"], card["detected_after_s"]) == (3, 1, 3.0)
    assert card["steady_state"]["no call failed that reached a healthy carrier"]
    assert not card["steady_state"]["no customer lost"]
    assert not card["held"]


def test_it_held_where_nobody_is_lost_and_all_agree() -> None:
    tally = Tally()
    for line in (call(0), customer(0)):
        tally.take(line, 0.0)
    assert score(tally, MOMENTS, accounts())["held"]
    assert not score(tally, MOMENTS, accounts(agreed=False))["held"]
    tally.take({"event": "summary", "left": 1}, 0.0)
    assert not score(tally, MOMENTS, accounts())["held"]
    assert not score(Tally(), MOMENTS, accounts())["held"]


def test_a_call_that_fails_on_a_healthy_carrier_is_named() -> None:
    tally = Tally()
    for line in (call(0, "confused", where="ask_order"), customer(0)):
        tally.take(line, 0.0)
    card = score(tally, MOMENTS, accounts())
    assert card["failures"] == ["pay: confused ask_order"]
    assert "NO   no call failed that reached a healthy carrier" in held_words(card)


def test_who_asked_for_a_person_was_put_through_or_had_hung_up() -> None:
    base = {
        "direction": "outbound",
        "received_at": 110.0,
        "carrier": "second",
        "outcome": "answered",
        "answered_at": 1.0,
    }
    over = base | {"carriers": [{}, {}]}
    gone = base | {"outcome": "cancelled", "answered_at": None}
    tally = Tally()
    for line in (call(0), customer(0)):
        tally.take(line, 0.0)
    card = score(tally, MOMENTS, accounts(records=[base, over, gone]))
    assert card["to_people"] == {
        "asked": 2, "answered": 2, "during_the_outage": 2, "of_these_rerouted": 1, "by_carrier": {"second": 2},
    }  # fmt: skip
    assert card["held"]
    failed = base | {"outcome": "failed", "answered_at": None}
    assert not score(tally, MOMENTS, accounts(records=[failed]))["held"]


class Shown(Side):
    """What is drawn of a side."""

    def __init__(self, title: str) -> None:
        self.title, self.tally, self.condition = title, outage(), "down"


def test_the_screen_has_both_operations_and_the_card_every_row() -> None:
    from rich.console import Console

    story = Story(10.0, 20.0, 10.0, [Shown("two carriers"), Shown("one carrier")], elapsed_s=15.0)
    story.say("the first carrier is dead")
    console = Console(width=120)
    with console.capture() as captured:
        console.print(story.drawn())
        card = score(outage(), MOMENTS, accounts())
        console.print(card_table(["two carriers", "one carrier"], [card, card]))
        console.print(card_words(card))
    said = captured.get()
    assert all(name in said for name, _ in CARD_ROWS)
    assert "customers lost" in said
    assert "the first carrier is dead" in said
    assert "…0100, cut off, then …0100, well" in said
    assert story.new_lines()[0].endswith("the first carrier is dead")
    assert story.new_lines() == []


class Told:
    """A crowd, as far as it is listened to."""

    def __init__(self, *lines: Any) -> None:
        self.lines: queue.Queue[Any] = queue.Queue()
        for line in lines:
            self.lines.put(line)


def test_a_side_whose_callers_have_gone_stays_over(tmp_path: Path) -> None:
    side = Side("two carriers", ("carrier",), tmp_path / "side", contextlib.ExitStack())
    side._crowd = Told({"event": "live", "calls": [{"call": 1, "hears": "menu"}]})  # type: ignore[assignment]
    assert side.listen(1.0)
    assert side.tally.on_the_phone == 1
    side.crowd.lines.put(None)
    assert [side.listen(2.0), side.listen(3.0)] == [False, False]
    assert side.tally.on_the_phone == 0


def test_a_line_that_says_nothing_new_is_not_printed_again() -> None:
    side = Shown("two carriers")
    story = Story(10.0, 20.0, 10.0, [side])
    printed = []
    for elapsed_s in (60.0, 63.0, 66.0, 69.0):
        story.elapsed_s = elapsed_s
        if elapsed_s == 66.0:
            live = [{"call": 99, "persona": "pay", "hears": "hold"}]
            side.tally.take({"event": "live", "calls": live}, 0.0)
        printed += story.new_lines()
    assert len(printed) == 2
    assert "0 on the phone," in printed[0]
    assert printed[1].startswith("  66.0 s  two carriers: 0.0 calls/s, 1 on the phone (pay hears hold), ")


@pytest.mark.parametrize("leg_call_id", ["leg", "leg-1"])
def test_who_was_put_through_without_audio_was_cut_off_by_the_carrier_as_the_carrier_tells(leg_call_id: str) -> None:
    tally = Tally()
    tally.take(call(1, "cut off", persona="wants_a_person"), 50.0)
    ours = {"id": "a", "sip_call_id": "c1", "direction": "inbound", "parent": "", "media": {"audio": "both_ways"}}
    leg = ours | {"id": "b", "sip_call_id": "leg", "parent": "a", "media": {"audio": "one_way"}}
    assert score(tally, MOMENTS, accounts(records=[ours]))["failed_on_a_healthy_carrier"] == 1
    assert score(tally, MOMENTS, accounts(records=[ours, leg]))["failed_on_a_healthy_carrier"] == 1
    well = {"event": "taken", "call_id": leg_call_id, "muted": False}
    assert score(tally, MOMENTS, accounts(well, records=[ours, leg]))["failed_on_a_healthy_carrier"] == 1
    card = score(tally, MOMENTS, accounts(well | {"muted": True}, records=[ours, leg]))
    assert (card["failed_on_a_healthy_carrier"], card["cut_off_by_the_carrier"]) == (0, 1)


def test_a_machine_that_is_too_busy_is_told_from_a_failure() -> None:
    card = score(outage(), MOMENTS, accounts())
    assert "too busy" not in card_words(card)
    assert "try again when it is idle" in card_words(card | {"audio_faults": 4})


def test_what_the_portal_was_asked_and_the_last_call_that_the_carrier_lost() -> None:
    tally = outage()
    lost = {"event": "offered", "call_id": tally.calls[0]["call_id"], "passed": False}
    card = score(tally, MOMENTS, accounts(lost))
    assert (card["number_asked_away_after_s"], card["number_asked_back_after_s"]) == (None, None)
    assert card["last_misdirected_call_after_s"] == round(tally.calls[0]["invited_at"] - MOMENTS.fault_at, 2)
    asked = [(MOMENTS.fault_at + 3.5, 503), (MOMENTS.fault_at + 4.0, 200), (MOMENTS.back_at + 9.0, 200)]
    tally.take({"event": "summary", "portal": {"asked": [{"at": at, "status": status} for at, status in asked]}}, 0.0)
    card = score(tally, MOMENTS, accounts())
    assert (card["number_asked_away_after_s"], card["number_asked_back_after_s"]) == (4.0, 9.0)
    assert card["last_misdirected_call_after_s"] is None


@pytest.mark.parametrize(("nice", "raised"), [(0, [7]), (-5, [7]), (5, [])])
def test_the_world_runs_first_but_where_a_drill_is_to_come_after_a_nodes_own_calls(
    nice: int, raised: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr("keepline.demo_outage_side.run_early", found.append)
    monkeypatch.setattr("os.getpriority", lambda *_: nice)
    put_first(7)
    assert found == raised
