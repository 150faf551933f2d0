"""Callers that must prove who they are (RFC 3261 §22.2), straight and through a network that loses a tenth of all.

SIPp proves it by MD5; SHA-256 (RFC 8760), which it has not, is proven by a caller of the standard library alone.
A 407 is a proxy's (§22.3), so a node never asks with it; those that a node is asked with are in test_calls_out_lossy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from tests.live.digest_caller import DigestCaller, challenges_of, status_of
from tests.live.lossy_relay import LossyRelay
from tests.live.sipp_runner import WAYS, Run, sipp

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("trust") / "keepline.yaml"
PASSWORD = "wonder-land"
WITHIN_S = 60
OF_THE_REQUEST = ("-auth_uri", "2000@{target}")
"""What SIPp hashes in place of a URI without a user, which is no Request-URI of its own."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    """A node that knows nobody by address."""
    directory = tmp_path_factory.mktemp("node")
    secret = directory / "alice"
    secret.write_text(PASSWORD + "\n")
    extra = [
        *("--set", f"trunks.carrier.outbound.proxy=127.0.0.1:{free_port()}"),  # where nobody is
        *("--set", f"trunks.staff.users.alice.password_file={secret}"),
        *("--set", "sip.challenges=[MD5, SHA-256]"),  # SIPp looks at the first one alone
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEEPLINE_TEST_PASSWORD", "unused")
        with LocalNode(NodeSettings(OPERATION, directory / "data", slots=40, extra=extra)) as found:
            yield found
            assert found.stop() == 0
            found.wait_gone()


@contextmanager
def caller_by(way: str, node: LocalNode, password: str = PASSWORD) -> Iterator[DigestCaller]:
    """A caller whose packets go straight, or are lost as they may be."""
    if way == "straight":
        with DigestCaller(node.sip, "2000", password=password) as caller:
            yield caller
    else:
        with (
            LossyRelay(node.sip, seed=5) as relay,
            DigestCaller(relay.front, "2000", relay.back, password=password) as caller,
        ):
            caller.uri = f"sip:2000@{node.sip}"
            yield caller


def records(node: LocalNode, before: int) -> list[tuple[Any, ...]]:
    """Of the calls since then, once they are over."""
    wait_until("the calls are over", lambda: all(each["state"] == "ended" for each in node.calls()), WITHIN_S)
    return [(each["carrier"], each["from"], each["outcome"], each["sip_status"]) for each in node.calls()[before:]]


@pytest.mark.parametrize("way", WAYS)
def test_rfc3261_22_2_who_knows_the_password_is_let_in(node: LocalNode, tmp_path: Path, way: str) -> None:
    before = len(node.calls())
    sipp(node, tmp_path, Run("digest", "2000", 5, rate=5, way=way, options=OF_THE_REQUEST))
    assert records(node, before) == [("staff", "sipp", "answered", 200)] * 5, "to be asked leaves no record"


@pytest.mark.parametrize("way", WAYS)
def test_rfc3261_21_4_4_who_does_not_is_refused(node: LocalNode, tmp_path: Path, way: str) -> None:
    before = len(node.calls())
    sipp(node, tmp_path, Run("digest_wrong", "2000", 2, rate=1, way=way, options=OF_THE_REQUEST))
    assert records(node, before) == [("", "sipp", "refused", 403)] * 2
    assert "a wrong password for the user 'alice'" in node.stderr()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_rfc8760_2_each_algorithm_that_is_offered_proves_it(node: LocalNode, way: str, algorithm: str) -> None:
    before = len(node.calls())
    with caller_by(way, node) as caller:
        asked = caller.invite()
        offered = challenges_of(asked)
        assert (status_of(asked), [each.algorithm for each in offered]) == (401, ["MD5", "SHA-256"])
        chosen = next(each for each in offered if each.algorithm == algorithm)
        assert status_of(caller.invite(caller.proof(chosen))) == 200
        caller.is_hung_up_on()
    assert records(node, before) == [("staff", "alice", "answered", 200)]


@pytest.mark.parametrize("way", WAYS)
def test_rfc7616_3_4_a_use_of_a_nonce_counts_once(node: LocalNode, way: str) -> None:
    with caller_by(way, node) as caller:
        challenge = challenges_of(caller.invite())[0]
        assert status_of(caller.invite(caller.proof(challenge))) == 200
        caller.is_hung_up_on()
    with caller_by(way, node) as caller:
        again = caller.invite(caller.proof(challenge))
        assert (status_of(again), challenges_of(again)[0].is_stale) == (401, True)
        assert status_of(caller.invite(caller.proof(challenge, uses=2))) == 200
        caller.is_hung_up_on()


@pytest.mark.parametrize("way", WAYS)
def test_rfc8760_a_wrong_password_is_no_better_by_sha_256(node: LocalNode, way: str) -> None:
    before = len(node.calls())
    with caller_by(way, node, password="guess") as caller:
        assert status_of(caller.invite(caller.proof(challenges_of(caller.invite())[0]))) == 403
    assert records(node, before) == [("", "alice", "refused", 403)]
