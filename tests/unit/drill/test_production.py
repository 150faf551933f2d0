"""What a drill may do to an operation that serves callers: what is allowed, what it costs, and what is said before."""

from dataclasses import replace
from decimal import Decimal

import pytest

from keepline.drill.experiment import Drill
from keepline.drill.generating import generated
from keepline.drill.history import before
from keepline.drill.production import CALLS_MIN, RefusedDrillError, plan_of
from keepline.model.operation import Operation, OutboundCarrier, OutboundPolicy, Trunk, TrunkOutbound
from keepline.model.preflight import Preflight
from tests.spec.exchange_rig import OPERATION

NUMBERS = {"first": "+15550190", "second": "+15550191"}


def operation(**preflight: object) -> Operation:
    trunks = tuple(Trunk(name, (f"{host}/32",), outbound=TrunkOutbound(host, 5060))
                   for name, host in (("first", "192.0.2.50"), ("second", "192.0.2.51")))  # fmt: skip
    carriers = tuple(OutboundCarrier(trunk.name, place) for place, trunk in enumerate(trunks))
    policy = OutboundPolicy(allow=("*",), carriers=carriers, rates={"+1555": Decimal("0.05")}, currency="USD")
    allowed = {"numbers": NUMBERS, "drill_carriers": ("first",)} | preflight
    return replace(OPERATION, trunks=trunks, outbound=policy, preflight=Preflight(**allowed))  # type: ignore[arg-type]


def drill(name: str = "telephony-first-dead") -> Drill:
    return generated(operation())[name]


def test_what_it_will_touch_is_said_beforehand() -> None:
    plan = plan_of(drill(), operation())
    assert (plan.carrier, plan.fault, plan.number, plan.calls) == ("first", "silent", "+15550191", 10)
    words = plan.blast_radius
    assert words.startswith("10 test calls to +15550191 for 0.50 USD at most; for them alone first is silent, at this")
    assert "no real call" in words
    assert plan_of(drill("carrier-503"), operation()).fault == "503"
    assert "at unknown prices" in plan_of(drill(), replace(operation(), outbound=OutboundPolicy())).blast_radius


@pytest.mark.parametrize(("spend", "calls"), [("0.15", CALLS_MIN), ("0.34", 6), ("100", 10)])
def test_so_many_calls_are_made_as_may_be_paid_for(spend: str, calls: int) -> None:
    assert plan_of(drill(), operation(drill_spend_max=Decimal(spend))).calls == calls


@pytest.mark.parametrize(
    ("name", "preflight", "why"),
    [
        ("telephony-second-dead", {}, "'second' may not be drilled: write"),
        ("telephony-first-dead", {"drill_carriers": ()}, "'first' may not be drilled"),
        ("telephony-first-dead", {"numbers": {}}, "no test call can be made"),
        ("telephony-first-dead", {"drill_spend_max": Decimal("0.14")}, "pays 2"),
        ("carrier-slow", {}, "'slow' cannot be had for test calls alone"),
        ("carrier-silent-audio", {}, "'silent audio' cannot be had"),
        ("crm-slow", {}, "no drill for an operation that serves callers"),
        ("calls-killed", {}, "no drill for an operation that serves callers"),
        ("surge", {}, "no drill for an operation that serves callers"),
    ],
)
def test_what_real_callers_would_meet_is_refused(name: str, preflight: dict[str, object], why: str) -> None:
    with pytest.raises(RefusedDrillError, match=why):
        plan_of(drill(name), operation(**preflight))


def test_what_has_no_price_is_not_bounded_by_one() -> None:
    unknown = replace(operation(drill_spend_max=Decimal(1)), outbound=OutboundPolicy())
    with pytest.raises(RefusedDrillError, match="has no price"):
        plan_of(drill(), unknown)


def test_a_run_is_compared_with_one_against_the_same_operation() -> None:
    runs = [{"drill": "a", "card": {"lost": 0}}, {"drill": "a", "card": {"lost": 1}, "production": "shop"}]
    assert before(runs, "a") is runs[0]
    assert before(runs, "a", "shop") is runs[1]
    assert before(runs, "a", "other") is None
