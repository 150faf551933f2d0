"""Other people's SIP stacks complete a call: baresip and PJSIP."""

import subprocess
import sys
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, wait_until
from tests.live.baresip_phone import baresip

HERE = Path(__file__).parent
CALL_WITHIN_S = 60


def ended_well(node: LocalNode, before: int) -> dict[str, object]:
    """The one new record, once it has ended."""
    found = wait_until(
        "the call has ended in the records",
        lambda: [record for record in node.calls()[before:] if record.get("ended_at")],
        CALL_WITHIN_S,
    )
    assert len(found) == 1
    return dict(found[0])


@pytest.mark.needs_program("baresip")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_baresip_completes_a_call(calm_node: LocalNode, tmp_path: Path, transport: str) -> None:
    before = len(calm_node.calls())
    dial = f"/dial {calm_node.uri('1000')};transport={transport}"
    with baresip(tmp_path, "<sip:tester@127.0.0.1>", "-e", dial) as phone:
        record = ended_well(calm_node, before)
    assert "Call established" in phone.said
    assert record["ended_by"] != "caller"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_pjsip_completes_a_call(calm_node: LocalNode, tmp_path: Path, transport: str) -> None:
    before = len(calm_node.calls())
    recording = tmp_path / "heard.wav"
    done = subprocess.run(
        [sys.executable, str(HERE / "pjsip_call.py"), f"{calm_node.uri('1000')};transport={transport}", str(recording)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CALL_WITHIN_S, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "hung up by the other side: 200" in said, said
    record = ended_well(calm_node, before)
    assert record["ended_by"] != "caller"
