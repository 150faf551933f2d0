"""`outbound` of trunks and of the operation: what is read, and every mistake at its place with what would be right."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.json_schema import json_schema
from keepline.model.capability import SecretRef
from keepline.model.limits import OUTBOUND_PREFIXES_MAX
from keepline.model.operation import EmergencyRule, OutboundPolicy, TrunkOutbound
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]
RULE = "outbound: {emergency: {numbers: [112], rule: refuse}}\n"


def with_trunk(outbound: str, policy: str = RULE) -> str:
    return GOOD_YAML.replace("[203.0.113.0/24]}", f"[203.0.113.0/24], outbound: {outbound}}}") + policy


def test_nothing_goes_out_by_default(shop: Path) -> None:
    operation = load_operation(shop)
    assert operation.trunks[0].outbound is None
    assert operation.outbound == OutboundPolicy()
    assert operation.outbound.allow == ()


@pytest.mark.parametrize(
    ("outbound", "expected"),
    [
        ('{proxy: "203.0.113.7:5062"}', TrunkOutbound("203.0.113.7", 5062)),
        ("{proxy: 203.0.113.7}", TrunkOutbound("203.0.113.7", 5060)),
        ('{proxy: "2001:db8::7"}', TrunkOutbound("2001:db8::7", 5060)),
        ('{proxy: "[2001:db8::7]:5070"}', TrunkOutbound("2001:db8::7", 5070)),
        ("{proxy: SIP.Carrier.example.}", TrunkOutbound("sip.carrier.example", 0)),
        ('{proxy: "sip.carrier.example:5070", transport: tcp}', TrunkOutbound("sip.carrier.example", 5070, "tcp")),
        (
            "{proxy: localhost, username: shop, password_env: CARRIER, realm: carrier.example, from: +18005550100}",
            TrunkOutbound(
                "localhost",
                0,
                "udp",
                "shop",
                SecretRef("env", "CARRIER"),
                "carrier.example",
                "+18005550100",
            ),
        ),
        (
            "{proxy: localhost, username: shop, password_file: /etc/keepline/carrier}",
            TrunkOutbound("localhost", username="shop", password=SecretRef("file", "/etc/keepline/carrier")),
        ),
    ],
)
def test_how_calls_go_out(shop: Path, outbound: str, expected: TrunkOutbound) -> None:
    (shop / "keepline.yaml").write_text(with_trunk(outbound), encoding="utf-8")
    assert load_operation(shop).trunks[0].outbound == expected


def test_whom_the_operation_may_call(shop: Path) -> None:
    policy = """\
outbound:
  allow: ["+1", +49, 10, reception]
  deny: [+1900]
  calls_per_hour_max: 7
  spend_per_hour_max: 20.5
  currency: EUR
  rates: {"+1": 0.01, +49: 0.2, 10: 0, reception: 0}
  emergency: {numbers: [911, "+112"], trunk: carrier}
