"""From a right file to an operation: defaults, overrides, digests and where the file is found."""

from pathlib import Path

import pytest

import keepline.config.load
from keepline.config import embedded_operation_path, find_operation, load_operation
from keepline.model.errors import OperationError
from keepline.model.limits import OPERATION_BYTES_MAX, OPERATION_FILES_MAX
from keepline.model.operation import FlowReference, HostPort, Number, Prompt, Trunk
from tests.unit.config.conftest import GOOD_YAML, write_wav


def test_a_short_file_gets_the_defaults(shop: Path) -> None:
    operation = load_operation(shop)
    assert operation.name == "shop"
    assert operation.sip.listen == HostPort("127.0.0.1", 5060)
    assert (operation.media.rtp_port_first, operation.media.rtp_port_last) == (20000, 23999)
    assert operation.http == HostPort("127.0.0.1", 8080)
    assert operation.trunks == (Trunk("carrier", ("203.0.113.0/24",)),)
    assert operation.flows == {"greeting": FlowReference("flows", "greeting")}
    assert operation.prompts["welcome"] == Prompt("Good morning.", length_s=2.0)
    assert operation.prompts["tune"].file == str(shop / "tune.wav")


def test_a_number_keeps_its_leading_zero(shop: Path) -> None:
    assert load_operation(shop).numbers == {"0800": Number("greeting")}


def test_every_setting_is_read(shop: Path) -> None:
    (shop / "keepline.yaml").write_text(
        GOOD_YAML.replace("{flow: greeting}", "{flow: greeting, ring_s: 1.5}").replace("2}", "2, language: pt-br}")
        + "language: de\nsip: {listen: '[::1]:0', calls_max: 7}\nmedia: {rtp_ports: 41001-41004}\n"
        + "http: {listen: '0.0.0.0:81'}\nnode: {drain_limit_s: 0.5}\n",
        encoding="utf-8",
    )
    operation = load_operation(shop)
    assert operation.language == "de"
    assert operation.sip.listen == HostPort("::1", 0)
    assert operation.sip.calls_max == 7
    assert operation.media.slots == 2
    assert operation.http == HostPort("0.0.0.0", 81)
    assert operation.node.drain_limit_s == 0.5
    assert operation.numbers["0800"].ring_s == 1.5
    assert operation.prompts["welcome"].language == "pt-br"
    assert operation.prompts["tune"].language == "de"


@pytest.mark.parametrize(
    ("listen", "sip", "advertised", "media"),
    [
        ("0.0.0.0:5060", "203.0.113.9", HostPort("203.0.113.9", 0), "203.0.113.10"),
        ("0.0.0.0:5060", "203.0.113.9:5062", HostPort("203.0.113.9", 5062), "203.0.113.9"),
        ("[::]:5060", "2001:db8::9", HostPort("2001:db8::9", 0), "[2001:db8::a]"),
        ("[::]:5060", "[2001:db8::9]:5062", HostPort("2001:db8::9", 5062), "2001:db8::9"),
    ],
)
def test_an_advertised_address(shop: Path, listen: str, sip: str, advertised: HostPort, media: str) -> None:
    overrides = (f"sip.listen='{listen}'", f"sip.advertised='{sip}'", f"media.advertised='{media}'")
    operation = load_operation(shop, overrides)
    assert operation.sip.advertised == advertised
    assert operation.media.advertised == media.strip("[]")


def test_overrides_replace_and_add(shop: Path) -> None:
    operation = load_operation(
        shop, ("sip.listen=127.0.0.1:6000", "numbers.10.flow=greeting", "sip.listen=127.0.0.1:6001")
    )
    assert operation.sip.listen.port == 6001
    assert sorted(operation.numbers) == ["0800", "10"]
    assert operation.overrides[0] == "sip.listen=127.0.0.1:6000"


def test_an_override_reaches_into_a_list(shop: Path) -> None:
    overrides = ("trunks.carrier.peers=[192.0.2.0/24, 10.0.0.0/8]", "trunks.carrier.peers.1=198.51.100.0/24")
    assert load_operation(shop, overrides).trunks[0].peers == ("192.0.2.0/24", "198.51.100.0/24")


def test_an_override_mends_a_mistake_of_the_file(shop: Path) -> None:
    (shop / "keepline.yaml").write_text(GOOD_YAML + "sip: {listen: nowhere}\n", encoding="utf-8")
    assert load_operation(shop, ("sip.listen=127.0.0.1:5070",)).sip.listen.port == 5070


@pytest.mark.parametrize("name", ["keepline.yaml", "flows.py", "helpers.py", "pack/__init__.py", "tune.wav"])
def test_the_digest_depends_on_every_file_that_shapes_behaviour(shop: Path, name: str) -> None:
    (shop / "helpers.py").touch()
    (shop / "pack").mkdir()
    (shop / "pack" / "__init__.py").touch()
    before = load_operation(shop)
    path = shop / name
    path.write_bytes(path.read_bytes() + b"\n")
    after = load_operation(shop)
    assert after.digest != before.digest
    assert (after.prompts["tune"].key != before.prompts["tune"].key) == (name == "tune.wav")


def test_the_digest_ignores_files_that_do_not(shop: Path) -> None:
    before = load_operation(shop).digest
    (shop / "notes.txt").write_text("x", encoding="utf-8")
    (shop / "keepline-data").mkdir()
    (shop / "keepline-data" / "copy.py").touch()
    write_wav(shop / "unused.wav")
    assert load_operation(shop).digest == before


def test_the_digest_depends_on_overrides(shop: Path) -> None:
    assert load_operation(shop, ("language=de",)).digest != load_operation(shop).digest


def test_the_digest_is_the_same_wherever_the_directory_is(shop: Path) -> None:
    before = load_operation(shop).digest
    assert load_operation(shop.rename(shop.parent / "moved")).digest == before


def test_an_operation_of_too_many_files_is_a_mistake(shop: Path) -> None:
    for number in range(OPERATION_FILES_MAX):
        (shop / f"m{number}.py").touch()
    with pytest.raises(OperationError, match=f"more than {OPERATION_FILES_MAX} modules"):
        load_operation(shop)


def test_an_operation_of_too_many_bytes_is_a_mistake(shop: Path) -> None:
    with (shop / "helpers.py").open("wb") as file:
        file.truncate(OPERATION_BYTES_MAX)  # sparse
    with pytest.raises(OperationError, match=f"more than {OPERATION_BYTES_MAX}"):
        load_operation(shop)


def test_the_file_is_the_one_named_or_the_one_here_or_the_embedded_one(shop: Path, tmp_path: Path) -> None:
    assert find_operation(shop) == shop / "keepline.yaml"
    assert find_operation(shop / "keepline.yaml") == shop / "keepline.yaml"
    assert find_operation(None, shop) == shop / "keepline.yaml"
    assert find_operation(None, tmp_path) == embedded_operation_path()


def test_the_embedded_operation_is_right() -> None:
    operation = load_operation(embedded_operation_path())
    assert set(operation.numbers) == {"1000", "1001", "2000", "3000"}
    assert operation.prompts["welcome"].length_s == 8
    assert operation.prompts["goodbye"].length_s == 3


def test_an_installation_without_its_operation_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keepline.config.load, "__file__", str(tmp_path / "a" / "b" / "c" / "load.py"))
    with pytest.raises(FileNotFoundError, match="install keepline again"):
        embedded_operation_path()
