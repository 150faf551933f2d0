"""Keys that are tones, through a whole node: answered, once only beside INFO, over the deaths of its processes."""

from collections.abc import Iterator

import numpy as np
import pytest

from keepline.demo_node import LocalNode, NodeSettings, wait_until
from tests.live.talker import WITHIN_S, Talker
from tests.spec.test_itu_q24_tones import coded, silence, tone

RELAY = "application/dtmf-relay"
OPERATION = """
operation: tones
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {ask: flows:ask}
numbers: {"1000": {flow: ask}}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def ask(call: Call) -> None:
    digits = await call.ask_digits(count=4, timeout_s=30, between_s=20)
    await call.outcome("keyed", digits=digits)
    await call.hangup()
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    directory = tmp_path_factory.mktemp("tones")
    (directory / "operation").mkdir()
    (directory / "operation" / "keepline.yaml").write_text(OPERATION)
    (directory / "operation" / "flows.py").write_text(FLOWS)
    with LocalNode(NodeSettings(directory / "operation", directory / "data", slots=10)) as found:
        yield found


def press(talker: Talker, keys: str) -> None:
    """Sound these keys, each for 100 ms, and wait until that is done."""
    audio = coded(np.concatenate([part for key in keys for part in (tone(key, 100), silence(100))]))
    talker.tones += [audio[at : at + 160] for at in range(0, len(audio), 160)]
    wait_until("the keys are sounded", lambda: not talker.tones, WITHIN_S)


def keyed(talker: Talker) -> str:
    record = talker.ends()
    assert record["outcome"] == "keyed"
    return str(record["outcome_fields"]["digits"])


def test_tones_are_keys_whatever_process_dies(node: LocalNode) -> None:
    with Talker(node, has_events=False) as talker:
        press(talker, "1")
        node.kill("media")
        press(talker, "2")
        node.kill("active")
        press(talker, "2#")
        press(talker, "9")
        assert keyed(talker) == "122"


def test_a_key_that_is_a_tone_and_an_info_counts_once(node: LocalNode) -> None:
    with Talker(node, has_events=False) as talker:
        for key in "47":
            press(talker, key)
            assert talker.ask("INFO", f"Signal={key}\r\nDuration=100\r\n".encode(), RELAY).status == 200
        assert talker.ask("INFO", b"Signal=#\r\n", RELAY).status == 200
        assert keyed(talker) == "47"


def test_a_tone_beside_telephone_event_is_no_key(node: LocalNode) -> None:
    with Talker(node) as talker:
        press(talker, "55")
        talker.keys += "58#"
        assert keyed(talker) == "58"
