"""What `keepline check` says: every mistake, at its line and column, with what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config.tree import MISTAKE_CHARS_MAX
from keepline.model.limits import MISTAKES_MAX
from tests.unit.config.conftest import GOOD_YAML, write_wav

Check = Callable[..., list[str]]


def with_line(line: str, instead_of: str) -> str:
    assert instead_of in GOOD_YAML
    return GOOD_YAML.replace(instead_of, line)


@pytest.mark.parametrize(
    ("instead_of", "line", "mistake"),
    [
        (
            "operation: shop",
            "operation:",
            "1:1: operation: has no value; the name of the operation, for example `bench`",
        ),
        (
            "operation: shop",
            "operation: shop\noperatoin: shop",
            "2:1: operatoin: `operatoin` is not a setting; did you mean `operation`?",
        ),
        (
            "operation: shop",
            "operation: shop\noperation: again",
            "2:1: operation: `operation` stands here a second time; the first is in line 1; keep one of the two",
        ),
        (
            "operation: shop",
            "operation: !secret shop",
            "1:12: operation: the tag !secret is not understood; write the value without a tag",
        ),
        (
            "operation: shop",
            "operation: a b",
            "1:12: operation: `a b` will not do; a name is letters, digits, - and _, a letter first, at most 64",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: 'localhost:5060'}",
            "2:15: sip.listen: `localhost` is not an IP address;"
            " write HOST:PORT, for example `127.0.0.1:5060` or `[::1]:5060`",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: 127.0.0.1}",
            "2:15: sip.listen: `127.0.0.1` is not an address with a port;"
            " write HOST:PORT, for example `127.0.0.1:5060` or `[::1]:5060`",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: '::1:5060'}",
            "2:15: sip.listen: `::1:5060` is ambiguous; write an IPv6 address in brackets: `[::1]:5060`",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: '127.0.0.1:70000'}",
            "2:15: sip.listen: 70000 is not a port; a port is 0 (any free one) to 65535",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: '0.0.0.0:5060'}",
            "2:15: sip.listen: `0.0.0.0` cannot be told to callers as the address of their audio;"
            " name the one address that they reach this machine on, here or as `sip.advertised`",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: '0.0.0.0:5060', advertised: '2001:db8::9'}",
            "2:43: sip.advertised: `2001:db8::9` is of IPv6, and SIP listens on IPv4; name an address of IPv4",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {advertised: '::1'}",
            "2:21: media.advertised: `::1` is of IPv6, and SIP listens on IPv4; name an address of IPv4",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {advertised: '0.0.0.0:5060'}",
            "2:19: sip.advertised: `0.0.0.0` is nobody's address;"
            " name the one address that callers reach this machine on",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {advertised: pbx.example.com}",
            "2:19: sip.advertised: `pbx.example.com` is not an address with a port;"
            " write HOST:PORT, for example `127.0.0.1:5060` or `[::1]:5060`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {advertised: '203.0.113.9:40000'}",
            "2:21: media.advertised: `203.0.113.9:40000` has a port;"
            " write `203.0.113.9`: each call has a port of its own",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {listen: '127.0.0.1:21000'}",
            "2:15: sip.listen: 21000 is one of the ports of audio, 20000-23999;"
            " give SIP a port outside of `media.rtp_ports`",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {calls_max: lots}",
            "2:18: sip.calls_max: `lots` is not a whole number;"
            " live calls; the next one is answered 503, for example `3000`",
        ),
        (
            "operation: shop",
            "operation: shop\nsip: {calls_max: 0}",
            "2:18: sip.calls_max: `0` is out of range; write at least 1",
        ),
        ("operation: shop", "operation: shop\nsip:", "2:1: sip: has no value; how SIP is spoken"),
        (
            "operation: shop",
            "operation: shop\nsip: [1]",
            "2:6: sip: a list is not a mapping; write a mapping, for example `{listen: 127.0.0.1:5060}`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {rtp_ports: 40000}",
            "2:20: media.rtp_ports: `40000` is not a range of ports; write FIRST-LAST, for example `20000-23999`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {rtp_ports: 40001-40001}",
            "2:20: media.rtp_ports: `40001-40001` holds no even port, and RTP uses even ones; write `40001-40002`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {rtp_ports: 50000-40000}",
            "2:20: media.rtp_ports: `50000-40000` runs backwards; write `40000-50000`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {rtp_ports: 80-90}",
            "2:20: media.rtp_ports: `80-90` is not within the ports 1024 to 65535; for example `20000-23999`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {rtp_ports: 5-1}",
            "2:20: media.rtp_ports: `5-1` runs backwards; write FIRST-LAST within 1024 to 65535, say `20000-23999`",
        ),
        (
            "[203.0.113.0/24]",
            "[203.0.113.7/24]",
            "3:21: trunks.carrier.peers[0]: `203.0.113.7/24` has bits beyond its prefix; write `203.0.113.0/24`",
        ),
        (
            "[203.0.113.0/24]",
            "[everybody]",
            "3:21: trunks.carrier.peers[0]: `everybody` is not a network;"
            " write it as CIDR, for example `203.0.113.0/24`",
        ),
        (
            "[203.0.113.0/24]",
            "[]",
            "3:20: trunks.carrier.peers: is empty; the networks whose requests belong to this trunk,"
            ' for example `["203.0.113.0/24"]`',
        ),
        (
            "[203.0.113.0/24]}",
            "[203.0.113.0/24]}\n  other: {peers: [203.0.113.0/24]}",
            "4:19: trunks.other.peers[0]: `203.0.113.0/24` belongs to the trunk `carrier` already;"
            " a network belongs to one trunk",
        ),
        (
            "{flow: greeting}",
            "{flow: greting}",
            "7:16: numbers.0800.flow: there is no flow `greting`; did you mean `greeting`?",
        ),
        (
            "{flow: greeting}",
            "{}",
            "7:3: numbers.0800.flow: is missing; the flow that answers, one of `flows`, for example `greeting`",
        ),
        (
            "0800:",
            "'08 00':",
            "7:3: numbers.08 00: `08 00` is not how an extension is written; write `0800`",
        ),
        (
            "length_s: 2",
            "length_s: 0",
            "9:44: prompts.welcome.length_s: `0` is out of range; write more than 0",
        ),
        (
            "length_s: 2",
            "length_s: long",
            "9:44: prompts.welcome.length_s: `long` is not a number;"
            " cut or padded to this many seconds, for example `8`",
        ),
        (
            "length_s: 2",
            "file: tune.wav",
            "9:3: prompts.welcome: has both a text and a file; keep `text` or `file`",
        ),
        (
            "{file: tune.wav}",
            "{language: de}",
            "10:3: prompts.tune: has neither a text nor a file; give it a `text` or a `file`",
        ),
        (
            "{file: tune.wav}",
            "{file: tone.wav}",
            "10:16: prompts.tune.file: there is no file `tone.wav`; did you mean `tune.wav`?",
        ),
        (
            "{file: tune.wav}",
            "{file: flows.py}",
            "10:16: prompts.tune.file: `flows.py` is not a WAV file (file does not start with RIFF id);"
            " save it as WAV, PCM",
        ),
        (
            "{file: tune.wav}",
            "{file: ../tune.wav}",
            "10:16: prompts.tune.file: `../tune.wav` lies outside of the operation's directory;"
            " keep recordings beside the operation file, so that they travel with it",
        ),
        (
            "flows:greeting",
            "flows.greeting",
            "5:13: flows.greeting: `flows.greeting` is not a place of a flow;"
            " write MODULE:FUNCTION, for example `flows:greeting`",
        ),
        (
            "flows:greeting",
            "flows.py:greeting",
            "5:13: flows.greeting: `flows.py` is a file, and a module is named; write `flows:greeting`",
        ),
        (
            "{flow: greeting}",
            "greeting",
            "7:9: numbers.0800: `greeting` is not a mapping; write a mapping, for example `{flow: greeting}`",
        ),
        (
            "{text: Good morning., length_s: 2}",
            "{text: }",
            "9:13: prompts.welcome.text: has no value; what is said, for example `Good morning.`",
        ),
        (
            "operation: shop",
            "operation: shop\nmedia: {rtp_ports: [40000, 43999]}",
            "2:20: media.rtp_ports: a list is not a text;"
            " the UDP ports of audio; every even one carries one call, for example `20000-23999`",
        ),
        (
            "flows:greeting",
            "flow:greeting",
            "5:13: flows.greeting: there is no module `flow.py` here; did you mean `flows`?",
        ),
        (
            "flows:greeting",
            "flows:welcome",
            "5:13: flows.greeting: there is no `welcome` in flows; known: `greeting`",
        ),
    ],
)
def test_a_mistake_has_its_place_and_its_remedy(mistakes: Check, instead_of: str, line: str, mistake: str) -> None:
    assert mistakes(with_line(line, instead_of)) == [f"keepline.yaml:{mistake}"]


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(mistakes: Check) -> None:
    spoilt = GOOD_YAML.replace("[203.0.113.0/24]", "[x]").replace("{flow: greeting}", "{flow: x}").replace("2}", "-1}")
    assert [each.split(": ")[1] for each in mistakes(spoilt)] == [
        "trunks.carrier.peers[0]",
        "numbers.0800.flow",
        "prompts.welcome.length_s",
    ]


def test_an_empty_mapping_lacks_what_is_required(mistakes: Check) -> None:
    assert [each.split(";")[0] for each in mistakes("language: en\n")] == [
        f"keepline.yaml:1:1: {name}: is missing" for name in ("flows", "numbers", "operation", "trunks")
    ]


def test_a_syntax_error_in_a_flow_is_told_at_its_own_line(shop: Path, mistakes: Check) -> None:
    (shop / "flows.py").write_text("import re\n\ndef f(:\n", encoding="utf-8")
    assert mistakes() == [
        "flows.py:3:7: flows.greeting: SyntaxError: invalid syntax; mend the module, so that it imports"
    ]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("x = 1\ny = 1 / 0\n", "flows.py:2:5: flows.greeting: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "flows.py:2:1: flows.greeting: SystemExit: 3"),
    ],
)
def test_a_module_that_raises_is_told_at_the_line_that_raised(
    shop: Path, mistakes: Check, code: str, wrong: str
) -> None:
    (shop / "flows.py").write_text(code, encoding="utf-8")
    assert mistakes() == [f"{wrong}; mend the module, so that it imports"]


def test_a_library_that_is_not_installed_is_told_to_be(shop: Path, mistakes: Check) -> None:
    (shop / "flows.py").write_text("import no_such_thing\n", encoding="utf-8")
    assert mistakes() == [
        "flows.py:1:1: flows.greeting: ModuleNotFoundError: No module named 'no_such_thing';"
        " install `no_such_thing` beside keepline, or do without the import"
    ]


def test_what_is_misspelt_is_not_missing_as_well(mistakes: Check) -> None:
    assert mistakes(GOOD_YAML.replace("trunks:", "trunk:").replace("{flow: greeting}", "{flows: greeting}")) == [
        "keepline.yaml:2:1: trunk: `trunk` is not a setting; did you mean `trunks`?",
        "keepline.yaml:7:10: numbers.0800.flows: `flows` is not a setting; did you mean `flow`?",
    ]


def test_a_mistake_stays_on_one_short_line_whatever_the_file_holds(mistakes: Check) -> None:
    [found] = mistakes(with_line('operation: "a\\n\\e[2Jb"', "operation: shop"))
    assert found.startswith("keepline.yaml:1:12: operation: `a\\n\\x1b[2Jb` will not do; ")
    [found] = mistakes(with_line(f"operation: {'x' * 100_000}", "operation: shop"))
    assert len(found) < 2 * MISTAKE_CHARS_MAX


def test_a_broken_module_is_one_mistake_however_many_flows_it_has(shop: Path, mistakes: Check) -> None:
    (shop / "flows.py").write_text("raise ValueError('no')\n", encoding="utf-8")
    assert len(mistakes(GOOD_YAML.replace("numbers:", "  second: flows:second\nnumbers:"))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "def greeting(call): ...\n",
        "async def greeting(call): ...\n",
        "def greeting(call): ...\ngreeting.__keepline_flow__ = True\n",
    ],
)
def test_what_is_not_marked_as_a_flow_is_none(shop: Path, mistakes: Check, code: str) -> None:
    (shop / "flows.py").write_text(code, encoding="utf-8")
    assert mistakes() == [
        "keepline.yaml:5:13: flows.greeting: `flows:greeting` is not a flow;"
        " write `@flow` and `async def greeting(call: Call) -> None:`"
    ]


def test_a_recording_without_sound_is_a_mistake(shop: Path, mistakes: Check) -> None:
    write_wav(shop / "tune.wav", frames=0)
    assert mistakes() == [
        "keepline.yaml:10:16: prompts.tune.file: `tune.wav` holds no sound; record at least one sample"
    ]


@pytest.mark.parametrize(
    ("override", "mistake"),
    [
        ("sip", "1:1: sip: is not a setting with a value; write a.b.c=value, for example sip.listen=127.0.0.1:5062"),
        (
            "sip..x=1",
            "1:1: sip..x: is not a setting with a value; write a.b.c=value, for example sip.listen=127.0.0.1:5062",
        ),
        ("sip.lisen=1", "1:1: sip.lisen: `lisen` is not a setting; did you mean `listen`?"),
        ("sip.calls_max=-1", "1:15: sip.calls_max: `-1` is out of range; write at least 1"),
        ("operation.x=1", "1:1: operation.x: `operation` is not a mapping; set `operation` itself"),
        (
            "trunks.carrier.peers.1=x",
            "1:1: trunks.carrier.peers.1: `trunks.carrier.peers` is a list of 1, and has no `1`;"
            " name one by its place, from 0 to 0",
        ),
        ("numbers.0800.flow=x", "1:19: numbers.0800.flow: there is no flow `x`; known: `greeting`"),
        ("sip.listen=[", "1:1: sip.listen: not YAML: the file ends where a value is due; quote the value"),
    ],
)
def test_an_override_is_checked_as_the_file_is(mistakes: Check, override: str, mistake: str) -> None:
    assert mistakes(None, (override,)) == [f"--set:{mistake}"]


def test_the_second_override_is_line_two(mistakes: Check) -> None:
    found = mistakes(None, ("sip.calls_max=5", "http.listen=x"))
    assert [each.split(": ")[0] for each in found] == ["--set:2:13"]


def test_more_mistakes_than_a_person_can_use_are_counted(mistakes: Check) -> None:
    found = mistakes(GOOD_YAML + "".join(f"unknown_{n}: 1\n" for n in range(MISTAKES_MAX + 5)))
    assert len(found) == MISTAKES_MAX + 1
    assert found[-1].endswith("5 more mistakes; mend these first")
