"""Who a call says it is from, and why it says it ends: on record though a tenth of all packets is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, wait_until
from tests.live.sipp_runner import WAYS, Run, sipp
from tests.live.test_sipp import own_node

pytestmark = pytest.mark.needs_program("sipp")

CALLS = 5
WITHIN_S = 60
BELIEVED, OTHER = "127.0.0.2", "127.0.0.1"
"""Where calls of the trusted trunk come from, and those of another one."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    """One that believes what one of its trunks says of callers."""
    trunk = (
        'trunks.loopback.peers=["127.0.0.1/32"]',
        'trunks.believed.peers=["127.0.0.2/32"]',
        "trunks.believed.trusted=true",
    )
    with own_node(tmp_path_factory.mktemp("node"), *(word for each in trunk for word in ("--set", each))) as found:
        yield found


def on_record(node: LocalNode, before: int) -> list[tuple[str, ...]]:
    """Of each call since then: carrier, identities, privacy and reason, once they are over."""
    wait_until("the calls are over", lambda: all(each["state"] == "ended" for each in node.calls()), WITHIN_S)
    fields = ("carrier", "asserted_identity", "identity", "privacy", "reason_header", "cause")
    return sorted(tuple(str(each[field]) for field in fields) for each in node.calls()[before:])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", [BELIEVED, OTHER])
def test_rfc3325_9_1_rfc8224_4_rfc3326_who_calls_and_why_it_ends(
    node: LocalNode, tmp_path: Path, host: str, way: str
) -> None:
    before = len(node.calls())
    sipp(node, tmp_path, Run("identities", "2000", CALLS, rate=CALLS, way=way, host=host))
    signed = "eyJhbGciOiJFUzI1NiJ9.eyJkZXN0Ijp7fX0.c2ln{};info=<https://cert.example.org/a.pem>;alg=ES256;ppt=shaken"
    ended = 'SIP;cause=200;text="Call completed", Q.850;cause=16;text="Normal call clearing"'
    assert on_record(node, before) == [
        (
            "believed" if host == BELIEVED else "loopback",
            f"sip:+1555010{number}@example.com, tel:+1555010{number}" if host == BELIEVED else "",
            signed.format(number),
            "id;critical",
            ended,
            "16",
        )
        for number in range(1, CALLS + 1)
    ]


@pytest.mark.parametrize("way", WAYS)
def test_rfc3326_3_1_why_a_call_is_given_up(node: LocalNode, tmp_path: Path, way: str) -> None:
    before = len(node.calls())
    sipp(node, tmp_path, Run("cancel", "2001", CALLS, rate=CALLS, way=way))
    said = 'SIP;cause=200;text="Call completed elsewhere"'
    assert on_record(node, before) == [("loopback", "", "", "", said, "None")] * CALLS
