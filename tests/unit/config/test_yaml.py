"""The file itself: what is no YAML, no text, no file or too much, told in a person's words."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.limits import OPERATION_DEPTH_MAX, OPERATION_FILE_BYTES_MAX, OPERATION_NODES_MAX
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]


def with_line(line: str, instead_of: str) -> str:
    assert instead_of in GOOD_YAML
    return GOOD_YAML.replace(instead_of, line)


@pytest.mark.parametrize(
    ("yaml", "mistake"),
    [
        (b"operation: caf\xe9\n", "keepline.yaml:1:15: operation file: the file is not UTF-8 text; save it as UTF-8"),
        ("", "keepline.yaml:1:1: operation file: the file is empty; begin with `operation: NAME`"),
        ("# nothing\n", "keepline.yaml:1:1: operation file: the file is empty; begin with `operation: NAME`"),
        ("- a\n", "keepline.yaml:1:1: operation file: the file is not a mapping; begin with `operation: NAME`"),
        (
            "operation: [a\nb: 1\n",
            "keepline.yaml:2:2: operation file: not YAML: a colon stands where none can, in what begins in line 1;"
            " quote a text that holds `: `, and close what is open: `[` by `]`, `{` by `}`",
        ),
        (
            "operation: [a\n",
            "keepline.yaml:2:1: operation file: not YAML: the list that begins with `[` in line 1 is not closed;"
            " close it with `]`",
        ),
        (
            "operation: x\n\tsip: {}\n",
            "keepline.yaml:2:1: operation file: not YAML: a tab stands here; use spaces: YAML knows no tabs",
        ),
        (
            "a: 1\n---\nb: 1\n",
            "keepline.yaml:2:1: operation file: not YAML: a second document begins here; keep one document in a file",
        ),
        (
            "a: *nobody\n",
            "keepline.yaml:1:4: operation file: not YAML: `*nobody` has no anchor `&nobody` before it;"
            " quote the value if no alias is meant",
        ),
        ("a: b\0\n", "keepline.yaml:1:5: operation file: not YAML: the character U+0000 is not allowed; remove it"),
        (
            b"\x7fELF\0\xff",
            "keepline.yaml:1:1: operation file: the file is not a text file; name the operation file, a YAML text",
        ),
        ("a: 1".encode("utf-16"), "keepline.yaml:1:1: operation file: the file is UTF-16 text; save it as UTF-8"),
        (
            b"\xef\xbb\xbf- a",
            "keepline.yaml:1:1: operation file: the file is not a mapping; begin with `operation: NAME`",
        ),
        (
            "operation:shop",
            "keepline.yaml:1:1: operation file: the file is not a mapping;"
            " write a blank after the colon: `operation: NAME`",
        ),
        (
            'a: "x\nb: 1\n',
            "keepline.yaml:3:1: operation file: not YAML: the quote that opens in line 1 is not closed;"
            " close the quote",
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "keepline.yaml:3:2: operation file: not YAML: this line is indented unlike those before it;"
            " indent the lines of one mapping alike, and put one `key: value` in a line",
        ),
        (
            "a: @b\n",
            "keepline.yaml:1:4: operation file: not YAML: a text cannot begin with `@`; put the whole text in quotes",
        ),
        (
            "a: {b: 1\n",
            "keepline.yaml:2:1: operation file: not YAML: the mapping that begins with `{` in line 1 is not closed;"
            " close it with `}`",
        ),
        (
            "a: !<x y\n",
            "keepline.yaml:1:7: operation file: not YAML: while parsing a tag expected '>' but found ' ';"
            " write YAML: `key: value`, indented by spaces",
        ),
    ],
)
def test_what_is_not_yaml_is_told_with_its_place(mistakes: Check, yaml: str | bytes, mistake: str) -> None:
    assert mistakes(yaml) == [mistake]


def test_a_file_that_is_not_there_is_a_mistake(shop: Path, mistakes: Check) -> None:
    (shop / "keepline.yaml").unlink()
    assert mistakes() == [
        "keepline.yaml:1:1: operation file: there is no such file;"
        " name an operation file or its directory; `keepline init DIR` begins a new one"
    ]


def test_a_file_beyond_its_size_is_not_read(mistakes: Check) -> None:
    [found] = mistakes("#" * (OPERATION_FILE_BYTES_MAX + 1))
    assert f"the file has more than {OPERATION_FILE_BYTES_MAX} bytes" in found


def test_aliases_of_aliases_stop_at_the_limit_of_values(mistakes: Check) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10))
    found = mistakes(GOOD_YAML + f"l0: &l0 [1, 1, 1]\n{levels}")
    assert any(f"at most {OPERATION_NODES_MAX} values" in each for each in found)


@pytest.mark.parametrize("depth", [OPERATION_DEPTH_MAX + 1, 5_000])
def test_values_within_values_stop_at_the_limit_of_depth(mistakes: Check, depth: int) -> None:
    found = mistakes(GOOD_YAML + f"deep: {'[' * depth}{']' * depth}\n")
    assert any(f"at most {OPERATION_DEPTH_MAX} levels" in each for each in found)


def test_what_is_no_file_is_said_to_be_none(mistakes: Check, shop: Path) -> None:
    (shop / "keepline.yaml").unlink()
    (shop / "keepline.yaml" / "keepline.yaml").mkdir(parents=True)
    assert mistakes() == [
        "keepline.yaml/keepline.yaml:1:1: operation file: is a directory; name the operation file itself"
    ]
    (shop / "keepline.yaml" / "keepline.yaml").rmdir()
    (shop / "keepline.yaml").rmdir()
    os.mkfifo(shop / "keepline.yaml")
    assert mistakes() == [
        "keepline.yaml:1:1: operation file: is not an ordinary file; write the operation to a file and name that"
    ]


def test_a_file_that_must_not_be_read_says_so(mistakes: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert mistakes() == ["keepline.yaml:1:1: operation file: cannot be read: Permission denied; name a readable file"]


def test_an_empty_mapping_in_braces_lacks_what_is_required(mistakes: Check) -> None:
    assert len(mistakes("{}\n")) == 4


def test_a_merge_key_is_refused_in_so_many_words(mistakes: Check) -> None:
    spoilt = with_line("{text: &words Good morning.}\n  second: {<<: *words}", "{text: Good morning., length_s: 2}")
    found = mistakes(spoilt)
    assert any(each.startswith("keepline.yaml:10:12: prompts.second.<<: `<<` would merge another") for each in found)


def test_an_anchor_may_be_used_and_used_anew(shop: Path) -> None:
    prompts = "{text: &words Good morning.}\n  second: {text: &words Good evening.}\n  third: {text: *words}"
    (shop / "keepline.yaml").write_text(with_line(prompts, "{text: Good morning., length_s: 2}"), encoding="utf-8")
    assert load_operation(shop).prompts["third"].text == "Good evening."


def test_an_alias_of_itself_ends_at_the_limit_of_depth(mistakes: Check) -> None:
    found = mistakes(GOOD_YAML + "deep: &deep [*deep]\n")
    assert any(f"at most {OPERATION_DEPTH_MAX} levels" in each for each in found)
