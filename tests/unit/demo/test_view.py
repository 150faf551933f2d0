"""The demo's picture: what the callers say becomes rows, counts and words; a lost call is never shown as a good one."""

import io
from typing import Any

from rich.console import Console

from keepline.demo_view import Picture, draw, many, plain_lines


def live(*calls: int, hears: str = "welcome", position_ms: int = 4000) -> dict[str, Any]:
    rows = [
        {"call": call, "hears": hears, "position_ms": position_ms, "pressed": "4", "packets": 200, "gap_ms_max": 20.5}
        for call in calls
    ]
    return {"event": "live", "calls": rows, "ended": 0}


def ended(call: int, *faults: str, gap_ms_max: float = 21.0) -> dict[str, Any]:
    return {
        "event": "call", "call": call, "good": not faults, "faults": list(faults), "packets": 500,
        "pressed": [{"digit": "4", "frame": 100}], "gap_ms_max": gap_ms_max,
    }  # fmt: skip


def drawn(picture: Picture) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(draw(picture))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_a_caller_keeps_the_row_until_another_needs_it() -> None:
    picture = Picture(seconds=60)
    picture.take(live(1, 2))
    picture.take(ended(1))
    picture.take(live(2))
    assert [row.call for row in picture.all_rows()] == [1, 2]
    assert [row.call for row in picture.rows()] == [2]
    picture.take(live(2, 3))
    assert [row.call for row in picture.all_rows()] == [3, 2]


def test_the_table_shows_who_hears_what_and_what_became_of_it() -> None:
    picture = Picture(seconds=60, pids={"calls active": 4711})
    picture.take(live(1, 2))
    picture.take(ended(1, "sequence: 3 packets missing in 1 gaps"))
    picture.say("kill -9 4711")
    text = drawn(picture)
    for shown in ("4711", "welcome  4.0 s", "█" * 10, "3 packets missing", "kill -9", "1 lost"):
        assert shown in text


def test_the_summary_is_good_only_if_nothing_was_lost() -> None:
    picture = Picture(seconds=60)
    assert not picture.summary()["good"], "a demo without one call shows nothing"
    picture.take(ended(1))
    assert picture.summary()["good"]
    picture.take(ended(2, "bye: none instead of theirs", gap_ms_max=300.0))
    summary = picture.summary()
    assert (summary["good"], summary["calls"], summary["lost"], summary["gap_ms_max"]) == (False, 2, 1, 300.0)
    assert "bye: none" in picture.words()


def test_calls_that_never_ended_are_lost() -> None:
    picture = Picture(seconds=60)
    picture.take(ended(1))
    picture.summary_of_crowd = {"left": 2}
    assert (picture.summary()["good"], picture.summary()["lost"]) == (False, 2)


def test_without_a_terminal_each_event_is_one_line_once() -> None:
    picture = Picture(seconds=60)
    picture.take(live(1, 2))
    picture.say("kill -9 4711")
    first = plain_lines(picture)
    assert [line for line in first if "kill -9" in line] == ["   0.0 s  kill -9 4711"]
    assert "2 hear welcome" in first[-1]
    assert plain_lines(picture) == []


def test_one_is_not_counted_as_many() -> None:
    assert [many(count, "kill") for count in (0, 1, 2)] == ["0 kills", "1 kill", "2 kills"]
