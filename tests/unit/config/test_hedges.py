"""`hedge:` of a capability: its values, and what is wrong with some."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.capability import Hedge
from keepline.model.errors import OperationError
from keepline.model.limits_capabilities import HEDGE_SHARE_MAX

READS = """  orders:
    paths:
      - {name: crm, python: {module: "crm:Crm", actions: {status: {changes: false}, book: {changes: true}}}}
      - {name: other, python: {module: "crm:Crm", actions: {status: {changes: false}, book: {changes: true}}}}
"""


def load(directory: Path, hedge: str, paths: str = READS) -> Hedge | None:
    flows = "from keepline.flow import Call, flow\n\n\n@flow\nasync def greeting(call: Call) -> None: ...\n"
    (directory / "flows.py").write_text(flows, encoding="utf-8")
    crm = "class Crm:\n    def status(self) -> None: ...\n\n    def book(self) -> None: ...\n"
    (directory / "crm.py").write_text(crm, encoding="utf-8")
    text = (
        "operation: shop\ntrunks: {carrier: {peers: [203.0.113.0/24]}}\nflows: {greeting: flows:greeting}\n"
        f'numbers: {{"1000": {{flow: greeting}}}}\ncapabilities:\n{paths}{hedge}'
    )
    (directory / "keepline.yaml").write_text(text, encoding="utf-8")
    return load_operation(directory / "keepline.yaml").capabilities["orders"].hedge


def test_without_it_nothing_is_asked_twice(tmp_path: Path) -> None:
    assert load(tmp_path, "") is None


def test_its_values(tmp_path: Path) -> None:
    assert load(tmp_path, "    hedge: {}\n") == Hedge(0.1, 1.0, 0.05)
    text = f"    hedge: {{after_s_min: 0.2, after_s_max: 0.5, share_max: {HEDGE_SHARE_MAX}}}\n"
    assert load(tmp_path, text) == Hedge(0.2, 0.5, HEDGE_SHARE_MAX)


@pytest.mark.parametrize(
    ("hedge", "told"),
    [
        ("    hedge: {after_s_min: 2}\n", "at least 2 s, and at most 1 s"),
        ("    hedge: {after_s_max: 0.05}\n", "at least 0.1 s, and at most 0.05 s"),
        ("    hedge: {share_max: 0.5}\n", "share_max"),
        ("    hedge: {after_s_min: soon}\n", "after_s_min"),
        ("    hedge: {share_min: 0.1}\n", "share_min"),
    ],
)
def test_mistakes(tmp_path: Path, hedge: str, told: str) -> None:
    with pytest.raises(OperationError) as caught:
        load(tmp_path, hedge)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "second",
    [
        "",
        '      - {name: other, python: {module: "crm:Crm", actions: {book: {changes: true}}}}\n',
        "      - {name: later, outbox: {actions: {book: {}}}}\n",
    ],
)
def test_there_is_something_that_two_paths_can_be_asked(tmp_path: Path, second: str) -> None:
    first = READS.replace("book: {changes: true}", "book: {changes: true, idempotent: true}").splitlines(keepends=True)
    with pytest.raises(OperationError) as caught:
        load(tmp_path, "    hedge: {}\n", "".join(first[:3]) + second)
    assert "nothing that a second path could be asked" in str(caught.value)
