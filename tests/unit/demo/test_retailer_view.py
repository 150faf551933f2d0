"""The retailer's picture: what callers tell becomes rows, counts and words, and a disagreement is never a good end."""

import io
from typing import Any

from rich.console import Console

from keepline.demo_retailer_view import RetailerPicture


def live(*calls: int) -> dict[str, Any]:
    rows = [
        {"call": call, "persona": "order_status", "hears": "ask_order", "position_ms": 1500, "did": "pressed 1",
         "packets": 200, "gap_ms_max": 20.5} for call in calls
    ]  # fmt: skip
    return {"event": "live", "calls": rows, "ended": 0}


def ended(call: int, *believes: str, how: str = "done", where: str = "", faults: tuple[str, ...] = ()) -> Any:
    return {
        "event": "experience", "call": call, "persona": "pay", "how": how, "where": where, "believes": list(believes),
        "faults": list(faults), "packets": 500, "lost": 0, "keys": 7, "gap_ms_max": 21.0,
    }  # fmt: skip


def drawn(picture: RetailerPicture) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(picture.drawn())
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_the_table_shows_who_hears_what_and_what_came_of_it() -> None:
    picture = RetailerPicture(seconds=60, pids={"calls active": 4711})
    picture.take(live(1, 2, 3))
    picture.take(ended(1, "paid"))
    picture.take(ended(3, how="cut off", where="receipt"))
    text = drawn(picture)
    for shown in ("4711", "order status", "ask order 1.5 s", "pressed 1", "paid", "cut off waiting for receipt"):
        assert shown in text
    assert "1 lost" in text
    assert "1 paid" in text


def test_a_call_that_goes_wrong_for_its_caller_is_lost() -> None:
    for wrong in (ended(1, how="confused"), ended(1, how="unanswered"), ended(1, faults=("rtp: not one packet",))):
        picture = RetailerPicture(seconds=60)
        picture.take(ended(0, "paid"))
        picture.take(wrong)
        summary = picture.summary()
        assert (summary["good"], summary["calls"], summary["lost"]) == (False, 2, 1)
        assert "call 1, pay" in picture.words()


def test_the_end_is_good_only_if_the_accounts_agree() -> None:
    picture = RetailerPicture(seconds=60)
    for call, how in enumerate(("done", "hung up", "gave up")):
        picture.take(ended(call, "paid", how=how))
    assert picture.summary()["good"]
    picture.compared(False, "call c1: charged 2 times")
    assert not picture.summary()["good"]
    assert "charged 2 times" in picture.words()
    picture.compared(True, "all agree.")
    assert picture.summary()["good"]
    assert "Callers' own count: 3 paid." in picture.words()


def test_without_a_terminal_each_event_is_one_line() -> None:
    picture = RetailerPicture(seconds=60)
    picture.take(live(1))
    picture.say("kill -9 4711")
    lines = picture.plain_lines()
    assert [line for line in lines if "kill -9" in line] == ["   0.0 s  kill -9 4711"]
    assert "1 hears ask_order" in lines[-1]
