"""The death table: a row says what must be, what was, and whether that is good; a page takes it between its marks."""

from typing import Any

import pytest

from bench.deaths_table import Must, bars, figures, filled, histograms, rows, shortfalls, table, told

NAMES = ("gap_ms", "next_request_ms", "longest_near_ms", "detection_ms", "take_over_ms", "away_ms")
MUST = {"gap_ms": 300, "gap_at": "p99", "next_ms": 0, "away_ms": 0}


def row(values: list[float], **more: Any) -> dict[str, Any]:
    found = {"words": "w", "must": MUST, "times": 1, "peak": 2, "lost": 0, "calls": 5, "struck": 3, "wrong": 0}
    return found | dict.fromkeys(NAMES, figures(values)) | more


def test_histograms_are_told_in_figures_and_in_bars() -> None:
    found = figures([3.0, 4.0, 260.0, 9000.0])
    assert found["histogram"] == {"<=5": 2, "<=300": 1, "more": 1}
    assert (found["count"], found["max"]) == (4, 9000.0)
    assert bars("gap", found)[1] == f"  {'<=5':>7} {2:6} {'#' * 40}"
    assert figures([]) == {"count": 0, "p50": None, "p99": None, "max": None, "histogram": {}}
    assert sum("#" in line for line in histograms({"events": {"x": row([3.0, 4.0, 260.0, 9000.0])}})) == 6 * 3 + 1
    assert rows({}) == histograms({}) == table({}) == []


@pytest.mark.parametrize(
    ("more", "lacks"),
    [
        ({}, []),
        ({"lost": 1}, ["1 lost"]),
        ({"wrong": 2}, ["2 wrong"]),
        ({"struck": 0}, ["no call was struck"]),
        ({"failed": "it hangs"}, ["it hangs"]),
        ({"gap_ms": figures([301.0])}, ["gap_ms p99 301.0"]),
        ({"must": MUST | {"gap_at": "max"}, "gap_ms": figures([1.0, 400.0])}, ["gap_ms max 400.0"]),
        ({"must": MUST | {"next_ms": 250}, "next_request_ms": figures([])}, ["next_request_ms p99 None"]),
        ({"must": MUST | {"away_ms": 5000}, "away_ms": figures([5001.0])}, ["away_ms max 5001.0"]),
    ],
)
def test_a_row_is_good_where_it_lacks_nothing(more: dict[str, Any], lacks: list[str]) -> None:
    assert shortfalls(row([20.0], **more)) == lacks


def test_a_page_takes_the_table_between_its_marks_and_a_second_one_in_its_place() -> None:
    machine = {"cpu": "c", "cores": 2, "system": "s", "python": "p", "commit": "abc"}
    report = {
        "measured_at": "now", "machine": machine, "arguments": {"concurrent": 300},
        "results": {"deaths": {"events": {"x": row([20.0])}}},
    }  # fmt: skip
    more = "<!-- /measured -->\n<!-- measured 1000 -->\nother\n<!-- /measured -->\nafter"
    once = filled(f"before\n<!-- measured 300 -->\n{more}", report)
    assert once.startswith("before\n<!-- measured 300 -->\nMeasured now (abc) on c, 2 cores, s, Python p.\n\n| event |")
    assert once.endswith(f"| yes |\n{more}")
    assert filled(once, report) == once
    held = told(row([20.0], own={"stalls": 3, "stall_ms_max": 80}))
    assert held.endswith("; the callers themselves were held up 3 times, up to 80 ms")
    assert "0 calls lost, nothing wrong; gap p99 \u2264 300 ms" in once
    with pytest.raises(ValueError, match="not found"):
        filled("no marks", report)
    assert Must(**MUST).gap_ms == 300
