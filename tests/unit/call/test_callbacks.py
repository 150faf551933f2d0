"""When lines count as lost, who may be called back, and the book of those who are to be."""

from dataclasses import replace

import pytest

from keepline.call.callbacks.book import TicketBook
from keepline.call.callbacks.judging import LOST_SHARE, TOGETHER_S, Line, lost_together
from keepline.call.callbacks.rights import number_of, refusal_of
from keepline.call.callbacks.tickets import Promise
from keepline.call.facts import CallReceived
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.flow.calling_back import CALLBACK, CallbackPlan
from keepline.flow.capabilities import write_value
from keepline.model.callbacks import CallbackSettings
from keepline.model.limits_callbacks import CALLBACKS_OPEN_MAX
from keepline.model.operation import EmergencyRule, OutboundPolicy
from keepline.sip.message import Request, parse_message
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.exchange_rig import OPERATION, invite

NOW_S = 100.0


def lines(*silent_since_s: float | None) -> list[Line]:
    return [Line(f"c{index}", 10.0, since_s) for index, since_s in enumerate(silent_since_s)]


def test_lines_that_fall_silent_together_are_lost() -> None:
    lost, why = lost_together(lines(50.0, 51.0, 52.4), 3)
    assert lost == ("c0", "c1", "c2")
    assert why == "3 of the carrier's 3 lines fell silent within 2.4 s"


@pytest.mark.parametrize(
    "seen",
    [
        lines(50.0, 51.0),
        lines(50.0, 50.0, None),
        lines(50.0, 51.0, 50.0 + TOGETHER_S + 0.1),
        lines(50.0, 50.0, 50.0, None),
        [],
    ],
    ids=["two", "two_and_one_heard", "one_after_the_other", "three_of_four", "none"],
)
def test_others_are_not(seen: list[Line]) -> None:
    assert lost_together(seen, 3) == ((), "")


def test_a_few_may_still_be_heard_where_there_are_many() -> None:
    count = 10
    heard = round(count * (1 - LOST_SHARE))
    lost, why = lost_together(lines(*[50.0] * (count - heard), *[None] * heard), 3)
    assert (len(lost), why) == (8, "8 of the carrier's 10 lines fell silent within 0.0 s")
    assert lost_together(lines(*[50.0] * 7, *[None] * 3), 3)[0] == ()


def test_who_came_after_the_silence_says_nothing_about_it() -> None:
    seen = [*lines(50.0, 50.0, 50.0), *(Line(f"new{each}", 55.0, None) for each in range(5))]
    assert lost_together(seen, 3)[0] == ("c0", "c1", "c2")


def test_one_who_had_muted_before_is_not_counted_with_them() -> None:
    lost, _ = lost_together(lines(20.0, 50.0, 50.0, 50.0, 50.0), 3)
    assert lost == ("c1", "c2", "c3", "c4")


# Rights ---------------------------------------------------------------------------------------------------------------


def received(from_number: str = "+4930123450", asserted: str = "", privacy: str = "") -> CallState:
    """A call that came by the trunk `carrier`."""
    raw = invite("1000")
    message = parse_message(raw)
    assert isinstance(message, Request)
    if privacy:
        message.headers.set("Privacy", privacy)
    fact = CallReceived(
        "0" * 16, 1.0, "carrier", "192.0.2.1", 5060, raw.decode("latin-1"), "call", "tag", 1, "ours", "1000",
        from_number, "greeting", "a1", 1.0, 0, 40_000, 1, 1, 1, asserted,
    )  # fmt: skip
    return CallState(fact, message)


TRUSTED = replace(OPERATION, trunks=tuple(replace(each, name="carrier", trusted=True) for each in OPERATION.trunks))
UNTRUSTED = replace(TRUSTED, trunks=tuple(replace(each, trusted=False) for each in TRUSTED.trunks))


def test_rfc3325_the_identity_that_a_trusted_trunk_asserts_is_the_number() -> None:
    call = received("+1999", "<sip:+4930999@carrier.example>".strip("<>"))
    assert number_of(call, TRUSTED) == "+4930999"
    assert number_of(call, UNTRUSTED) == "+1999"


