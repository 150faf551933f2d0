"""What an operation says of SIP over TCP, and of the resolvers that are asked where proxies are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.limits import DNS_SERVERS_MAX
from keepline.model.operation import HostPort
from tests.unit.config.conftest import GOOD_YAML


def with_sip(line: str) -> str:
    return GOOD_YAML + f"sip: {{{line}}}\n"


def test_both_transports_and_the_systems_resolvers_unless_said_otherwise(shop: Path) -> None:
    sip = load_operation(shop / "keepline.yaml").sip
    assert (sip.transports, sip.dns) == (("udp", "tcp"), ())


def test_tcp_may_be_left_out_and_resolvers_named(shop: Path) -> None:
    text = with_sip("transports: [udp], dns: [192.0.2.53, '127.0.0.1:5353', '[2001:db8::53]:54', '2001:db8::53']")
    (shop / "keepline.yaml").write_text(text)
    sip = load_operation(shop / "keepline.yaml").sip
    assert sip.transports == ("udp",)
    assert sip.dns == (
        HostPort("192.0.2.53", 53),
        HostPort("127.0.0.1", 5353),
        HostPort("2001:db8::53", 54),
        HostPort("2001:db8::53", 53),
    )


@pytest.mark.parametrize(
    ("line", "challenges"),
    [("", ("SHA-256", "MD5")), ("challenges: [MD5]", ("MD5",)), ("challenges: [MD5, SHA-256]", ("MD5", "SHA-256"))],
)
def test_algorithms_of_digest_are_in_order(shop: Path, line: str, challenges: tuple[str, ...]) -> None:
    (shop / "keepline.yaml").write_text(with_sip(line))
    assert load_operation(shop / "keepline.yaml").sip.challenges == challenges


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("challenges: []", "`[]` will not do; write `[SHA-256, MD5]`, the preferred first, or one of them"),
        ("challenges: [MD5, MD5]", "`[MD5, MD5]` will not do"),
        ("challenges: [SHA-1]", "SHA-1"),
        ("transports: [tcp]", "`[tcp]` will not do; write `[udp]` or `[udp, tcp]`"),
        ("transports: [udp, udp]", "`[udp, udp]` will not do; write `[udp]` or `[udp, tcp]`"),
        ("transports: [udp, tls]", "tls"),
        ("dns: [dns.example.net]", "dns.example.net"),
        ("dns: ['0.0.0.0']", "nobody's address"),
        (f"dns: [{', '.join(f'192.0.2.{n}' for n in range(DNS_SERVERS_MAX + 1))}]", f"{DNS_SERVERS_MAX}"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Callable[..., list[str]], line: str, mistake: str) -> None:
    [told] = mistakes(with_sip(line))
    assert mistake in told
