"""The flow tester with an operation of several carriers: whoever is called answers, whichever is asked."""

from pathlib import Path

from keepline.testing import FlowTester

FLOWS = """
from keepline.flow import Call, flow

@flow
async def agent(call: Call) -> None:
    talked = await call.connect("+15550100")
    await call.outcome("talked" if talked.ok else talked.detail)
"""
OPERATION = """
operation: carriers
sip: {listen: "127.0.0.1:5060"}
media: {rtp_ports: 20000-20999}
http: {listen: "127.0.0.1:8080"}
trunks:
  second: {peers: ["192.0.2.1/32"], outbound: {proxy: "192.0.2.1:5060"}}
  first: {peers: ["192.0.2.2/32"], outbound: {proxy: "192.0.2.2:5060"}}
outbound: {allow: ["+1555"], carriers: {first: {}, second: {}}, emergency: {numbers: ["911"], rule: refuse}}
numbers: {"1000": {flow: agent}}
flows: {agent: "flows:agent"}
"""


def test_a_flow_calls_somebody_over_whichever_carrier(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "keepline.yaml").write_text(OPERATION)
    with FlowTester(tmp_path) as tester:
        callee = tester.callee("+15550100", hangs_up_after_s=3.0)
        call = tester.call("1000")
        callee.answers()
        call.waits(5.0)
        assert (callee.calls, call.outcome) == (1, "talked")
