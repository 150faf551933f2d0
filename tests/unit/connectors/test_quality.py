"""Every connector's folder has the same shape, and says of each rule whether it is done, to do, or exempt and why."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

CONNECTORS = Path(__file__).parents[3] / "src" / "keepline" / "connectors"
FOLDERS = sorted(each.parent for each in CONNECTORS.glob("*/__init__.py"))
EVERYBODY = {
    "interface-and-fake", "out-of-process", "bad-input-answered", "limits-named-and-reached", "retries-bounded",
    "results-cached", "survives-restart", "second-path", "credentials", "idempotency-keys",
}  # fmt: skip


def test_the_kinds_of_paths_are_here() -> None:
    assert {"http", "python", "snapshot", "outbox", "deferred"} <= {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_quality(folder: Path) -> None:
    told = YAML(typ="safe").load((folder / "quality.yaml").read_text(encoding="utf-8"))
    assert (told["connector"], bool(told["provides"])) == (folder.name, True)
    assert set(told["rules"]) >= EVERYBODY
    for rule, each in told["rules"].items():
        assert set(each) == {"status", "note"}, rule
        assert each["status"] in ("done", "todo", "exempt"), rule
        assert each["note"].strip(), rule