"""
    (shop / "keepline.yaml").write_text(with_trunk("{proxy: localhost}", policy), encoding="utf-8")
    assert load_operation(shop).outbound == OutboundPolicy(
        ("+1", "+49", "10", "reception"),
        ("+1900",),
        7,
        Decimal("20.5"),
        "EUR",
        {"+1": Decimal("0.01"), "+49": Decimal("0.2"), "10": Decimal(0), "reception": Decimal(0)},
        EmergencyRule(("911", "+112"), "carrier"),
    )


@pytest.mark.parametrize(
    ("outbound", "mistake"),
    [
        ("{}", "3:38: trunks.carrier.outbound.proxy: is missing; where its calls are sent: an address, or a name that"
         " is located by SRV, for example `203.0.113.7:5060`"),
        ("{proxy: 'sip:carrier.example'}", "3:56: trunks.carrier.outbound.proxy: `sip:carrier.example` is a URI;"
         " write an address or a name, for example `203.0.113.7:5060` or `sip.carrier.example`"),
        ("{proxy: a_b}", "3:56: trunks.carrier.outbound.proxy: `a_b` is neither an address nor a name;"
         " write an address or a name, for example `203.0.113.7:5060` or `sip.carrier.example`"),
        ("{proxy: 'localhost:0'}", "3:56: trunks.carrier.outbound.proxy: 0 is not a port;"
         " a port is 1 to 65535; without one, the name is located by SRV"),
        ("{proxy: '203.0.113.7:0'}", "3:56: trunks.carrier.outbound.proxy: 0 is not a port that can be sent to;"
         " write an address or a name, for example `203.0.113.7:5060` or `sip.carrier.example`"),
        ("{proxy: '203.0.113:5060'}", "3:56: trunks.carrier.outbound.proxy: `203.0.113` is not an IP address;"
         " write HOST:PORT, for example `127.0.0.1:5060` or `[::1]:5060`"),
        ("{proxy: localhost, from_number: 100}", "3:67: trunks.carrier.outbound.from_number: `from_number` is not a"
         " setting; known: `from`, `password_env`, `password_file`, `proxy`, `realm`, `transport`, `username`"),
        ("{proxy: localhost, from: 18005550100}", "3:73: trunks.carrier.outbound.from: `18005550100` is not in E.164;"
         " write `+18005550100`"),
        ("{proxy: localhost, username: a}", "3:77: trunks.carrier.outbound.username: has no password;"
         " write `password_env: NAME` or `password_file: /PATH` beside it"),
        ("{proxy: localhost, username: 'a b', password_env: A}", "3:77: trunks.carrier.outbound.username: `a b` will"
         " not do; write 1 to 128 printable characters without blanks and quotes"),
        ("{proxy: localhost, password_env: A}", "3:81: trunks.carrier.outbound.password_env: belongs to no user name;"
         " write `username: NAME` beside it"),
        ("{proxy: localhost, realm: a}", "3:74: trunks.carrier.outbound.realm: belongs to no user name;"
         " write `username: NAME` beside it"),
        ("{proxy: localhost, realm: 'a\"'}", "3:74: trunks.carrier.outbound.realm: `a\"` will not do;"
         " write 1 to 128 printable characters without quotes"),
        ("{proxy: localhost, username: a, password_env: A, password_file: /a}",
         "3:112: trunks.carrier.outbound.password_file: there are two places for one password;"
         " keep one of `password_env: NAME` or `password_file: /PATH`"),
        ("{proxy: localhost, username: a, password_file: a}", "3:95: trunks.carrier.outbound.password_file: `a` will"
         " not do; write the whole path, as `/etc/keepline/carrier.password`"),
        ("{proxy: localhost, username: a, password_env: a-b}", "3:94: trunks.carrier.outbound.password_env: `a-b` will"
         " not do; write the name of a variable of the environment, as `CARRIER_PASSWORD`"),
        ("{proxy: localhost, username: a, password: secret}", "3:80: trunks.carrier.outbound.password: `password` is"
         " not a setting; did you mean `password_env`?"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_trunk(mistakes: Check, outbound: str, mistake: str) -> None:
    found = mistakes(with_trunk(outbound))
    assert f"keepline.yaml:{mistake}" in found, found


@pytest.mark.parametrize(
    ("policy", "mistake"),
    [
        ("", "3:38: trunks.carrier.outbound: calls can go out, and nothing says what becomes of one to an emergency"
         " number; write `outbound: {emergency: {numbers: [911, 112], rule: refuse}}`, or `trunk: NAME` in its place"),
        ("outbound: {allow: ['+1']}", "11:1: outbound: calls can go out, and nothing says what becomes of one to an"
         " emergency number; write `outbound: {emergency: {numbers: [911, 112], rule: refuse}}`,"
         " or `trunk: NAME` in its place"),
        ("outbound: {emergency: {numbers: [112]}}", "11:12: outbound.emergency: has neither a `rule` nor a `trunk`;"
         " write `rule: refuse`, or `trunk: NAME`"),
        ("outbound: {emergency: {numbers: [112], rule: refuse, trunk: carrier}}", "11:12: outbound.emergency: has both"
         " a `rule` and a `trunk`; write `rule: refuse`, or `trunk: NAME`"),
        ("outbound: {emergency: {numbers: [112], trunk: carier}}", "11:47: outbound.emergency.trunk: there is no trunk"
         " `carier` that calls go out by; did you mean `carrier`?"),
        ("outbound: {emergency: {numbers: [help], rule: refuse}}", "11:34: outbound.emergency.numbers[0]: `help` will"
         " not do; write the digits that are dialled, as `112`"),
        ("outbound: {emergency: {rule: refuse}}", "11:12: outbound.emergency.numbers: is missing; the emergency"
         " numbers, as they are dialled, for example `[911, 112]`"),
        (RULE.replace("{e", "{allow: ['0049 1'], e"), "11:20: outbound.allow[0]: `0049 1` will not do;"
         " write a prefix in E.164 as `+49`, up to 6 digits of extensions as `10`, or a user's name"),
        (RULE.replace("{e", "{currency: euro, e"), "11:22: outbound.currency: `euro` will not do;"
         " write the three letters of ISO 4217, as `EUR`"),
        (RULE.replace("{e", "{spend_per_hour_max: 5, e"), "11:32: outbound.spend_per_hour_max: is an amount of no"
         " currency; write `currency: EUR`, say, beside it"),
        (RULE.replace("{e", "{spend_per_hour_max: '5,00', e"), "11:32: outbound.spend_per_hour_max: `5,00` is not an"
         " amount; write it with a point, for example `0.012`"),
        (RULE.replace("{e", "{spend_per_hour_max: -1, e"), "11:32: outbound.spend_per_hour_max: `-1` is out of range;"
         " an amount is 0 to 1000000"),
        (RULE.replace("{e", "{spend_per_hour_max: 5, currency: EUR, allow: ['+49'], rates: {'+1': 1}, e"),
         "11:58: outbound.allow[0]: there is no rate for `+49`, so what its calls cost cannot be bounded;"
         ' write `rates: {"+49": 0.01}`'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_policy(mistakes: Check, policy: str, mistake: str) -> None:
    found = mistakes(with_trunk("{proxy: localhost}", policy))
    assert f"keepline.yaml:{mistake}" in found, found


def test_a_list_of_prefixes_has_an_end(mistakes: Check) -> None:
    many = ", ".join(f"'+1{index}'" for index in range(OUTBOUND_PREFIXES_MAX + 1))
    [found] = mistakes(with_trunk("{proxy: localhost}", RULE.replace("{e", f"{{deny: [{many}], e")))
    assert found == f"keepline.yaml:11:18: outbound.deny: is too long; at most {OUTBOUND_PREFIXES_MAX} entries"


def test_an_editor_is_told_the_name_in_the_file() -> None:
    settings = json_schema()["$defs"]["TrunkOutboundFile"]["properties"]
    assert "from" in settings
    assert "from_number" not in settings


def test_a_trunk_accepts_refer_only_where_it_says_so(shop: Path, mistakes: Check) -> None:
    assert not load_operation(shop).trunks[0].accepts_refer
    good = with_trunk("{proxy: localhost}, accepts_refer: true")
    (shop / "keepline.yaml").write_text(good, encoding="utf-8")
    assert load_operation(shop).trunks[0].accepts_refer
    trunk = json_schema()["$defs"]["TrunkFile"]["properties"]
    assert trunk["accepts_refer"]["default"] is False
    assert mistakes(GOOD_YAML.replace("[203.0.113.0/24]}", "[203.0.113.0/24], accepts_refer: true}")) == [
        "keepline.yaml:3:53: trunks.carrier.accepts_refer: nobody is called by this trunk who could hand a caller on;"
        " write `outbound: {proxy: HOST}` beside it, or leave it away"
    ]
