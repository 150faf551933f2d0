"""`carrier:` and `failover:` of numbers: what is read, every mistake at its place, and what is warned of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.failover_checks import failover_warnings
from keepline.model.failover import Failover
from keepline.model.limits_numbers import NUMBER_ADDRESSES_MAX
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]
MORE = """
capabilities:
  portal:
    paths:
      - name: http
        http:
          base_url: https://portal.example.com
          actions:
            point:
              {method: PUT, path: "/numbers/{number}", body: {to: "{to}"}, response: {target: $.to}, idempotent: true}
            where: {path: "/numbers/{number}", response: {target: $.to}}
            once: {method: POST, path: /once, body: {number: "{number}", to: "{to}"}}
            strange: {method: PUT, path: "/numbers/{customer}", idempotent: true}
"""
API = "{method: api, ask: portal.point, home: main, away: backup, arrives_by: south}"
EMERGENCY = "outbound: {emergency: {numbers: [911], rule: refuse}}\n"


def with_failover(failover: str, carrier: str = "carrier: north, ") -> str:
    """The good file with two carriers, and a number of one of them."""
    north, south = "{peers: [192.0.2.0/28], outbound: {proxy: 192.0.2.1}}", "{peers: [198.51.100.0/28]}"
    text = GOOD_YAML.replace("\ntrunks:\n", f"\ntrunks:\n  north: {north}\n  south: {south}\n")
    first = text.index("\nnumbers:\n") + len("\nnumbers:\n")
    number = f'  "+18005550199": {{flow: greeting, {carrier}failover: {failover}}}\n'
    return text[:first] + number + text[first:] + EMERGENCY + MORE


def test_each_method_is_read(shop: Path) -> None:
    for text, expected in {
        "{method: none}": Failover("none"),
        "{method: origination, addresses: [203.0.113.9, '198.51.100.4:5080']}":
            Failover("origination", ("203.0.113.9", "198.51.100.4:5080")),
        "{method: second_number, number: +18005550198}": Failover("second_number", number="+18005550198"),
        API: Failover("api", (), "portal", "point", "", "", "main", "backup", "south"),
        API[:-1] + ", look: portal.where, field: target, hold_s: 60, silent_s: 5}":
            Failover("api", (), "portal", "point", "where", "target", "main", "backup", "south", 60.0, 5.0),
    }.items():  # fmt: skip
        second = '  "+18005550198": {flow: greeting, carrier: south}\n'
        yaml = with_failover(text).replace("\nnumbers:\n", f"\nnumbers:\n{second}")
        (shop / "keepline.yaml").write_text(yaml, encoding="utf-8")
        number = load_operation(shop).numbers["+18005550199"]
        assert (number.carrier, number.failover) == ("north", expected)


@pytest.mark.parametrize(
    ("failover", "told"),
    [
        ("{}", "is missing"),
        ("{method: maybe}", "`maybe` will not do"),
        ("{method: origination}", "`method: origination` lacks `addresses`; write `addresses: ["),
        ("{method: origination, addresses: [203.0.113.9]}", "is one address alone"),
        ("{method: origination, addresses: [nowhere, 203.0.113.9]}", "`nowhere` is not"),
        ("{method: second_number}", "lacks `number`; write `number: NUMBER`"),
        ("{method: second_number, number: +18005550111}", "there is no number `+18005550111`"),
        ("{method: second_number, number: +18005550199}", "is the number itself"),
        ("{method: second_number, number: 0800}", "`0800` is not known to belong to another carrier than `north`"),
        ("{method: none, number: 0800}", "`number` is no part of `method: none`; leave it away, or write `method: sec"),
        ("{method: none, hold_s: 5}", "`hold_s` is no part of `method: none`"),
        ("{method: api}", "`method: api` lacks `ask`; write `ask: CAPABILITY.ACTION`"),
        (API.replace("home: main, ", ""), "lacks `home`; write `home: TEXT`"),
        (API.replace("arrives_by: south", "arrives_by: west"), "there is no trunk `west`"),
        (API.replace("arrives_by: south", "arrives_by: north"), "is the carrier that it is to get away from"),
        (API.replace("home: main", "home: backup"), "is where it belongs"),
        (API.replace("portal.point", "portal"), "`portal` will not do; write CAPABILITY.ACTION"),
        (API.replace("portal.point", "portal.poimt"), "there is no `portal.poimt`; did you mean `portal.point`"),
        (API.replace("portal.point", "portal.once"), "may have to be asked twice, when its answer is lost"),
        (API.replace("portal.point", "portal.where"), "may have to be asked twice"),
        (API.replace("portal.point", "portal.strange"), "wants `customer`; it is given `number` and `to`, and its key"),
        (API[:-1] + ", look: portal.point, field: target}", "`portal.point` changes something; name one that only"),
        (API[:-1] + ", look: portal.where}", "says nothing without `field`"),
        (API[:-1] + ", field: nowhere}", "the answer of `portal.point` has no field `nowhere`"),
        (API[:-1] + ", look: other.where, field: target}", "is of another capability than `ask`"),
        (API[:-1] + ", hold_s: -1}", "`-1` is out of range"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, failover: str, told: str) -> None:
    found = mistakes(with_failover(failover))
    assert [each for each in found if told in each], found


@pytest.mark.parametrize(
    ("carrier", "told"),
    [("", "belongs to a number without a carrier"), ("carrier: west, ", "there is no trunk `west`")],
)
def test_its_carrier_is_one_of_the_trunks(mistakes: Check, carrier: str, told: str) -> None:
    assert [each for each in mistakes(with_failover("{method: none}", carrier)) if told in each]


def test_a_carrier_that_cannot_be_asked_is_no_owner_of_a_number_to_be_moved(mistakes: Check) -> None:
    text = with_failover(API.replace("south", "north"), "carrier: south, ")
    assert [each for each in mistakes(text) if "`south` cannot be asked whether it is there" in each]


def test_a_carrier_has_number_addresses_max_addresses_to_try_at_most(mistakes: Check) -> None:
    many = ", ".join(f"203.0.113.{n}" for n in range(NUMBER_ADDRESSES_MAX + 1))
    [mistake] = mistakes(with_failover(f"{{method: origination, addresses: [{many}]}}"))
    assert f"at most {NUMBER_ADDRESSES_MAX} " in mistake


def test_what_nothing_takes_over_is_warned_of_with_what_it_would_take(shop: Path) -> None:
    (shop / "keepline.yaml").write_text(with_failover("{method: none}"), encoding="utf-8")
    [warning] = failover_warnings(load_operation(shop))
    assert warning.field == "numbers.+18005550199.failover"
    assert warning.wrong.startswith("nothing takes over `+18005550199`: while `north` brings no calls")
    assert "`origination`" in warning.right
    (shop / "keepline.yaml").write_text(with_failover(API), encoding="utf-8")
    assert failover_warnings(load_operation(shop)) == []


def test_a_public_number_that_says_nothing_is_warned_of_where_others_can_call(shop: Path) -> None:
    text = GOOD_YAML.replace("  0800:", '  "+18005550199":')
    (shop / "keepline.yaml").write_text(text, encoding="utf-8")
    assert failover_warnings(load_operation(shop)) == []
    [warning] = failover_warnings(load_operation(shop, ["sip.listen=192.0.2.1:5060"]))
    assert "while its carrier brings no calls" in warning.wrong
