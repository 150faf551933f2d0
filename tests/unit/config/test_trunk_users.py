"""`users` and `register` of trunks: what is read, and every mistake at its place with what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.capability import SecretRef
from keepline.model.limits import REGISTRATION_EXPIRES_S_MAX, REGISTRATION_EXPIRES_S_MIN, TRUNK_USERS_MAX
from keepline.model.operation import TrunkRegistration, TrunkUser
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]
RULE = "outbound: {emergency: {numbers: [112], rule: refuse}}\n"
WAY = "outbound: {proxy: sip.carrier.example, username: shop, password_env: CARRIER}"


def with_trunk(settings: str, rule: str = RULE) -> str:
    return GOOD_YAML.replace("{peers: [203.0.113.0/24]}", f"{{{settings}}}") + rule


def test_users_in_place_of_peers(shop: Path) -> None:
    users = "users: {alice: {password_env: ALICE}, bob.b: {password_file: /etc/bob}}"
    (shop / "keepline.yaml").write_text(with_trunk(users, ""), encoding="utf-8")
    [trunk] = load_operation(shop).trunks
    assert trunk.peers == ()
    assert trunk.users == (
        TrunkUser("alice", SecretRef("env", "ALICE")),
        TrunkUser("bob.b", SecretRef("file", "/etc/bob")),
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{}", TrunkRegistration("sip.carrier.example", "shop", "shop", 3600)),
        (
            "{expires_s: 60, contact: +18005550100}",
            TrunkRegistration("sip.carrier.example", "shop", "+18005550100", 60),
        ),
        ("{registrar: Carrier.example, user: a}", TrunkRegistration("carrier.example", "a", "a")),
    ],
)
def test_a_registration(shop: Path, settings: str, expected: TrunkRegistration) -> None:
    yaml = with_trunk(f"peers: [203.0.113.0/24], {WAY}, register: {settings}")
    (shop / "keepline.yaml").write_text(yaml, encoding="utf-8")
    assert load_operation(shop).trunks[0].registration == expected


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ("trusted: true", "3:3: trunks.carrier: has neither `peers` nor `users`, so nobody could call by it;"
         " write `peers: [203.0.113.0/24]`, or `users: {NAME: {password_env: NAME}}`"),
        ("users: {a: {}}", "3:24: trunks.carrier.users.a: has no password;"
         " write `password_env: NAME` or `password_file: /PATH` in it"),
        ("users: {a: {password: secret}}", "3:25: trunks.carrier.users.a.password: `password` is not a setting;"
         " did you mean `password_env`?"),
        ("users: {a: {password_env: A, password_file: /a}}", "3:57: trunks.carrier.users.a.password_file: there are two"
         " places for one password; keep one of `password_env: NAME` or `password_file: /PATH`"),
        ("users: {a b: {password_env: A}}", "3:21: trunks.carrier.users.a b: `a b` will not do;"
         " write 1 to 128 printable characters without blanks and quotes"),
        ("peers: [203.0.113.0/24], register: {}", "3:38: trunks.carrier.register: goes nowhere: the trunk has no"
         " `outbound`; write `outbound: {proxy: sip.carrier.example, username: NAME, password_env: NAME}` beside it"),
        ("peers: [203.0.113.0/24], outbound: {proxy: localhost}, register: {}", "3:68: trunks.carrier.register: names"
         " no user; write `register: {user: NAME}`, or the `username` of `outbound`"),
        (f"peers: [203.0.113.0/24], {WAY}, register: {{registrar: a_b}}", "3:139: trunks.carrier.register.registrar:"
         " `a_b` is neither an address nor a name; write an address or a name, for example `203.0.113.7:5060` or"
         " `sip.carrier.example`"),
    ],
)  # fmt: skip
def test_a_mistake(mistakes: Check, settings: str, mistake: str) -> None:
    found = mistakes(with_trunk(settings))
    assert f"keepline.yaml:{mistake}" in found, found


@pytest.mark.parametrize("expires_s", [REGISTRATION_EXPIRES_S_MIN - 1, REGISTRATION_EXPIRES_S_MAX + 1])
def test_a_registration_lasts_between_a_minute_and_a_day(mistakes: Check, expires_s: int) -> None:
    [found] = mistakes(with_trunk(f"peers: [203.0.113.0/24], {WAY}, register: {{expires_s: {expires_s}}}"))
    assert f"trunks.carrier.register.expires_s: `{expires_s}` is out of range" in found


def test_a_name_belongs_to_one_trunk(mistakes: Check) -> None:
    yaml = with_trunk("users: {a: {password_env: A}}").replace(
        "flows:\n", "  other: {users: {a: {password_env: A}}}\nflows:\n", 1
    )
    assert mistakes(yaml) == [
        "keepline.yaml:4:19: trunks.other.users.a: `a` is a user of the trunk `carrier` already;"
        " a name belongs to one trunk"
    ]


def test_a_trunk_has_so_many_users(mistakes: Check) -> None:
    many = ", ".join(f"u{index}: {{password_env: A}}" for index in range(TRUNK_USERS_MAX + 1))
    [found] = mistakes(with_trunk(f"users: {{{many}}}"))
    assert found == f"keepline.yaml:3:20: trunks.carrier.users: is too long; at most {TRUNK_USERS_MAX} entries"
