"""Sessions that we refresh (RFC 4028), and what callees make of that: straight and through a lossy network.

The least of a session is 90 s, and half of that has to pass; so all of them wait at once.
"""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.sipp_callee import reached_by, sipp_plays
from tests.live.sipp_runner import WAYS
from tests.live.test_calls_out import OPERATION

pytestmark = pytest.mark.needs_program("sipp")

WITHIN_S = 180
GONE = "the other side has no such call any more"
ENDINGS = {
    "refreshed": ("callee", "BYE"),  # a 407 is answered, RFC 3261 §22.3
    "refreshed_491": ("callee", "BYE"),  # RFC 3261 §14.1
    "refreshed_481": ("node", GONE),  # RFC 3261 §12.2.1.2
    "refreshed_408": ("node", GONE),  # RFC 3261 §12.2.1.2
}
"""Who ends such a call, and why."""


@dataclass(frozen=True, slots=True)
class Callee:
    """One of those who are called, and the trunk that leads there."""

    scenario: str
    way: str
    port: int
    proxy: str
    """Where the node finds it."""
    far: str
    """The same where a relay leads there, else ""."""

    @property
    def trunk(self) -> str:
        return f"{self.scenario}_{self.way}"


@contextlib.contextmanager
def callees() -> Iterator[list[Callee]]:
    """All of them; none answers yet."""
    with ExitStack() as stack:
        found = []
        for seed, scenario in enumerate(ENDINGS):
            for way in WAYS:
                port = free_port()
                proxy, far = stack.enter_context(reached_by(way, port, seed))
                found.append(Callee(scenario, way, port, proxy, far))
        yield found


def record(node: LocalNode, call: str) -> dict[str, Any]:
    return next(each for each in node.calls() if each["id"] == call)


def test_rfc4028_7_2_we_refresh_the_session_at_half_time(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    settings = [f"trunks.callee.outbound.password_file={secret}"]
    with callees() as all_of_them:
        for number, each in enumerate(all_of_them, 10):
            trunk = f"trunks.{each.trunk}"
            outbound = f"{{proxy: '{each.proxy}', username: shop, password_file: {secret}}}"
            settings += [f"{trunk}.peers=['127.0.0.{number}/32']", f"{trunk}.outbound={outbound}"]
        extra = [word for setting in settings for word in ("--set", setting)]
        with LocalNode(NodeSettings(OPERATION, tmp_path / "data", slots=40, extra=extra)) as node:
            placed = {}
            with ExitStack() as stack:
                for each in all_of_them:
                    (tmp_path / each.trunk).mkdir()
                    stack.enter_context(
                        sipp_plays(each.scenario, each.port, tmp_path / each.trunk, within_s=WITHIN_S, far=each.far)
                    )
                for each in all_of_them:
                    asked = ("call", "place", "+15550001", "--flow", "hold", "--trunk", each.trunk, "--no-wait")
                    placed[each.trunk] = node.command(*asked).stdout.strip()
            wait_until("they are over", lambda: all(each["state"] == "ended" for each in node.calls()), WITHIN_S)
            ended = {trunk: record(node, call) for trunk, call in placed.items()}
            for each in all_of_them:
                found = ended[each.trunk]
                assert (found["outcome"], found["sip_status"]) == ("answered", 200), found
                assert (found["ended_by"], found["reason"]) == ENDINGS[each.scenario], found
            assert node.stop() == 0
            node.wait_gone()
