"""What a preflight makes of what it is told, and what of its test calls: findings, each with what would mend it."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepline.call.record_types import CallRecord
from keepline.model.operation import OutboundCarrier
from keepline.model.preflight import Preflight
from keepline.node.control import Message
from keepline.node.journal import Journal, create, next_epoch
from keepline.node.journal_spans import LASTS_S, LOOKS_BACK_S, busiest_of
from keepline.node.preflight import HEARD_S_MIN, Checker, _unanswered, judged, of_number, of_path
from keepline.node.preflight_store import TOLD_MAX, keep, kept, with_preflight
from keepline.node.test_calls import BACK_HZ, THERE_HZ, heard_s, with_test_calls
from keepline.node.tones import store_tones
from keepline.paths.capacity import Peak, PreflightFinding
from tests.sim.operation import program

OPERATION = program().operation
NUMBER: dict[str, Any] = {"number": "+18005550100", "method": "api", "points": "home", "target": "", "why": ""}
PATH: dict[str, Any] = {"path": "telephony/north", "condition": "healthy", "evidence": "well", "wish": "", "why": ""}


def record(**more: Any) -> CallRecord:
    usual = CallRecord("a1", "outbound", "north", "", "+1", "", "ended", 100.0, 101.5)
    return replace(usual, **more)


def ask(request: Message) -> Message:
    return {"ok": True, "paths": [PATH], "numbers": [NUMBER]}


def checker(data: Path, **settings: Any) -> Checker:
    carriers = (OutboundCarrier("north", 1, 1, 10.0, 100), OutboundCarrier("south", 2, 1, 10.0, 100))
    outbound = replace(OPERATION.outbound, carriers=carriers)
    return Checker(data, replace(OPERATION, outbound=outbound, preflight=Preflight(**settings)), ask, lambda _: None)


def test_everything_that_is_looked_at_without_test_calls(tmp_path: Path) -> None:
    found = checker(tmp_path, calls_per_s=5.0, channels=50).findings(loops=False)
    assert [(each.check, each.ok) for each in found] == [
        *[("capacity", True)] * 4, *[("node", True)] * 2, ("numbers", True), ("paths", True)
    ]  # fmt: skip


def test_this_node_itself_must_take_the_peak(tmp_path: Path) -> None:
    found = checker(tmp_path, calls_per_s=5.0, channels=90_000).findings(loops=False)
    assert [each.fix for each in found if each.check == "node"] == ["raise `sip.calls_max`", "raise `media.rtp_ports`"]


def test_a_peak_that_nobody_wrote_down_is_measured(tmp_path: Path) -> None:
    looked = checker(tmp_path)
    assert looked.peak() == (Peak(0.0, 0), True)
    assert looked.findings(loops=False)[0].what.startswith("the peak is taken from the last days: 0 calls/s")


@pytest.mark.parametrize(
    ("numbers", "told"),
    [({}, "no numbers for them are told"), ({"north": "+1"}, "out by one carrier and come in by another")],
)
def test_without_two_numbers_there_is_no_test_call(tmp_path: Path, numbers: dict[str, str], told: str) -> None:
    [found] = [each for each in checker(tmp_path, numbers=numbers).findings() if each.check == "loop"]
    assert told in found.what
    assert "preflight" in found.fix


@pytest.mark.parametrize(
    ("told", "ok", "fix"),
    [
        (NUMBER, True, ""),
        (NUMBER | {"method": "none"}, False, "write `numbers.+18005550100.failover`"),
        (NUMBER | {"points": "away", "why": "works"}, False, "keepline number return +18005550100"),
        (NUMBER | {"method": "origination"}, True, ""),
    ],
)
def test_what_becomes_of_a_number(told: dict[str, Any], ok: bool, fix: str) -> None:
    found = of_number(told)
    assert found.ok is ok
    assert fix in found.fix


@pytest.mark.parametrize(
    ("told", "ok", "fix"),
    [
        (PATH, True, ""),
        (PATH | {"condition": "unknown"}, True, ""),
        (PATH | {"condition": "down"}, False, "mend it"),
        (PATH | {"condition": "degraded"}, False, "mend it"),
        (PATH | {"wish": "disable", "why": "works"}, False, "keepline path release telephony/north"),
        (PATH | {"wish": "prefer"}, True, ""),
    ],
)
def test_how_a_path_is(told: dict[str, Any], ok: bool, fix: str) -> None:
    found = of_path(told)
    assert found.ok is ok
    assert fix in found.fix


@pytest.mark.parametrize(
    ("back", "heard", "ok", "what"),
    [
        (record(carrier="south"), {THERE_HZ: 1.8, BACK_HZ: 1.8}, True, "heard both ways, answered after 1.5 s"),
        (record(carrier="south"), {THERE_HZ: 1.8, BACK_HZ: 0.2}, False, "nothing is heard on the way back"),
        (record(carrier="south"), {THERE_HZ: HEARD_S_MIN - 0.1, BACK_HZ: 1.8}, False, "heard on the way there"),
        (record(carrier="north"), {}, False, "it came in through north"),
        (None, {}, False, "answered, and not by this node"),
    ],
)
def test_what_a_test_call_proves(back: CallRecord | None, heard: dict[int, float], ok: bool, what: str) -> None:
    found = judged("loop", "south", record(), back, lambda _record, hertz: heard[int(hertz)])
    assert found.ok is ok
    assert what in found.what
    assert bool(found.fix) is not ok


@pytest.mark.parametrize(
    ("more", "fix"),
    [
        ({"reason": "+1 may not be called: no prefix of `outbound.allow` covers it"}, "allow the test numbers"),
        ({"sip_status": 401}, "correct the credentials of `trunks.north.outbound`"),
        ({"sip_status": 404}, "have the carrier of south point its test number to this node"),
        ({"sip_status": 503}, "ask north why"),
    ],
)
def test_who_is_to_mend_a_call_that_is_refused(more: dict[str, Any], fix: str) -> None:
    assert fix in _unanswered(record(answered_at=None, **more), "north", "south")


# Test calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("law", "tag", "quiet"), [("ulaw", 7, 0xFF), ("alaw", 6, 0xD5)])
def test_each_tone_is_heard_and_told_from_the_other(tmp_path: Path, law: str, tag: int, quiet: int) -> None:
    from keepline.model.operation import TEST_BACK, TEST_THERE
    from keepline.node.media_recording import header

    store_tones(tmp_path)
    for tone, hertz, other in ((TEST_THERE, THERE_HZ, BACK_HZ), (TEST_BACK, BACK_HZ, THERE_HZ)):
        samples = bytes([quiet]) * 777 + (tmp_path / f"{tone.key}.{law}").read_bytes() + bytes([quiet]) * 4_000
        file = tmp_path / "heard.wav"
        file.write_bytes(header(tag, 1, len(samples)) + samples)
        assert 1.6 <= heard_s(file, hertz) <= 1.9
        assert heard_s(file, other) == 0.0
    file.write_bytes(b"no recording")
    with pytest.raises(ValueError, match="is no recording"):
        heard_s(file, THERE_HZ)


def test_test_numbers_are_answered_beside_those_of_the_operation() -> None:
    usual = program()
    assert with_test_calls(usual) is usual
    told = replace(usual, operation=replace(usual.operation, preflight=Preflight(numbers={"carrier": "+18005550190"})))
    found = with_test_calls(told)
    assert found.operation.numbers["+18005550190"].flow == "preflight.answering"
    assert set(found.functions) - set(usual.functions) == {"preflight.calling", "preflight.answering"}
    assert set(found.operation.flows) - set(usual.operation.flows) == {"preflight.calling", "preflight.answering"}
    assert set(usual.operation.numbers) < set(found.operation.numbers)


# What is kept ---------------------------------------------------------------------------------------------------------


def test_the_busiest_time_is_taken_from_the_list_of_calls(tmp_path: Path) -> None:
    assert busiest_of(tmp_path) == Peak(0.0, 0)
    create(tmp_path)
    Journal(tmp_path / "journal.db", next_epoch(tmp_path / "journal.db"), lambda _written: None).close()
    now_s = time.time()
    begun = [now_s - 100.0 + at for at in range(5)] + [now_s - LOOKS_BACK_S - 5.0, now_s - LASTS_S - 200.0]
    import sqlite3

    with sqlite3.connect(tmp_path / "journal.db") as connection:
        for index, at_s in enumerate(begun):
            ended_at = at_s + 50.0 if index else None
            call = f"{int(at_s * 1000) % (1 << 44):011x}{index:05x}"
            connection.execute("INSERT INTO calls VALUES (?, ?)", (call, ended_at))
    connection.close()
    assert busiest_of(tmp_path, now_s) == Peak(0.5, 5)


def test_what_was_found_is_kept_and_a_status_tells_what_failed(tmp_path: Path) -> None:
    assert kept(tmp_path) is None
    assert with_preflight({"trouble": ["so"]}, tmp_path) == {"trouble": ["so"]}
    findings = [
        PreflightFinding("node", True, "well"),
        *[PreflightFinding("loop", False, "deaf", "mend it")] * (TOLD_MAX + 1),
    ]
    keep(tmp_path, findings, 12.0)
    assert kept(tmp_path) == (12.0, findings)
    told = with_preflight({"trouble": ["so"]}, tmp_path)
    assert told["preflight"] == {"at": 12.0, "passed": 1, "failed": TOLD_MAX + 1}
    assert told["trouble"] == ["so", *["preflight: deaf; mend it"] * TOLD_MAX]
    (tmp_path / "preflight.json").write_text("{", encoding="utf-8")
    assert kept(tmp_path) is None
