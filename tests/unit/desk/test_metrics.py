"""The metrics of a node: counted from what is on record since the desk began, and set from what is now."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepline.call.facts import (
    CallAnswered,
    CallReceived,
    Fact,
    FlowFailed,
    LineFellSilent,
    MessageRecorded,
    StepEnded,
    UseEnded,
    UseRouted,
    ending,
)
from keepline.call.record import CallRecord, MediaRecord
from keepline.desk import metrics as module
from keepline.desk.metrics import KINDS, Metrics
from keepline.desk.node_source import NodeSource
from keepline.desk.source import Unavailable
from keepline.flow.capabilities import Reply, write_outcome
from keepline.flow.capabilities import Unavailable as Away
from keepline.model.limits_desk import METRIC_CALLS_MAX, METRIC_FACTS_PER_READ, METRIC_OUTCOMES_MAX
from keepline.node import journal
from tests.unit.desk.desk_fakes import STATUS

RECEIVED = CallReceived(
    "ab" * 8, 1.0, "carrier", "192.0.2.1", 5060, "", "id", "t", 1, "l", "1000", "+1", "f", "d", 1.0, 0, 40_000, 1, 2, 3
)
CALL = RECEIVED.call


class MetricSource:
    """A status, and a journal in memory."""

    def __init__(self) -> None:
        self.answer: dict[str, object] = dict(STATUS) | {
            "epochs": {"calls": 3, "media": 1},
            "restarts": {"calls": 2},
            "trouble": ["calls: disk full", "speech has ended 3 times in a row"],
            "journal": {"waiting_facts": 40, "lost_facts": 3, "flush_s": 2.1},
        }
        self.facts: list[Fact] = []
        self.standings: list[dict[str, object]] = []
        self.down = ""
        self.ended: dict[str, CallRecord] = {}
        self.reads: list[tuple[int, int]] = []

    def status(self) -> dict[str, object]:
        if self.down:
            raise Unavailable(self.down)
        return self.answer

    def records(self, limit: int) -> list[str]:
        return []

    def record(self, call_id: str) -> str | None:
        return None

    def call_record(self, call_id: str) -> CallRecord | None:
        return self.ended.get(call_id)

    def paths(self) -> list[dict[str, object]]:
        if self.down:
            raise Unavailable(self.down)
        return self.standings

    def last_position(self) -> int:
        if self.down:
            raise Unavailable(self.down)
        return len(self.facts)

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        found = [(at + 1, fact) for at, fact in enumerate(self.facts) if at >= position and fact.kind in kinds][:limit]
        if kinds == KINDS:
            self.reads.append((position, len(found)))
        return found

    def facts_within(self, first: str, end: str) -> list[tuple[int, Fact]]:
        return [(at + 1, fact) for at, fact in enumerate(self.facts) if first <= fact.call < end]


def ended(outcome: str = "paid", call: str = CALL, **media: float) -> CallRecord:
    record = CallRecord(call, "inbound", "carrier", "+1", "1000", "f", "ended", 1.0, sip_status=200, outcome=outcome)
    record.media = MediaRecord("PCMU", 100, **media)  # type: ignore[arg-type]
    return record


def value(text: bytes, line: str) -> float:
    """The value of one series."""
    found = re.search(rf"^{re.escape(line)} (\S+)$", text.decode(), re.MULTILINE)
    assert found is not None, text.decode()
    return float(found[1])


@pytest.fixture
def source() -> MetricSource:
    return MetricSource()


def step(verb: str, reason: str = "", said: str = "", outcome: str = "done") -> StepEnded:
    return StepEnded(CALL, 3.0, 0, verb, "", outcome, said, 0, 2.5, reason)


def test_what_is_on_record_is_counted(source: MetricSource) -> None:
    metrics = Metrics(source)
    metrics.scrape()
    source.ended[CALL] = ended(packets_received=95, lost=5, jitter_ms=3.0, mos=4.2)
    source.facts += [
        RECEIVED,
        CallAnswered(CALL, 1.2, "", "PCMU", 0, 101, "192.0.2.1", 4000),
        step("say"),
        step("use", "orders.status", write_outcome(Reply({"state": "x"}))),
        step("use", "orders.status", write_outcome(Away("no answer in time"))),
        UseEnded(CALL, 4.0, 3, "payments.charge", write_outcome(Reply({}))),
        FlowFailed(CALL, 4.0, "orders", "raised", "…", "en"),
        LineFellSilent(CALL, 5.0, 10.0),
        MessageRecorded(CALL, 6.0, 4, 1, "ab" * 16, 3.0, "silence"),
        ending(RECEIVED, 7.0, "caller", 200, "BYE"),
    ]
    text = metrics.scrape()
    assert value(text, 'keepline_calls_begun_total{carrier="carrier",direction="inbound"}') == 1
    assert value(text, 'keepline_calls_total{direction="inbound",outcome="paid",status="200"}') == 1
    assert value(text, 'keepline_post_dial_delay_seconds_sum{direction="inbound"}') == pytest.approx(0.2)
    assert value(text, 'keepline_steps_total{outcome="done",verb="use"}') == 2
    uses = 'keepline_uses_total{action="status",capability="orders",outcome="%s"}'
    assert [value(text, uses % each) for each in ("done", "unavailable")] == [1, 1]
    assert value(text, 'keepline_uses_total{action="charge",capability="payments",outcome="done"}') == 1
    assert value(text, 'keepline_use_seconds_sum{capability="orders"}') == 1
    assert value(text, 'keepline_flows_failed_total{flow="orders"}') == 1
    assert value(text, 'keepline_messages_total{reason="silence"}') == 1
    assert value(text, "keepline_dead_air_total") == 1
    assert value(text, "keepline_rtp_lost_ratio_sum") == pytest.approx(0.05)
    assert value(text, "keepline_rtp_jitter_seconds_sum") == pytest.approx(0.003)
    assert value(text, 'keepline_mos_sum{heard_by="node"}') == pytest.approx(4.2)
    assert value(text, "keepline_journal_facts") == len(source.facts)


def test_a_scrape_reads_only_what_is_new(source: MetricSource) -> None:
    source.facts = [RECEIVED] * 10_000
    metrics = Metrics(source)
    assert b"keepline_calls_begun_total{" not in metrics.scrape(), "what was before the desk is not counted"
    source.facts.append(RECEIVED)
    metrics.scrape()
    metrics.scrape()
    assert source.reads == [(10_000, 0), (10_000, 1), (10_001, 0)]


def test_a_journal_that_is_another_one_is_begun_at_its_end(source: MetricSource) -> None:
    source.facts = [RECEIVED] * 10
    metrics = Metrics(source)
    metrics.scrape()
    source.facts = [RECEIVED] * 3
    metrics.scrape()
    source.facts.append(RECEIVED)
    assert value(metrics.scrape(), 'keepline_calls_begun_total{carrier="carrier",direction="inbound"}') == 1


def test_how_the_node_is(source: MetricSource) -> None:
    text = Metrics(source).scrape()
    assert value(text, "keepline_node_up") == value(text, "keepline_node_running") == 1
    assert value(text, "keepline_live_calls") == 2
    assert value(text, 'keepline_process_up{process="media"}') == 1
    assert value(text, 'keepline_trunk_registered{trunk="carrier"}') == 0
    assert value(text, 'keepline_witness_facts{witness="vault"}') == 40
    assert value(text, 'keepline_witness_behind_seconds{witness="vault"}') == 12.5
    assert value(text, 'keepline_witness_trouble{witness="vault"}') == 1
    assert value(text, 'keepline_process_up{process="calls_warm"}') == 0
    assert value(text, 'keepline_reigns{process="calls"}') == 3
    assert value(text, 'keepline_process_restarts{process="calls"}') == 2
    assert (value(text, "keepline_troubles"), value(text, "keepline_journal_trouble")) == (2, 1)
    names = ("waiting_facts", "lost_facts", "flush_seconds")
    assert [value(text, f"keepline_journal_{name}") for name in names] == [40, 3, 2.1]
    assert value(text, 'keepline_info{node="bench-1",operation="51907dc0",version="0.1.0"}') == 1


def test_a_node_that_is_down_is_told_and_forgotten(source: MetricSource) -> None:
    metrics = Metrics(source)
    metrics.scrape()
    source.down = "gone"
    text = metrics.scrape()
    assert value(text, "keepline_node_up") == value(text, "keepline_journal_readable") == 0
    assert b"keepline_process_up{" not in text
    assert b"keepline_witness_facts{" not in text
    source.down = ""
    assert value(metrics.scrape(), "keepline_node_up") == 1


def test_past_metric_outcomes_max_outcomes_are_one(source: MetricSource) -> None:
    metrics = Metrics(source)
    metrics.scrape()
    for index in range(METRIC_OUTCOMES_MAX + 7):
        call = f"{index:016x}"
        source.ended[call] = ended(f"outcome {index}", call)
        source.facts.append(replace(ending(RECEIVED, 7.0, "caller", 200, "BYE"), call=call))
    text = metrics.scrape().decode()
    assert len(re.findall(r"^keepline_calls_total", text, re.MULTILINE)) == METRIC_OUTCOMES_MAX + 1
    assert value(text.encode(), 'keepline_calls_total{direction="inbound",outcome="other",status="200"}') == 7


def test_past_metric_calls_max_the_oldest_beginning_is_forgotten(
    source: MetricSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert METRIC_CALLS_MAX > 10
    monkeypatch.setattr(module, "METRIC_CALLS_MAX", 1)
    metrics = Metrics(source)
    metrics.scrape()
    other = replace(RECEIVED, call="cd" * 8)
    answered = [CallAnswered(each, 2.0, "", "PCMU", 0, 101, "192.0.2.1", 4000) for each in (CALL, other.call)]
    source.facts += [RECEIVED, other, *answered]
    assert value(metrics.scrape(), 'keepline_post_dial_delay_seconds_count{direction="inbound"}') == 1


def test_more_than_metric_facts_per_read_are_read_in_parts(
    source: MetricSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert METRIC_FACTS_PER_READ > 10
    monkeypatch.setattr(module, "METRIC_FACTS_PER_READ", 2)
    metrics = Metrics(source)
    metrics.scrape()
    source.facts += [RECEIVED] * 5
    assert value(metrics.scrape(), 'keepline_calls_begun_total{carrier="carrier",direction="inbound"}') == 5
    assert [count for _, count in source.reads[1:]] == [2, 2, 1]


def test_a_journal_on_disk_is_read_from_its_end(tmp_path: Path) -> None:
    metrics = Metrics(NodeSource(tmp_path))
    assert value(metrics.scrape(), "keepline_journal_readable") == 0
    journal.create(tmp_path)
    text = metrics.scrape()
    assert (value(text, "keepline_journal_readable"), value(text, "keepline_journal_facts")) == (1, 0)
    assert NodeSource(tmp_path).facts_after(0, KINDS, 10) == []


def test_who_answered_what_the_first_path_did_not_is_counted() -> None:
    source = MetricSource()
    metrics = Metrics(source)
    metrics.scrape()
    ways = [("copy", "copy"), ("copy", "copy"), ("crm", "copy"), ("copy", ""), ("", "")]
    source.facts += [UseRouted(CALL, 3.0, 1, "orders.find", path, hedged, 0.2, "why") for path, hedged in ways]
    text = metrics.scrape()
    routed = 'keepline_uses_routed_total{capability="orders",hedge="%s",path="%s"}'
    found = [value(text, routed % each) for each in (("won", "copy"), ("lost", "crm"), ("", "copy"), ("", ""))]
    assert found == [2, 1, 1, 1]
