"""`callbacks:` of an operation file: what is right, each mistake, and the hours as they fall on days."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from keepline.config import load_operation
from keepline.config.callbacks import CallbacksFile, parse_hours
from keepline.model.callbacks import CallbackHours, CallbackSettings
from keepline.model.errors import OperationError
from keepline.model.limits_callbacks import CALLBACK_ATTEMPTS_MAX, CALLBACK_WITHIN_S_MAX, CALLBACK_WORDS_MAX

BASE = """
operation: shop
trunks: {first: {peers: [203.0.113.0/24], outbound: {proxy: "203.0.113.7:5060"}}}
outbound: {allow: ["+49"], emergency: {numbers: [112], rule: refuse}}
flows: {orders: flows:orders, waits: flows:waits}
numbers: {1000: {flow: orders}}
"""
FLOWS = """from keepline.flow import Call, Run, flow


@flow
async def orders(call: Call) -> None:
    await call.hangup()


@flow
async def waits(run: Run) -> None:
    await run.wait(1.0)
"""
BERLIN = ZoneInfo("Europe/Berlin")


def load(directory: Path, callbacks: str, base: str = BASE) -> CallbackSettings | None:
    (directory / "flows.py").write_text(FLOWS)
    (directory / "keepline.yaml").write_text(f"{base}{callbacks}\n")
    return load_operation(directory / "keepline.yaml").callbacks


def test_nobody_is_called_back_unless_the_file_says_so(tmp_path: Path) -> None:
    assert load(tmp_path, "") is None


def test_a_file_that_is_right(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        'callbacks: {flow: orders, within_s: 600, hours: "09:00-20:00", time_zone: Europe/Berlin, attempts: 2, '
        'retry_s: 60, after_s: 0, ring_timeout_s: 20, from: "+4930123450", lines_min: 5, not_reached: [box, not now], '
        "served: [paid]}",
    )
    hours = CallbackHours(540, 1200, BERLIN, "Europe/Berlin")
    assert found == CallbackSettings(
        "orders", 600.0, hours, 2, 60.0, 0.0, 20.0, "+4930123450", 5, ("box", "not now"), ("paid",)
    )


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    assert load(tmp_path, "callbacks: {flow: orders}") == CallbackSettings("orders")


@pytest.mark.parametrize(
    ("callbacks", "words"),
    [
        ("{within_s: 60}", "callbacks.flow"),
        ("{flow: nowhere}", "there is no flow `nowhere`"),
        ("{flow: waits}", "has no caller"),
        ('{flow: orders, hours: "09:00-20:00"}', "nothing says in which time zone"),
        ("{flow: orders, time_zone: Europe/Berlin}", "there are no hours"),
        ('{flow: orders, hours: "9-20", time_zone: UTC}', "`9-20` are no hours"),
        ('{flow: orders, hours: "09:00-24:30", time_zone: UTC}', "ends after midnight"),
        ('{flow: orders, hours: "09:00-09:00", time_zone: UTC}', "is no time at all"),
        ('{flow: orders, hours: "09:00-20:00", time_zone: Europe/Atlantis}', "no time zone `Europe/Atlantis`"),
        ('{flow: orders, hours: "09:00-20:00", time_zone: ../../etc/passwd}', "no time zone"),
        ("{flow: orders, attempts: 0}", "attempts"),
        (f"{{flow: orders, attempts: {CALLBACK_ATTEMPTS_MAX + 1}}}", "attempts"),
        (f"{{flow: orders, within_s: {CALLBACK_WITHIN_S_MAX + 1}}}", "within_s"),
        ("{flow: orders, lines_min: 1}", "lines_min"),
        ("{flow: orders, from: reception}", "E.164"),
        ("{flow: orders, served: [" + ", ".join(f"o{n}" for n in range(CALLBACK_WORDS_MAX + 1)) + "]}", "served"),
    ],
)
def test_each_mistake_is_told(tmp_path: Path, callbacks: str, words: str) -> None:
    with pytest.raises(OperationError) as raised:
        load(tmp_path, f"callbacks: {callbacks}")
    told = "\n".join(map(str, raised.value.mistakes))
    assert words in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (', outbound: {proxy: "203.0.113.7:5060"}', "no trunk places calls"),
        ('allow: ["+49"], ', "`outbound.allow` names no prefix"),
    ],
)
def test_somebody_must_be_callable(tmp_path: Path, cut: str, words: str) -> None:
    with pytest.raises(OperationError, match=words):
        load(tmp_path, "callbacks: {flow: orders}", BASE.replace(cut, ""))


def berlin_s(*moment: int) -> float:
    return datetime(*moment, tzinfo=BERLIN).timestamp()  # type: ignore[misc, arg-type]


def windows(text: str, from_s: float, within_s: float) -> list[tuple[float, float]]:
    return list(CallbackHours(*parse_hours(text), BERLIN, "Europe/Berlin").windows(from_s, from_s + within_s))


def test_hours_fall_on_each_day() -> None:
    found = windows("09:00-20:00", berlin_s(2026, 11, 23, 19, 30), 36 * 3600.0)
    assert found == [
        (berlin_s(2026, 11, 23, 19, 30), berlin_s(2026, 11, 23, 20)),
        (berlin_s(2026, 11, 24, 9), berlin_s(2026, 11, 24, 20)),
    ]


def test_at_night_they_may_not_be_called_today() -> None:
    assert windows("09:00-20:00", berlin_s(2026, 11, 23, 21), 3600.0) == []


def test_hours_go_on_past_midnight() -> None:
    found = windows("20:00-02:00", berlin_s(2026, 11, 23, 1), 24 * 3600.0)
    assert found == [
        (berlin_s(2026, 11, 23, 1), berlin_s(2026, 11, 23, 2)),
        (berlin_s(2026, 11, 23, 20), berlin_s(2026, 11, 24, 1)),
    ]


def test_hours_are_those_of_the_clock_on_the_wall_when_it_changes() -> None:
    [before, after] = windows("09:00-20:00", berlin_s(2026, 10, 24, 8), 36 * 3600.0)
    assert after[0] - before[0] == 25 * 3600.0


def test_the_time_of_a_promise_bounds_it() -> None:
    settings = CallbackSettings("orders", after_s=15.0)
    assert settings.windows(1000.0, 15.0, 60.0) == ((1015.0, 1060.0),)
    assert settings.windows(1000.0, 60.0, 60.0) == ()


def test_every_default_of_the_file_is_that_of_the_settings() -> None:
    assert CallbacksFile(flow="orders").attempts == CallbackSettings("orders").attempts
