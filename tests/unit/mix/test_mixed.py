"""The mixed crowd's command line, and what it is made of."""

import argparse
import ast
from pathlib import Path

import pytest
from callers_verdict import Expectation
from mixed import crowd_of, options, shares, span
from mixed_kinds import KINDS

from keepline.demo_ports import give_back_ports, take_ports

HERE = Path(__file__).resolve().parents[3] / "bench" / "mix"


def test_it_imports_nothing_of_what_it_calls() -> None:
    for path in HERE.glob("*.py"):
        names = [
            name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", "") or "", *(alias.name for alias in node.names)]
        ]
        assert not [name for name in names if name.split(".")[0] in ("keepline", "numpy", "tests", "bench")], path


def test_shares_and_spans() -> None:
    assert shares("hold:2, bridged") == {"hold": 2, "bridged": 1}
    assert shares("") == dict.fromkeys(KINDS, 1)
    for wrong in ("nobody", "hold:much"):
        with pytest.raises(argparse.ArgumentTypeError, match="kinds are prompt"):
            shares(wrong)
    assert (span("2-3.5"), span("4")) == ((2.0, 3.5), (4.0, 4.0))


def test_every_kind_comes_as_often_as_its_share_says() -> None:
    args = options().parse_args(["--target", "sip:x@127.0.0.1:5060", "--mix", "hold:2,bridged:1", "--media-deaths"])
    crowd = crowd_of(args, lambda report: None)
    try:
        kinds = [crowd._part_of(index).kind.name for index in range(9)]
        assert (kinds.count("hold"), kinds.count("bridged")) == (6, 3)
        assert crowd._part_of(7).name == "+12020000007"
        assert crowd.media_dies
        assert crowd.plan.expect == Expectation(media_deaths=True)
    finally:
        crowd.close()


def test_ports_are_the_crowds_own_and_taken_in_turn() -> None:
    first, _ = take_ports(6)
    line = ["--target", "sip:x@127.0.0.1:5060", "--port-base", str(first), "--ports", "3"]
    crowd = crowd_of(options().parse_args(line), lambda report: None)
    made = [crowd._rtp_socket() for _ in range(4)]
    try:
        ports = [each.getsockname()[1] for each in made]
        assert ports[:3] == [first, first + 2, first + 4]
        assert ports[3] not in ports[:3], "all are taken: any other"
        made.pop(1).close()
        made.append(crowd._rtp_socket())
        assert made[-1].getsockname()[1] == first + 2
    finally:
        for each in made:
            each.close()
        crowd.close()
        give_back_ports(first)
