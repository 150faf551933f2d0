"""Calls as the board counts them: by carrier, by flow, over the last minutes."""

import pytest

from keepline.call.facts import Fact
from keepline.desk.models_board import CarrierNow, FlowNow
from keepline.desk.traffic import OTHER, PART_S, PARTS, WINDOW_S, Traffic
from keepline.model.limits_desk import BOARD_CALLS_MAX, BOARD_NAMES_MAX
from tests.unit.desk.board_facts import answered, ended, placed, progressed, received, refused_by


def counted(*facts: Fact, since_s: float = 0.0) -> Traffic:
    traffic = Traffic()
    traffic.begin([], since_s)
    for fact in facts:
        traffic.count(fact)
    return traffic


def carrier(traffic: Traffic, name: str, now_s: float = 1_010.0) -> CarrierNow:
    return next(each for each in traffic.carriers(now_s, [name]) if each.carrier == name)


def test_calls_are_counted_by_carrier_and_flow_until_they_end() -> None:
    traffic = counted(received("a"), received("b", carrier="south", flow="pay"), answered("a"), received("c"))
    shown = traffic.traffic(1_010.0, None)
    assert (shown.live, shown.arriving, shown.refused) == (3, 3, 0)
    assert shown.flows == [
        FlowNow(flow="order", live=2, arriving=2, refused=0),
        FlowNow(flow="pay", live=1, arriving=1, refused=0),
    ]
    traffic.count(ended("a", mos=4.0))
    assert (carrier(traffic, "north").live, carrier(traffic, "north").arriving) == (1, 2)
    assert carrier(traffic, "north").mos == 4.0
    assert traffic.traffic(1_010.0, 7).live == 7, "what the node says of live calls counts"


def test_test_calls_are_nobodys_and_count_in_nothing() -> None:
    test = [placed("a", flow="preflight.calling"), received("b", flow="preflight.answering"), answered("b")]
    traffic = Traffic()
    traffic.begin(test, 0.0)
    for fact in (*test, answered("a"), ended("a", mos=4.0), ended("b", 1_000.0, 503)):
        traffic.count(fact)
    shown = traffic.traffic(1_010.0, None)
    assert (shown.live, shown.arriving, shown.placed, shown.refused, shown.flows) == (0, 0, 0, 0, [])
    assert (shown.asr, shown.mos) == (None, None)
    assert (carrier(traffic, "north").placed, carrier(traffic, "north").arriving) == (0, 0)


@pytest.mark.parametrize(("status", "is_refused"), [(503, True), (404, True), (487, False), (200, False)])
def test_a_caller_who_is_not_served_is_refused_and_one_who_gives_up_is_not(status: int, is_refused: bool) -> None:
    traffic = counted(received("a"), ended("a", 1_001.0, status))
    shown = traffic.traffic(1_010.0, 0)
    assert (shown.refused, shown.refused_last_minute) == (is_refused, is_refused)
    assert carrier(traffic, "north").refused == shown.flows[0].refused == is_refused


def test_asr_ner_and_post_dial_delay_are_of_calls_that_came_to_something() -> None:
    traffic = counted(
        placed("a"), progressed("a", 1_002.0), answered("a", 1_004.0), ended("a", 1_009.0, mos=4.2),
        placed("b"), refused_by("b", 1_001.0, 503), ended("b", 1_001.0, 503),
        placed("c"), refused_by("c", 1_001.0, 486), ended("c", 1_001.0, 486),
        placed("d", 1_009.0),
    )  # fmt: skip
    found = carrier(traffic, "north")
    assert (found.placed, found.answered, found.refused_by_carrier, found.refused_by_callee) == (4, 1, 1, 1)
    assert (found.asr, found.ner, found.pdd_s, found.mos) == (0.333, 0.667, 2.0, 4.2)
    assert (found.refused, found.live) == (0, 1), "a call of ours that is refused is no caller whom we refuse"
    assert traffic.traffic(1_010.0, None).asr == 0.333


def test_what_is_older_than_the_window_is_not_counted_and_a_carrier_that_is_known_is_shown() -> None:
    traffic = counted(received("a"), ended("a"))
    later_s = 1_010.0 + WINDOW_S + 2 * PART_S
    assert traffic.traffic(later_s, 0).arriving == 0
    assert [each.carrier for each in traffic.carriers(later_s, ["south"])] == ["south"]
    assert carrier(traffic, "south").asr is None


def test_rates_are_over_no_longer_than_what_is_known() -> None:
    traffic = counted(*(received(str(each), 1_000.0 + each) for each in range(10)), since_s=1_000.0)
    shown = traffic.traffic(1_010.0, None)
    assert (shown.per_s, shown.window_s) == (1.0, 10)


def test_the_history_counts_back_from_now_and_leaves_out_what_nobody_saw() -> None:
    traffic = counted(received("a", 1_000.0), received("b", 1_010.0), ended("a", 1_020.0), since_s=995.0)
    history = traffic.history(1_025.0)
    assert len(history.at) == PARTS
    assert (history.at[-1], history.live[-4:], history.arriving[-4:]) == (1_020, [0, 1, 2, 1], [0, 1, 1, 0])
    assert history.live[-5] is None


def test_calls_that_were_live_before_are_live() -> None:
    traffic = Traffic()
    traffic.begin([received("a"), answered("a"), placed("b")], 2_000.0)
    assert traffic.traffic(2_001.0, None).live == 2
    traffic.count(ended("a", 2_002.0, 503))
    assert traffic.traffic(2_003.0, None).refused == 0, "it was answered"


def test_a_bid_that_leads_moves_the_call_to_its_carrier() -> None:
    from keepline.call.facts.bid import BidLed, BidPlaced

    bid = BidPlaced("a", 1_001.0, 1, "south", "silent", "192.0.2.8", 5060, "udp", "", 1, True)
    traffic = counted(placed("a"), bid, BidLed("a", 1_002.0, 1, "rings"))
    assert (carrier(traffic, "north").live, carrier(traffic, "south").live) == (0, 1)


def test_names_and_live_calls_are_bounded() -> None:
    traffic = counted(*(received(str(each), flow=f"f{each}") for each in range(BOARD_NAMES_MAX + 5)))
    assert len(traffic.traffic(1_010.0, None).flows) <= BOARD_NAMES_MAX + 1
    assert OTHER in {each.flow for each in traffic.traffic(1_010.0, None).flows}
    traffic.begin([received(f"c{each}") for each in range(BOARD_CALLS_MAX + 1)], 0.0)
    assert traffic.traffic(1_010.0, None).live == BOARD_CALLS_MAX
