"""Single points, hidden ones, and what to do first: of small structures, and of the retailer."""

import re
from pathlib import Path

from hypothesis import given, settings

from keepline.config import load_operation
from keepline.model.dependency import Need
from keepline.paths.own_parts import OWN_PARTS, OperationPart
from keepline.paths.structure import structure_of
from keepline.paths.weaknesses import Shared, Weaknesses, weaknesses_of
from tests.unit.paths.structures import brute_force, part, structure, structures

RETAILER = Path(__file__).parents[3] / "examples" / "retailer"
EITHER = Need(("first", "second"), 1)


def found_in(*parts: OperationPart) -> Weaknesses:
    return weaknesses_of(structure(*parts))


def test_a_common_cause_behind_a_choice_is_hidden_and_comes_first() -> None:
    found = found_in(
        part("isp"),
        part("alone"),
        part("first", "isp"),
        part("second", "isp"),
        part("top", "alone", EITHER, can_fail=False, is_critical=True),
    )
    assert [(each.name, each.is_hidden) for each in found.singles] == [("isp", True), ("alone", False)]
    assert found.singles[0].shared == (Shared("top", ("first", "second")),)
    assert [each.part for each in found.remedies] == ["isp", "alone", "first", "second"]
    assert found.remedies[0].what == "first and second both need isp: have one of them do without it"
    assert [each.names for each in found.doubles] == [("first", "second")]


def test_what_is_one_of_the_choices_itself_is_not_hidden() -> None:
    found = found_in(part("first"), part("second", "first"), part("top", EITHER, can_fail=False, is_critical=True))
    assert [(each.name, each.is_hidden) for each in found.singles] == [("first", False)]


def test_of_a_choice_between_choices_the_one_at_the_bottom_is_named() -> None:
    found = found_in(
        part("isp"),
        part("first", "isp"),
        part("second", "isp"),
        part("voice", EITHER, can_fail=False),
        part("mail", EITHER, can_fail=False),
        part("top", Need(("voice", "mail"), 1), can_fail=False, is_critical=True),
    )
    [isp] = found.singles
    assert {each.chooser for each in isp.shared} == {"top", "voice", "mail"}


@settings(deadline=None)
@given(structures())
def test_every_single_point_is_one_and_none_is_left_out(parts: dict[str, OperationPart]) -> None:
    found = weaknesses_of(parts)
    [top] = found.critical
    expected = brute_force(parts, top)
    assert sorted(each.name for each in found.singles) == list(expected.singles)
    assert sorted(each.names for each in found.doubles) == list(expected.pairs)
    alone = [each for each in found.remedies if each.singles]
    assert sorted(each.part for each in alone) == list(expected.singles)
    ranks = [(-each.singles, -each.pairs) for each in found.remedies]
    assert [rank[0] for rank in ranks] == sorted(rank[0] for rank in ranks)


def test_the_retailer_has_two_hidden_ones_to_find() -> None:
    found = weaknesses_of(structure_of(load_operation(RETAILER)))
    hidden = {each.name: each for each in found.singles if each.is_hidden}
    assert sorted(hidden) == ["mara", "metronet"]
    assert hidden["metronet"].brings_down == ("telephony",)
    assert hidden["metronet"].shared == (Shared("telephony", ("telephony/carrier", "telephony/second")),)
    assert hidden["mara"].brings_down == ("outage_messages",)
    assert hidden["mara"].shared == (Shared("outage_messages", ("duty_manager", "head_of_service")),)
    told = {each.part: each.what for each in found.remedies}
    assert told["metronet"].endswith("both need metronet: have one of them go by another provider")
    assert told["mara"].endswith("both need mara: name somebody else for one of them")


OPERATION = """
operation: shop
trunks:
  carrier: {peers: [203.0.113.0/24], outbound: {proxy: sip.carrier.example}}
  second: {peers: [198.51.100.0/24], outbound: {proxy: "203.0.113.9:5070"}}
outbound: {emergency: {numbers: [112], rule: refuse}}
flows: {greeting: flows:greeting}
numbers: {"1000": {flow: greeting}}
capabilities:
  orders:
    paths: [{name: crm, http: {base_url: "https://crm.example.com:8443/v1", actions: {find: {path: /}}}}]
  billing:
    paths: [{name: crm, http: {base_url: "https://CRM.example.com/v2", actions: {find: {path: /}}}}]
  leads:
    paths: [{name: mine, python: {module: "mine:Mine", actions: {add: {changes: true}}}}]
dependencies:
  keepline/machine: {needs: [hall_power]}
  hall_power: {kind: power}
  orders: {needs: [warehouse]}
  warehouse: {critical: true}
"""


def operation_parts(directory: Path) -> dict[str, OperationPart]:
    (directory / "keepline.yaml").write_text(OPERATION, encoding="utf-8")
    code = "from keepline.flow import Call, flow\n\n\n@flow\nasync def greeting(call: Call) -> None: ...\n"
    (directory / "flows.py").write_text(code, encoding="utf-8")
    (directory / "mine.py").write_text("class Mine:\n    def add(self) -> None: ...\n", encoding="utf-8")
    return dict(structure_of(load_operation(directory)))


def test_hosts_processes_and_the_disk_are_found_without_being_named(tmp_path: Path) -> None:
    found = weaknesses_of(operation_parts(tmp_path))
    falls = {each.name: each.brings_down for each in found.singles}
    assert falls["host crm.example.com"] == falls["keepline/resolver"] == ("billing", "orders")
    assert falls["keepline/disk"] == ("leads",)
    assert falls["hall_power"] == falls["keepline/machine"] == ("telephony",)
    assert falls["warehouse"] == ("orders", "warehouse")
    assert "host sip.carrier.example" not in falls
    pairs = [each.names for each in found.doubles]
    assert ("host 203.0.113.9", "host sip.carrier.example") in pairs
    assert {("keepline/active", "keepline/warm"), ("keepline/media", "keepline/supervisor")} <= set(pairs)
    assert set(OWN_PARTS) >= {name for name in falls if name.startswith("keepline/")}


def test_a_host_is_the_same_by_whatever_port(tmp_path: Path) -> None:
    hosts = sorted(name for name in operation_parts(tmp_path) if name.startswith("host "))
    assert hosts == ["host 203.0.113.9", "host crm.example.com", "host sip.carrier.example"]
    (tmp_path / "keepline.yaml").write_text("", encoding="utf-8")
    local = OPERATION.replace("https://crm.example.com:8443/v1", "http://[::1]:8090").replace(
        "CRM.example.com", "localhost:80"
    )
    (tmp_path / "keepline.yaml").write_text(local, encoding="utf-8")
    parts = structure_of(load_operation(tmp_path))
    assert not [name for name in parts if re.match(r"host (::1|\[|localhost|crm)", name)]
    assert {need.names for need in parts["orders/crm"].needs} == {("keepline/machine",)}
