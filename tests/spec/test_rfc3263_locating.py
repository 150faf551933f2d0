"""Which servers stand behind a trunk's name, and their order (RFC 3263 §4.2, RFC 2782)."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from keepline.call import effects as fx
from keepline.model.ids import IdSource
from keepline.model.limits import LOCATED_TARGETS_MAX
from keepline.sip.locating import (
    Draw,
    ServiceRecord,
    SipServer,
    in_order,
    plain_service,
    service_name,
    targets_in_order,
)
from keepline.sip.peers import TcpPeer
from tests.spec.placing_rig import Placer

SIZES = st.integers(0, 65_535)
SERVERS = st.builds(SipServer, st.lists(st.ip_addresses().map(str), max_size=3).map(tuple), SIZES, SIZES, SIZES)


def drawing(seed: bytes) -> Draw:
    ids = IdSource(seed)
    return lambda most: ids.number(48) % (most + 1)


def least(_most: int) -> int:
    return 0


def test_rfc3263_4_2_without_a_port_the_service_of_the_transport_is_asked_for() -> None:
    assert service_name("sip.example.net", 0, "udp") == "_sip._udp.sip.example.net"
    assert service_name("sip.example.net", 0, "tcp") == "_sip._tcp.sip.example.net"


def test_rfc3263_4_2_a_port_that_is_given_leaves_its_addresses_alone() -> None:
    assert service_name("sip.example.net", 5070, "udp") == ""
    assert plain_service("sip.example.net", 5070) == ServiceRecord(0, 0, 5070, "sip.example.net")


def test_rfc3263_4_2_a_name_without_srv_records_is_asked_for_itself_at_the_default_port() -> None:
    assert plain_service("sip.example.net", 0).port == 5060


def test_rfc2782_a_lower_priority_comes_first() -> None:
    far, near = SipServer(("192.0.2.1",), 5060, 20, 100), SipServer(("192.0.2.2",), 5060, 10, 0)
    assert in_order([far, near], least) == [near, far]


def test_rfc2782_who_weighs_more_comes_first_more_often() -> None:
    heavy, light, none = (SipServer((f"192.0.2.{weight}",), 5060, 0, weight) for weight in (60, 30, 0))
    draw = drawing(b"seed")
    first = Counter(in_order([heavy, light, none], draw)[0].weight for _ in range(3000))
    assert 1900 < first[60] < 2100
    assert 900 < first[30] < 1100
    assert first[0] < 100, "very seldom, but not never"


@given(st.lists(SERVERS, max_size=8), st.binary(min_size=8, max_size=8))
def test_rfc2782_every_server_has_its_turn_once_and_priorities_rise(servers: list[SipServer], seed: bytes) -> None:
    found = in_order(servers, drawing(seed))
    assert Counter(found) == Counter(servers)
    assert [server.priority for server in found] == sorted(server.priority for server in servers)


def test_rfc3263_4_3_all_addresses_of_a_server_come_before_the_next_server_and_none_twice() -> None:
    servers = [
        SipServer(("192.0.2.1", "192.0.2.2"), 5060, 1),
        SipServer(("192.0.2.2", "192.0.2.3"), 5060, 2),
        SipServer(("192.0.2.1",), 5070, 3),
    ]
    found = targets_in_order(servers, least)
    assert found == (("192.0.2.1", 5060), ("192.0.2.2", 5060), ("192.0.2.3", 5060), ("192.0.2.1", 5070))


def test_located_targets_max_is_what_a_call_may_try() -> None:
    servers = [SipServer(tuple(f"192.0.2.{number}" for number in range(LOCATED_TARGETS_MAX + 5)), 5060)]
    assert len(targets_in_order(servers, least)) == LOCATED_TARGETS_MAX


def test_rfc3261_8_1_3_1_what_cannot_be_sent_by_tcp_counts_as_503_after_the_last_target() -> None:
    placer = Placer(proxy_host="sip.example.net", transport="tcp")
    targets = ("192.0.2.77", "192.0.2.78")
    placer.step(fx.TrunkLocated("carrier", (SipServer(targets, 5060),)))
    sent = [placer.place().encode()]
    for host in targets:
        assert placer.peers[-1] == TcpPeer(host, 5060)
        sent = placer.step(fx.SendFailed(sent[-1], TcpPeer(host, 5060), "no connection: refused"))
    record = placer.record()
    assert (record.state, record.outcome, record.sip_status) == ("ended", "failed", 503)
    assert record.reason == "no connection: refused"


def test_a_call_goes_where_its_trunk_was_found_last() -> None:
    placer = Placer(proxy_host="sip.example.net")
    placer.step(fx.TrunkLocated("carrier", (SipServer(("192.0.2.77",), 5070),)))
    placer.step(fx.TrunkLocated("carrier", ()))  # no news
    placer.step(fx.TrunkLocated("another", (SipServer(("192.0.2.99",), 5099),)))
    placer.place()
    assert placer.peers[-1] == ("192.0.2.77", 5070)
