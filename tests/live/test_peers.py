"""Other people's SIP stacks complete a call: baresip and PJSIP."""

import subprocess
import sys
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, free_port_range, wait_until

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
    # It listens on TCP too, and on the next port for TLS: below the ports that outgoing connections are given.
    first, last = free_port_range(22)
    config = (HERE / "baresip" / "config").read_text()
    values = {
        "@SIP_PORT@": str(first),
        "@RTP_PORTS@": f"{first + 2}-{last}",
        "@DIRECTORY@": str(tmp_path),
        "@MODULES@": str(next(Path("/usr/lib").glob("**/baresip/modules"))),
    }
    for name, value in values.items():
        config = config.replace(name, value)
    (tmp_path / "config").write_text(config)
    (tmp_path / "accounts").write_text("<sip:tester@127.0.0.1>;regint=0;audio_codecs=PCMU\n")
    (tmp_path / "contacts").write_text("")
    said = tmp_path / "said"
    with said.open("w") as file:
        baresip = subprocess.Popen(
            ["baresip", "-f", str(tmp_path), "-e", f"/dial {calm_node.uri('1000')};transport={transport}"],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
        try:
            record = ended_well(calm_node, before)
        finally:
            baresip.terminate()
            baresip.wait(CALL_WITHIN_S)
            print(said.read_text(errors="replace"))
    assert "Call established" in said.read_text(errors="replace")
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
