"""The metrics of carriers, counted from the facts of calls that the core really places over them."""

import re
from dataclasses import replace

import pytest

from keepline.call.carriers.carrier import MUTE_PACKETS_MIN
from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallReceived, Fact, ending
from keepline.desk.carrier_metrics import CARRIER_FACTS
from keepline.desk.metrics import KINDS, Metrics
from keepline.model.limits_desk import METRIC_CALLS_MAX
from keepline.paths.delays import SILENCE_S_MAX
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.placing_rig import answer_of, answered, callee_request
from tests.unit.desk.test_metrics import MetricSource


def counted(facts: list[Fact]) -> dict[str, float]:
    """The carriers' metrics of a scrape after these facts: `attempts first` -> value; buckets left out."""
    source = MetricSource()
    metrics = Metrics(source)
    metrics.scrape()
    source.facts += [fact for fact in facts if fact.kind in KINDS]
    found = {}
    for name, labels, value in re.findall(r"^keepline_carrier_(\w+)\{(.*)\} (\S+)$", metrics.scrape().decode(), re.M):
        if not name.endswith("_bucket"):
            words = re.findall(r'"(.*?)"', labels)
            found[" ".join((name.removesuffix("_total"), *words))] = float(value)
    return found


def test_every_fact_that_they_count_is_read() -> None:
    assert {kind.kind for kind in CARRIER_FACTS} <= set(KINDS)


def test_an_answer_a_silence_and_a_refusal_are_each_carriers_own() -> None:
    placer = CarriersPlacer()
    placer.place()
    placer.wait(SILENCE_S_MAX + 0.01)
    second = placer.invite_to("second")
    placer.wait(1.0)
    placer.hear_of("second", answer_of(second, 180))
    placer.hear_of("second", answered(second))
    placer.hear(callee_request(second, "BYE"))
    first = placer.place(call="00000000000000a2")
    placer.hear_of("first", answer_of(first, 503))
    placer.hear_of("second", answer_of(placer.invite_to("second"), 486))
    assert isinstance(placer.facts[-1], CallEnded)
    assert counted(placer.facts) == pytest.approx(
        {
            "attempts first": 2,
            "attempts second": 2,
            "abandoned first": 1,
            "answered second": 1,
            "refused first carrier": 1,
            "refused second callee": 1,
            "post_dial_delay_seconds_count second": 1,
            "post_dial_delay_seconds_sum second": 1.01,
            "call_seconds_count second outbound": 1,
            "call_seconds_sum second outbound": 0.0,
        }
    )


def test_a_carrier_that_is_alone_is_counted_too() -> None:
    placer = CarriersPlacer()
    for number, status in enumerate((503, 404, 403)):
        invite = placer.place(trunk="first", call=f"00000000000000b{number}")
        placer.hear_of("first", answer_of(invite, status))
    found = counted(placer.facts)
    assert {name: value for name, value in found.items() if name.startswith("refused")} == {
        "refused first carrier": 1,
        "refused first callee": 1,
        "refused first nobody": 1,
    }


def test_live_calls_beyond_the_limit_are_forgotten() -> None:
    placer = CarriersPlacer()
    placer.place()
    placed = placer.facts[0]
    assert isinstance(placed, CallPlaced)
    metrics = Metrics(MetricSource())
    for number in range(METRIC_CALLS_MAX + 5):
        metrics._carriers.count(replace(placed, call=str(number)))
    assert len(metrics._carriers) == METRIC_CALLS_MAX


def test_calls_that_come_in_are_counted_by_who_brought_them() -> None:
    answered_call = CallReceived(
        "c1", 10.0, "first", "192.0.2.1", 5060, "", "id", "t", 1, "l", "1000", "+1", "f", "d", 10.0, 0, 40_000, 1, 2, 3
    )
    calls = [replace(answered_call, call=call) for call in ("c1", "c2", "c3", "c4")]
    said = CallAnswered("c1", 11.0, "", "PCMU", 0, 101, "192.0.2.1", 20_000)
    deaf = replace(said, call="c2")
    ends = [
        replace(ending(calls[0], 31.0, "caller", 200, "BYE"), mos=4.3, packets_sent=999, packets_received=999),
        replace(ending(calls[1], 16.0, "caller", 200, "BYE"), packets_sent=MUTE_PACKETS_MIN),
        ending(calls[2], 12.0, "caller", 487, "cancelled"),
        ending(calls[3], 10.0, "node", 503, "busy"),
    ]
    stranger = replace(answered_call, call="c5", carrier="")
    assert counted([*calls, stranger, said, deaf, *ends, ending(stranger, 11.0, "node", 403, "")]) == pytest.approx(
        {
            "inbound first answered": 2,
            "inbound first cancelled": 1,
            "inbound first refused": 1,
            "call_seconds_count first inbound": 2,
            "call_seconds_sum first inbound": 25.0,
            "mos_count first inbound": 1,
            "mos_sum first inbound": 4.3,
            "one_way first inbound": 1,
        }
    )
