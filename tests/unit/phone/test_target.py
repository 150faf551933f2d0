"""Whom one can call."""

from pathlib import Path

import pytest

from keepline.phone import run_phone
from keepline.phone.shell import WrongTarget, parse_target


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:1000@127.0.0.1:5060", "sip:1000@127.0.0.1:5060"),
        ("1000@localhost", "sip:1000@localhost"),
        ("127.0.0.1", "sip:127.0.0.1"),
        ("sip:1000@[::1]:5070;transport=udp", "sip:1000@[::1]:5070;transport=udp"),
    ],
)
def test_targets(uri: str, target: str) -> None:
    assert str(parse_target(uri)) == target


@pytest.mark.parametrize(
    "uri", ["", "sips:1@h", "tel:+1800", "sip:1@h;transport=tcp", "sip:@h", "sip:a b@h", "sip:1@h:0"]
)
def test_what_cannot_be_called_says_what_can(uri: str) -> None:
    with pytest.raises(WrongTarget, match=r"cannot be called: .*; a target looks like sip:1000@127\.0\.0\.1:5060"):
        parse_target(uri)


def test_wrong_input_is_exit_2_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = "sip:1@127.0.0.1:9"
    for arguments in (
        ("tel:1", "", None),
        (good, "1,x", None),
        (good, "", tmp_path / "no" / "x.wav"),
        (good, "", tmp_path),
    ):
        assert run_phone(*arguments, None, False) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
