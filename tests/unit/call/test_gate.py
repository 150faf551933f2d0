"""Who is let in, what the others get, and every limit at the door: reached, answered, and got over."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import CallEnded, CallReceived
from keepline.call.routing import TrunkIndex
from keepline.call.trunks.gate import Gate
from keepline.call.trunks.users import Users
from keepline.model.ids import IdSource
from keepline.model.limits import (
    BROKEN_ANSWERED_PER_S_MAX,
    BROKEN_ANSWERS_PER_S_MAX,
    REFUSALS_RECORDED_PER_S_MAX,
    SERVER_TRANSACTIONS_MAX,
    SIP_HEADERS_MAX,
    SIP_MESSAGE_BYTES_MAX,
    SIP_WAIT_S_MAX,
    STRANGER_ANSWERS_PER_S_MAX,
    STRANGERS_ANSWERED_PER_S_MAX,
    TRUNK_PEERS_CACHED_MAX,
)
from keepline.model.operation import Trunk
from keepline.sip.message import Response
from tests.spec.exchange_rig import STRANGER, Rig, invite, read_response
from tests.spec.sip_messages import PEER, SDP, wire


def way(number: int) -> str:
    return f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-gate{number}"


def statuses(answers: list[Response]) -> list[int]:
    return [answer.status for answer in answers]


def flood(rig: Rig, count: int, source: fx.Address = PEER, method: str = "OPTIONS", **changed: str) -> list[int]:
    """Statuses of so many requests, each of its own."""
    found: list[int] = []
    for number in range(count):
        data = wire(method, **{"Via": way(number), "Call_ID": f"flood{number}"} | changed)
        found += statuses(rig.send(data, source))
    return found


# Trunks -------------------------------------------------------------------------------------------------------------


def test_the_first_trunk_that_names_an_address_is_its_trunk() -> None:
    trunks = TrunkIndex((Trunk("a", ("192.0.2.0/25", "2001:db8::/32")), Trunk("b", ("192.0.2.0/24",))))
    assert [trunks.carrier(host) for host in ("192.0.2.1", "192.0.2.200", "198.51.100.1")] == ["a", "b", ""]
    assert [trunks.carrier(host) for host in ("2001:db8::1%eth0", "::ffff:192.0.2.1", "::1")] == ["a", "a", ""]


def test_addresses_are_remembered_up_to_the_limit() -> None:
    trunks = TrunkIndex((Trunk("a", ("10.0.0.0/8",)),))
    for number in range(TRUNK_PEERS_CACHED_MAX + 1):
        assert trunks.carrier(f"10.0.{number >> 8}.{number & 255}") == "a"
    assert len(trunks) == 1


def test_before_any_operation_nobody_is_let_in() -> None:
    assert Gate(b"seed", Users(b"key", IdSource(b"seed"))).carrier("192.0.2.1") == ""


# Strangers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "BYE", "CANCEL", "FROBNICATE"])
def test_a_stranger_is_refused_and_told_nothing(method: str) -> None:
    rig = Rig()
    answer = rig.ask(wire(method, "Require: x"), STRANGER)
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert "Allow" not in answer.headers
    assert rig.facts == []
    assert not rig.exchange.transactions.servers


def test_a_stranger_that_sends_nonsense_is_refused_alike() -> None:
    rig = Rig()
    assert rig.ask(wire("INVITE", CSeq="x"), STRANGER).status == 403
    assert rig.send(b"nonsense", STRANGER) == []
    assert [report.event for report in rig.reports] == ["stranger"]


def test_a_strangers_call_is_refused_on_record() -> None:
    rig = Rig()
    assert statuses(rig.send(invite(), STRANGER)) == [403]
    assert [type(fact) for fact in rig.facts] == [CallReceived, CallEnded]
    assert rig.send(wire("ACK"), STRANGER) == []
    assert rig.exchange.live_calls == 0


def test_a_stranger_may_be_ignored() -> None:
    rig = Rig(strangers="ignore")
    for data in (wire("OPTIONS"), invite(), wire("INVITE", CSeq="x"), wire("BYE"), wire("ACK")):
        assert rig.send(data, STRANGER) == []
    assert rig.facts == []
    assert len(rig.reports) == 1
    rig.options_are_answered()


def test_a_flood_from_one_stranger_meets_silence_one_line_and_no_record() -> None:
    rig = Rig()
    given = [status for _ in range(40) for status in flood(rig, 5, STRANGER, "INVITE")]
    assert len(given) == STRANGER_ANSWERS_PER_S_MAX
    assert len(rig.facts) == 2 * STRANGER_ANSWERS_PER_S_MAX
    assert [report.detail for report in rig.reports] == [
        "198.51.100.66: 1 since the last line; the latest: INVITE sip:bob@biloxi.example.com"
    ]
    rig.call_completes()
    rig.pass_time(60)
    rig.options_are_answered()
    rig.step(fx.TimeCame())
    assert [report.detail.split(";")[0] for report in rig.reports[1:]] == ["198.51.100.66: 199 since the last line"]


def test_a_flood_from_many_strangers_is_answered_no_more_than_the_limit() -> None:
    rig = Rig()
    given = [
        status
        for number in range(4 * STRANGERS_ANSWERED_PER_S_MAX)
        for status in statuses(rig.send(wire("OPTIONS"), (f"198.51.100.{number}", 5060)))
    ]
    assert given == [403] * STRANGERS_ANSWERED_PER_S_MAX
    rig.now_s += 1
    assert rig.ask(wire("OPTIONS"), ("198.51.100.250", 5060)).status == 403


def test_acks_of_a_stranger_count() -> None:
    rig = Rig()
    assert flood(rig, STRANGER_ANSWERS_PER_S_MAX, STRANGER, "ACK") == []
    assert rig.send(wire("OPTIONS"), STRANGER) == []


def test_whoever_knows_the_tags_of_a_call_is_its_peer() -> None:
    rig = Rig()
    dialog = rig.invite()
    assert rig.send(dialog.request("ACK"), STRANGER) == []
    assert rig.ask(dialog.request("OPTIONS"), STRANGER).status == 200
    assert rig.ask(dialog.request("BYE", From="<sip:mallory@example.com>;tag=guessed"), STRANGER).status == 403
    assert rig.ask(dialog.request("BYE"), STRANGER).status == 200
    assert rig.exchange.live_calls == 0
    assert rig.reports[0].event == "stranger"


def test_whoever_knows_the_branch_may_cancel() -> None:
    rig = Rig()
    data = invite("ringing", Via=way(1))
    assert rig.ask(data).status == 180
    assert rig.ask(wire("CANCEL", Via=way(2)), STRANGER).status == 403
    assert sorted(statuses(rig.send(wire("CANCEL", Via=way(1)), STRANGER))) == [200, 487]


def test_no_line_of_log_is_made_of_a_strangers_control_characters() -> None:
    rig = Rig()
    rig.send(wire("OPTIONS", uri="sip:\x9b31m@example.com"), STRANGER)
    assert all(report.detail.isprintable() for report in rig.reports)


# What cannot be read ------------------------------------------------------------------------------------------------


def test_a_peer_that_sends_broken_messages_is_answered_up_to_the_limit_and_logged_once() -> None:
    rig = Rig()
    given = flood(rig, BROKEN_ANSWERS_PER_S_MAX + 20, Max_Forwards="many")
    assert given == [400] * BROKEN_ANSWERS_PER_S_MAX
    assert [report.event for report in rig.reports] == ["bad_message"]
    rig.now_s += 1
    assert flood(rig, 1, Max_Forwards="many") == [400]
    rig.call_completes()


def test_broken_messages_of_many_peers_are_answered_up_to_the_limit() -> None:
    rig = Rig()
    given = [
        status for number in range(30) for status in flood(rig, 20, (f"192.0.2.{number}", 5060), Max_Forwards="many")
    ]
    assert given == [400] * BROKEN_ANSWERED_PER_S_MAX


def test_a_message_beyond_the_greatest_size_is_513() -> None:
    rig = Rig()
    assert rig.ask(invite(body=SDP + b"a=x\r\n" * (SIP_MESSAGE_BYTES_MAX // 5))).status == 513
    rig.call_completes()


def test_more_header_lines_than_the_most_are_400() -> None:
    rig = Rig()
    answer = rig.ask(wire("OPTIONS", *["X-A: 1"] * SIP_HEADERS_MAX))
    assert (answer.status, answer.reason) == (400, "Bad Request: too many header lines")


# No room ------------------------------------------------------------------------------------------------------------


def test_calls_beyond_the_most_are_503_without_retry_after() -> None:
    rig = Rig(slots=8, calls_max=2)
    first, _ = rig.call(), rig.call()
    answer = rig.ask(invite(Call_ID="third"))
    assert (answer.status, answer.headers.get("Retry-After")) == (503, None)
    assert isinstance(rig.facts[-1], CallEnded)
    rig.options_are_answered()
    rig.ask(first.request("BYE"))
    rig.call()


def test_calls_beyond_the_media_slots_are_503() -> None:
    rig = Rig(slots=1)
    rig.call()
    assert rig.ask(invite(Call_ID="second")).status == 503


def test_a_draining_node_answers_503_to_calls_and_pings_and_serves_the_calls_it_has() -> None:
    rig = Rig()
    dialog = rig.call()
    rig.step(fx.Drain())
    assert rig.ask(invite(Call_ID="late")).status == 503
    assert rig.ask(wire("OPTIONS")).status == 503
    assert rig.ask(dialog.request("BYE")).status == 200


def test_refusals_beyond_the_limit_are_stateless_and_counted() -> None:
    rig = Rig(slots=1)
    rig.call()
    transactions, facts = len(rig.exchange.transactions.servers), len(rig.facts)
    answers = [
        answer
        for number in range(REFUSALS_RECORDED_PER_S_MAX + 30)
        for answer in rig.send(invite(Via=way(number), Call_ID=f"flood{number}"))
    ]
    assert statuses(answers) == [503] * (REFUSALS_RECORDED_PER_S_MAX + 30)
    assert all("Retry-After" not in answer.headers for answer in answers)
    assert len(rig.facts) - facts == 2 * REFUSALS_RECORDED_PER_S_MAX
    assert len(rig.exchange.transactions.servers) - transactions <= REFUSALS_RECORDED_PER_S_MAX
    assert rig.exchange.gate.shed_calls == 30
    assert [report.event for report in rig.reports] == ["calls_shed"]
    last = invite(Via=way(REFUSALS_RECORDED_PER_S_MAX + 29), Call_ID=f"flood{REFUSALS_RECORDED_PER_S_MAX + 29}")
    assert [answer.encode() for answer in rig.send(last)] == [answers[-1].encode()], "the same answer to a copy"


def test_rfc3261_21_5_4_a_new_call_that_waited_too_long_is_refused_and_counted() -> None:
    rig = Rig()
    facts = len(rig.facts)
    (sent,) = rig.step(fx.DatagramReceived(invite(), PEER, SIP_WAIT_S_MAX + 0.01))
    refused = read_response(sent)
    assert (refused.status, "Retry-After" in refused.headers) == (503, False)
    assert (len(rig.facts), rig.exchange.gate.shed_calls) == (facts, 1)
    again = invite(Via=way(1))
    rig.step(fx.DatagramReceived(again, PEER, SIP_WAIT_S_MAX))
    assert len(rig.facts) > facts, "asked for again, and in time"
    rig.step(fx.DatagramReceived(again, PEER, 10.0))
    assert rig.exchange.gate.shed_calls == 1, "a copy that waited refuses nothing that is answered"


def test_server_transactions_beyond_the_most_are_503_without_a_memory() -> None:
    rig = Rig()
    dialog = rig.call()
    rig.invite("ringing")
    servers = rig.exchange.transactions.servers
    held = dict.fromkeys(((number,) for number in range(SERVER_TRANSACTIONS_MAX)), next(iter(servers.values())))
    servers.update(held)
    assert flood(rig, 2) == [503, 503]
    assert rig.ask(invite(Call_ID="late", Via=way(9))).status == 503
    assert len(servers) == SERVER_TRANSACTIONS_MAX + 1
    assert rig.ask(dialog.request("BYE")).status == 200
    for key in held:
        del servers[key]
    rig.options_are_answered()
    rig.call_completes()


def test_while_too_much_waits_for_the_disk_calls_are_503_and_live_ones_are_served() -> None:
    rig = Rig()
    dialog = rig.call()
    rig.exchange.is_unrecorded = True
    assert rig.ask(invite(Call_ID="late")).status == 503
    assert rig.ask(wire("OPTIONS")).status == 503
    assert rig.ask(dialog.request("BYE")).status == 200
    rig.exchange.is_unrecorded = False
    assert rig.ask(wire("OPTIONS", Via=way(1))).status == 200
