"""`keepline up` where nobody has written an operation: it says which one it serves."""

import json
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_up_without_an_operation_says_what_it_serves_and_how_to_make_ones_own(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.execv", lambda program, arguments: sys.exit(0))
    told = json.loads(run("up").err)
    assert (told["event"], told["level"], told["operation"]) == ("brought_along_operation_served", "warning", "bench")
    assert told["numbers"] == "1000, 1001, 2000, 3000"
    assert told["why"] == f"there is no keepline.yaml in {tmp_path}"
    assert told["for_your_own"] == "keepline init shop, then keepline up shop"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    err = run("up").err
    assert f"There is no keepline.yaml in {tmp_path}, so this node serves “bench”, which Keepline brings along" in err
    assert "dial 1000, 1001, 2000, 3000. For an operation of your own: keepline init shop, then keepline up shop" in err
    run("init", ".")
    assert "brings along" not in run("up").err
