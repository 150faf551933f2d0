"""Trunks located by DNS, asked over a real socket: what is found, for how long, and what holds when nobody answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keepline.call.inputs import TrunkLocated
from keepline.model import limits
from keepline.model.operation import HostPort, Trunk, TrunkOutbound
from keepline.node import resolver as resolver_module
from keepline.node.resolver import Located, Locator, NotLocatedError, Resolver, read_kept
from keepline.sip.locating import SipServer
from tests.live.dns_server import DnsServer, Records
from tests.spec.exchange_rig import OPERATION
from tests.unit.node.node_doubles import until

NAME = "sip.example.net"
TWO: Records = {
    (f"_sip._udp.{NAME}.", "SRV"): ["20 0 5062 b.example.net.", "10 5 5061 a.example.net."],
    ("a.example.net.", "A"): ["192.0.2.1", "192.0.2.2"],  # which come in any order
    ("b.example.net.", "A"): ["192.0.2.3"],
    ("b.example.net.", "AAAA"): ["2001:db8::3"],
}


def asking(server: DnsServer, *families: str) -> Resolver:
    return Resolver([HostPort("127.0.0.1", server.port)], frozenset(families or ("A",)))


def locate(server: DnsServer, *families: str, host: str = NAME, port: int = 0, transport: str = "udp") -> Located:
    return asyncio.run(asking(server, *families).locate(host, port, transport))


def test_rfc3263_4_2_srv_and_then_the_addresses_of_each_server() -> None:
    with DnsServer(TWO) as server:
        found = locate(server)
    assert found.ttl_s == 60
    first, second = found.servers
    assert (set(first.addresses), first.port, first.priority, first.weight) == ({"192.0.2.1", "192.0.2.2"}, 5061, 10, 5)
    assert second == SipServer(("192.0.2.3",), 5062, 20, 0)
    assert server.asked[f"_sip._udp.{NAME}.", "SRV"] == 1


def test_rfc3263_4_2_ipv6_where_we_speak_it() -> None:
    with DnsServer(TWO) as server:
        assert locate(server, "AAAA").servers == (SipServer(("2001:db8::3",), 5062, 20, 0),)


def test_rfc3263_4_2_without_srv_the_name_itself_at_5060_and_with_a_port_srv_is_not_asked() -> None:
    records: Records = {(f"{NAME}.", "A"): ["192.0.2.9"]}
    with DnsServer(records) as server:
        assert locate(server).servers == (SipServer(("192.0.2.9",), 5060),)
        asked = server.asked.total()
        assert locate(server, port=5070).servers == (SipServer(("192.0.2.9",), 5070),)
        assert server.asked.total() == asked + 1


def test_a_name_that_stands_for_nothing_is_said_to() -> None:
    refused: Records = {(f"_sip._udp.{NAME}.", "SRV"): ["0 0 0 ."]}
    with DnsServer({}) as server, pytest.raises(NotLocatedError, match=r"no A record of sip\.example\.net"):
        locate(server)
    with DnsServer(refused) as server, pytest.raises(NotLocatedError, match="serves no SIP over UDP"):
        locate(server)


def test_dns_s_max_is_how_long_a_silent_resolver_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "DNS_S_MAX", 0.2)
    with DnsServer(TWO) as server:
        server.is_silent = True
        with pytest.raises(NotLocatedError, match="asking for SRV"):
            locate(server)


def test_dns_ttl_s_min_and_dns_ttl_s_max_bound_how_long_an_answer_holds() -> None:
    with DnsServer(TWO, ttl_s=0) as server:
        assert locate(server).ttl_s == limits.DNS_TTL_S_MIN
        server.ttl_s = 1_000_000
        assert locate(server).ttl_s == limits.DNS_TTL_S_MAX


def test_located_servers_max_is_how_many_are_asked_for_the_first_of_them() -> None:
    many = limits.LOCATED_SERVERS_MAX + 3
    records: Records = {(f"_sip._udp.{NAME}.", "SRV"): [f"{n} 0 5060 s{n}.example.net." for n in range(many)]}
    records |= {(f"s{n}.example.net.", "A"): [f"192.0.2.{n}"] for n in range(many)}
    with DnsServer(records) as server:
        found = locate(server)
    assert [each.priority for each in found.servers] == list(range(limits.LOCATED_SERVERS_MAX))


# Followed -------------------------------------------------------------------------------------------------------------


class Core:
    def __init__(self) -> None:
        self.told: list[TrunkLocated] = []


async def following(
    server: DnsServer, kept: Path, check: Callable[[Core], Awaitable[None]], outbound: TrunkOutbound | None = None
) -> None:
    core = Core()
    trunk = Trunk("carrier", (), outbound=outbound or TrunkOutbound(NAME))
    literal = Trunk("written", (), outbound=TrunkOutbound("192.0.2.5"))
    locator = Locator(asking(server), core.told.append, kept)
    locator.start(replace(OPERATION, trunks=(trunk, literal)))
    try:
        async with asyncio.timeout(30):
            await check(core)
    finally:
        locator.stop()
        await asyncio.sleep(0)


def test_news_come_with_the_records_time_to_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resolver_module, "DNS_TTL_S_MIN", 0.02)

    async def check(core: Core) -> None:
        await until(lambda: core.told)
        assert {each.trunk for each in core.told} == {"carrier"}, "an address needs no locating"
        server.records = dict(TWO) | {("a.example.net.", "A"): ["192.0.2.44"]}
        await until(lambda: core.told[-1].servers[0].addresses == ("192.0.2.44",))

    with DnsServer(TWO, ttl_s=0) as server:
        asyncio.run(following(server, tmp_path / "located.json", check))


def test_what_was_found_last_holds_when_nobody_answers_any_more_also_for_a_successor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("DNS_TTL_S_MIN", 0.02), ("DNS_NEGATIVE_S", 0.02), ("DNS_S_MAX", 0.2)):
        monkeypatch.setattr(resolver_module, name, value)
    kept = tmp_path / "located.json"

    async def check(core: Core) -> None:
        await until(lambda: core.told)
        server.records = {}
        asked = server.asked.total()
        await until(lambda: server.asked.total() > asked + 6)
        assert core.told[-1].servers, "no servers are no news"

    async def check_successor(core: Core) -> None:
        assert len(core.told) == 1
        assert set(core.told[0].servers[0].addresses) == {"192.0.2.1", "192.0.2.2"}

    with DnsServer(TWO, ttl_s=0) as server:
        asyncio.run(following(server, kept, check))
        server.is_silent = True
        asyncio.run(following(server, kept, check_successor))
    said = capsys.readouterr()
    assert (said.out + said.err).count("trunk_not_located") == 1, "once, not each time"


def test_dns_negative_s_is_how_long_a_name_that_is_not_there_is_not_asked_for(tmp_path: Path) -> None:
    async def check(core: Core) -> None:
        await until(lambda: server.asked.total() >= 2)
        for _ in range(200):
            await asyncio.sleep(0)
        assert server.asked.total() == 2, f"SRV and A, once in {limits.DNS_NEGATIVE_S:g} s"
        assert core.told == []

    with DnsServer({}) as server:
        asyncio.run(following(server, tmp_path / "located.json", check))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": [[1, 2]]}', "null"])
def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "located.json"
    path.write_text(text)
    assert read_kept(path) == {}
