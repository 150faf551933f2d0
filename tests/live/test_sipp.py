"""SIPp, with scenarios of our own, as the caller: each straight, and through a network that loses a tenth of all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, NodeSettings
from keepline.model.limits import SIP_HEADERS_MAX, SIP_MESSAGE_BYTES_MAX
from tests.live.sipp_runner import SCENARIOS, WAYS, Run, sipp

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = SCENARIOS / "operation" / "keepline.yaml"


@contextmanager
def own_node(directory: Path, *extra: str, sip: str = "") -> Iterator[LocalNode]:
    """A node that runs SIPp's operation; it listens at `sip`, "" for anywhere on 127.0.0.1."""
    node = LocalNode(NodeSettings(OPERATION, directory / "data", slots=100, extra=list(extra)))
    node.sip = sip or node.sip
    with node:
        yield node
        if node.processes():
            assert node.stop() == 0
        node.wait_gone()


@pytest.fixture(scope="module")
def quiet_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    """One of them for all; no scenario harms it."""
    with own_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """How SIPp reaches the node."""
    return str(request.param)


SCENES = [
    ("hang_up", "2000", 20),  # RFC 3261 §13, §15
    ("rport", "2000", 5),  # RFC 3581 §4
    ("hold", "2000", 10),  # RFC 3261 §14, RFC 3264 §8.4
    ("codec_move", "2000", 10),  # RFC 3264 §8.3.2
    ("late_offer", "2000", 5),  # RFC 3261 §13.2.1
    ("pending_491", "2000", 5),  # RFC 3261 §14.2
    ("cancel", "2001", 10),  # RFC 3261 §9.2
    ("cancel_late", "2000", 10),  # RFC 3261 §9.2
    ("gone_481", "2000", 5),  # RFC 3261 §12.2.2
    ("extension_420", "2000", 5),  # RFC 3261 §8.2.2.3
    ("hung_up_on", "2002", 10),  # RFC 3261 §15.1.1
    ("bye_refused_481", "2002", 5),  # RFC 3261 §12.2.1.2
    ("bye_refused_408", "2002", 5),  # RFC 3261 §12.2.1.2
    ("record_route", "2002", 5),  # RFC 3261 §12.2.1.1
    ("timer_refresh", "2000", 5),  # RFC 4028 §9
    ("options", "2000", 10),  # RFC 3261 §11.2
    ("unknown", "4711", 10),  # RFC 3261 §8.2
    ("refusals", "2000", 5),  # RFC 3261 §8.2
    ("info_key", "2003", 5),  # RFC 6086 §5
    ("refer_refused", "2000", 5),  # RFC 3515 §2.4.2
]


@pytest.mark.parametrize(("scenario", "number", "calls"), SCENES)
def test_scene(quiet_node: LocalNode, tmp_path: Path, way: str, scenario: str, number: str, calls: int) -> None:
    sipp(quiet_node, tmp_path, Run(scenario, number, calls, rate=calls, way=way))


@pytest.mark.parametrize("way", WAYS)
def test_rfc3261_21_5_7_what_is_over_a_limit_is_refused_and_harms_nothing(
    quiet_node: LocalNode, tmp_path: Path, way: str
) -> None:
    many = "\r\n".join(f"X-Header-{number}: {number}" for number in range(SIP_HEADERS_MAX))
    keys = {"long": "x" * SIP_MESSAGE_BYTES_MAX, "many": many}
    sipp(quiet_node, tmp_path, Run("limits", "2000", 3, rate=3, way=way, keys=keys))