@pytest.mark.parametrize("privacy", ["id", "user;id", "header", "none;id;critical"])
def test_rfc3323_a_number_that_was_withheld_is_not_used(privacy: str) -> None:
    assert number_of(received(asserted="sip:+4930999@carrier.example", privacy=privacy), TRUSTED) == ""


@pytest.mark.parametrize("from_number", ["", "anonymous", "Anonymous", "Restricted"])
def test_nobody_is_no_number(from_number: str) -> None:
    assert number_of(received(from_number), UNTRUSTED) == ""
    assert refusal_of("", UNTRUSTED)[0] == "withheld"


def test_a_number_is_compared_in_its_plain_form() -> None:
    assert number_of(received("0049-30-123450", privacy="none"), UNTRUSTED) == "+4930123450"


def test_only_those_may_be_called_whom_the_policy_allows() -> None:
    policy = OutboundPolicy(("+49", "112", "10"), ("+49900",), emergency=EmergencyRule(("112",), ""))
    operation = replace(UNTRUSTED, outbound=policy)
    assert refusal_of("+4930123450", operation) == ("", "")
    words = {number: refusal_of(number, operation) for number in ("+49900123", "+33123456", "112", "1000")}
    assert {each[0] for each in words.values()} == {"not_allowed"}
    assert "emergency" in words["112"][1]
    assert "our own" in words["1000"][1]


# The book -------------------------------------------------------------------------------------------------------------


def plan(number: str, flow: str = "call_back") -> CallbackPlan:
    return CallbackPlan(number, flow, ((0.0, 1e9),), 3, 600.0, 30.0, "", (), "", "", True, "lost", {})


def started(run: str, number: str, flow: str = "call_back", runs: str = CALLBACK) -> RunStarted:
    return RunStarted(run, NOW_S, runs, "", "a1", "c1", -1, write_value(plan(number, flow).told()))


def test_a_ticket_is_open_until_its_run_ends() -> None:
    book = TicketBook([started("r1", "+491"), started("r1", "+491"), started("r2", "+491", "refund")])
    assert (len(book), [each.run for each in book.of("+491")]) == (2, ["r1", "r2"])
    found = book.find("+491", "refund")
    assert found is not None
    assert found.run == "r2"
    book.note(RunEnded("r1", NOW_S, "returned", "", '"reached"', "reached"))
    book.note(RunEnded("r1", NOW_S, "returned", "", '"reached"', "reached"))
    assert (book.find("+491", "call_back"), book.get("r1"), len(book)) == (None, None, 1)
    book.note(RunEnded("r2", NOW_S, "returned", "", '"reached"', "reached"))
    assert (book.of("+491"), list(book)) == ([], [])


def test_other_runs_are_no_tickets() -> None:
    other = RunStarted("r1", NOW_S, "call_back", "", "a1", "", -1, "{}")
    assert len(TicketBook([other, RunEnded("r1", NOW_S, "returned", "", "null")])) == 0


def promising(placer: CarriersPlacer, number: str) -> tuple[str, str]:
    """What becomes of a promise to this number: whether there is a ticket, or why not."""
    operation = replace(placer.operation, callbacks=CallbackSettings("listen"))
    exchange = placer.exchange
    turn = Turn(NOW_S, exchange.services)
    wanted = Promise("c1", (number,), number, "", 0.0, None, True, "lost", ())
    found = exchange.tickets.promise(turn, operation, wanted)
    return found.ticket[:1], found.refusal


def test_no_more_are_promised_a_call_than_can_be_kept_in_mind() -> None:
    placer = CarriersPlacer()
    for index in range(CALLBACKS_OPEN_MAX - 1):
        placer.exchange.tickets.book.note(started(f"r{index}", f"+1555{index:07}"))
    assert promising(placer, "+18005550111") == ("r", "")
    assert promising(placer, "+18005550112") == ("", "full")
    assert promising(placer, "+18005550111") == ("r", ""), "who has a ticket keeps it"
