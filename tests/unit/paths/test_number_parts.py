"""A number falls with its carrier, unless it has a way out that does not."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.paths.structure import in_order, structure_of, works

HEAD = """operation: shop
trunks:
  north: {peers: [192.0.2.0/28], outbound: {proxy: "192.0.2.1:5060", from: "+18005550100"}}
  south: {peers: [198.51.100.0/28], outbound: {proxy: "198.51.100.1:5060", from: "+18005550100"}}
outbound: {emergency: {numbers: ["911"], rule: refuse}}
flows: {menu: flows:menu}
capabilities:
  portal:
    paths:
      - name: http
        http:
          base_url: https://portal.example.com
          actions:
            point: {method: PUT, path: "/numbers/{number}", body: {target: "{to}"}, idempotent: true}
numbers:
  "+18005550100":
    flow: menu
"""
API = "method: api, ask: portal.point, home: north-main, away: south-main, arrives_by: south"


def falls(directory: Path, failover: str, *failed: str) -> bool:
    """Whether the number does when these fail."""
    flows = "from keepline.flow import Call, flow\n\n\n@flow\nasync def menu(call: Call) -> None: ...\n"
    (directory / "flows.py").write_text(flows, encoding="utf-8")
    (directory / "keepline.yaml").write_text(HEAD + failover, encoding="utf-8")
    parts = structure_of(load_operation(directory / "keepline.yaml"))
    top = "number +18005550100"
    assert parts[top].is_critical
    return not works(parts, in_order(parts, [top]), frozenset(failed))[top]


@pytest.mark.parametrize(
    ("failover", "failed", "expected"),
    [
        ("    carrier: north\n", (), False),
        ("    carrier: north\n", ("telephony/north",), True),
        ("    carrier: north\n    failover: {method: none}\n", ("telephony/north",), True),
        (f"    carrier: north\n    failover: {{{API}}}\n", ("telephony/north",), False),
        (f"    carrier: north\n    failover: {{{API}}}\n", ("telephony/north", "telephony/south"), True),
        (f"    carrier: north\n    failover: {{{API}}}\n", ("telephony/north", "portal/http"), True),
        (
            '    carrier: north\n    failover: {method: second_number, number: "+18005550109"}\n'
            '  "+18005550109": {flow: menu, carrier: south}\n',
            ("telephony/north",),
            False,
        ),
        (f"    carrier: north\n    failover: {{{API}}}\n", ("keepline/machine",), True),
    ],
)
def test_a_number_falls_with_its_carrier_unless_it_has_a_way_out(
    tmp_path: Path, failover: str, failed: tuple[str, ...], expected: bool
) -> None:
    assert falls(tmp_path, failover, *failed) is expected


def test_of_a_number_whose_carrier_is_not_told_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        falls(tmp_path, "    ring_s: 1\n")
