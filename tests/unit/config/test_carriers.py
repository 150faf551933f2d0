"""`outbound.carriers`: trunks that stand in for one another, and what is wrong with those that cannot."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.limits_carriers import CARRIER_CALLS_PER_S_MAX, CARRIERS_MAX
from keepline.model.operation import OutboundCarrier
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]
OUT = 'outbound: {proxy: "203.0.113.7:5062"}'
RULE = "emergency: {numbers: [112], rule: refuse}"


def with_carriers(carriers: str) -> str:
    trunks = (
        f"[203.0.113.0/24], {OUT}}}\n  second: {{peers: [198.51.100.0/24], {OUT}}}\n  mute: {{peers: [192.0.2.0/24]}}"
    )
    return GOOD_YAML.replace("[203.0.113.0/24]}", trunks) + f"outbound: {{{RULE}, carriers: {carriers}}}\n"


@pytest.mark.parametrize(
    ("carriers", "expected"),
    [
        ("{}", ()),
        ("{carrier: {}, second: {}}", (OutboundCarrier("carrier", 1), OutboundCarrier("second", 2))),
        ("{second: {}, carrier: {}}", (OutboundCarrier("second", 1), OutboundCarrier("carrier", 2))),
        (
            "{carrier: {order: 1, weight: 3, calls_per_s_max: 2.5, channels_max: 30}, second: {order: 1}}",
            (OutboundCarrier("carrier", 1, 3, 2.5, 30), OutboundCarrier("second", 1)),
        ),
    ],
)
def test_what_is_read(shop: Path, carriers: str, expected: tuple[OutboundCarrier, ...]) -> None:
    (shop / "keepline.yaml").write_text(with_carriers(carriers), encoding="utf-8")
    assert load_operation(shop).outbound.carriers == expected


@pytest.mark.parametrize(
    ("carriers", "wrong"),
    [
        ("{carier: {}}", "there is no trunk `carier` that calls go out by"),
        ("{mute: {}}", "there is no trunk `mute` that calls go out by"),
        ("{carrier: {weight: -1}}", "weight"),
        ("{carrier: {channels_max: 0}}", "channels_max"),
        (f"{{carrier: {{calls_per_s_max: {CARRIER_CALLS_PER_S_MAX + 1}}}}}", "calls_per_s_max"),
        (f"{{carrier: {{order: {CARRIERS_MAX + 1}}}}}", "order"),
    ],
)
def test_mistakes(mistakes: Check, carriers: str, wrong: str) -> None:
    found = mistakes(with_carriers(carriers))
    assert any(wrong in each for each in found), found
