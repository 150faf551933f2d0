"""Toll fraud: whom a policy lets us call, how many calls and how much money an hour has, and what is told of it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.call import effects as fx
from keepline.call.facts import CallAnswered, CallPlaced, CallRetried, ending
from keepline.call.outbound.policy import DenialRule, TollLedger, _Past, admit, emergency_trunk, rate_of
from keepline.call.turn import Program
from keepline.model.limits import DENIALS_REPORTED_PER_S_MAX, OUTBOUND_CALLS_PER_HOUR_MAX
from keepline.model.operation import EmergencyRule, OutboundPolicy, Trunk, TrunkOutbound
from keepline.sip.message import Request, parse_message
from keepline.sip.telephone import plain_number
from tests.spec.exchange_rig import ANYBODY
from tests.spec.placing_rig import FLOWS, PROXY, Placer

POLICY = OutboundPolicy(
    allow=("+1", "+49", "10", "reception"),
    deny=("+1900", "1099"),
    calls_per_hour_max=3,
    emergency=EmergencyRule(("911", "+112")),
)
PRICED = replace(
    POLICY,
    calls_per_hour_max=1000,
    spend_per_hour_max=Decimal("1.00"),
    currency="EUR",
    rates={"+1": Decimal("0.01"), "+1800": Decimal("0"), "+49": Decimal("0.30")},
)


def rule_of(policy: OutboundPolicy, number: str, from_number: str = "", now_s: float = 0.0) -> DenialRule | None:
    denial = admit(policy, TollLedger(policy), number, from_number, now_s)
    return denial.rule if denial is not None else None


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("+18005550100", None),
        ("18005550100", None),
        ("001-800-555-0100", None),
        ("+4915112345", None),
        ("1000", None),
        ("Reception", None),
        ("+19005550100", DenialRule.DENIED),
        ("0019005550100", DenialRule.DENIED),
        ("+1-900-555-0100;npdi", DenialRule.DENIED),
        ("1099", DenialRule.DENIED),
        ("+447700900123", DenialRule.NOT_ALLOWED),
        ("01144770090012", DenialRule.NOT_ALLOWED),
        ("0900123456", DenialRule.NOT_ALLOWED),
        ("2000", DenialRule.NOT_ALLOWED),
        ("receptionist", DenialRule.NOT_ALLOWED),
        ("+1x", DenialRule.NOT_ALLOWED),
        ("+١٢٣", DenialRule.NOT_ALLOWED),
        ("", DenialRule.NOT_ALLOWED),
        ("+", DenialRule.NOT_ALLOWED),
        ("911", DenialRule.EMERGENCY),
        ("112", DenialRule.EMERGENCY),
        ("+911", DenialRule.EMERGENCY),
    ],
)
def test_whom_a_policy_lets_us_call(number: str, rule: DenialRule | None) -> None:
    assert rule_of(POLICY, number) is rule


def test_by_default_nothing_may_be_called_and_that_is_said() -> None:
    denial = admit(OutboundPolicy(), TollLedger(OutboundPolicy()), "+18005550100", "", 0.0)
    assert denial is not None
    assert denial.why == "+18005550100 may not be called: nothing may, until `outbound.allow` names prefixes"


def test_an_emergency_call_goes_out_whatever_else_is_said() -> None:
    policy = OutboundPolicy(calls_per_hour_max=0, deny=("9",), emergency=EmergencyRule(("911",), "carrier"))
    assert rule_of(policy, "911") is None
    assert emergency_trunk(policy, "+911") == "carrier"
    assert emergency_trunk(policy, "912") == ""
    assert emergency_trunk(POLICY, "911") == ""


def test_nobody_calls_itself() -> None:
    assert rule_of(POLICY, "18005550100", from_number="+18005550100") is DenialRule.ITSELF


@given(st.text(max_size=30))
def test_no_notation_of_a_number_slips_past_what_is_denied(number: str) -> None:
    open_but_one = OutboundPolicy(allow=("+",), deny=("+1900",))
    if plain_number(number).startswith("+1900"):
        assert rule_of(open_but_one, number) is not None


def test_the_longest_prefix_has_the_price() -> None:
    assert [rate_of(PRICED, number) for number in ("+18005550100", "+12125550100", "+4930123", "1000")] == [
        *(Decimal("0"), Decimal("0.01"), Decimal("0.30"), None)
    ]


class Calls:
    """A ledger, and calls that it hears of."""

    def __init__(self, policy: OutboundPolicy = PRICED) -> None:
        self.ledger = TollLedger(policy)
        placer = Placer()
        placer.place("+15550001")
        [self.placed] = [fact for fact in placer.facts if isinstance(fact, CallPlaced)]
        self.count = 0

    def place(self, number: str, at_s: float) -> CallPlaced:
        self.count += 1
        placed = replace(self.placed, call=f"{self.count:016x}", to_number=number, at_s=at_s)
        self.ledger.note(placed)
        self.ledger.note(placed)  # a fact that is told twice is one
        return placed

    def answer(self, placed: CallPlaced, at_s: float) -> None:
        self.ledger.note(CallAnswered(placed.call, at_s, "", "PCMU", 0, -1, "192.0.2.60", 4000))

    def end(self, placed: CallPlaced, at_s: float) -> None:
        self.ledger.note(ending(placed, at_s, "callee", 200, ""))

    def call(self, number: str, at_s: float, lasts_s: float) -> None:
        placed = self.place(number, at_s)
        self.answer(placed, at_s)
        self.end(placed, at_s + lasts_s)


def test_an_hour_has_so_many_calls_and_then_others() -> None:
    calls = Calls(POLICY)
    for at_s in (0.0, 10.0, 20.0):
        assert admit(POLICY, calls.ledger, "+1212", "", at_s) is None
        calls.end(calls.place("+1212", at_s), at_s + 1)
    denial = admit(POLICY, calls.ledger, "+1212", "", 3599.0)
    assert denial is not None
    assert denial.rule is DenialRule.TOO_MANY
    assert "`outbound.calls_per_hour_max`" in denial.why
    assert admit(POLICY, calls.ledger, "+1212", "", 3599.0, is_new=False) is None
    assert admit(POLICY, calls.ledger, "+1212", "", 3600.0) is None


def test_what_was_refused_is_not_counted() -> None:
    calls = Calls(POLICY)
    for index in range(10):
        calls.ledger.note(replace(calls.placed, call=f"{index:016x}", slot=-1))
    assert calls.ledger.calls(0.0) == 0


def test_minutes_count_when_they_begin_and_for_an_hour_after_the_end() -> None:
    calls = Calls()
    calls.call("+4930123", 0.0, 61.0)
    assert calls.ledger.spent(100.0) == Decimal("0.60")
    assert calls.ledger.spent(3660.0) == Decimal("0.60")
    assert calls.ledger.spent(3661.0) == 0


def test_a_live_call_counts_from_when_it_was_placed_and_a_finished_one_from_its_answer() -> None:
    calls = Calls()
    placed = calls.place("+4930123", 0.0)
    assert calls.ledger.spent(90.0) == Decimal("0.60")
    calls.answer(placed, 90.0)
    assert calls.ledger.spent(100.0) == Decimal("0.60")
    calls.end(placed, 100.0)
    assert calls.ledger.spent(100.0) == Decimal("0.30")
    calls.end(calls.place("+4930123", 100.0), 130.0)  # nobody answered
    assert calls.ledger.spent(130.0) == Decimal("0.30")


def test_a_long_call_counts_with_its_last_hour() -> None:
    calls = Calls()
    calls.place("+12125550100", 0.0)
    assert calls.ledger.spent(10 * 3600.0) == Decimal("0.60")


def test_a_call_that_goes_elsewhere_has_the_price_of_there() -> None:
    calls = Calls()
    placed = calls.place("+12125550100", 0.0)
    invite = placed.invite.replace("sip:+15550001@", "sip:+4930123@")
    calls.ledger.note(
        CallRetried(placed.call, 1.0, "redirected", 302, "", *PROXY, "udp", invite, 2),
    )
    assert calls.ledger.spent(2.0) == Decimal("0.30")


def test_what_is_spent_is_spent() -> None:
    calls = Calls()
    calls.call("+4930123", 0.0, 120.0)
    assert admit(PRICED, calls.ledger, "+4930123", "", 130.0) is None
    calls.call("+4930123", 130.0, 1.0)
    denial = admit(PRICED, calls.ledger, "+4930123", "", 140.0)
    assert denial is not None
    assert denial.rule is DenialRule.TOO_DEAR
    assert denial.why == "0.90 EUR were spent within the hour, and `outbound.spend_per_hour_max` is 1.00"
    assert admit(PRICED, calls.ledger, "+12125550100", "", 140.0) is None
    assert admit(PRICED, calls.ledger, "+18005550100", "", 140.0) is None
    assert rule_of(PRICED, "1000") is DenialRule.NO_PRICE


def test_a_new_policy_counts_at_its_own_rates() -> None:
    calls = Calls()
    calls.call("+4930123", 0.0, 60.0)
    calls.ledger.use(replace(PRICED, rates={"+49": Decimal("2")}))
    assert calls.ledger.spent(60.0) == 2
    assert calls.ledger.spent(3660.0) == 0


def test_a_ledger_has_its_limit() -> None:
    calls = Calls(replace(PRICED, calls_per_hour_max=OUTBOUND_CALLS_PER_HOUR_MAX))
    past = _Past("+4930123", 0.0, 60.0)
    calls.ledger._placed.extend([60.0] * OUTBOUND_CALLS_PER_HOUR_MAX)
    calls.ledger._past.extend([past] * OUTBOUND_CALLS_PER_HOUR_MAX)
    calls.ledger.use(calls.ledger.policy)
    full = OUTBOUND_CALLS_PER_HOUR_MAX * Decimal("0.30")
    assert (calls.ledger.calls(60.0), calls.ledger.spent(60.0)) == (OUTBOUND_CALLS_PER_HOUR_MAX, full)
    calls.call("+12125550100", 60.0, 1.0)
    assert calls.ledger.calls(60.0) == OUTBOUND_CALLS_PER_HOUR_MAX
    assert calls.ledger.spent(60.0) == full - Decimal("0.30") + Decimal("0.01")


# At an exchange -------------------------------------------------------------------------------------------------------


class Bounded(Placer):
    """A placer with a policy."""

    def __init__(self, policy: OutboundPolicy, *trunks: Trunk) -> None:
        super().__init__()
        self.operation = replace(self.operation, outbound=policy, trunks=(*self.operation.trunks, *trunks))
        self.program = Program(self.operation, FLOWS)
        self.exchange.add_program(self.program, current=True)


def test_a_call_that_is_denied_is_on_record_and_told_once_a_minute() -> None:
    placer = Bounded(POLICY)
    for _ in range(20):
        assert placer.step(fx.PlaceCall("+19005550100", "listen")) == []
    record = placer.record()
    assert (record.state, record.outcome, record.sip_status) == ("ended", "refused", None)
    assert record.reason == "+19005550100 may not be called: `outbound.deny` has +1900"
    assert placer.exchange.live_calls == 0
    told = [report.detail for report in placer.reports if report.event == "call_denied"]
    assert told == [f"1 since the last line; the latest: {record.reason}"]
    assert len(told) == DENIALS_REPORTED_PER_S_MAX
    placer.wait(61)
    placer.step(fx.PlaceCall("+19005550100", "listen"))
    assert placer.reports[-1].detail.startswith("20 since the last line")
    placer.step(fx.PlaceCall("+44", "listen"))
    assert [report.event for report in placer.reports].count("call_denied") == 3


def test_what_is_dialled_is_what_was_decided_on() -> None:
    assert Bounded(POLICY).place("0018005550101").uri == f"sip:+18005550101@{PROXY[0]}"


def test_the_bound_holds_after_a_crash() -> None:
    placer = Bounded(POLICY)
    for _ in range(3):
        placer.place("+15550001")
    placer.crash()
    assert placer.step(fx.PlaceCall("+15550001", "listen")) == []
    assert "`outbound.calls_per_hour_max`" in placer.record().reason


def test_an_emergency_call_takes_its_trunk() -> None:
    sos = Trunk("sos", ("198.51.100.0/24",), outbound=TrunkOutbound("198.51.100.9", 5060))
    placer = Bounded(OutboundPolicy(emergency=EmergencyRule(("112",), "sos")), sos)
    [sent] = [parse_message(data) for data in placer.step(fx.PlaceCall("112", "listen", trunk="carrier"))]
    assert isinstance(sent, Request)
    assert (sent.uri, placer.peers[-1]) == ("sip:112@198.51.100.9", ("198.51.100.9", 5060))


def test_the_tests_of_calls_out_may_call_anybody() -> None:
    assert all(rule_of(ANYBODY, number) is None for number in ("+1900", "112", "bob"))
