"""The death table: calls in every state, by UDP and TCP, and each process of the node dies, hangs or is replaced.

Invariants only; the milliseconds are `make bench`'s. The verdict is the callers', of those they talk with, and the back
office's: every call goes on from its state, RTP is one unbroken stream, a key counts once, nobody is called,
transferred or charged twice, and the records are as many as the calls. Where everything dies at once, what is heard
is not judged but that it is the same stream from the same port.
"""

from pathlib import Path

import pytest

from bench.deaths import EVENTS, besiege
from bench.mixing import Setting, a_stage

KINDS = {
    "prompt", "digits", "hold", "bridged", "ringing out", "ringing in", "transferring", "paying", "keying", "message"
}  # fmt: skip
TIMES = {"deadly-call": 1, "upgraded": 1, "supervisor-stopped": 1, "everything-killed": 1}
"""How often it happens; twice where it does not say."""


@pytest.fixture(scope="module")
def spoken_mix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prompts, spoken once for all nodes of this module; empty until the first one has ended."""
    return tmp_path_factory.mktemp("mix-prompts")


@pytest.mark.parametrize("name", list(EVENTS))
def test_nothing_is_lost_in_any_state(name: str, tmp_path: Path, spoken_mix: Path) -> None:
    event = EVENTS[name]
    setting = Setting(
        concurrent=40, rate=4.0, dwell_s=(4.0, 8.0), ring_s=5.0, tcp_share=0.0 if event.all_dies else 0.2,
        drain_s=20.0 if event.all_dies else 60.0, media_deaths=event.media_deaths, all_dies=event.all_dies,
    )  # fmt: skip
    with a_stage(setting, tmp_path, spoken_mix) as stage:
        besiege(stage, event, TIMES.get(name, 2))
        assert stage.faults() == []
        assert {kind for kind in KINDS if stage.struck(kind)} == KINDS, "a state that nobody was in proves nothing"
        assert event.all_dies or any(report["tcp"] for report in stage.reports)
        if name == "deadly-call":
            [record] = [each for each in stage.node.calls() if each["to"] == "6666"]
            assert (record["state"], record["outcome"], record["ended_by"]) == ("ended", "failed", "flow")
            assert "2 processes died while they worked on this call" in record["error"]
            assert [step["name"] for step in record["steps"]][-1] == "apology"
